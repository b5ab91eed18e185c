// Authentication of firmware. RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2) over header and image; what a
// real card signs, and how, is not public. SPDX-License-Identifier: GPL-2.0-or-later
#include <gmp.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include "fw.h"
#include "fw_key.h"
#include "fw_verify.h"

/* The descriptor: 16 words; an address is a high word and a low one. */
enum {
	DESC_BYTES = 64,
	LENGTH = 0,
	ENGINES = 1,
	HEADER = 2,
	IMAGE = 4,
	SIGNATURE = 6,
	KEY = 8,
	MODE = 10,
	INIT = 12,
	CODE = 14
};
/* The header in words. */
enum { HEADER_BYTES = 128, HEADER_WORDS = 1, FILE_WORDS = 6, KEY_WORDS = 7, TYPE = 10 };
/* An image of engines: mode, start-up sequence, instructions. */
enum { MODE_BYTES = 552, INIT_BYTES = 400, DEVICE_TYPE = 8, MODE_ENGINES = 16, MODE_NAME = 40 };
enum { ENGINE_IMAGE_MAX = 0x40000, MMP_IMAGE_MAX = 0x30000 };

static uint64_t address(const uint8_t *desc, unsigned word)
{
	return (uint64_t)get32(desc + 4 * word) << 32 | get32(desc + 4 * word + 4);
}

// In memory the key is its modulus, zeros, and the exponent at the end of as many bytes again.
static bool is_our_key(const struct fw_rules *r, const uint8_t *key)
{
	uint8_t modulus[FW_KEY_MAX];
	unsigned exponent_at = 2 * r->key_bytes - 4;
	mpz_t n;
	mpz_init_set_str(n, r->modulus, 16);
	mpz_export(modulus, NULL, 1, 1, 1, 0, n);
	mpz_clear(n);
	for (unsigned i = r->key_bytes; i < exponent_at; i++)
		if (key[i])
			return false;
	return !memcmp(key, modulus, r->key_bytes) && get32(key + exponent_at) == FW_KEY_EXPONENT;
}

static bool is_signed(const struct fw_rules *r, const uint8_t *signature, const uint8_t hash[32])
{
	static const uint8_t sha256[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
					 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
	uint8_t want[FW_KEY_MAX], *end = want + r->key_bytes - sizeof sha256 - 32;
	mpz_t n, s, w;
	memset(want, 0xff, sizeof want);
	want[0] = end[-1] = 0;
	want[1] = 1;
	memcpy(end, sha256, sizeof sha256);
	memcpy(end + sizeof sha256, hash, 32);
	mpz_init_set_str(n, r->modulus, 16);
	mpz_inits(s, w, NULL);
	mpz_import(s, r->key_bytes, 1, 1, 1, 0, signature);
	mpz_import(w, r->key_bytes, 1, 1, 1, 0, want);
	bool in_range = mpz_cmp(s, n) < 0;
	mpz_powm_ui(s, s, FW_KEY_EXPONENT, n);
	bool good = in_range && mpz_cmp(s, w) == 0;
	mpz_clears(n, s, w, NULL);
	return good;
}

static const char *check_engine_image(const struct fw_rules *r, const uint8_t *desc, const uint8_t *body,
				      uint32_t len, struct fw_image *image)
{
	uint64_t at = address(desc, IMAGE);
	if (len < MODE_BYTES + INIT_BYTES)
		return "the image is too short for an engine";
	if (get32(body + DEVICE_TYPE) != r->device)
		return "the image is for another device";
	if (address(desc, MODE) != at || address(desc, INIT) != at + MODE_BYTES ||
	    address(desc, CODE) != at + MODE_BYTES + INIT_BYTES)
		return "the parts of the image are not where the descriptor says";
	image->engines = get32(desc + 4 * ENGINES);
	memcpy(image->name, body + MODE_NAME, sizeof image->name - 1);
	if (!image->engines || image->engines & ~get32(body + MODE_ENGINES))
		return "the image is not for these engines";
	return NULL;
}

static const char *check(const struct fw_rules *r, const uint8_t *desc, const uint8_t *header,
			 const uint8_t *key, const uint8_t *signature, const uint8_t *body, uint32_t len,
			 struct fw_image *image)
{
	uint8_t hash[32];
	struct sha256_ctx sha;
	uint32_t type = get32(header + 4 * TYPE);
	uint32_t before = HEADER_BYTES + r->key_bytes + 4 + r->key_bytes;
	if (get32(header + 4 * HEADER_WORDS) * 4 != before ||
	    get32(header + 4 * KEY_WORDS) * 4 != r->key_bytes)
		return "the header is not one of this generation";
	if (get32(header + 4 * FILE_WORDS) * 4 != before + len)
		return "the image is not as long as its header says";
	if (type > 1 || (type == 1 && len > MMP_IMAGE_MAX))
		return "the header has a type or a length that cannot be";
	if (!is_our_key(r, key))
		return "the key is not the model's";
	sha256_init(&sha);
	sha256_update(&sha, HEADER_BYTES, header);
	sha256_update(&sha, len, body);
	sha256_digest(&sha, sizeof hash, hash);
	if (!is_signed(r, signature, hash))
		return "the signature is wrong";
	*image = (struct fw_image){.mmp = type == 1};
	return image->mmp ? NULL : check_engine_image(r, desc, body, len, image);
}

const char *fw_verify(const struct mem *m, uint64_t addr, const struct fw_rules *rules,
		      struct fw_image *image)
{
	uint8_t desc[DESC_BYTES], header[HEADER_BYTES], key[2 * FW_KEY_MAX], signature[FW_KEY_MAX];
	if (mem_read(m, addr, desc, sizeof desc) != DONE)
		return "the descriptor cannot be read";
	uint32_t len = get32(desc + 4 * LENGTH);
	if (!len || len > ENGINE_IMAGE_MAX)
		return "the descriptor has a length that cannot be";
	uint8_t *body = malloc(len);
	const char *why = "a part of the image cannot be read";
	if (body && mem_read(m, address(desc, HEADER), header, sizeof header) == DONE &&
	    mem_read(m, address(desc, KEY), key, 2 * rules->key_bytes) == DONE &&
	    mem_read(m, address(desc, SIGNATURE), signature, rules->key_bytes) == DONE &&
	    mem_read(m, address(desc, IMAGE), body, len) == DONE)
		why = check(rules, desc, header, key, signature, body, len, image);
	free(body);
	return why;
}
