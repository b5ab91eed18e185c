#include "apps/proof/strike.h"
#include "apps/work/pattern.h"

uint64_t strike_old(unsigned i)
{
	return pattern_seed(2000, 7, 1) * (2 * i + 1);
}

void strike_fill_old(void *page)
{
	uint64_t *words = page;
	for (unsigned i = 0; i < CHUNK / 8; i++)
		words[i] = strike_old(i);
}
