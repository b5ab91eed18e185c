/* Which RAM of firmware's memory map is given out, and when. */
#include <string.h>
#include "kernel/pmm.h"
#include "kernel/ram.h"
#include "kernel/paging.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

#define MIB     0x100000ull
#define REGIONS (7 * MIB) /* where the map lies */
#define NO_RAM  (3 * MIB) /* outside the direct map, with the pages behind it */

static struct boot_info boot;

bool paging_in_direct_map(uint64_t phys, uint64_t len)
{
	return phys + len <= NO_RAM || phys >= NO_RAM + MIB;
}

static void region(uint64_t base, uint64_t end, uint32_t type)
{
	struct boot_region *r = (struct boot_region *)phys_va(PHYS(REGIONS)) + boot.region_count++;
	*r = (struct boot_region){.base = base, .pages = (end - base) / PAGE_SIZE, .type = type};
}

/* The whole of a machine's life, as the page allocator keeps what it got. */
static void test_given_out(void **state)
{
	(void)state;
	boot.regions = REGIONS;
	region(0, 0x10000, MEM_FREE); /* below 1 MiB: never */
	region(0x90000, 0xa0000, MEM_BOOT_DATA);
	region(0xf0000, MIB + 0x4000, MEM_FREE); /* 4 pages of it */
	region(MIB + 0x4000, MIB + 0x6000, MEM_BOOT_CODE);
	region(MIB + 0x6000, MIB + 0x9000, MEM_LOADER_DATA);
	region(2 * MIB, 2 * MIB + 0x3000, MEM_BOOT_DATA);
	region(NO_RAM, NO_RAM + MIB, MEM_FREE);
	region(4 * MIB, 4 * MIB, MEM_FREE); /* of no length */
	region(5 * MIB, 5 * MIB + 0x5000, MEM_FREE);
	ram_init(&boot);
	assert_int_equal(pmm_free_pages(), 4 + 5);
	assert_true(pmm_is_free(PHYS(MIB), 4) && pmm_is_free(PHYS(5 * MIB), 5));
	assert_int_equal(ram_boot_pages(), 2 + 3);
	assert_int_equal(pmm_free_pages(), 9); /* counted, not given */
	assert_int_equal(ram_reclaim(), 5);
	assert_int_equal(pmm_free_pages(), 14);
	assert_true(pmm_is_free(PHYS(MIB), 6) && pmm_is_free(PHYS(2 * MIB), 3));
	assert_false(pmm_is_free(PHYS(MIB + 0x6000), 1));
}

static phys_t low(uint64_t pages)
{
	phys_t at = PHYS(0);
	memset(phys_va(PHYS(0)), 0xa5, 0xa0000);
	assert_int_equal(ram_low(pages, &at), SL_OK);
	for (uint64_t i = 0; i < pages * PAGE_SIZE; i++)
		assert_int_equal(((uint8_t *)phys_va(at))[i], 0);
	assert_int_equal(((uint8_t *)phys_va(at))[-1], 0xa5);
	return at;
}

/* Below 640 KiB, the highest that fits, of free memory first; nothing that is reserved. */
static void test_low(void **state)
{
	phys_t at;
	(void)state;
	boot.region_count = 0;
	region(0x1000, 0x9000, MEM_BOOT_CODE);
	region(0x10000, 0x20000, MEM_FREE);
	region(0x30000, 0x33000, MEM_FREE);
	region(0x40000, 0x80000, MEM_BOOT_DATA);
	region(0x90000, 0x9c000, MEM_LOADER_DATA);
	region(0x9e000, 0xc0000, MEM_FREE); /* beyond 640 KiB it is not RAM */
	assert_int_equal(low(2).v, 0x9e000);
	assert_int_equal(low(3).v, 0x30000);
	assert_int_equal(low(4).v, 0x1c000);
	assert_int_equal(low(16).v, 0x10000);
	assert_int_equal(low(17).v, 0x6f000); /* no free memory is so long */
	pmm_reserve(PHYS(0x9f000), 1);
	assert_int_equal(low(1).v, 0x9e000);
	assert_int_equal(low(2).v, 0x31000);
	pmm_reserve(PHYS(0x32000), 1);
	assert_int_equal(low(2).v, 0x30000);
	pmm_reserve(PHYS(0x31000), 1);
	assert_int_equal(low(2).v, 0x1e000);
	assert_int_equal(ram_low(65, &at), SL_NOTFOUND);
	assert_int_equal(low(64).v, 0x40000);
	boot.region_count = 1;
	assert_int_equal(low(8).v, 0x1000);
	assert_int_equal(ram_low(9, &at), SL_NOTFOUND);
	pmm_reserve(PHYS(0x1000), 8);
	assert_int_equal(ram_low(1, &at), SL_NOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_given_out), cmocka_unit_test(test_low)};
	support_ram(8 * MIB, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
