#include "apps/work/pattern.h"

uint64_t pattern_seed(uint32_t owner, uint32_t round, uint64_t block)
{
	uint64_t x = ((uint64_t)owner << 48 ^ (uint64_t)round << 32 ^ block) + 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return (x ^ x >> 31) | 1;
}

static uint64_t word(uint64_t seed, size_t i)
{
	return seed * (2 * i + 1);
}

void pattern_fill(void *buf, size_t len, uint64_t seed)
{
	uint64_t *p = buf;
	for (size_t i = 0; i < len / 8; i++)
		p[i] = word(seed, i);
}

bool pattern_check(const volatile void *buf, size_t len, uint64_t seed)
{
	const volatile uint64_t *p = buf;
	for (size_t i = 0; i < len / 8; i++)
		if (p[i] != word(seed, i))
			return false;
	return true;
}

bool pattern_is_zero(const volatile void *buf, size_t len)
{
	const volatile uint64_t *p = buf;
	for (size_t i = 0; i < len / 8; i++)
		if (p[i])
			return false;
	return true;
}

uint64_t pattern_sum(const volatile void *buf, size_t len)
{
	const volatile uint8_t *p = buf;
	uint64_t h = 0xcbf29ce484222325ull;
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}
