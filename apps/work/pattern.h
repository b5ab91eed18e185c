/* Test data that identifies its place: every 8 bytes depend on a seed and on their place, so a block from
 * another VF, another address or another round never passes for the right one. */
#pragma once
#include "kernel/bits.h"

/* A seed for one block of one owner in one round. */
uint64_t pattern_seed(uint32_t owner, uint32_t round, uint64_t block);

/* len: a multiple of 8. */
void pattern_fill(void *buf, size_t len, uint64_t seed);
bool pattern_check(const volatile void *buf, size_t len, uint64_t seed);
bool pattern_is_zero(const volatile void *buf, size_t len);

/* 64-bit FNV-1a: tells whether memory changed. */
uint64_t pattern_sum(const volatile void *buf, size_t len);

/* xorshift64*: the next of a row of random numbers; *state is not 0. */
static inline uint64_t pattern_random(uint64_t *state)
{
	uint64_t x = *state;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dull;
}
