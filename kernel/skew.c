#include "kernel/skew.h"

void skew_add(struct skew *s, uint64_t before, uint64_t other, uint64_t after)
{
	uint64_t round = after - before;
	if (s->rounds++ && round >= s->round)
		return;
	s->round = round;
	s->offset = (int64_t)(other - (before + round / 2));
}

bool skew_explained(const struct skew *s)
{
	uint64_t away = s->offset < 0 ? 0 - (uint64_t)s->offset : (uint64_t)s->offset;
	return away <= (s->round + 1) / 2;
}
