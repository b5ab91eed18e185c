/* The offset between the time stamp counters of two cores, measured by round trips: the asker reads its
 * counter before and after, the other core reads its own in between. Of several rounds the shortest is the
 * most exact. */
#pragma once
#include "kernel/bits.h"

struct skew {
	int64_t offset; /* the other core's counter minus the asker's, in ticks */
	uint64_t round; /* length of the shortest round, in ticks; the offset is exact to half of this */
	unsigned rounds;
};

/* One round: the asker's counter before and after, and the other core's answer. */
void skew_add(struct skew *s, uint64_t before, uint64_t other, uint64_t after);

/* True when the round trip explains the offset: the counters may well be equal. */
bool skew_explained(const struct skew *s);
