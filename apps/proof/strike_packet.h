/* VFs that send and receive (igb) as attackers: buffers and rings of both directions at any address.
 * apps/proof/strike_packet.c */
#pragma once
#include "apps/proof/bystanders.h"
#include "apps/proof/strike.h"

#define PACKET_STRIKE_LEN 1024u /* bytes of what is sent or received; a head has 4 */

/* struct attack.part: what of the VF's memory is at the address in question. Of the rings, a control is their
 * own. */
enum packet_part {
	PACKET_SEND_BUFFER = ATTACK_KINDS,
	PACKET_RECEIVE_BUFFER,
	PACKET_HEAD,
	PACKET_SEND_RING,
	PACKET_RECEIVE_RING
};

extern const struct strike_ops strike_packet; /* .dev: struct vf */
/* Frames from VF to VF, all of which are compared; not of the attacker and of the VF at the other end of its
 * frames. */
extern const struct bystanders bystanders_packet;
/* The VF at the other end. */
struct vf *packet_peer(struct machine *m, const struct vf *vf);

/* Stage refuse of such VFs: apps/proof/packet_refuse.c. */
enum sl_err packet_refuse(struct machine *m) MUST_CHECK;
