#include "apps/report/pace.h"

#define SECOND_US 1000000u

void pace_start(struct pace *p, uint64_t now_us, uint64_t expected_us)
{
	uint64_t step = expected_us / PACE_LINES;
	step = step > PACE_US ? step : PACE_US;
	*p = (struct pace){.start = now_us, .next = now_us + step, .step = step};
}

bool pace_due(struct pace *p, uint64_t now_us)
{
	if (now_us < p->next)
		return false;
	p->next = now_us + p->step;
	return true;
}

uint64_t pace_seconds(const struct pace *p, uint64_t now_us)
{
	return (now_us - p->start) / SECOND_US;
}

uint64_t pace_left(const struct pace *p, uint64_t now_us, uint64_t done, uint64_t all)
{
	uint64_t us = now_us - p->start;
	return done < all ? us / done * (all - done) / SECOND_US : 0;
}
