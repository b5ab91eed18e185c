/* The auth block of a content descriptor: SHA-1, SHA-224, 256, 384 and 512, plain and as HMAC from precomputed states.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HASH_GALOIS_128 = 10 };

struct hash {
	unsigned alg;         /* HASH_GALOIS_128, or one of the SHAs */
	unsigned digest_len;  /* of the algorithm, at most 64 */
	unsigned state_len;   /* SHA-224 and 384 have the states of their longer brothers */
	bool hmac;
	uint8_t state[2][64]; /* as they lie there: the inner one, the outer one; GALOIS: [1] is the hash key */
	uint32_t aad_len;     /* GALOIS */
};

/* Reads the block at byte `at` of the content descriptor, its second state at `state2`. False: not known here. */
bool hash_parse(struct hash *h, const uint8_t *cd, size_t len, size_t at, size_t state2);

/* Digest of len bytes, digest_len bytes of it. Not for GALOIS. */
void hash_run(const struct hash *h, const uint8_t *data, size_t len, uint8_t digest[64]);
