/* The window of device addresses below 4 GiB: free memory that no register lies over, and no part of it is
 * used otherwise. */
#include "apps/bringup/dma_window.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"
#include "tests/unit/test.h"

#define RAM 0x40000000ull /* four windows */

static uint64_t chosen(void)
{
	uint64_t base = 1;
	return window_choose_low(&pci, &base) == SL_OK ? base : 0;
}

static void test_low(void **state)
{
	pci_setup(state);
	assert_int_equal(chosen(), RAM + 3 * WINDOW_SIZE);
	struct cm_fn *f = cm_add(&m, NULL, 0, 0, 0x08, 0x00101b36, 0x010802);
	cm_bar(f, 0x10, 0x4000, 0x4, RAM + 4 * WINDOW_SIZE - 0x4000);
	scan_all();
	assert_int_equal(chosen(), RAM + 2 * WINDOW_SIZE); /* a register lies over the last of them */
	pmm_reserve(PHYS(RAM + 3 * WINDOW_SIZE - PAGE_SIZE), 1);
	assert_int_equal(chosen(), RAM + WINDOW_SIZE);
	pmm_reserve(PHYS(RAM + WINDOW_SIZE), 1);
	assert_int_equal(chosen(), 0); /* what was found on the bus lies in the first */
	pci_teardown(state);
}

int main(void)
{
	if (pmm_add(support_ram(4 * WINDOW_SIZE, RAM), 4 * WINDOW_SIZE / PAGE_SIZE) != SL_OK)
		return 1;
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_low)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
