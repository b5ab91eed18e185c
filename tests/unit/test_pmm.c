#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "kernel/pmm.h"
#include "tests/unit/support.h"

#define MB (PAGE_2M / 2)

static void test_blocks(void **state)
{
	(void)state;
	phys_t ram = support_ram(16 * MB, 0x40000000);
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

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_blocks)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
