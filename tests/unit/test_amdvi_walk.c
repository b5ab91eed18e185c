/* The walker of AMD tables on tables that the program never makes, and what it says in words. */
#include <string.h>
#include "iommu/amdvi/walk.h"
#include "tests/unit/support_amd.h"

#define V      1ull
#define TV     2ull
#define RW     (3ull << 61)
#define R      (1ull << 61)
#define FN     ((bdf_t){0, 0x0042})
#define PR     1ull
#define LVL(n) ((uint64_t)(n) << 9)

static uint64_t *dte, *table[4];
static struct amdvi_walk_unit unit;

static bool read_ram(void *ctx, uint64_t phys, uint64_t *v)
{
	(void)ctx;
	if (phys < RAM_BASE || phys - RAM_BASE >= RAM_BYTES)
		return false;
	*v = *(const uint64_t *)phys_va(PHYS(phys));
	return true;
}

static uint64_t at(unsigned i)
{
	return va_phys(table[i]).v;
}

static void set(unsigned i, unsigned index, uint64_t v)
{
	table[i][index] = v;
}

/* Levels 3, 2, 1 for address 0; a page at RAM_BASE. */
static void start(void)
{
	for (unsigned i = 0; i < ARRAY_LEN(table); i++)
		memset(table[i], 0, PAGE_SIZE);
	unit = (struct amdvi_walk_unit){1, at(3)};
	dte = table[3] + 4 * 0x42;
	dte[0] = V | TV | LVL(3) | RW | at(0);
	dte[1] = 7;
	set(0, 0, PR | RW | LVL(2) | at(1));
	set(1, 0, PR | RW | LVL(1) | at(2));
	set(2, 0, PR | RW | RAM_BASE);
}

static struct amdvi_walk w;
static char text[160];

static enum amdvi_walk_stop walk(uint64_t iova)
{
	struct amdvi_walk_mem mem = {NULL, read_ram};
	amdvi_walk(&unit, &mem, FN, IOVA(iova), &w);
	amdvi_walk_text(&w, text, sizeof text);
	return w.stop;
}

static void test_permissions(void **state)
{
	(void)state;
	uint64_t *const place[] = {table[0], table[1], table[2]};
	start();
	assert_int_equal(walk(8), AMDVI_MAPPED);
	assert_true(w.read && w.write && w.phys.v == RAM_BASE + 8 && !w.code && w.domain == 7);
	assert_string_equal(text, "device entry ok (domain 7, 3-level), L3 ok, L2 ok, L1[0] page of 4 KiB at "
				  "0x40000008, read and write");
	for (unsigned i = 0; i < 3; i++) { /* anded over the levels */
		start();
		place[i][0] &= ~RW;
		place[i][0] |= R;
		assert_int_equal(walk(8), AMDVI_MAPPED);
		assert_true(w.read && !w.write && w.code == 2);
	}
	start();
	dte[0] = (dte[0] & ~RW) | R;
	assert_int_equal(walk(8), AMDVI_MAPPED);
	assert_true(w.read && !w.write);
	set(2, 0, table[2][0] & ~R);
	assert_int_equal(walk(8), AMDVI_DENIED);
	assert_non_null(strstr(text, "L1[0] without permission"));
}

static void test_device_entry(void **state)
{
	(void)state;
	start();
	unit.control = 0;
	assert_int_equal(walk(8), AMDVI_OFF);
	assert_true(w.read && w.write);
	start();
	dte[0] &= ~V;
	assert_int_equal(walk(8), AMDVI_OFF);
	assert_true(w.write && strstr(text, "nothing is translated"));
	start();
	dte[0] &= ~TV;
	assert_int_equal(walk(8), AMDVI_DTE_NO_TABLE);
	assert_true(!w.read && !w.code && strstr(text, "TV is 0"));
	start();
	dte[0] &= ~RW;
	assert_int_equal(walk(8), AMDVI_DTE_NOTHING);
	start();
	dte[0] = V | TV | R;
	assert_int_equal(walk(8), AMDVI_PASS);
	assert_true(w.read && !w.write && w.phys.v == 8 && strstr(text, "untranslated, read only"));
	static const struct {
		unsigned q;
		uint64_t bit;
	} bad[] = {{0, 4}, {0, 1ull << 63}, {2, 1ull << 52}, {3, 1}, {0, LVL(4)}, {0, 1ull << 55}};
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		start();
		dte[bad[i].q] |= bad[i].bit; /* LVL(4): mode 7 */
		assert_int_equal(walk(8), AMDVI_DTE_BAD);
		assert_int_equal(w.code, 1);
	}
	start();
	unit.devtab = 0x1000;
	assert_int_equal(walk(8), AMDVI_DTE_READ);
	assert_int_equal(w.code, 3);
	struct amdvi_walk_mem mem = {NULL, read_ram};
	start();
	amdvi_walk(&unit, &mem, (bdf_t){0, 0x80}, IOVA(0), &w);
	assert_int_equal(w.stop, AMDVI_DTE_BEYOND);
	amdvi_walk_text(&w, text, 0);
}

static void test_entries(void **state)
{
	(void)state;
	start();
	assert_int_equal(walk(1ull << 39), AMDVI_WIDTH);
	assert_int_equal(walk(0x5000), AMDVI_EMPTY);
	assert_true(strstr(text, "L1[5] empty") && w.size == PAGE_SIZE);
	assert_int_equal(walk(PAGE_1G), AMDVI_EMPTY);
	assert_int_equal(w.size, PAGE_1G);
	set(1, 0, PR | RW | LVL(2) | at(2)); /* the level that it is in */
	assert_int_equal(walk(8), AMDVI_BAD);
	set(1, 0, PR | RW | LVL(1) | at(2) | 1ull << 52);
	assert_int_equal(walk(8), AMDVI_BAD);
	assert_non_null(strstr(text, "reserved bits"));
	set(1, 0, PR | RW | LVL(1) | 0x1000);
	assert_int_equal(walk(8), AMDVI_READ);
	assert_true(w.code == 4 && strstr(text, "L2 ok, table cannot be read"));
}

/* An entry may lead over levels; the address bits that it skips must be 0. */
static void test_skip(void **state)
{
	(void)state;
	start();
	set(0, 0, PR | RW | LVL(1) | at(2));
	assert_int_equal(walk(8), AMDVI_MAPPED);
	assert_int_equal(walk(PAGE_2M + 8), AMDVI_SKIPPED);
	assert_non_null(strstr(text, "skips levels"));
}

static void test_pages(void **state)
{
	(void)state;
	start();
	set(1, 0, PR | RW | PAGE_1G); /* 2 MiB */
	assert_int_equal(walk(0x123456), AMDVI_MAPPED);
	assert_true(w.size == PAGE_2M && w.phys.v == PAGE_1G + 0x123456);
	set(0, 0, PR | RW | PAGE_1G);
	assert_int_equal(walk(0x12345678), AMDVI_MAPPED);
	assert_true(w.size == PAGE_1G && w.phys.v == PAGE_1G + 0x12345678);
	start();
	set(2, 3, PR | RW | LVL(7) | PAGE_1G | 0x7000); /* 64 KiB: three ones, then a zero */
	assert_int_equal(walk(0x3008), AMDVI_MAPPED);
	assert_true(w.size == 65536 && w.phys.v == PAGE_1G + 0x3008);
	set(2, 3, PR | RW | LVL(7) | PAGE_1G | 0x1ff000); /* too large for this level */
	assert_int_equal(walk(0x3008), AMDVI_BAD);
}

static int set_up(void **state)
{
	int e = ram_setup(state);
	for (unsigned i = 0; i < ARRAY_LEN(table); i++)
		table[i] = pmm_page();
	(void)mc;
	(void)mmu;
	return e;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_permissions), cmocka_unit_test(test_device_entry),
		cmocka_unit_test(test_entries),     cmocka_unit_test(test_skip),
		cmocka_unit_test(test_pages),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
