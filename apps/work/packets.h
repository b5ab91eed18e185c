/* Frames between VFs: the stages that send and compare them. */
#pragma once
#include "apps/machine.h"
#include "apps/work/frame.h"

/* Stage packets: every VF to every other, ops= frames each, all of them compared; then broadcast, multicast,
 * a wrong VLAN and a false sender. SL_VERIFY, SL_TIMEOUT. */
enum sl_err stage_packets(struct machine *m) MUST_CHECK;

/* apps/work/packets_rules.c: the second part of it. */
enum sl_err packets_rules(struct machine *m) MUST_CHECK;

/* Sends one frame whose bytes stand in the VF's next send buffer, and waits until it is sent. SL_TIMEOUT. */
enum sl_err packets_send(struct vf *vf, uint32_t len) MUST_CHECK;
uint8_t *packets_place(struct vf *vf);
/* Takes one frame, if there is any: its buffer's copy in p (FRAME_MOST bytes); its length. 0: none. */
uint32_t packets_take(struct vf *vf, uint8_t *p);
