/* clang-format off */
/* VT-d tables: the calls for single pages, to remember a table, to take out empty tables and to narrow page sizes, in any state of tables of 2 entries at LEVELS levels
 * CHECKS: what the walker finds for each page is what a plain array says; all counts stay right; no table is lost or used after it is freed
 * LIKE: tests/prove/vtd_pt.h
 * SOURCES: iommu/vtd/walk.c
 * CASES: 16
 * UNWIND: 4 --no-pointer-check --no-pointer-primitive-check --object-bits 14 --unwindset prune_level:2,bury:1,has_large:2,owed.0:7,main.0:5,entries_sound:2,parent_of.0:4,any_near.0:5,near_sound.0:5,slot_of.0:4,any_state.0:5,any_state.1:3,any_state.2:4,plain_any.0:5,plain_set.0:5,tables_in_use.0:4,vtd_pt_free.0:4
 * SEED: iommu/vtd/pt.c | if (near->table && !live(*near->parent))\n\t\tpt->empty++; |  | an empty table that is no longer remembered is not counted
 * SEED: iommu/vtd/pt.h | vtd_pt_count(pt->near[level - 1].parent, -1); | ; | the entry of a single page stays counted
 * SEED: iommu/vtd/pt.c | if (!page_allowed(pt, level))\n\t\t\tforget(pt, level); |  | a table for pages that may no longer be used stays remembered
 */
/* clang-format on */
#define LEVELS 2
#include "tests/prove/vtd_pt.h"

static void one_page(struct vtd_pt *pt, unsigned level, unsigned page, bool map)
{
	unsigned n = 1u << (level - 1);
	uint64_t phys = any_u64(), *entry, iova = (uint64_t)page << 12;
	unsigned perm = any_u32();
	if (page % n)
		return;
	assume((phys & ((uint64_t)n * 0x1000 - 1)) == 0 && phys < 1ull << 30 && perm >= 1 && perm <= 3);
	if (map && vtd_pt_map_page(pt, level, iova, phys, perm, &entry)) {
		assert(!plain_any(page, n, true));
		plain_set(page, n, phys, perm);
	} else if (!map && vtd_pt_unmap_page(pt, level, iova, &entry)) {
		assert(!plain_any(page, n, false));
		plain_set(page, n, 0, 0);
	}
}

int main(void)
{
	struct vtd_pt pt;
	struct vtd_pt_dead dead = {0};
	unsigned at = any_u32(), level = CASE / 8 ? 2 : 1;
	assume(at < PAGES);
	any_state(&pt, CASE % 2 ? VTD_PAGE_2M : 0);
	for (unsigned page = 0, which = any_u32(); page < PAGES; page++) {
		if (which != page)
			continue;
		switch (CASE % 8 / 2) {
		case 0:
			one_page(&pt, level, page, true);
			break;
		case 1:
			one_page(&pt, level, page, false);
			break;
		case 2:
			if (vtd_pt_look(&pt, level, IOVA((uint64_t)page << 12)))
				assert(pt.near[level - 1].at == page >> level);
			break;
		}
	}
	if (CASE % 8 / 2 == 3 && level == 1) {
		vtd_pt_prune(&pt, &dead);
		assert(!dead.first || (dead.tables && owed(&dead, at)));
		vtd_pt_free(&pt, &dead); /* as after the invalidation */
		assert(!pt.empty);
	} else if (CASE % 8 / 2 == 3) {
		(void)vtd_pt_narrow(&pt, 0);
	}
	assert_sound(&pt);
	assert_walk(&pt, at);
	return 0;
}
