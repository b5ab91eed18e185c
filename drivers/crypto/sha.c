#include "drivers/crypto/sha.h"
#include "kernel/str.h"

/* FIPS 180-4 §4.2.3, §5.3.5: the first 64 bits of the fractional parts of the cube roots of the first 80
 * primes, and of the square roots of the first 8. Those of SHA-256 are the upper halves (§4.2.2, §5.3.3). */
static const uint64_t k512[80] = {
	0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
	0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
	0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
	0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
	0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
	0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
	0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
	0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
	0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
	0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
	0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
	0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
	0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
	0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
	0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
	0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};
static const uint64_t start[8] = {
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};
/* §5.3.4: of the ninth to the sixteenth prime. SHA-224 has the lower halves (§5.3.2). */
static const uint64_t start384[8] = {
	0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
	0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4,
};
static const uint32_t start1[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};

static uint32_t rol32(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static uint32_t ror32(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static uint64_t ror64(uint64_t x, unsigned n)
{
	return x >> n | x << (64 - n);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void block1(uint64_t h[8], const uint8_t *p)
{
	uint32_t w[80], a = (uint32_t)h[0], b = (uint32_t)h[1], c = (uint32_t)h[2], d = (uint32_t)h[3],
			e = (uint32_t)h[4];
	for (unsigned i = 0; i < 80; i++)
		w[i] = i < 16 ? get32(p + 4 * i) : rol32(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (unsigned i = 0; i < 80; i++) {
		uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
			     : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
			     : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
				      : (b ^ c ^ d) + 0xca62c1d6;
		f += rol32(a, 5) + e + w[i];
		e = d;
		d = c;
		c = rol32(b, 30);
		b = a;
		a = f;
	}
	h[0] = (uint32_t)h[0] + a;
	h[1] = (uint32_t)h[1] + b;
	h[2] = (uint32_t)h[2] + c;
	h[3] = (uint32_t)h[3] + d;
	h[4] = (uint32_t)h[4] + e;
}

static void block256(uint64_t h[8], const uint8_t *p)
{
	uint32_t w[64], v[8];
	for (unsigned i = 0; i < 64; i++) {
		if (i < 16) {
			w[i] = get32(p + 4 * i);
			continue;
		}
		uint32_t x = w[i - 15], y = w[i - 2];
		w[i] = w[i - 16] + (ror32(x, 7) ^ ror32(x, 18) ^ x >> 3) + w[i - 7] +
		       (ror32(y, 17) ^ ror32(y, 19) ^ y >> 10);
	}
	for (unsigned i = 0; i < 8; i++)
		v[i] = (uint32_t)h[i];
	for (unsigned i = 0; i < 64; i++) {
		uint32_t t1 = v[7] + (ror32(v[4], 6) ^ ror32(v[4], 11) ^ ror32(v[4], 25)) +
			      ((v[4] & v[5]) ^ (~v[4] & v[6])) + (uint32_t)(k512[i] >> 32) + w[i];
		uint32_t t2 = (ror32(v[0], 2) ^ ror32(v[0], 13) ^ ror32(v[0], 22)) +
			      ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 7 * sizeof *v);
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (unsigned i = 0; i < 8; i++)
		h[i] = (uint32_t)h[i] + v[i];
}

static void block512(uint64_t h[8], const uint8_t *p)
{
	uint64_t w[80], v[8];
	for (unsigned i = 0; i < 80; i++) {
		if (i < 16) {
			w[i] = (uint64_t)get32(p + 8 * i) << 32 | get32(p + 8 * i + 4);
			continue;
		}
		uint64_t x = w[i - 15], y = w[i - 2];
		w[i] = w[i - 16] + (ror64(x, 1) ^ ror64(x, 8) ^ x >> 7) + w[i - 7] +
		       (ror64(y, 19) ^ ror64(y, 61) ^ y >> 6);
	}
	memcpy(v, h, sizeof v);
	for (unsigned i = 0; i < 80; i++) {
		uint64_t t1 = v[7] + (ror64(v[4], 14) ^ ror64(v[4], 18) ^ ror64(v[4], 41)) +
			      ((v[4] & v[5]) ^ (~v[4] & v[6])) + k512[i] + w[i];
		uint64_t t2 = (ror64(v[0], 28) ^ ror64(v[0], 34) ^ ror64(v[0], 39)) +
			      ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		memmove(v + 1, v, 7 * sizeof *v);
		v[4] += t1;
		v[0] = t1 + t2;
	}
	for (unsigned i = 0; i < 8; i++)
		h[i] += v[i];
}

static void take_block(struct sha_state *s, const uint8_t *p)
{
	if (s->kind >= SHA_384)
		block512(s->h, p);
	else if (s->kind != SHA_1)
		block256(s->h, p);
	else
		block1(s->h, p);
}

void sha_init(struct sha_state *s, enum sha kind)
{
	memset(s, 0, sizeof *s);
	s->kind = kind;
	for (unsigned i = 0; i < 8; i++)
		s->h[i] = kind == SHA_512   ? start[i]
			  : kind == SHA_384 ? start384[i]
			  : kind == SHA_256 ? start[i] >> 32
			  : kind == SHA_224 ? start384[i] & UINT32_MAX
			  : i < 5           ? start1[i]
					    : 0;
}

void sha_add(struct sha_state *s, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t size = sha_block_size(s->kind), have = s->bytes % size;
	s->bytes += len;
	while (len) {
		if (!have && len >= size) {
			take_block(s, p);
			p += size;
			len -= size;
			continue;
		}
		size_t n = size - have < len ? size - have : len;
		memcpy(s->block + have, p, n);
		have += n;
		p += n;
		len -= n;
		if (have == size) {
			take_block(s, s->block);
			have = 0;
		}
	}
}

void sha_save(const struct sha_state *s, uint8_t *out)
{
	for (unsigned i = 0; i < sha_state_size(s->kind) / 4; i++)
		put32(out + 4 * i,
		      s->kind >= SHA_384 ? (uint32_t)(s->h[i / 2] >> (i % 2 ? 0 : 32)) : (uint32_t)s->h[i]);
}

void sha_end(struct sha_state *s, uint8_t *out)
{
	static const uint8_t pad[SHA_BLOCK_MAX] = {0x80};
	uint8_t state[SHA_DIGEST_MAX];
	uint8_t length[16] = {0}; /* of the message, in bits; 8 bytes of it where a block has 64 */
	size_t size = sha_block_size(s->kind), field = size / 8, have = s->bytes % size;
	put32(length + 8, (uint32_t)(s->bytes >> 29));
	put32(length + 12, (uint32_t)(s->bytes << 3));
	sha_add(s, pad, (have + field < size ? size : 2 * size) - field - have);
	sha_add(s, length + 16 - field, field);
	sha_save(s, state);
	memcpy(out, state, sha_size(s->kind));
}

void sha_hash(enum sha kind, const void *data, size_t len, uint8_t *out)
{
	struct sha_state s;
	sha_init(&s, kind);
	sha_add(&s, data, len);
	sha_end(&s, out);
}

void hmac_begin(enum sha kind, const void *key, size_t key_len, struct sha_state *inner,
		struct sha_state *outer)
{
	uint8_t block[SHA_BLOCK_MAX] = {0};
	if (key_len > sha_block_size(kind))
		sha_hash(kind, key, key_len, block);
	else
		memcpy(block, key, key_len);
	for (unsigned i = 0; i < sizeof block; i++)
		block[i] ^= 0x36;
	sha_init(inner, kind);
	sha_add(inner, block, sha_block_size(kind));
	for (unsigned i = 0; i < sizeof block; i++)
		block[i] ^= 0x36 ^ 0x5c;
	sha_init(outer, kind);
	sha_add(outer, block, sha_block_size(kind));
}

void hmac(const struct sha_state *inner, const struct sha_state *outer, const void *data, size_t len,
	  uint8_t *out)
{
	uint8_t digest[SHA_DIGEST_MAX];
	struct sha_state s = *inner;
	sha_add(&s, data, len);
	sha_end(&s, digest);
	s = *outer;
	sha_add(&s, digest, sha_size(s.kind));
	sha_end(&s, out);
}
