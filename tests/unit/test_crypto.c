/* The portable AES and SHA against known answers, and against themselves in pieces of other sizes. */
#include <string.h>
#include "kernel/inflate.h"
#include "apps/work/known_answers.h"
#include "drivers/crypto/aes.h"
#include "drivers/crypto/sha.h"
#include "tests/unit/test.h"

static void run_kat(const struct kat *k)
{
	uint8_t key[KAT_MAX], iv[KAT_MAX], aad[KAT_MAX], in[KAT_MAX], want[KAT_MAX], digest[KAT_MAX];
	uint8_t out[KAT_MAX] = {0}, got[SHA_DIGEST_MAX] = {0};
	unsigned key_len = kat_bytes(k->key, key), len = kat_bytes(k->in, in);
	unsigned aad_len = kat_bytes(k->aad, aad), digest_len = kat_bytes(k->digest, digest);
	unsigned out_len = kat_bytes(k->out, want);
	struct aes aes, tweak;
	struct gcm gcm;
	struct sha_state inner, outer;
	uint8_t stream[KAT_MAX + INFLATE_PAD];
	kat_bytes(k->iv, iv);
	switch (k->service) {
	case COMPUTE_CIPHER:
		if (k->cipher == COMPUTE_AES_XTS) {
			assert_int_equal(aes_init(&aes, key, key_len / 2), SL_OK);
			assert_int_equal(aes_init(&tweak, key + key_len / 2, key_len / 2), SL_OK);
			aes_xts(&aes, &tweak, iv, in, len, out);
			break;
		}
		assert_int_equal(aes_init(&aes, key, key_len), SL_OK);
		(k->cipher == COMPUTE_AES_CBC ? aes_cbc : aes_ctr)(&aes, iv, in, len, out);
		break;
	case COMPUTE_AEAD:
		assert_int_equal(gcm_init(&gcm, key, key_len), SL_OK);
		gcm_encrypt(&gcm, iv, aad, aad_len, in, len, out, got);
		break;
	case COMPUTE_HASH:
		sha_hash((enum sha)k->hash, in, len, got);
		break;
	case COMPUTE_INFLATE:
		memcpy(stream, in, len);
		assert_int_equal(inflate(stream, len, out, sizeof out), out_len);
		break;
	default:
		hmac_begin((enum sha)k->hash, key, key_len, &inner, &outer);
		hmac(&inner, &outer, in, len, got);
	}
	assert_memory_equal(out, want, out_len);
	assert_memory_equal(got, digest, digest_len);
}

static void test_known_answers(void **state)
{
	(void)state;
	assert_true(kat_count >= 18);
	for (unsigned i = 0; i < kat_count; i++)
		run_kat(&kats[i]);
}

/* FIPS 180-4's long message: a million times "a", added in pieces of odd sizes. */
static void test_long(void **state)
{
	static const uint8_t want[] = {0xcd, 0xc7, 0x6e, 0x5c, 0x99, 0x14, 0xfb, 0x92,
				       0x81, 0xa1, 0xc7, 0xe2, 0x84, 0xd7, 0x3e, 0x67};
	uint8_t a[1000], got[SHA_DIGEST_MAX];
	struct sha_state s;
	(void)state;
	memset(a, 'a', sizeof a);
	sha_init(&s, SHA_256);
	size_t left = 1000000;
	for (size_t n = 1; left; n = n * 7 % 997) {
		size_t some = n < left ? n : left;
		sha_add(&s, a, some);
		left -= some;
	}
	sha_end(&s, got);
	assert_memory_equal(got, want, sizeof want);
}

/* Every length around the end of a block: what comes in pieces is what comes at once, and no length has the
 * digest of another. */
static void test_padding(void **state)
{
	uint8_t data[300], one[SHA_DIGEST_MAX], two[SHA_DIGEST_MAX], last[SHA_DIGEST_MAX] = {0};
	(void)state;
	memset(data, 0, sizeof data);
	for (unsigned kind = 0; kind < SHA_KINDS; kind++) {
		for (size_t len = 0; len <= sizeof data; len++) {
			struct sha_state s;
			sha_init(&s, (enum sha)kind);
			sha_add(&s, data, len / 3);
			sha_add(&s, data, len - len / 3);
			sha_end(&s, one);
			sha_hash((enum sha)kind, data, len, two);
			assert_memory_equal(one, two, sha_size((enum sha)kind));
			assert_memory_not_equal(one, last, 20);
			memcpy(last, one, 20);
		}
	}
}

/* RFC 4231, case 6: a key longer than a block is hashed first. */
static void test_long_key(void **state)
{
	static const uint8_t want[] = {0x60, 0xe4, 0x31, 0x59, 0x1e, 0xe0, 0xb6, 0x7f};
	static const char text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	uint8_t key[131], got[SHA_DIGEST_MAX];
	struct sha_state inner, outer;
	(void)state;
	memset(key, 0xaa, sizeof key);
	hmac_begin(SHA_256, key, sizeof key, &inner, &outer);
	hmac(&inner, &outer, text, strlen(text), got);
	assert_memory_equal(got, want, sizeof want);
}

static void test_key_lengths(void **state)
{
	uint8_t key[40] = {0};
	struct aes a;
	(void)state;
	for (size_t n = 0; n <= sizeof key; n++)
		assert_int_equal(aes_init(&a, key, n), n == 16 || n == 24 || n == 32 ? SL_OK : SL_BADVAL);
}

/* All 16 bytes count. */
static void test_ctr_carry(void **state)
{
	uint8_t key[16] = {1}, iv[16], zero[48] = {0}, out[48], block[16];
	struct aes a;
	(void)state;
	assert_int_equal(aes_init(&a, key, sizeof key), SL_OK);
	memset(iv, 0xff, sizeof iv);
	aes_ctr(&a, iv, zero, sizeof zero, out);
	aes_block(&a, zero, block);
	assert_memory_equal(out + 16, block, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers), cmocka_unit_test(test_long),
		cmocka_unit_test(test_padding),       cmocka_unit_test(test_long_key),
		cmocka_unit_test(test_key_lengths),   cmocka_unit_test(test_ctr_carry),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
