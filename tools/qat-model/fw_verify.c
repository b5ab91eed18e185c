// Authentication of firmware. RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2) over header and image; what a real card
// signs, and how, is not public. SPDX-License-Identifier: GPL-2.0-or-later
#include <gmp.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include "fw.h"
#include "fw_key.h"
#include "fw_verify.h"

/* The descriptor: 16 words; an address is a high word and a low one. */
enum { DESC_BYTES = 64, LENGTH = 0, ENGINES = 1, HEADER = 2, IMAGE = 4, SIGNATURE = 6, KEY = 8, MODE = 10, INIT = 12, CODE = 14 };
/* The header in words. */
enum { HEADER_BYTES = 128, HEADER_WORDS = 1, FILE_WORDS = 6, KEY_WORDS = 7, TYPE = 10 };
/* An image of engines: mode, start-up sequence, instructions. */
enum { MODE_BYTES = 552, INIT_BYTES = 400, DEVICE_TYPE = 8, MODE_ENGINES = 16, C62X = 0x01000000 };
enum { EXPONENT_AT = 2 * FW_KEY_BYTES - 4, BEFORE_IMAGE = HEADER_BYTES + FW_KEY_BYTES + 4 + FW_KEY_BYTES };
enum { ENGINE_IMAGE_MAX = 0x40000, MMP_IMAGE_MAX = 0x30000 };

static uint64_t address(const uint8_t *desc, unsigned word)
{
	return (uint64_t)get32(desc + 4 * word) << 32 | get32(desc + 4 * word + 4);
}

// In memory the key is its modulus, zeros, and the exponent at the end of as many bytes again.
static bool is_our_key(const uint8_t key[2 * FW_KEY_BYTES])
{
	uint8_t modulus[FW_KEY_BYTES];
	mpz_t n;
	mpz_init_set_str(n, FW_KEY_MODULUS, 16);
	mpz_export(modulus, NULL, 1, 1, 1, 0, n);
	mpz_clear(n);
	for (unsigned i = FW_KEY_BYTES; i < EXPONENT_AT; i++)
		if (key[i])
			return false;
	return !memcmp(key, modulus, sizeof modulus) && get32(key + EXPONENT_AT) == FW_KEY_EXPONENT;
}

static bool is_signed(const uint8_t signature[FW_KEY_BYTES], const uint8_t hash[32])
{
	static const uint8_t sha256[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
					 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
	uint8_t want[FW_KEY_BYTES], *end = want + sizeof want - sizeof sha256 - 32;
	mpz_t n, s, w;
	memset(want, 0xff, sizeof want);
	want[0] = end[-1] = 0;
	want[1] = 1;
	memcpy(end, sha256, sizeof sha256);
	memcpy(end + sizeof sha256, hash, 32);
	mpz_init_set_str(n, FW_KEY_MODULUS, 16);
	mpz_inits(s, w, NULL);
	mpz_import(s, FW_KEY_BYTES, 1, 1, 1, 0, signature);
	mpz_import(w, sizeof want, 1, 1, 1, 0, want);
	bool in_range = mpz_cmp(s, n) < 0;
	mpz_powm_ui(s, s, FW_KEY_EXPONENT, n);
	bool good = in_range && mpz_cmp(s, w) == 0;
	mpz_clears(n, s, w, NULL);
	return good;
}

static const char *check_engine_image(const uint8_t *desc, const uint8_t *body, uint32_t len, uint32_t *engines)
{
	uint64_t at = address(desc, IMAGE);
	if (len < MODE_BYTES + INIT_BYTES)
		return "the image is too short for an engine";
	if (get32(body + DEVICE_TYPE) != C62X)
		return "the image is for another device";
	if (address(desc, MODE) != at || address(desc, INIT) != at + MODE_BYTES ||
	    address(desc, CODE) != at + MODE_BYTES + INIT_BYTES)
		return "the parts of the image are not where the descriptor says";
	*engines = get32(desc + 4 * ENGINES);
	if (!*engines || *engines & ~get32(body + MODE_ENGINES))
		return "the image is not for these engines";
	return NULL;
}

static const char *check(const uint8_t *desc, const uint8_t *header, const uint8_t *key, const uint8_t *signature,
			 const uint8_t *body, uint32_t len, struct fw_image *image)
{
	uint8_t hash[32];
	struct sha256_ctx sha;
	uint32_t type = get32(header + 4 * TYPE);
	if (get32(header + 4 * HEADER_WORDS) * 4 != BEFORE_IMAGE || get32(header + 4 * KEY_WORDS) * 4 != FW_KEY_BYTES)
		return "the header is not one of this generation";
	if (get32(header + 4 * FILE_WORDS) * 4 != BEFORE_IMAGE + len)
		return "the image is not as long as its header says";
	if (type > 1 || (type == 1 && len > MMP_IMAGE_MAX))
		return "the header has a type or a length that can not be";
	if (!is_our_key(key))
		return "the key is not the model's";
	sha256_init(&sha);
	sha256_update(&sha, HEADER_BYTES, header);
	sha256_update(&sha, len, body);
	sha256_digest(&sha, sizeof hash, hash);
	if (!is_signed(signature, hash))
		return "the signature is wrong";
	*image = (struct fw_image){.mmp = type == 1};
	return image->mmp ? NULL : check_engine_image(desc, body, len, &image->engines);
}

const char *fw_verify(const struct mem *m, uint64_t addr, struct fw_image *image)
{
	uint8_t desc[DESC_BYTES], header[HEADER_BYTES], key[2 * FW_KEY_BYTES], signature[FW_KEY_BYTES];
	if (mem_read(m, addr, desc, sizeof desc) != DONE)
		return "the descriptor can not be read";
	uint32_t len = get32(desc + 4 * LENGTH);
	if (!len || len > ENGINE_IMAGE_MAX)
		return "the descriptor has a length that can not be";
	uint8_t *body = malloc(len);
	const char *why = "a part of the image can not be read";
	if (body && mem_read(m, address(desc, HEADER), header, sizeof header) == DONE &&
	    mem_read(m, address(desc, KEY), key, sizeof key) == DONE &&
	    mem_read(m, address(desc, SIGNATURE), signature, sizeof signature) == DONE &&
	    mem_read(m, address(desc, IMAGE), body, len) == DONE)
		why = check(desc, header, key, signature, body, len, image);
	free(body);
	return why;
}
