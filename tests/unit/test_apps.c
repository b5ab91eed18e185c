#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include "apps/hist.h"
#include "apps/pattern.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_hist), cmocka_unit_test(test_pattern)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
