/* clang-format off */
/* I/O page tables: the calls for single pages, to remember a table, to take out empty tables and to narrow page sizes, in any state of tables of 2 entries at LEVELS levels
 * CHECKS: what the walker finds for each page is what a plain array says; all counts stay right; no table is lost or used after it is freed
 * LIKE: tests/prove/iopt.h
 * SOURCES: iommu/vtd/walk.c
 * CASES: 16
 * UNWIND: 4 --no-pointer-check --no-pointer-primitive-check --object-bits 14 --unwindset prune_level:2,table_remove:1,has_above:2,owed.0:7,main.0:5,entries_sound:2,table_for.0:4,cache_any.0:3,cache_any.1:5,cached_sound.0:5,slot_of.0:4,any_state.0:5,any_state.1:3,any_state.2:4,any_state.3:4,plain_any.0:5,plain_set.0:5,tables_in_use.0:4,iopt_free.0:4
 * SEED: iommu/cached_table.c | if (last->table && !*last->count)\n\t\tpt->empty++; |  | an empty table that is no longer remembered is not counted
 * SEED: iommu/cached_table.h | --*c->level[level - 1].count; | ; | the entry of a single page stays counted
 * SEED: iommu/cached_table.c | if (!*count)\n\t\tpt->empty--; |  | an empty table that is remembered counts as one that is not
 */
/* clang-format on */
#define LEVELS 2
#include "tests/prove/iopt.h"
#include "iommu/cached_table.c"

static void one_page(struct iopt *pt, unsigned level, unsigned page, bool map)
{
	unsigned n = 1u << (level - 1);
	uint64_t phys = any_u64(), *entry, iova = (uint64_t)page << 12;
	unsigned perm = any_u32();
	if (page % n)
		return;
	assume((phys & ((uint64_t)n * 0x1000 - 1)) == 0 && phys < 1ull << 30 && perm >= 1 && perm <= 3);
	if (map && cached_map_page(&cached, &format, level, iova, phys, perm, &entry)) {
		assert(!plain_any(page, n, true));
		plain_set(page, n, phys, perm);
	} else if (!map && cached_unmap_page(&cached, &format, level, iova, &entry)) {
		assert(!plain_any(page, n, false));
		plain_set(page, n, 0, 0);
	}
}

int main(void)
{
	struct iopt pt;
	struct iommu_gather g = {0};
	unsigned at = any_u32(), level = CASE / 8 ? 2 : 1;
	assume(at < PAGES);
	any_state(&pt, CASE % 2 ? 2 : 1);
	cache_any(&pt);
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
			if (cached_find(&cached, &pt, level, IOVA((uint64_t)page << 12)))
				assert(cached.level[level - 1].at == page >> level);
			break;
		}
	}
	if (CASE % 8 / 2 == 3 && level == 1) {
		cached_drop(&cached, &pt);
		iopt_prune(&pt, &g);
		assert(!g.free_list || (g.tables && owed(&g, at)));
		iopt_free(&pt, &g); /* as after the invalidation */
		assert(!pt.empty);
	} else if (CASE % 8 / 2 == 3) {
		cached_drop(&cached, &pt);
		(void)iopt_narrow(&pt, 1);
	}
	assert_sound(&pt);
	assert_walk(&pt, at);
	return 0;
}
