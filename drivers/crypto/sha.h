/* SHA-1 and SHA-224 to SHA-512 (FIPS 180-4) and HMAC (FIPS 198-1) on the CPU, portable. An accelerator takes
 * the states of an HMAC key, not the key; its results are checked against this code. The time depends on the
 * length of the data, but not on the data. */
#pragma once
#include "kernel/err.h"

enum sha { SHA_1, SHA_224, SHA_256, SHA_384, SHA_512, SHA_KINDS };

#define SHA_BLOCK_MAX  128u
#define SHA_DIGEST_MAX 64u

/* Bytes of a block (64 or 128), of a digest (20 to 64), and of the state, of which the digest is the
 * beginning. */
static inline unsigned sha_block_size(enum sha kind)
{
	return kind >= SHA_384 ? 128 : 64;
}

static inline unsigned sha_size(enum sha kind)
{
	static const uint8_t size[SHA_KINDS] = {20, 28, 32, 48, 64};
	return size[kind];
}

static inline unsigned sha_state_size(enum sha kind)
{
	return kind == SHA_1 ? 20 : kind >= SHA_384 ? 64 : 32;
}

struct sha_state {
	enum sha kind;
	uint64_t h[8];
	uint64_t bytes; /* taken so far */
	uint8_t block[SHA_BLOCK_MAX];
};

void sha_init(struct sha_state *s, enum sha kind);
void sha_add(struct sha_state *s, const void *data, size_t len);
/* out takes sha_size() bytes. The state is used up. */
void sha_end(struct sha_state *s, uint8_t *out);
/* The intermediate state, big-endian, sha_state_size() bytes: after a whole number of blocks an accelerator
 * can continue from it. */
void sha_save(const struct sha_state *s, uint8_t *out);

void sha_hash(enum sha kind, const void *data, size_t len, uint8_t *out);

/* States after the first block of the inner and the outer hash: all that the key is needed for. */
void hmac_begin(enum sha kind, const void *key, size_t key_len, struct sha_state *inner,
		struct sha_state *outer);
/* The MAC of data; states as hmac_begin() made them, which stay as they are. */
void hmac(const struct sha_state *inner, const struct sha_state *outer, const void *data, size_t len,
	  uint8_t *out);
