/* AES (FIPS 197) in the direction of encryption, and its modes CBC and CTR (SP 800-38A), XTS (SP 800-38E) and
 * GCM (SP 800-38D), on the CPU, portable: the reference for an accelerator's results. Not for secrets: its
 * table look-ups make the time depend on the key. */
#pragma once
#include "kernel/err.h"

#define AES_BLOCK 16u

struct aes {
	uint32_t round_key[60];
	unsigned rounds;
};

/* key_len is 16, 24 or 32; SL_BADVAL otherwise. */
enum sl_err aes_init(struct aes *a, const uint8_t *key, size_t key_len) MUST_CHECK;
/* One block; in and out may be the same. */
void aes_block(const struct aes *a, const uint8_t in[AES_BLOCK], uint8_t out[AES_BLOCK]);

/* The key that decryption begins with, as some devices need it: the last 16 bytes of the schedule and, for a
 * key of 32 bytes, the 16 before them. */
void aes_last_key(const struct aes *a, size_t key_len, uint8_t *out);

/* len is a multiple of AES_BLOCK. in and out are the same, or do not overlap; so below. */
void aes_cbc(const struct aes *a, const uint8_t iv[AES_BLOCK], const uint8_t *in, size_t len, uint8_t *out);
/* Any len. The whole 16 bytes count up, big-endian. */
void aes_ctr(const struct aes *a, const uint8_t iv[AES_BLOCK], const uint8_t *in, size_t len, uint8_t *out);
/* a has key 1, tweak key 2. len is a multiple of AES_BLOCK: ciphertext is not stolen. */
void aes_xts(const struct aes *a, const struct aes *tweak, const uint8_t iv[AES_BLOCK], const uint8_t *in,
	     size_t len, uint8_t *out);

#define GCM_IV  12u
#define GCM_TAG 16u
struct gcm {
	struct aes aes;
	uint64_t table[16][2]; /* multiples of H */
};
enum sl_err gcm_init(struct gcm *g, const uint8_t *key, size_t key_len) MUST_CHECK;
void gcm_encrypt(const struct gcm *g, const uint8_t iv[GCM_IV], const uint8_t *aad, size_t aad_len,
		 const uint8_t *in, size_t len, uint8_t *out, uint8_t tag[GCM_TAG]);
