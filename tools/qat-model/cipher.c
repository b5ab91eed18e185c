// AES by nettle.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <nettle/aes.h>
#include <nettle/cbc.h>
#include <nettle/ctr.h>
#include <nettle/gcm.h>
#include <nettle/xts.h>
#include "aes_key.h"
#include "cipher.h"
#include "fw.h"

// Configuration word: 0..3 algorithm, 4..7 mode, 8 decrypt, 9 key convert (the key is the forward
// one), 10..14 tag length.
bool cipher_parse(struct cipher *c, const uint8_t *block, size_t len, bool ucs)
{
	size_t key_at = ucs ? 16 : 8;
	if (len < key_at)
		return false;
	uint32_t config = get32(block);
	unsigned alg = config & 15;
	*c = (struct cipher){
		.mode = config >> 4 & 15, .decrypt = config >> 8 & 1, .tag_len = config >> 10 & 31};
	bool convert = config >> 9 & 1;
	if (alg < 3 || alg > 5 || config >> 15)
		return false;
	c->key_len = 16 + 8 * (alg - 3);
	switch (c->mode) {
	case CIPHER_CBC:
		if (c->tag_len || convert != (c->decrypt && !ucs))
			return false;
		break;
	case CIPHER_XTS:
		if (c->tag_len || c->key_len == 24 || convert != (c->decrypt && !ucs))
			return false;
		c->tweak_is_made = ucs;
		break;
	case CIPHER_CTR:
		if (c->tag_len || c->decrypt || convert)
			return false;
		break;
	case CIPHER_AEAD:
		if (!ucs || convert)
			return false;
		break;
	default:
		return false;
	}
	uint32_t more = ucs ? get32(block + 4) : 0; /* 24..31 and, above them, 16..21: length of the AAD */
	c->aad_len = more >> 24 | (more >> 16 & 0x3f) << 8;
	if ((more & 0xc0ffff) || (more && c->mode != CIPHER_AEAD))
		return false;
	size_t keys = c->key_len * (c->mode == CIPHER_XTS && !ucs ? 2 : 1);
	if (len - key_at < keys)
		return false;
	memcpy(c->key, block + key_at, keys);
	bool last_round = ucs && c->decrypt && c->mode != CIPHER_AEAD;
	return !last_round || aes_key_first(c->key, c->key_len);
}

struct aes {
	union {
		struct aes128_ctx k128;
		struct aes192_ctx k192;
		struct aes256_ctx k256;
	};
	nettle_cipher_func *run;
};

static void aes_key(struct aes *a, const uint8_t *key, size_t len, bool decrypt)
{
	switch (len) {
	case 16:
		(decrypt ? aes128_set_decrypt_key : aes128_set_encrypt_key)(&a->k128, key);
		a->run = (nettle_cipher_func *)(decrypt ? aes128_decrypt : aes128_encrypt);
		return;
	case 24:
		(decrypt ? aes192_set_decrypt_key : aes192_set_encrypt_key)(&a->k192, key);
		a->run = (nettle_cipher_func *)(decrypt ? aes192_decrypt : aes192_encrypt);
		return;
	default:
		(decrypt ? aes256_set_decrypt_key : aes256_set_encrypt_key)(&a->k256, key);
		a->run = (nettle_cipher_func *)(decrypt ? aes256_decrypt : aes256_encrypt);
	}
}

// For XTS by UCS, whose tweak is encrypted already: a cipher that changes nothing.
static void copy(const void *ctx, size_t len, uint8_t *dst, const uint8_t *src)
{
	(void)ctx;
	memmove(dst, src, len);
}

// nettle encrypts data and tweak by the same function, with its own context for each.
static void run(const void *ctx, size_t len, uint8_t *dst, const uint8_t *src)
{
	((const struct aes *)ctx)->run(ctx, len, dst, src);
}

bool cipher_run(const struct cipher *c, const uint8_t iv[16], uint8_t *data, size_t len)
{
	struct aes key, tweak = {.run = copy};
	uint8_t v[16];
	memcpy(v, iv, sizeof v);
	aes_key(&key, c->key, c->key_len, c->decrypt);
	switch (c->mode) {
	case CIPHER_CBC:
		if (len % 16)
			return false;
		(c->decrypt ? cbc_decrypt : cbc_encrypt)(&key, key.run, 16, v, len, data, data);
		return true;
	case CIPHER_CTR:
		ctr_crypt(&key, key.run, 16, v, len, data, data);
		return true;
	case CIPHER_XTS:
		if (len < 16)
			return false;
		if (!c->tweak_is_made)
			aes_key(&tweak, c->key + c->key_len, c->key_len, false);
		if (c->decrypt)
			xts_decrypt_message(&key, &tweak, key.run, tweak.run, v, len, data, data);
		else
			xts_encrypt_message(&key, &tweak, run, v, len, data, data);
		return true;
	default:
		return false;
	}
}

void gcm_hash_key(const struct cipher *c, uint8_t h[16])
{
	struct aes a;
	uint8_t zero[16] = {0};
	aes_key(&a, c->key, c->key_len, false);
	a.run(&a, 16, h, zero);
}

void gcm_run(const struct cipher *c, bool decrypt, const uint8_t *iv, bool iv_is_12, const uint8_t *aad,
	     size_t aad_len, uint8_t *data, size_t len, uint8_t tag[16])
{
	struct aes a;
	struct gcm_key k;
	struct gcm_ctx g;
	aes_key(&a, c->key, c->key_len, false);
	gcm_set_key(&k, &a, a.run);
	gcm_set_iv(&g, &k, 12, iv);
	if (!iv_is_12) {
		memcpy(g.iv.b, iv, 16);
		memcpy(g.ctr.b, iv, 16);
		for (int i = 15; i >= 12 && !++g.ctr.b[i]; i--)
			;
	}
	gcm_update(&g, &k, aad_len, aad);
	(decrypt ? gcm_decrypt : gcm_encrypt)(&g, &k, &a, a.run, len, data, data);
	gcm_digest(&g, &k, &a, a.run, 16, tag);
}
