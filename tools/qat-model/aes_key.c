// The AES key schedule backwards: FIPS 197 §5.2 from its last words to its first.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include "aes_key.h"

static uint8_t times(uint8_t a, uint8_t b)
{
	uint8_t r = 0;
	for (; b; b >>= 1, a = (uint8_t)(a << 1 ^ (a >> 7) * 0x1b))
		r ^= b & 1 ? a : 0;
	return r;
}

static uint8_t sbox(uint8_t v)
{
	uint8_t x = 1;
	for (int i = 0; i < 254; i++) // v^254 is 1/v
		x = times(x, v);
	unsigned w = x * 0x101u;
	return (uint8_t)(x ^ w >> 7 ^ w >> 6 ^ w >> 5 ^ w >> 4 ^ 0x63);
}

// What word i has of the word before it, besides word i - len / 4.
static void part(uint8_t out[4], const uint8_t before[4], unsigned i, unsigned words)
{
	unsigned turn = i % words == 0;
	for (unsigned b = 0; b < 4; b++)
		out[b] = turn || (words == 8 && i % 8 == 4) ? sbox(before[(b + turn) % 4]) : before[b];
	uint8_t round = 1;
	for (unsigned n = 1; turn && n < i / words; n++)
		round = times(round, 2);
	if (turn)
		out[0] ^= round;
}

bool aes_key_first(uint8_t *key, size_t len)
{
	uint8_t w[60][4];
	if (len != 16 && len != 32)
		return false;
	unsigned words = (unsigned)len / 4, all = 4 * (words + 7);
	memcpy(w[all - 4], key, 16);
	if (len == 32)
		memcpy(w[all - 8], key + 16, 16);
	for (unsigned i = all; i-- > words;) {
		uint8_t of[4];
		part(of, w[i - 1], i, words);
		for (unsigned b = 0; b < 4; b++)
			w[i - words][b] = w[i][b] ^ of[b];
	}
	memcpy(key, w, len);
	return true;
}
