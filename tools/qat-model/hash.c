// SHA and HMAC by nettle. A hash state is big-endian words in guest memory and host words in nettle's
// contexts. SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include "fw.h"
#include "hash.h"

enum { HASH_SHA1 = 1, HASH_SHA224 = 3, HASH_SHA256 = 4, HASH_SHA384 = 5, HASH_SHA512 = 6 };

static uint64_t be(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;
	while (bytes--)
		v = v << 8 | *p++;
	return v;
}

// Configuration word: 0..3 algorithm, 4..7 mode (0 plain, 1 HMAC from states), 8..14 length to compare.
bool hash_parse(struct hash *h, const uint8_t *cd, size_t len, size_t at, size_t state2)
{
	if (at > len || len - at < 16)
		return false;
	uint32_t config = get32(cd + at);
	unsigned mode = config >> 4 & 15;
	*h = (struct hash){.alg = config & 15, .hmac = mode == 1};
	if (mode > 1 || config >> 15)
		return false;
	switch (h->alg) {
	case HASH_SHA1:
		h->digest_len = h->state_len = 20;
		break;
	case HASH_SHA224:
		h->digest_len = 28;
		h->state_len = 32;
		break;
	case HASH_SHA256:
		h->digest_len = h->state_len = 32;
		break;
	case HASH_SHA384:
		h->digest_len = 48;
		h->state_len = 64;
		break;
	case HASH_SHA512:
		h->digest_len = h->state_len = 64;
		break;
	case HASH_GALOIS_128:
		if (state2 > len || len - state2 < 24)
			return false;
		h->digest_len = 16;
		memcpy(h->state[1], cd + state2, 16);
		h->aad_len = (uint32_t)be(cd + state2 + 16, 4);
		return true;
	default:
		return false;
	}
	if (len - at - 16 < h->state_len || (h->hmac && (state2 > len || len - state2 < h->state_len)))
		return false;
	memcpy(h->state[0], cd + at + 16, h->state_len);
	if (h->hmac)
		memcpy(h->state[1], cd + state2, h->state_len);
	return true;
}

// One hash that goes on from a state; blocks: how many are in that state already.
static void sha(const struct hash *h, const uint8_t *state, unsigned blocks, const uint8_t *data, size_t len,
		uint8_t *digest)
{
	struct sha1_ctx s1;
	struct sha256_ctx s256;
	struct sha512_ctx s512;
	switch (h->alg) {
	case HASH_SHA1:
		sha1_init(&s1);
		s1.count = blocks;
		for (int i = 0; i < 5; i++)
			s1.state[i] = (uint32_t)be(state + 4 * i, 4);
		sha1_update(&s1, len, data);
		sha1_digest(&s1, 20, digest);
		return;
	case HASH_SHA224:
	case HASH_SHA256:
		sha256_init(&s256);
		s256.count = blocks;
		for (int i = 0; i < 8; i++)
			s256.state[i] = (uint32_t)be(state + 4 * i, 4);
		sha256_update(&s256, len, data);
		(h->alg == HASH_SHA224 ? sha224_digest : sha256_digest)(&s256, h->digest_len, digest);
		return;
	default:
		sha512_init(&s512);
		s512.count_low = blocks;
		for (int i = 0; i < 8; i++)
			s512.state[i] = be(state + 8 * i, 8);
		sha512_update(&s512, len, data);
		(h->alg == HASH_SHA384 ? sha384_digest : sha512_digest)(&s512, h->digest_len, digest);
	}
}

void hash_run(const struct hash *h, const uint8_t *data, size_t len, uint8_t digest[64])
{
	uint8_t inner[64];
	if (!h->hmac) {
		sha(h, h->state[0], 0, data, len, digest);
		return;
	}
	sha(h, h->state[0], 1, data, len, inner);
	sha(h, h->state[1], 1, inner, h->digest_len, digest);
}
