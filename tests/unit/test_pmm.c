#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

#define MB (PAGE_2M / 2)

static void test_blocks(void **state)
{
	(void)state;
	phys_t ram = support_ram(24 * MB, 0x40000000);
	assert_int_equal(pmm_add(PHYS(ram.v + PAGE_SIZE), 16 * MB / PAGE_SIZE - 1), SL_OK);
	assert_int_equal(pmm_add(PHYS(ram.v + MB), 1), SL_EXISTS);
	uint64_t all = pmm_free_pages();
	phys_t big[8], small;
	assert_int_equal(pmm_alloc(1, PAGE_SIZE, &small), SL_OK);
	assert_int_equal(small.v, ram.v + PAGE_SIZE);
	unsigned n = 0;
	while (n < 8 && pmm_alloc(PAGE_2M / PAGE_SIZE, PAGE_2M, &big[n]) == SL_OK) {
		assert_true(IS_ALIGNED(big[n].v, PAGE_2M));
		n++;
	}
	assert_int_equal(n, 7); /* the first 2 MiB lack their first page */
	assert_int_equal(pmm_used_pages(), 7 * 512 + 1);
	while (n)
		pmm_free(big[--n], 512);
	pmm_free(small, 1);
	assert_int_equal(pmm_free_pages(), all);
	phys_t whole;
	assert_int_equal(pmm_alloc(all, PAGE_SIZE, &whole), SL_OK); /* the pieces have joined again */
	assert_int_equal(pmm_alloc(1, PAGE_SIZE, &small), SL_NOMEM);
	pmm_free(whole, all);
	pmm_reserve(PHYS(ram.v + 4 * MB), 2 * MB / PAGE_SIZE);
	assert_int_equal(pmm_free_pages(), all - 2 * MB / PAGE_SIZE);
	while (pmm_alloc(1, PAGE_SIZE, &small) == SL_OK)
		assert_false(small.v >= ram.v + 4 * MB && small.v < ram.v + 6 * MB);
}

/* Pages come from where they are wanted while there is room, then from anywhere. */
static void test_prefer(void **state)
{
	(void)state;
	uint64_t base = 0x40000000 + 20 * MB;
	phys_t got, first;
	assert_int_equal(pmm_add(PHYS(base), 4 * MB / PAGE_SIZE), SL_OK);
	struct pmm_range want[] = {{base + 3 * MB, base + 3 * MB + 3 * PAGE_SIZE},
				   {base + MB + 100, base + MB + 2 * PAGE_SIZE + 5}};
	pmm_prefer(want, 2);
	want[0].base = 0; /* they were copied */
	for (uint64_t i = 0; i < 3; i++) {
		assert_int_equal(pmm_alloc(1, PAGE_SIZE, &got), SL_OK);
		assert_int_equal(got.v, base + 3 * MB + i * PAGE_SIZE);
	}
	assert_int_equal(pmm_alloc(1, PAGE_SIZE, &got), SL_OK);
	assert_int_equal(got.v, base + MB + PAGE_SIZE); /* whole pages alone count */
	assert_int_equal(pmm_alloc(1, PAGE_SIZE, &first), SL_OK);
	assert_false(first.v >= base + MB && first.v < base + MB + 3 * PAGE_SIZE);
	pmm_free(first, 1);
	pmm_free(got, 1);
	want[0] = (struct pmm_range){base, base + 4 * MB};
	pmm_prefer(want, 1);
	assert_int_equal(pmm_alloc(512, 2 * MB, &got), SL_OK); /* aligned, and inside as a whole */
	assert_true(got.v >= base && got.v < base + 3 * MB && got.v % (2 * MB) == 0);
	pmm_free(got, 512);
	pmm_prefer(NULL, 0);
	assert_int_equal(pmm_alloc(1, PAGE_SIZE, &got), SL_OK);
	assert_int_equal(got.v, first.v);
}

/* What is reserved before memory comes never gets in, and what is reserved later goes out. Reserved pages are
 * compared with a plain array. */
static void test_reserved(void **state)
{
	(void)state;
	enum { PAGES = 512, FROM = 0x50000 }; /* phys_va() does not reach there: only the list is asked */
	static bool want[PAGES + 64];
	uint32_t seed = 7;
	for (unsigned round = 0; round < 60; round++) {
		seed = seed * 1103515245 + 12345;
		uint64_t at = seed >> 16 & (PAGES - 1), n = 1 + (seed >> 8 & 3);
		pmm_reserve(PHYS((FROM + at) * PAGE_SIZE), n);
		for (uint64_t i = at; i < at + n; i++)
			want[i] = true;
		for (unsigned i = 0; i < ARRAY_LEN(want); i++)
			assert_int_equal(pmm_is_reserved(PHYS((FROM + i) * PAGE_SIZE), 1), want[i]);
	}
	for (unsigned i = 0; i < ARRAY_LEN(want); i++) /* no more ranges than fit: what is between is lost */
		pmm_reserve(PHYS((FROM + 2ull * i) * PAGE_SIZE), 1);
	for (unsigned i = 0; i < ARRAY_LEN(want); i++)
		assert_true(pmm_is_reserved(PHYS((FROM + 2ull * i) * PAGE_SIZE), 1));
}

/* With no room for another range, what lies between the two closest is lost, and nothing else. */
static void test_reserved_closest(void **state)
{
	(void)state;
	enum { RANGES = 100, ROOM = 64, GAPS = 101 }; /* a prime: the multiples of 37 are all different */
	static uint64_t gap_at[RANGES];
	static unsigned gap[RANGES];
	uint64_t at = 1 << 20;
	pmm_reserve(PHYS(0), at); /* one range, whatever was reserved before */
	for (unsigned n = 1; n < RANGES; n++) {
		gap_at[n] = at;
		gap[n] = n * 37 % GAPS;
		at += gap[n];
		pmm_reserve(PHYS(at * PAGE_SIZE), 1);
		assert_true(pmm_is_reserved(PHYS(at * PAGE_SIZE), 1));
		at++;
		unsigned closest = n < ROOM ? 0 : 1;
		for (unsigned i = 1; closest && i < n; i++) /* not the new one's */
			if (gap[i] && (!gap[closest] || gap[i] < gap[closest]))
				closest = i;
		gap[closest] = 0;
		for (unsigned i = 1; i <= n; i++)
			assert_int_equal(pmm_is_reserved(PHYS(gap_at[i] * PAGE_SIZE), 1), !gap[i]);
	}
}

/* The second half of the arena comes after its middle was reserved. */
static void test_reserved_first(void **state)
{
	(void)state;
	phys_t got;
	uint64_t base = 0x40000000 + 16 * MB, before = pmm_free_pages();
	pmm_reserve(PHYS(base + 2 * MB), 16);
	pmm_reserve(PHYS(base + 2 * MB + 8 * PAGE_SIZE), 16);
	assert_false(pmm_is_free(PHYS(base), 16));
	assert_int_equal(pmm_add(PHYS(base), 4 * MB / PAGE_SIZE), SL_OK);
	assert_int_equal(pmm_free_pages() - before, 4 * MB / PAGE_SIZE - 24);
	assert_true(pmm_is_free(PHYS(base), 16));
	assert_false(pmm_is_free(PHYS(base + 2 * MB), 1));
	while (pmm_alloc(1, PAGE_SIZE, &got) == SL_OK)
		assert_false(got.v >= base + 2 * MB && got.v < base + 2 * MB + 24 * PAGE_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_blocks), cmocka_unit_test(test_prefer),
					   cmocka_unit_test(test_reserved_first),
					   cmocka_unit_test(test_reserved),
					   cmocka_unit_test(test_reserved_closest)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
