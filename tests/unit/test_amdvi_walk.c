/* The walker of AMD tables on tables that the program never makes, and what it says in words. */
#include <string.h>
#include "iommu/amdvi/irwalk.h"
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
	assert_true(w.size == PAGE_SIZE && w.code == 2);
	dte[0] |= RW;
	assert_int_equal(walk(8), AMDVI_PASS);
	assert_true(w.read && w.write && !w.code);
}

/* Bits that have to be 0, and those beside them that need not be. */
static void test_entry_bits(void **state)
{
	(void)state;
	static const struct {
		unsigned q;
		uint64_t bit;
	} bad[] = {{0, 4},          {0, 1ull << 63}, {0, 1ull << 6},  {0, 1ull << 54}, {2, 1ull << 53},
		   {2, 1ull << 52}, {3, 1},          {3, 1ull << 14}, {0, LVL(4)},     {0, 1ull << 55}},
	  good[] = {{0, 1ull << 7},  {0, 1ull << 8},  {0, 1ull << 52}, {0, 1ull << 53},
		    {1, 1ull << 16}, {2, 1ull << 51}, {2, 1ull << 54}, {3, 1ull << 15}};
	for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
		start();
		dte[good[i].q] |= good[i].bit;
		assert_int_equal(walk(8), AMDVI_MAPPED);
		assert_true(w.domain == 7 && w.phys.v == RAM_BASE + 8);
	}
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		start();
		dte[bad[i].q] |= bad[i].bit; /* LVL(4): mode 7 */
		assert_int_equal(walk(8), AMDVI_DTE_BAD);
		assert_int_equal(w.code, 1);
	}
}

/* The table's place and length. */
static void test_device_table(void **state)
{
	(void)state;
	start();
	unit.devtab = 0x1000;
	assert_int_equal(walk(8), AMDVI_DTE_READ);
	assert_int_equal(w.code, 3);
	struct amdvi_walk_mem mem = {NULL, read_ram};
	start();
	amdvi_walk(&unit, &mem, (bdf_t){0, 0x80}, IOVA(0), &w);
	assert_int_equal(w.stop, AMDVI_DTE_BEYOND);
	amdvi_walk_text(&w, text, 0);
	start(); /* of a register whose other bits are set */
	unit.devtab = at(3) | ~BITS(51, 0) | BITS(11, 9);
	assert_int_equal(walk(8), AMDVI_MAPPED);
	unit.control = ~1ull;
	assert_int_equal(walk(8), AMDVI_OFF);
	for (unsigned size = 0; size <= 511; size += 511) {
		start();
		unit.devtab = 0x1000 | size;
		unsigned last = 128 * (size + 1) - 1;
		amdvi_walk(&unit, &mem, (bdf_t){0, (uint16_t)last}, IOVA(0), &w);
		assert_int_equal(w.stop, AMDVI_DTE_READ);
		assert_int_equal(w.dte_at, 0x1000 + 32 * last);
		amdvi_walk(&unit, &mem, (bdf_t){0, (uint16_t)(last + 1)}, IOVA(0), &w);
		assert_int_equal(w.stop, size ? AMDVI_DTE_READ : AMDVI_DTE_BEYOND);
	}
}

static void test_entries(void **state)
{
	(void)state;
	start();
	assert_int_equal(walk(1ull << 39), AMDVI_WIDTH);
	assert_true(w.code == 2 && strstr(text, "address beyond the width"));
	assert_int_equal(walk((1ull << 39) - 1), AMDVI_EMPTY);
	assert_non_null(strstr(text, "L3[511] empty"));
	assert_int_equal(walk(0x5000), AMDVI_EMPTY);
	assert_true(strstr(text, "L1[5] empty") && w.size == PAGE_SIZE);
	assert_int_equal(walk(PAGE_1G), AMDVI_EMPTY);
	assert_int_equal(w.size, PAGE_1G);
	set(2, 1, 2 | RW | RAM_BASE); /* not present */
	assert_int_equal(walk(PAGE_SIZE), AMDVI_EMPTY);
	set(2, 1, PR | RW | LVL(1) | at(2)); /* below the last level there is none */
	assert_int_equal(walk(PAGE_SIZE), AMDVI_BAD);
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
	assert_int_equal(walk(PAGE_1G - PAGE_2M), AMDVI_SKIPPED);
	assert_int_equal(walk(PAGE_1G / 2), AMDVI_SKIPPED);
	set(0, 1, PR | RW | LVL(1) | at(2)); /* the bits above and below those may be anything */
	set(2, 511, PR | RW | RAM_BASE);
	assert_int_equal(walk(PAGE_1G + PAGE_2M - 1), AMDVI_MAPPED);
	assert_true(w.phys.v == RAM_BASE + 0xfff);
}

/* Six levels translate all 64 bits of an address; the bits of the top one are only 7. */
static void test_six_levels(void **state)
{
	(void)state;
	start();
	dte[0] = V | TV | LVL(6) | RW | at(0);
	set(0, 0x7f, PR | RW | LVL(1) | at(2));
	set(0, 0, PR | RW | LVL(5) | at(1));
	set(1, 0, PR | RW | RAM_BASE);
	assert_int_equal(walk(0x7full << 57), AMDVI_MAPPED);
	assert_int_equal(w.step[0].index, 0x7f);
	assert_int_equal(walk(0x7full << 57 | 1ull << 56), AMDVI_SKIPPED);
	assert_int_equal(walk(123), AMDVI_MAPPED); /* a page of level 5 */
	assert_true(w.size == 1ull << 48 && w.phys.v == 123 && w.steps == 2);
	set(0, 0, PR | RW); /* of level 6 there is none */
	assert_int_equal(walk(0), AMDVI_BAD);
	dte[0] = V | TV | LVL(5) | RW | at(1);
	assert_int_equal(walk(1ull << 57), AMDVI_WIDTH);
	assert_int_equal(walk((1ull << 48) - 1), AMDVI_MAPPED);
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
	assert_int_equal(w.code, 2);
	/* The least and the largest of each level: as many ones, then a zero. */
	static const struct {
		unsigned level, ones;
	} rows[] = {{1, 0}, {1, 8}, {2, 9}, {2, 17}, {3, 18}, {3, 26}};
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned level = rows[i].level, ones = rows[i].ones, edge = i % 2 ? ones + 1 : ones - 1;
		uint64_t size = 8192ull << ones;
		start();
		set(3 - level, 0, PR | RW | LVL(7) | (1ull << 50) | (size / 2 - PAGE_SIZE));
		assert_int_equal(walk(0xabc), AMDVI_MAPPED);
		assert_true(w.size == size && w.phys.v == (1ull << 50 | 0xabc));
		if (i) {
			set(3 - level, 0, PR | RW | LVL(7) | (1ull << 50) | ((4096ull << edge) - PAGE_SIZE));
			assert_int_equal(walk(0xabc), AMDVI_BAD);
		}
	}
}

/* What a walk says, whole. */
static void test_texts(void **state)
{
	(void)state;
	start();
	set(2, 0, PR | 2 * R | RAM_BASE);
	assert_int_equal(walk(8), AMDVI_MAPPED);
	assert_string_equal(text, "device entry ok (domain 7, 3-level), L3 ok, L2 ok, L1[0] page of 4 KiB at "
				  "0x40000008, write only");
	assert_int_equal(walk(PAGE_2M), AMDVI_EMPTY);
	assert_string_equal(text, "device entry ok (domain 7, 3-level), L3 ok, L2[1] empty");
	set(1, 0, PR | RW | LVL(1) | 0x1000);
	assert_int_equal(walk(8), AMDVI_READ);
	assert_string_equal(text, "device entry ok (domain 7, 3-level), L3 ok, L2 ok, table cannot be read");
	set(0, 0, 0);
	assert_int_equal(walk(8), AMDVI_EMPTY);
	assert_string_equal(text, "device entry ok (domain 7, 3-level), L3[0] empty");
	assert_int_equal(walk(1ull << 40), AMDVI_WIDTH);
	assert_string_equal(text, "device entry ok (domain 7, 3-level), address beyond the width");
	unit.devtab = 0x1000;
	assert_int_equal(walk(8), AMDVI_DTE_READ);
	assert_string_equal(text, "device entry cannot be read");
	dte[0] = V | TV | 2 * R;
	unit.devtab = at(3);
	assert_int_equal(walk(8), AMDVI_PASS);
	assert_string_equal(text, "device entry ok (domain 7, 0-level), untranslated, write only");
}

/* ---- interrupts */

#define GA     (1ull << 17)
#define XT     (1ull << 50)
#define IV     1ull
#define REMAP  (2ull << 60)
#define LEN(n) ((uint64_t)(n) << 1)
#define OTHERS (BITS(63, 62) | BITS(59, 54) | BIT(5)) /* bits of q[2] beside ours */

static struct amdvi_irwalk ir;

static enum amdvi_irwalk_stop interrupt(unsigned index)
{
	struct amdvi_walk_mem mem = {NULL, read_ram};
	amdvi_irwalk(&unit, &mem, FN.rid, index, &ir);
	amdvi_irwalk_text(&ir, text, sizeof text);
	return ir.stop;
}

/* Four entries, in a table that is aligned to 64 bytes; the device's entry has all bits that mean something
 * else. */
static void start_interrupts(bool wide)
{
	start();
	unit.control = wide ? 1 | GA : 1;
	dte[2] = IV | REMAP | LEN(2) | OTHERS | (at(0) + 64);
	memset(table[0], 0, PAGE_SIZE);
}

static void test_narrow(void **state)
{
	(void)state;
	static const unsigned bad[] = {24, 31}, good[] = {1, 5};
	uint32_t *e = (uint32_t *)(void *)(table[0] + 8);
	start_interrupts(false);
	unit.control |= ~(1ull | GA); /* bits that mean something else */
	e[1] = 1 | 1 << 2 | 1 << 6 | 0xa7 << 8 | 0x5c << 16;
	e[2] = 1 | 0x11 << 8 | 0x22 << 16;
	e[0] = 2;
	assert_int_equal(interrupt(0), AMDVI_IR_EMPTY);
	assert_int_equal(interrupt(1), AMDVI_IR_DELIVERED);
	assert_true(ir.vector == 0x5c && ir.dest == 0xa7 && ir.logical && ir.delivery == 1);
	assert_string_equal(text, "entry 1 ok, vector 0x5c to logical APIC 167");
	assert_int_equal(interrupt(2), AMDVI_IR_DELIVERED);
	assert_true(ir.vector == 0x22 && ir.dest == 0x11 && !ir.logical && !ir.delivery);
	assert_int_equal(interrupt(3), AMDVI_IR_EMPTY);
	assert_int_equal(interrupt(4), AMDVI_IR_INDEX);
	for (unsigned i = 0; i < 2; i++) {
		e[0] = (uint32_t)(1 | BIT(bad[i]));
		assert_int_equal(interrupt(0), AMDVI_IR_BAD);
		e[0] = (uint32_t)(1 | BIT(good[i]));
		assert_int_equal(interrupt(0), AMDVI_IR_DELIVERED);
	}
	e[0] = 1 | 2 << 2;
	assert_int_equal(interrupt(0), AMDVI_IR_BAD);
	e[0] = 1 | 4 << 2;
	assert_int_equal(interrupt(0), AMDVI_IR_BAD);
	e[0] = 1 | 1 << 7;
	assert_int_equal(interrupt(0), AMDVI_IR_GUEST);
}

static void test_wide(void **state)
{
	(void)state;
	static const struct {
		unsigned word, bit;
	} bad[] = {{0, 32}, {0, 63}, {1, 8}, {1, 55}}, good[] = {{0, 1}, {0, 5}, {0, 31}, {1, 56}};
	uint64_t *e = table[0] + 8;
	start_interrupts(true);
	e[4] = 1 | 1 << 2 | 1 << 6 | 0xabcdef00;
	e[5] = 0x5c | 0x12ull << 56;
	assert_int_equal(interrupt(2), AMDVI_IR_DELIVERED);
	assert_true(ir.vector == 0x5c && ir.dest == 0xef && ir.logical && ir.delivery == 1);
	unit.control |= XT << 1 | XT >> 1;
	assert_int_equal(interrupt(2), AMDVI_IR_DELIVERED);
	assert_int_equal(ir.dest, 0xef);
	unit.control |= XT;
	assert_int_equal(interrupt(2), AMDVI_IR_DELIVERED);
	assert_int_equal(ir.dest, 0x12abcdef);
	for (unsigned i = 0; i < 4; i++) {
		e[0] = 1, e[1] = 0;
		e[bad[i].word] |= BIT(bad[i].bit);
		assert_int_equal(interrupt(0), AMDVI_IR_BAD);
		e[0] = 1, e[1] = 0;
		e[good[i].word] |= BIT(good[i].bit);
		assert_int_equal(interrupt(0), AMDVI_IR_DELIVERED);
	}
	assert_int_equal(interrupt(3), AMDVI_IR_EMPTY);
	assert_string_equal(text, "entry 3 is empty");
	assert_int_equal(interrupt(4), AMDVI_IR_INDEX);
	assert_string_equal(text, "entry 4 is beyond the table");
}

/* What the device's entry says. */
static void test_interrupt_control(void **state)
{
	(void)state;
	start_interrupts(false);
	unit.control = 0;
	assert_int_equal(interrupt(0), AMDVI_IR_PASSED);
	start_interrupts(false);
	dte[2] = (dte[2] & ~IV) | LEN(1);
	assert_int_equal(interrupt(0), AMDVI_IR_PASSED);
	for (unsigned control = 0; control < 4; control++) {
		static const enum amdvi_irwalk_stop want[] = {AMDVI_IR_REFUSED, AMDVI_IR_PASSED,
							      AMDVI_IR_EMPTY, AMDVI_IR_BAD_DTE};
		dte[2] = IV | (uint64_t)control << 60 | at(0);
		assert_int_equal(interrupt(0), want[control]);
	}
	for (unsigned len = 10; len < 16; len++) {
		dte[2] = IV | REMAP | LEN(len) | at(0);
		assert_int_equal(interrupt(0), len < 12 ? AMDVI_IR_EMPTY : AMDVI_IR_BAD_DTE);
		assert_int_equal(ir.entries, len < 12 ? 1 << len : 0);
	}
	dte[2] = IV | REMAP | 0x1000;
	assert_int_equal(interrupt(0), AMDVI_IR_READ);
	assert_string_equal(text, "entry 0 cannot be read");
	struct amdvi_walk_mem mem = {NULL, read_ram};
	for (unsigned size = 0; size < 2; size++) {
		unit = (struct amdvi_walk_unit){1, 0x1000 | size};
		amdvi_irwalk(&unit, &mem, (uint16_t)(128 * (size + 1)), 0, &ir);
		assert_int_equal(ir.stop, AMDVI_IR_READ);
	}
	unit.devtab = (at(3) - PAGE_SIZE) | 1; /* two pages: the last id of the second is read */
	table[3][4 * 0x7f + 2] = IV;
	amdvi_irwalk(&unit, &mem, 0xff, 0, &ir);
	assert_int_equal(ir.stop, AMDVI_IR_REFUSED);
	unit.devtab = at(3);
	amdvi_irwalk(&unit, &mem, 0x80, 0, &ir);
	assert_int_equal(ir.stop, AMDVI_IR_READ);
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
		cmocka_unit_test(test_entry_bits),  cmocka_unit_test(test_device_table),
		cmocka_unit_test(test_pages),       cmocka_unit_test(test_six_levels),
		cmocka_unit_test(test_texts),       cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_wide),        cmocka_unit_test(test_interrupt_control),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
