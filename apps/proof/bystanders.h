/* VFs that do nothing forbidden: they have work in flight while another function attacks, and all of it must
 * be correct. */
#pragma once
#include "apps/machine.h"

struct attacker;

struct bystanders {
	/* All VFs that are open, but for the attacker, have work in flight from begin() to end(); end() is
	 * true when all of it was right. */
	void (*begin)(struct machine *m, const struct attacker *by);
	bool (*end)(struct machine *m, const struct attacker *by);
};

/* VFs with a medium: reads and writes of chunks that timed_prepare() has written. */
extern const struct bystanders bystanders_block;
/* VFs that send and receive: frames from VF to VF, all of which are compared; not of an attacker, and not of
 * the VF at the other end of its frames. */
extern const struct bystanders bystanders_packet;

/* While an attack takes long: a VF whose work is done begins again. */
void bystanders_turn(struct machine *m);

/* Operations they completed, all with correct results. */
uint64_t bystanders_verified(void);
/* Frames that came, all of them right: apps/proof/strike_packet.c. */
uint64_t bystanders_frames(void);
