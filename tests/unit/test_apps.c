#include <stdlib.h>
#include "apps/report/hist.h"
#include "apps/work/pattern.h"
#include "drivers/crypto/sha.h"
#include "drivers/edu/edu.h"
#include "tests/unit/test.h"

/* Against a sorted array: never above the true value, never more than one part in 16 below it. */
static void test_hist(void **state)
{
	(void)state;
	static struct hist h, half;
	hist_reset(&h);
	hist_reset(&half);
	assert_int_equal(hist_permille(&h, 500), 0);
	uint64_t r = 42;
	static uint64_t v[10000];
	for (unsigned i = 0; i < 10000; i++) {
		v[i] = pattern_random(&r) >> (i % 64);
		hist_add(i % 2 ? &h : &half, v[i]);
	}
	hist_merge(&h, &half);
	assert_int_equal(h.count, 10000);
	for (unsigned i = 1; i < 10000; i++)
		for (unsigned j = i; j && v[j - 1] > v[j]; j--) {
			uint64_t t = v[j];
			v[j] = v[j - 1];
			v[j - 1] = t;
		}
	assert_int_equal(h.min, v[0]);
	assert_int_equal(h.max, v[9999]);
	for (unsigned part = 1; part <= 1000; part++) {
		uint64_t got = hist_permille(&h, part), want = v[part * 10 - 1];
		assert_true(got <= want);
		assert_true(want - got <= want / HIST_SUB);
	}
}

/* Every bucket: its smallest value is in it, and what is one less is not. */
static void test_hist_buckets(void **state)
{
	(void)state;
	static struct hist h;
	for (unsigned b = 1; b < HIST_BUCKETS; b++) {
		uint64_t low = hist_low(b);
		assert_true(low > hist_low(b - 1));
		hist_reset(&h);
		hist_add(&h, low);
		hist_add(&h, low - 1);
		assert_true(h.bucket[b] == 1 && h.bucket[b - 1] == 1);
		assert_true(h.min == low - 1 && h.max == low && h.count == 2);
	}
	hist_reset(&h);
	hist_add(&h, UINT64_MAX);
	assert_true(h.bucket[HIST_BUCKETS - 1] == 1 && h.max == UINT64_MAX);
}

/* Ranks are rounded up: of three values the second is the median, and p99.9 is the largest one. */
static void test_hist_ranks(void **state)
{
	(void)state;
	static struct hist h;
	hist_reset(&h);
	hist_add(&h, 1);
	assert_int_equal(hist_permille(&h, 1), 1);
	hist_add(&h, 2);
	hist_add(&h, 3);
	assert_int_equal(hist_permille(&h, 333), 1);
	assert_int_equal(hist_permille(&h, 334), 2);
	assert_int_equal(hist_permille(&h, 500), 2);
	assert_int_equal(hist_permille(&h, 666), 2);
	assert_int_equal(hist_permille(&h, 667), 3);
	assert_int_equal(hist_permille(&h, 999), 3);
	assert_int_equal(hist_permille(&h, 0), 1);
	/* The largest is told as it was, not as the bucket that it is in; nothing is below the smallest. */
	hist_reset(&h);
	hist_add(&h, 33500);
	hist_add(&h, 33400);
	assert_int_equal(hist_permille(&h, 1000), 33500);
	assert_int_equal(hist_permille(&h, 999), 33400);
	assert_int_equal(hist_permille(&h, 1), 33400);
}

/* More of one kind than 32 bits count: a day of a fast device. */
static void test_hist_many(void **state)
{
	(void)state;
	static struct hist h, from;
	hist_reset(&h);
	hist_add(&h, 5000);
	for (unsigned i = 0; i < 32; i++) {
		from = h;
		hist_merge(&h, &from);
	}
	hist_add(&h, 5000);
	hist_add(&h, 900000);
	assert_int_equal(h.count, BIT(32) + 2);
	assert_int_equal(hist_permille(&h, 500), 5000);
	assert_int_equal(hist_permille(&h, 999), 5000);
	assert_int_equal(hist_permille(&h, 1000), 900000);
}

/* Words and sums by another way to them; what is behind the last whole word is left alone. */
static void test_pattern_words(void **state)
{
	(void)state;
	uint64_t p[5] = {7, 7, 7, 7, 7}, seed = pattern_seed(3, 4, 5);
	pattern_fill(p, 3 * 8 + 7, seed);
	for (unsigned i = 0; i < 3; i++)
		assert_true(p[i] == seed * (1 + 2 * i));
	assert_true(p[3] == 7 && p[4] == 7);
	assert_true(pattern_check(p, 3 * 8 + 7, seed));
	assert_false(pattern_check(p, 4 * 8, seed));
	assert_int_equal(seed & 1, 1);
	assert_true(pattern_seed(1, 0, 0) != pattern_seed(0, 1, 0) &&
		    pattern_seed(0, 1, 0) != pattern_seed(0, 0, 1));
	/* FNV-1a of 64 bits, of RFC draft-eastlake-fnv: "" and "a". */
	assert_true(pattern_sum("a", 0) == 0xcbf29ce484222325ull &&
		    pattern_sum("a", 1) == 0xaf63dc4c8601ec8cull);
	uint64_t zero[3] = {0, 0, 1};
	assert_true(pattern_is_zero(zero, 16));
	assert_false(pattern_is_zero(zero, 24));
	uint64_t r = 1, first = pattern_random(&r);
	assert_true(first != pattern_random(&r) && r != 1);
}

static void test_pattern(void **state)
{
	(void)state;
	uint64_t a[512], b[512];
	pattern_fill(a, sizeof a, pattern_seed(1, 2, 3));
	assert_true(pattern_check(a, sizeof a, pattern_seed(1, 2, 3)));
	assert_false(pattern_check(a, sizeof a, pattern_seed(2, 2, 3)));
	assert_false(pattern_check(a, sizeof a, pattern_seed(1, 3, 3)));
	assert_false(pattern_check(a, sizeof a, pattern_seed(1, 2, 4)));
	pattern_fill(b, sizeof b, pattern_seed(1, 2, 4));
	for (unsigned i = 0; i < 512; i++) /* no word of one block stands in the other at its place */
		assert_true(a[i] != b[i]);
	uint64_t sum = pattern_sum(a, sizeof a);
	for (unsigned i = 0; i < 4096; i += 511) {
		((uint8_t *)a)[i] ^= 1;
		assert_false(pattern_check(a, sizeof a, pattern_seed(1, 2, 3)));
		assert_true(pattern_sum(a, sizeof a) != sum);
		((uint8_t *)a)[i] ^= 1;
	}
	uint64_t zero[64] = {0};
	assert_true(pattern_is_zero(zero, sizeof zero));
	((uint8_t *)zero)[511] = 1;
	assert_false(pattern_is_zero(zero, sizeof zero));
}

static void test_edu(void **state)
{
	static _Alignas(8) uint8_t regs[0x100];
	struct edu edu;
	(void)state;
	regs[0] = 0xee;
	assert_int_equal(edu_open(&edu, regs), SL_NOTFOUND);
	regs[0] = 0xed;
	regs[2] = 2; /* any version */
	assert_int_equal(edu_open(&edu, regs), SL_OK);
	assert_int_equal(edu_start(&edu, 0x1000, 0, true), SL_RANGE);
	assert_int_equal(edu_start(&edu, 0x1000, EDU_BUFFER + 1, true), SL_RANGE);
	assert_int_equal(regs[0x98], 0);
	assert_int_equal(edu_start(&edu, 0x1000, EDU_BUFFER, true), SL_OK);
	assert_int_equal(regs[0x98], 3);
	assert_int_equal(edu_start(&edu, 0x1000, 1, true), SL_BUSY);
	assert_int_equal(edu_poll(&edu), SL_BUSY);
	regs[0x98] = 0;
	assert_int_equal(edu_poll(&edu), SL_OK);
}

/* The length in bits goes beyond 32 of them: 512 MiB more is another text. */
static void test_sha_length(void **state)
{
	struct sha_state s;
	uint8_t digest[2][SHA_DIGEST_MAX];
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		sha_init(&s, SHA_256);
		s.bytes = (uint64_t)i << 29;
		sha_end(&s, digest[i]);
	}
	assert_memory_not_equal(digest[0], digest[1], 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hist),       cmocka_unit_test(test_hist_buckets),
		cmocka_unit_test(test_hist_ranks), cmocka_unit_test(test_hist_many),
		cmocka_unit_test(test_pattern),    cmocka_unit_test(test_pattern_words),
		cmocka_unit_test(test_edu),        cmocka_unit_test(test_sha_length)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
