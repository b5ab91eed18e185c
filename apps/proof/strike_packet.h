/* VFs that send and receive (igb) as attackers: buffers and rings of both directions at any address.
 * apps/proof/strike_packet.c */
#pragma once
#include "apps/proof/bystanders.h"
#include "apps/proof/strike.h"

#define PACKET_STRIKE_LEN 1024u /* bytes of what is sent, and in stage refuse received; a head has 4 */

/* struct attack.part: what of the VF's memory is at the address in question. Of the rings, a control is their
 * own. Without a part (stage isolate) reads are of a send buffer, writes of 4 bytes are a head, and longer
 * ones are to a receive buffer. */
enum packet_part {
	PACKET_SEND_BUFFER = ATTACK_KINDS,
	PACKET_RECEIVE_BUFFER,
	PACKET_HEAD,
	PACKET_SEND_RING,
	PACKET_RECEIVE_RING
};

extern const struct strike_ops strike_packet; /* .dev: struct vf */
/* .dev: struct vf that no driver has open: it fetches one send descriptor from any address. */
extern const struct strike_ops strike_packet_fetch;
/* It sends and receives, after a reset; puts it right after an attack. */
bool packet_works(struct machine *m, struct attacker *by);

/* apps/proof/strike_packet_vf.c: of strike_packet, in stage isolate. */
enum sl_err packet_gather(struct machine *m, struct attackers *all, const struct strike_ops *self) MUST_CHECK;
enum sl_err packet_kick(struct machine *m, struct attacker *by) MUST_CHECK;
enum sl_err packet_release(struct machine *m, struct attacker *by, struct attacker *bare) MUST_CHECK;
enum sl_err packet_restore(struct machine *m, struct attacker *by) MUST_CHECK;

/* The VF at the other end. */
struct vf *packet_peer(struct machine *m, const struct vf *vf);

/* Stage refuse of such VFs: apps/proof/packet_refuse.c. */
enum sl_err packet_refuse(struct machine *m) MUST_CHECK;
