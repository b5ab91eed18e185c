#include <string.h>
#include "iommu/ivrs/unity.h"
#include "kernel/pmm.h"
#include "tests/unit/support_tables.h"
#include "tests/unit/test.h"

static const struct {
	uint16_t rid;
	uint32_t class;
} there[] = {
	{0x0000, 0x060000}, {0x0002, 0x080600}, {0x0100, 0x010802}, {0x0101, 0x0c0330}, {0x0300, 0x020000}};

static bool get(void *ctx, unsigned i, bdf_t *fn, uint32_t *class)
{
	(void)ctx;
	if (i >= ARRAY_LEN(there))
		return false;
	*fn = (bdf_t){0, there[i].rid};
	*class = there[i].class;
	return true;
}

static const char *name(void *ctx, bdf_t fn)
{
	(void)ctx;
	return fn.rid == 0x0100 ? "drive" : NULL;
}

static const struct table_functions functions = {NULL, get};
static const struct boot_region map[] = {
	{.base = 0, .pages = 0x40000, .type = MEM_FREE},
	{.base = 0x7d900000, .pages = 0x100, .type = MEM_RESERVED},
};

static unsigned ledger(const char *table, const struct boot_region *region, uint32_t regions,
		       struct unity_range *out, unsigned max)
{
	static struct own o;
	struct ivrs t;
	const struct unity_context known = {&functions, {region, regions}, name, NULL};
	own_read("tests/data/ivrs", &o, table);
	assert_int_equal(ivrs_open((struct span){o.bytes, o.n}, &t), SL_OK);
	return unity_ledger(&t, &known, out, max);
}

/* Each IVMD of the table: for whom, in what memory, and whether those can be assigned. */
static void test_ledger(void **state)
{
	(void)state;
	static const struct {
		enum unity_verdict verdict;
		unsigned functions;
		const char *text;
	} want[] = {
		{UNITY_SYSTEM_RAM, 3,
		 "IVMD 0 0x10000000..0x4fffffff (1048576 KiB, free memory and other) for 3 functions from 0000:01:00.0 on: cannot be assigned: this memory belongs to the system"},
		{UNITY_KEPT, 3,
		 "IVMD 1 0xfee00000..0xfee00fff (4 KiB, not in the map) for 3 functions from 0000:01:00.0 on: cannot be assigned: the firmware may use this memory through it at any time"},
		{UNITY_KEPT, 3, NULL},
		{UNITY_KEPT, 3,
		 "IVMD 3 0x7d900000..0x7d900fff (4 KiB, reserved) excluded for 3 functions from 0000:01:00.0 on: cannot be assigned: the firmware may use this memory through it at any time"},
		{UNITY_NOWHERE, 0, NULL},
		{UNITY_NO_MEMORY, 0, "IVMD 5 0x0..0x0 (no memory) for no function: it describes no memory"},
		{UNITY_KEPT, 1,
		 "IVMD 6 0x7d903000..0x7d903fff (4 KiB, reserved) for 0000:01:00.0 drive: cannot be assigned: the firmware may use this memory through it at any time"},
		{UNITY_NO_MEMORY, 3, NULL},
		{UNITY_KEPT, 1, NULL},
		{UNITY_NO_MEMORY, 1, NULL},
		{UNITY_KEPT, 1,
		 "IVMD 10 0x7d9ff000..0x7da00fff (8 KiB, reserved and other) for 0000:01:00.0 drive: cannot be assigned: the firmware may use this memory through it at any time"},
	};
	struct unity_range r[16];
	char text[300];
	assert_int_equal(ledger("memory.txt", map, ARRAY_LEN(map), r, 16), ARRAY_LEN(want));
	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		assert_int_equal(r[i].number, i);
		assert_int_equal(r[i].verdict, want[i].verdict);
		assert_int_equal(r[i].functions, want[i].functions);
		assert_int_equal(unity_is_kept(&r[i]),
				 want[i].verdict == UNITY_KEPT || want[i].verdict == UNITY_SYSTEM_RAM);
		unity_text(&r[i], text, sizeof(text));
		if (want[i].text)
			assert_string_equal(text, want[i].text);
	}
	memset(r, 0x55, sizeof(r));
	assert_int_equal(ledger("memory.txt", map, ARRAY_LEN(map), r, 3), ARRAY_LEN(want));
	assert_int_equal(r[3].number, 0x55555555); /* no room, not written */
}

/* Without a memory map the lint makes no finding about memory; ranges that overlap name each other. */
static void test_unknown_memory(void **state)
{
	(void)state;
	struct unity_range r[4];
	char text[300];
	assert_int_equal(ledger("overlap.txt", NULL, 0, r, 4), 3);
	assert_true(r[0].overlaps == 1 && r[1].overlaps == 0 && r[2].overlaps == -1);
	unity_text(&r[0], text, sizeof(text));
	assert_string_equal(
		text,
		"IVMD 0 0x7d900000..0x7d901fff (8 KiB, memory type not known) for 0000:01:00.0 drive: cannot be assigned: the firmware may use this memory through it at any time; overlaps IVMD 1");
	assert_int_equal(ledger("one-10h.txt", NULL, 0, r, 4), 0);
}

/* The memory of every IVMD is kept out of the page allocator, whole pages; what describes none, and what is
 * reserved anyway, costs no page. */
static void test_reserve(void **state)
{
	(void)state;
	static struct own o;
	static const struct boot_region all[] = {{.base = 0, .pages = 0x40000, .type = MEM_FREE}};
	const struct table_memory_map memory = {all, 1};
	struct span table;
	own_read("tests/data/ivrs", &o, "overlap.txt");
	table = (struct span){o.bytes, o.n};
	assert_int_equal(unity_reserve(span_sub(table, 0, o.n - 1), &memory), 0);
	assert_false(pmm_is_reserved(PHYS(0x7d900000), 1));
	assert_int_equal(unity_reserve(table, &memory), 0); /* no RAM of the map is there */
	const struct boot_region ram[] = {{.base = 0, .pages = 0x40000, .type = MEM_FREE},
					  {.base = 0x7d800000, .pages = 0x102, .type = MEM_FREE}};
	const struct table_memory_map more = {ram, 2};
	assert_int_equal(unity_reserve(table, &more), 3); /* two, of which one is named twice */
	assert_true(pmm_is_reserved(PHYS(0x7d900000), 3));
	assert_false(pmm_is_reserved(PHYS(0x7d900000), 4));
	assert_false(pmm_is_reserved(PHYS(0x7d8ff000), 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ledger), cmocka_unit_test(test_reserve),
					   cmocka_unit_test(test_unknown_memory)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
