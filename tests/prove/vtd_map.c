/* clang-format off */
/* VT-d tables: a call of vtd_pt_map() for any range, in any state of tables of 2 entries at LEVELS levels
 * CHECKS: what the walker finds for each page is what a plain array says; errors are as promised; all counts stay right; no table is lost or used after it is freed; what has changed is to be invalidated
 * LIKE: tests/prove/vtd_pt.h
 * SOURCES: iommu/vtd/walk.c
 * CASES: 30
 * EDIT: iommu/vtd/pt.c | \tuint64_t *entry = entries_of(pt, level, iova, len), size | \t__CPROVER_assume(level == LEVEL);\n\tlevel = LEVEL;\n\tuint64_t *entry = entries_of(pt, level, iova, len), size | a run for each, so that CBMC knows it
 * UNWIND: 4 --no-pointer-check --no-pointer-primitive-check --object-bits 14 --unwindset has:2,map_level:2,bury:1,entries_sound:2,bury.0:3,main.0:6,main.1:6,owed.0:7,parent_of.0:4,any_near.0:5,near_sound.0:5,slot_of.0:4,any_state.0:5,any_state.1:3,any_state.2:4,plain_any.0:5,plain_set.0:5,tables_in_use.0:4,vtd_pt_free.0:4
 * SEED: iommu/vtd/pt.c | vtd_pt_owe(dead, r->iova, size - 1); | ; | a table is replaced by a page without an invalidation
 * SEED: iommu/vtd/pt.c | if (vtd_pt_any(pt, iova, len))\n\t\treturn SL_EXISTS; |  | a page that is mapped is mapped over
 * SEED: iommu/vtd/pt.c | ((phys.v + i * size) & SS_ADDR) | (phys.v & SS_ADDR) | all pages of a range map its beginning
 */
/* clang-format on */
#define LEVELS 2
#define LEVEL  (CASE % 3 == 2 ? 2u : 1u) /* of the pages that a range is begun with */
#include "tests/prove/vtd_pt.h"

/* A range at one place, with some kinds of pages; the rest is any. */
static void call(unsigned from, unsigned n, unsigned large)
{
	struct vtd_pt pt;
	struct vtd_pt_dead dead = {0};
	unsigned perm = any_u32(), at = any_u32();
	uint64_t phys = any_u64(), mapped;
	any_state(&pt, large);
	assume((phys & 0xfff) == 0 && phys < 1ull << 30 && perm >= 1 && perm <= 3 && at < PAGES);
	unsigned level = page_level(&pt, from << 12 | phys | n << 12);
	assert(level == 1 || (level == 2 && large));
	bool taken = plain_any(from, n, true);
	enum sl_err e = vtd_pt_map(&pt, IOVA((uint64_t)from << 12), PHYS(phys), (uint64_t)n << 12, perm,
				   &mapped, &dead);
	assert(e == SL_OK || e == SL_NOMEM || e == SL_EXISTS);
	assert((e == SL_EXISTS) == taken && (mapped & 0xfff) == 0 && mapped <= (uint64_t)n << 12);
	assert((e == SL_OK) == (mapped == (uint64_t)n << 12) && (e != SL_EXISTS || !mapped));
	plain_set(from, (unsigned)(mapped >> 12), phys, perm);
	assert(!dead.first || (dead.tables && dead.differ));
	vtd_pt_free(&pt, &dead); /* as after the invalidation */
	assert_sound(&pt);
	assert_walk(&pt, at);
}

int main(void)
{
	unsigned i = 0;
	for (unsigned from = 0; from < PAGES; from++)
		for (unsigned n = 1; n <= PAGES - from; n++)
			if (i++ == CASE / 3)
				call(from, n, CASE % 3 ? VTD_PAGE_2M : 0);
	return 0;
}
