/* AMD IOMMU: of each function, its part of the device table, the page tables below its entry and its
 * interrupt table are guarded, to the last byte. */
#include <string.h>
#include "apps/proof/guard.h"
#include "apps/machine.h"
#include "iommu/vtd/backend.h"
#include "kernel/pmm.h"
#include "tests/unit/never.h"
#include "tests/unit/support_guard.h"
#include "tests/unit/test.h"

#define FIRST 0x0102u /* requester ids: both in one page of the device table, */
#define LAST  0x017fu
#define FAR   0x0200u /* in another one, */
#define LOST  0x0300u /* and of no unit */

enum { DEVICES, OTHER_DEVICES, TOP, L2, L1, LONE, INTR0, INTR1, OTHER_INTR, FREE, PAGES };

static struct machine m;
static struct pci_func fn[4];

NEVER(vtd_read_registers(const struct iommu *mmu, unsigned i, struct vtd_regs_seen *out))

enum sl_err iommu_walk(struct iommu *mmu, bdf_t f, iova_t iova, struct iommu_walk *out)
{
	assert_ptr_equal(mmu, &m.iommu);
	assert_int_equal(iova.v, 0);
	if (f.rid == LOST)
		return SL_END;
	memset(out, 0, sizeof *out);
	out->table[WALK_FUNCTION].at = PHYS(page[f.rid == FAR ? OTHER_DEVICES : DEVICES]);
	return SL_OK;
}

/* The first function has three levels, one of which ends early, and an interrupt table of 512 entries; the
 * last one a table of one level and no interrupt table; the third one no page tables, and a small interrupt
 * table. An entry of no function leads on. */
static int start(void **state)
{
	static const uint16_t rid[] = {FIRST, LAST, FAR, LOST};
	(void)state;
	memset(&m, 0, sizeof m);
	m.translating = true;
	m.iommu.amdvi = (void *)&m;
	TAILQ_INIT(&m.pci.funcs);
	for (unsigned i = 0; i < ARRAY_LEN(rid); i++) {
		fn[i] = (struct pci_func){.bdf = {0, rid[i]}};
		TAILQ_INSERT_TAIL(&m.pci.funcs, &fn[i], link);
	}
	for (unsigned i = 0; i < PAGES; i++)
		memset(entry(i, 0), 0, 2 * PAGE_SIZE);
	*entry(TOP, 512) = *entry(L2, 512) = page[FREE] | 1 << 9 | 1; /* behind the table */
	*entry(DEVICES, 4 * 1) = page[FREE] | 1ull << 9 | 3;
	*entry(DEVICES, 4 * 2) = page[TOP] | 3ull << 9 | 3;
	*entry(DEVICES, 4 * 2 + 2) = 2ull << 60 | page[INTR0] | 9 << 1 | 1;
	*entry(DEVICES, 4 * 127) = page[LONE] | 1ull << 9 | 3;
	*entry(DEVICES, 4 * 127 + 2) = 1ull << 60 | page[FREE]; /* interrupts are forwarded */
	*entry(OTHER_DEVICES, 0) = page[FREE] | 3;              /* mode 0: no table */
	*entry(OTHER_DEVICES, 2) = 2ull << 60 | page[OTHER_INTR] | 1;
	*entry(TOP, 511) = page[L2] | 2 << 9 | 1;
	*entry(TOP, 1) = page[FREE] | 2 << 9; /* not present */
	*entry(L2, 0) = page[L1] | 1 << 9 | 1;
	*entry(L2, 1) = page[FREE] | 1;          /* a page: memory */
	*entry(L1, 3) = page[FREE] | 7 << 9 | 1; /* the last level: memory */
	*entry(LONE, 1) = page[FREE] | 1 << 9 | 1;
	guard_none();
	guard_tables(&m);
	guard_take();
	return 0;
}

static void test_all_tables(void **state)
{
	(void)state;
	assert_true(guard_whole());
	for (unsigned p = DEVICES; p < OTHER_INTR; p++)
		for (unsigned byte = 0; byte < PAGE_SIZE; byte += 819)
			if (!notices(p, byte))
				fail_msg("page %u, byte %u", p, byte);
	assert_true(notices(INTR1, PAGE_SIZE - 1) && notices(TOP, PAGE_SIZE - 1));
	assert_true(notices(OTHER_INTR, 0) && notices(OTHER_INTR, 15));
	assert_false(notices(OTHER_INTR, 16));   /* one entry of 16 bytes */
	assert_false(notices(INTR1, PAGE_SIZE)); /* 512 of them */
	assert_false(notices(FREE, 0));
}

static void test_without_translation(void **state)
{
	(void)state;
	m.translating = false;
	guard_none();
	guard_tables(&m);
	guard_take();
	assert_false(notices(DEVICES, 0));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {T(test_all_tables), T(test_without_translation)};
	if (pages_make(PAGES, INTR0)) /* one table of 512 entries */
		return 1;
	return cmocka_run_group_tests_name("guard_amd", tests, NULL, NULL);
}
