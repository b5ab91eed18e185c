/* How far the time stamp counter of one core is from that of another, measured by questions and answers: the
 * asker notes its counter before and after, the other core its own in between. Of several rounds the shortest
 * tells most. */
#pragma once
#include "kernel/bits.h"

struct skew {
	int64_t offset; /* the other core's counter less the asker's, in ticks */
	uint64_t round; /* of the shortest round, in ticks; the offset is right to half of it */
	unsigned rounds;
};

/* One round: the asker's counter before and after, the other core's when it answered. */
void skew_add(struct skew *s, uint64_t before, uint64_t other, uint64_t after);

/* True when the round trip alone explains the offset: the counters may well be the same. */
bool skew_explained(const struct skew *s);
