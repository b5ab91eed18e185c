/* What the units read is guarded: every table that can be reached from their registers, to the last byte. */
#include <string.h>
#include "iommu/vtd/backend.h"
#include "apps/proof/guard.h"
#include "apps/vf/nvme.h"
#include "apps/machine.h"
#include "kernel/pmm.h"
#include "tests/unit/support_guard.h"
#include "tests/unit/test.h"

enum {
	ROOT,
	CONTEXT_A,
	CONTEXT_B,
	CONTEXT_C,
	TOP,
	L3,
	L2,
	L1,
	TOP3,
	L2B,
	TOP5,
	L4,
	LONE,
	INTR0,
	INTR1,
	OTHER_ROOT,
	FREE,
	PAGES
};

static struct machine m;
static uint64_t free_at_first;
static struct vtd_regs_seen unit[3];

enum sl_err vtd_read_registers(const struct iommu *mmu, unsigned i, struct vtd_regs_seen *out)
{
	assert_ptr_equal(mmu, &m.iommu);
	*out = unit[i];
	return i == 2 ? SL_DEVICE : SL_OK;
}

/* Two buses; a table of four levels with a large page beside the next level, one of three levels with the
 * same table under two functions, one of five, and pass-through; a second unit without interrupt remapping; a
 * third that is not mapped. What follows each table in memory would lead on, if it belonged to the table. */
static int start(void **state)
{
	(void)state;
	memset(&m, 0, sizeof m);
	memset(unit, 0, sizeof unit);
	m.translating = true;
	m.iommu.unit_count = 3;
	for (unsigned i = 0; i < PAGES; i++) {
		memset(entry(i, 0), 0, PAGE_SIZE);
		if (i != INTR0) {
			*entry(i, 512) = page[FREE] | 1;
			*entry(i, 513) = 1;
		}
	}
	unit[0] = (struct vtd_regs_seen){
		.rtaddr = page[ROOT], .gsts = 1u << 31 | 1u << 25, .irta = page[INTR0] | 8};
	unit[1] = (struct vtd_regs_seen){.rtaddr = page[OTHER_ROOT], .gsts = 1u << 31};
	unit[2].rtaddr = page[FREE];
	*entry(ROOT, 0) = page[CONTEXT_A] | 1;
	*entry(ROOT, 2 * 4) = page[CONTEXT_C] | 1;
	*entry(ROOT, 2 * 255) = page[CONTEXT_B] | 1;
	*entry(ROOT, 2 * 7) = page[FREE]; /* not present */
	*entry(CONTEXT_A, 0) = page[TOP] | 1;
	*entry(CONTEXT_A, 1) = 2 | 5 << 8;
	*entry(CONTEXT_A, 2 * 9) = page[FREE] | 2 << 2 | 1; /* pass-through */
	*entry(CONTEXT_A, 2 * 9 + 1) = 2;
	*entry(CONTEXT_B, 2 * 255) = page[TOP3] | 1;
	*entry(CONTEXT_B, 2 * 255 + 1) = 1;
	*entry(CONTEXT_B, 2 * 3) = page[TOP] | 1;
	*entry(CONTEXT_B, 2 * 3 + 1) = 2;
	*entry(CONTEXT_B, 2 * 4) = page[TOP5] | 1; /* five levels */
	*entry(CONTEXT_B, 2 * 4 + 1) = 3;
	*entry(CONTEXT_B, 2 * 5) = page[LONE] | 1;
	*entry(CONTEXT_B, 2 * 5 + 1) = 1;
	*entry(CONTEXT_B, 2 * 6) = page[FREE] | 1; /* a width that there is not */
	*entry(CONTEXT_B, 2 * 6 + 1) = 4;
	*entry(TOP5, 0) = page[L4] | 1;
	*entry(TOP, 511) = page[L3] | 3;
	*entry(TOP, 5) = page[FREE]; /* neither read nor write */
	*entry(L3, 0) = page[L2] | 1;
	*entry(L2, 1) = page[L1] | 2;
	*entry(L2, 2) = page[FREE] | 1 << 7 | 3; /* a large page: memory, no table */
	*entry(L1, 8) = page[FREE] | 3;          /* a page: memory */
	*entry(TOP3, 1) = page[L2B] | 3;
	guard_none();
	guard_tables(&m);
	guard_take();
	return 0;
}

static void test_all_tables(void **state)
{
	(void)state;
	assert_true(guard_whole());
	for (unsigned p = 0; p < FREE; p++)
		for (unsigned byte = 0; byte < PAGE_SIZE; byte += 819)
			if (!notices(p, byte))
				fail_msg("page %u, byte %u", p, byte);
	assert_true(notices(INTR1, PAGE_SIZE - 1) && notices(L1, PAGE_SIZE - 1));
	assert_false(notices(FREE, 0));
	assert_false(notices(INTR1, PAGE_SIZE)); /* its table ends there */
}

static void test_without_translation(void **state)
{
	(void)state;
	m.translating = false;
	guard_none();
	guard_tables(&m);
	guard_take();
	assert_false(notices(ROOT, 0));
}

/* Interrupts that are not remapped have no table. */
static void test_no_remapping(void **state)
{
	(void)state;
	unit[0].gsts &= ~(1u << 25);
	guard_none();
	guard_tables(&m);
	guard_take();
	assert_false(notices(INTR0, 0));
	assert_true(notices(L1, 0));
}

/* Functions of devices from 16 on are in the other half of a root entry; a directory of 512 entries; tables
 * of both stages, and pass-through. What a legacy entry would be leads nowhere. */
static void test_scalable(void **state)
{
	static const uint8_t tables[] = {ROOT, CONTEXT_B, INTR0, TOP3, TOP,       L3,         L2,
					 L1,   TOP5,      L4,    L2B,  CONTEXT_A, OTHER_ROOT, LONE};
	(void)state;
	unit[0] = (struct vtd_regs_seen){.rtaddr = page[ROOT] | 1 << 10, .gsts = 1u << 31};
	unit[1].rtaddr = 0;
	for (unsigned i = 0; i < PAGES; i++)
		if (i != L3 && i != L2 && i != L1 && i != TOP)
			memset(entry(i, 0), 0, PAGE_SIZE);
	*entry(ROOT, 2 * 7 + 1) = page[CONTEXT_B] | 1;
	*entry(CONTEXT_B, 4 * 127) = page[INTR0] | 2 << 9 | 1;
	*entry(CONTEXT_B, 4 * 3) = page[FREE] | 2 << 9; /* not present */
	*entry(INTR0, 0) = page[LONE] | 1;
	*entry(INTR0, 511) = page[TOP3] | 1;
	*entry(INTR0, 512) = page[FREE] | 1; /* behind the directory */
	*entry(INTR0, 2) = page[FREE];
	*entry(TOP3, 8 * 63) = page[TOP] | 2 << 6 | 2 << 2 | 1; /* second stage, four levels */
	*entry(TOP3, 8 * 1) = page[FREE] | 1 << 6 | 1;          /* first stage, five */
	*entry(TOP3, 8 * 1 + 2) = page[TOP5] | 1 << 2;
	*entry(TOP3, 8 * 2) = page[FREE] | 4 << 6 | 2 << 2 | 1; /* pass-through */
	*entry(TOP3, 8 * 3) = page[FREE] | 2 << 6 | 2 << 2;
	*entry(TOP3, 512) = page[FREE] | 2 << 6 | 2 << 2 | 1; /* behind the table */
	*entry(TOP5, 511) = page[L4] | 3;
	*entry(L4, 1) = page[L2B] | 3;
	*entry(L2B, 2) = page[CONTEXT_A] | 3;
	*entry(CONTEXT_A, 3) = page[OTHER_ROOT] | 3; /* the last of five levels: what it leads to is memory */
	*entry(OTHER_ROOT, 4) = page[FREE] | 3;
	guard_none();
	guard_tables(&m);
	guard_take();
	for (unsigned i = 0; i < ARRAY_LEN(tables); i++)
		if (!notices(tables[i], 0) || !notices(tables[i], PAGE_SIZE - 1))
			fail_msg("page %u", tables[i]);
	assert_false(notices(FREE, 0) || notices(INTR0, PAGE_SIZE));
}

static void test_copies_are_given_back(void **state)
{
	(void)state;
	guard_free();
	assert_int_equal(pmm_free_pages(), free_at_first);
	for (unsigned i = 0; i < 2; i++) { /* what is guarded already needs no copy */
		guard_add(entry(FREE, 0), PAGE_SIZE);
		assert_int_equal(pmm_free_pages(), free_at_first - 1);
	}
	guard_free();
	start(state);
	assert_true(pmm_free_pages() < free_at_first);
	guard_free();
	assert_int_equal(pmm_free_pages(), free_at_first);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {T(test_all_tables), T(test_without_translation),
					   T(test_no_remapping), T(test_scalable),
					   T(test_copies_are_given_back)};
	if (pages_make(PAGES, INTR0)) /* one table of 512 entries */
		return 1;
	free_at_first = pmm_free_pages();
	return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
