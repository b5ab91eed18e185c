/* drivers/crypto against nettle: random keys, lengths and data, more than the published answers have. */
#include <string.h>
#include "apps/work/pattern.h"
#include "drivers/crypto/aes.h"
#include "drivers/crypto/sha.h"
#include "tests/unit/test.h"
#include <nettle/aes.h>
#include <nettle/cbc.h>
#include <nettle/ctr.h>
#include <nettle/gcm.h>
#include <nettle/hmac.h>
#include <nettle/nettle-meta.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <nettle/xts.h>
#undef gcm_encrypt /* ours: nettle's has this name only by a macro, and is called by its full one */

#define ROUNDS 400u
#define LONG   700u /* most bytes of data: many blocks, and the end of one at any place */

/* A key schedule of nettle's, of any length of key. */
struct schedule {
	const struct nettle_cipher *cipher;
	union {
		struct aes128_ctx aes128;
		struct aes192_ctx aes192;
		struct aes256_ctx aes256;
	} u;
};

static uint64_t seed = 1;

static void fill(void *out, size_t len)
{
	uint8_t *p = out;
	while (len--)
		*p++ = (uint8_t)(pattern_random(&seed) >> 32);
}

static size_t below(size_t limit)
{
	return (size_t)(pattern_random(&seed) >> 32) % limit;
}

/* Some counters end in ones, so that the carry of CTR goes over any number of bytes. */
static void fill_iv(uint8_t iv[AES_BLOCK])
{
	size_t ones = below(AES_BLOCK + 1);
	fill(iv, AES_BLOCK);
	if (below(2))
		memset(iv + AES_BLOCK - ones, 0xff, ones);
}

static void set_key(struct schedule *s, struct aes *ours, const uint8_t *key, size_t key_len)
{
	s->cipher = key_len == 16 ? &nettle_aes128 : key_len == 24 ? &nettle_aes192 : &nettle_aes256;
	s->cipher->set_encrypt_key(&s->u, key);
	assert_int_equal(aes_init(ours, key, key_len), SL_OK);
}

/* Into a buffer of its own and in place. */
static void check_modes(const struct schedule *s, const struct aes *ours, const uint8_t *in, size_t len)
{
	uint8_t iv[AES_BLOCK], used[AES_BLOCK], out[LONG], want[LONG];
	size_t whole = len - len % AES_BLOCK;
	fill_iv(iv);
	memcpy(used, iv, sizeof used);
	cbc_encrypt(&s->u, s->cipher->encrypt, AES_BLOCK, used, whole, want, in);
	aes_cbc(ours, iv, in, whole, out);
	assert_memory_equal(out, want, whole);
	memcpy(out, in, len);
	aes_cbc(ours, iv, out, whole, out);
	assert_memory_equal(out, want, whole);

	memcpy(used, iv, sizeof used);
	ctr_crypt(&s->u, s->cipher->encrypt, AES_BLOCK, used, len, want, in);
	aes_ctr(ours, iv, in, len, out);
	assert_memory_equal(out, want, len);
	memcpy(out, in, len);
	aes_ctr(ours, iv, out, len, out);
	assert_memory_equal(out, want, len);
}

static void test_cbc_and_ctr(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint8_t key[32], in[LONG];
		struct schedule s;
		struct aes ours;
		fill(key, sizeof key);
		fill(in, sizeof in);
		set_key(&s, &ours, key, 16 + 8 * (i % 3));
		check_modes(&s, &ours, in, below(LONG + 1));
	}
}

static void test_xts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint8_t key[64], iv[AES_BLOCK], in[LONG], out[LONG], want[LONG];
		size_t key_len = i % 2 ? 32 : 16, len = AES_BLOCK * (1 + below(LONG / AES_BLOCK));
		struct schedule s, s2;
		struct aes ours, tweak;
		fill(key, sizeof key);
		fill(iv, sizeof iv);
		fill(in, sizeof in);
		set_key(&s, &ours, key, key_len);
		set_key(&s2, &tweak, key + key_len, key_len);
		xts_encrypt_message(&s.u, &s2.u, s.cipher->encrypt, iv, len, want, in);
		aes_xts(&ours, &tweak, iv, in, len, out);
		assert_memory_equal(out, want, len);
		aes_xts(&ours, &tweak, iv, in, len, in);
		assert_memory_equal(in, want, len);
	}
}

static void test_gcm(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint8_t key[32], iv[GCM_IV], aad[100], in[LONG], out[LONG], want[LONG], tag[GCM_TAG],
			want_tag[GCM_TAG];
		size_t key_len = 16 + 8 * (i % 3), len = below(LONG + 1), aad_len = below(sizeof aad + 1);
		struct schedule s;
		struct gcm_key h;
		struct gcm_ctx g;
		struct aes aes;
		struct gcm ours;
		fill(key, sizeof key);
		fill(iv, sizeof iv);
		fill(aad, sizeof aad);
		fill(in, sizeof in);
		set_key(&s, &aes, key, key_len);
		gcm_set_key(&h, &s.u, s.cipher->encrypt);
		gcm_set_iv(&g, &h, sizeof iv, iv);
		gcm_update(&g, &h, aad_len, aad);
		nettle_gcm_encrypt(&g, &h, &s.u, s.cipher->encrypt, len, want, in);
		gcm_digest(&g, &h, &s.u, s.cipher->encrypt, sizeof want_tag, want_tag);
		assert_int_equal(gcm_init(&ours, key, key_len), SL_OK);
		gcm_encrypt(&ours, iv, aad, aad_len, in, len, out, tag);
		assert_memory_equal(out, want, len);
		assert_memory_equal(tag, want_tag, sizeof tag);
	}
}

/* What a device wants of a key to decrypt with: the end of the schedule, the last block first. */
static void test_last_key(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint8_t key[32], out[32];
		size_t key_len = i % 2 ? 32 : 16;
		struct schedule s;
		struct aes ours;
		fill(key, sizeof key);
		set_key(&s, &ours, key, key_len);
		aes_last_key(&ours, key_len, out);
		const uint32_t *last = key_len == 16 ? s.u.aes128.keys + 40 : s.u.aes256.keys + 56;
		for (size_t b = 0; b < key_len; b++)
			assert_int_equal(out[b], (last - b / 16 * 4)[b % 16 / 4] >> 8 * (b % 4) & 0xff);
	}
}

static const struct nettle_hash *const hashes[SHA_KINDS] = {&nettle_sha1, &nettle_sha224, &nettle_sha256,
							    &nettle_sha384, &nettle_sha512};

union hash {
	struct sha1_ctx sha1;
	struct sha256_ctx sha256; /* SHA-224 too */
	struct sha512_ctx sha512; /* SHA-384 too */
};

/* The state of nettle's, big-endian, as sha_save() has it. */
static void saved(const union hash *h, enum sha kind, uint8_t *out)
{
	for (unsigned i = 0; i < sha_state_size(kind); i++)
		if (kind >= SHA_384)
			out[i] = (uint8_t)(h->sha512.state[i / 8] >> (56 - 8 * (i % 8)));
		else
			out[i] = (uint8_t)((kind == SHA_1 ? h->sha1.state : h->sha256.state)[i / 4] >>
					   (24 - 8 * (i % 4)));
}

/* Every length around the ends of blocks, in pieces, and with the state after whole blocks, from which a
 * device goes on. */
static void test_hashes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SHA_KINDS * 2 * SHA_BLOCK_MAX; i++) {
		enum sha kind = (enum sha)(i % SHA_KINDS);
		uint8_t in[LONG], out[SHA_DIGEST_MAX], want[SHA_DIGEST_MAX];
		size_t blocks = below(3) * sha_block_size(kind), len = i / SHA_KINDS;
		struct sha_state ours;
		union hash h;
		assert_int_equal(hashes[kind]->digest_size, sha_size(kind));
		assert_int_equal(hashes[kind]->block_size, sha_block_size(kind));
		fill(in, sizeof in);
		sha_init(&ours, kind);
		hashes[kind]->init(&h);
		sha_add(&ours, in, blocks);
		hashes[kind]->update(&h, blocks, in);
		sha_save(&ours, out);
		saved(&h, kind, want);
		assert_memory_equal(out, want, sha_state_size(kind));
		size_t first = below(len + 1);
		sha_add(&ours, in + blocks, first);
		sha_add(&ours, in + blocks + first, len - first);
		hashes[kind]->update(&h, len, in + blocks);
		sha_end(&ours, out);
		hashes[kind]->digest(&h, sha_size(kind), want);
		assert_memory_equal(out, want, sha_size(kind));
	}
}

/* Keys shorter and longer than a block, and of no byte. The states are what a device gets in the key's place.
 */
static void test_hmac(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		enum sha kind = (enum sha)(i % SHA_KINDS);
		uint8_t key[2 * SHA_BLOCK_MAX], in[LONG], out[SHA_DIGEST_MAX], want[SHA_DIGEST_MAX];
		size_t block = sha_block_size(kind), some[] = {0, block, block + 1, below(sizeof key + 1)};
		size_t key_len = some[i / SHA_KINDS % 4], len = below(LONG + 1);
		struct sha_state inner, outer;
		union hash h, h_inner, h_outer;
		fill(key, sizeof key);
		fill(in, sizeof in);
		hmac_begin(kind, key, key_len, &inner, &outer);
		hmac_set_key(&h_outer, &h_inner, &h, hashes[kind], key_len, key);
		sha_save(&inner, out);
		saved(&h_inner, kind, want);
		assert_memory_equal(out, want, sha_state_size(kind));
		sha_save(&outer, out);
		saved(&h_outer, kind, want);
		assert_memory_equal(out, want, sha_state_size(kind));
		hmac(&inner, &outer, in, len, out);
		hmac_update(&h, hashes[kind], len, in);
		hmac_digest(&h_outer, &h_inner, &h, hashes[kind], sha_size(kind), want);
		assert_memory_equal(out, want, sha_size(kind));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cbc_and_ctr), cmocka_unit_test(test_xts),
		cmocka_unit_test(test_gcm),         cmocka_unit_test(test_last_key),
		cmocka_unit_test(test_hashes),      cmocka_unit_test(test_hmac),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
