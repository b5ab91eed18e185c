#include "drivers/crypto/aes.h"
#include "kernel/str.h"

static const uint8_t sbox[256] = {
	0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76,
	0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0,
	0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
	0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75,
	0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84,
	0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
	0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8,
	0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2,
	0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
	0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb,
	0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79,
	0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
	0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a,
	0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e,
	0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
	0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
};

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t sub_word(uint32_t w)
{
	return sbox[w & 0xff] | (uint32_t)sbox[w >> 8 & 0xff] << 8 | (uint32_t)sbox[w >> 16 & 0xff] << 16 |
	       (uint32_t)sbox[w >> 24] << 24;
}

static uint32_t ror32(uint32_t w, unsigned n)
{
	return w >> n | w << (32 - n);
}

/* Each of the four bytes times x in GF(2^8). */
static uint32_t times_x(uint32_t w)
{
	return (w & 0x7f7f7f7f) << 1 ^ (w >> 7 & 0x01010101) * 0x1b;
}

/* MixColumns of one column, its first byte lowest: FIPS 197 §5.1.3 */
static uint32_t mix(uint32_t w)
{
	uint32_t x = times_x(w);
	return x ^ ror32(w ^ x, 8) ^ ror32(w, 16) ^ ror32(w, 24);
}

/* FIPS 197 §5.2, words with their first byte lowest. */
enum sl_err aes_init(struct aes *a, const uint8_t *key, size_t key_len)
{
	if (key_len != 16 && key_len != 24 && key_len != 32)
		return SL_BADVAL;
	unsigned nk = (unsigned)key_len / 4;
	uint32_t rcon = 1;
	a->rounds = nk + 6;
	for (unsigned i = 0; i < 4 * (a->rounds + 1); i++) {
		if (i < nk) {
			a->round_key[i] = get32(key + 4 * i);
			continue;
		}
		uint32_t t = a->round_key[i - 1];
		if (i % nk == 0) {
			t = sub_word(ror32(t, 8)) ^ rcon;
			rcon = times_x(rcon);
		} else if (nk == 8 && i % nk == 4) {
			t = sub_word(t);
		}
		a->round_key[i] = a->round_key[i - nk] ^ t;
	}
	return SL_OK;
}

void aes_block(const struct aes *a, const uint8_t in[AES_BLOCK], uint8_t out[AES_BLOCK])
{
	uint32_t s[4], t[4];
	const uint32_t *k = a->round_key;
	for (unsigned i = 0; i < 4; i++)
		s[i] = get32(in + 4 * i) ^ *k++;
	for (unsigned r = 1; r <= a->rounds; r++) {
		for (unsigned i = 0; i < 4; i++) /* SubBytes and ShiftRows */
			t[i] = sbox[s[i] & 0xff] | (uint32_t)sbox[s[(i + 1) % 4] >> 8 & 0xff] << 8 |
			       (uint32_t)sbox[s[(i + 2) % 4] >> 16 & 0xff] << 16 |
			       (uint32_t)sbox[s[(i + 3) % 4] >> 24] << 24;
		for (unsigned i = 0; i < 4; i++)
			s[i] = (r < a->rounds ? mix(t[i]) : t[i]) ^ *k++;
	}
	for (unsigned i = 0; i < AES_BLOCK; i++)
		out[i] = (uint8_t)(s[i / 4] >> 8 * (i % 4));
}

void aes_last_key(const struct aes *a, size_t key_len, uint8_t *out)
{
	for (size_t i = 0; i < key_len; i++) {
		size_t block = a->rounds - i / AES_BLOCK;
		out[i] = (uint8_t)(a->round_key[4 * block + i % AES_BLOCK / 4] >> 8 * (i % 4));
	}
}

static void xor_block(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = a[i] ^ b[i];
}

void aes_cbc(const struct aes *a, const uint8_t iv[AES_BLOCK], const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t last[AES_BLOCK];
	memcpy(last, iv, sizeof last);
	for (size_t i = 0; i + AES_BLOCK <= len; i += AES_BLOCK) {
		xor_block(last, last, in + i, AES_BLOCK);
		aes_block(a, last, last);
		memcpy(out + i, last, AES_BLOCK);
	}
}

void aes_ctr(const struct aes *a, const uint8_t iv[AES_BLOCK], const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t counter[AES_BLOCK], stream[AES_BLOCK];
	memcpy(counter, iv, sizeof counter);
	for (size_t i = 0; i < len; i += AES_BLOCK) {
		aes_block(a, counter, stream);
		xor_block(out + i, in + i, stream, len - i < AES_BLOCK ? len - i : AES_BLOCK);
		for (unsigned b = AES_BLOCK; b-- > 0 && !++counter[b];)
			;
	}
}

/* The tweak goes through powers of x, its first byte lowest: IEEE 1619 §5.2 */
void aes_xts(const struct aes *a, const struct aes *tweak, const uint8_t iv[AES_BLOCK], const uint8_t *in,
	     size_t len, uint8_t *out)
{
	uint8_t t[AES_BLOCK], b[AES_BLOCK];
	aes_block(tweak, iv, t);
	for (size_t i = 0; i + AES_BLOCK <= len; i += AES_BLOCK) {
		xor_block(b, in + i, t, AES_BLOCK);
		aes_block(a, b, b);
		xor_block(out + i, b, t, AES_BLOCK);
		uint8_t carry = t[AES_BLOCK - 1] >> 7;
		for (unsigned k = AES_BLOCK; k-- > 1;)
			t[k] = (uint8_t)(t[k] << 1 | t[k - 1] >> 7);
		t[0] = (uint8_t)(t[0] << 1 ^ carry * 0x87);
	}
}

static uint64_t get_be64(const uint8_t *p)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static void put_be64(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

/* Times x, where bit 0 is the highest of v[0]: SP 800-38D §6.3 */
static void shift(uint64_t v[2])
{
	uint64_t out = 0 - (v[1] & 1);
	v[1] = v[1] >> 1 | v[0] << 63;
	v[0] = v[0] >> 1 ^ (out & 0xe100000000000000);
}

enum sl_err gcm_init(struct gcm *g, const uint8_t *key, size_t key_len)
{
	uint8_t h[AES_BLOCK] = {0};
	enum sl_err e = aes_init(&g->aes, key, key_len);
	if (e)
		return e;
	aes_block(&g->aes, h, h);
	uint64_t v[2] = {get_be64(h), get_be64(h + 8)};
	memset(g->table, 0, sizeof g->table);
	for (unsigned bit = 8; bit; bit >>= 1) { /* 8 stands for x^0 */
		for (unsigned i = bit; i < 16; i++)
			if (i & bit) {
				g->table[i][0] ^= v[0];
				g->table[i][1] ^= v[1];
			}
		shift(v);
	}
	return SL_OK;
}

/* y = y times H, four bits at a time from the highest power of x down. */
static void times_h(const struct gcm *g, uint64_t y[2])
{
	uint64_t z[2] = {0, 0};
	for (unsigned i = 0; i < 32; i++) {
		unsigned nibble = (unsigned)(y[i < 16 ? 1 : 0] >> 4 * (i % 16)) & 15;
		for (unsigned b = 0; i && b < 4; b++)
			shift(z);
		z[0] ^= g->table[nibble][0];
		z[1] ^= g->table[nibble][1];
	}
	y[0] = z[0];
	y[1] = z[1];
}

static void ghash(const struct gcm *g, uint64_t y[2], const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i += AES_BLOCK) {
		uint8_t block[AES_BLOCK] = {0};
		memcpy(block, p + i, len - i < AES_BLOCK ? len - i : AES_BLOCK);
		y[0] ^= get_be64(block);
		y[1] ^= get_be64(block + 8);
		times_h(g, y);
	}
}

void gcm_encrypt(const struct gcm *g, const uint8_t iv[GCM_IV], const uint8_t *aad, size_t aad_len,
		 const uint8_t *in, size_t len, uint8_t *out, uint8_t tag[GCM_TAG])
{
	uint8_t counter[AES_BLOCK] = {[15] = 1}, first[AES_BLOCK], sum[AES_BLOCK];
	uint64_t y[2] = {0, 0};
	memcpy(counter, iv, GCM_IV);
	aes_block(&g->aes, counter, first);
	counter[15] = 2; /* 32 bits count; the messages are far shorter than 2^32 blocks */
	aes_ctr(&g->aes, counter, in, len, out);
	ghash(g, y, aad, aad_len);
	ghash(g, y, out, len);
	y[0] ^= (uint64_t)aad_len * 8;
	y[1] ^= (uint64_t)len * 8;
	times_h(g, y);
	put_be64(sum, y[0]);
	put_be64(sum + 8, y[1]);
	xor_block(tag, sum, first, GCM_TAG);
}
