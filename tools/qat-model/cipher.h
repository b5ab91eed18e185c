/* The cipher block of a content descriptor: AES-CBC, CTR, XTS and GCM. The UCS slice (gen4) has a longer head, knows
 * single-pass GCM, and takes the key as the rounds use it first: for CBC and XTS back that is the last round key. Its XTS
 * wants the tweak encrypted already, and so the first key alone.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cipher {
	unsigned mode;    /* CIPHER_* */
	unsigned key_len; /* of one AES key; XTS has two of them */
	unsigned tag_len; /* single pass, this and the next: in the configuration words */
	unsigned aad_len;
	bool decrypt;
	bool tweak_is_made; /* XTS by UCS */
	uint8_t key[64];
};

enum { CIPHER_CBC = 1, CIPHER_CTR = 2, CIPHER_AEAD = 4, CIPHER_XTS = 6 };

/* Reads the block that starts at the first of len bytes. False: an algorithm, mode or flag that is not known here. */
bool cipher_parse(struct cipher *c, const uint8_t *block, size_t len, bool ucs);

/* CBC, CTR, XTS over len bytes in place. False: a length that the mode does not have. */
bool cipher_run(const struct cipher *c, const uint8_t iv[16], uint8_t *data, size_t len);

/* GCM over len bytes in place; the tag is of the ciphertext. iv: 12 bytes, or 16 which are the counter block itself. */
void gcm_run(const struct cipher *c, bool decrypt, const uint8_t *iv, bool iv_is_12, const uint8_t *aad, size_t aad_len,
             uint8_t *data, size_t len, uint8_t tag[16]);

/* The hash key that belongs to the cipher key. */
void gcm_hash_key(const struct cipher *c, uint8_t h[16]);
