/* clang-format off */
/* I/O page tables: a call of iopt_map() for any range, in any state of tables of 2 entries at LEVELS levels
 * CHECKS: what the walker finds for each page is what a plain array says; errors are as promised; all counts stay right; no table is lost or used after it is freed; what has changed is to be invalidated
 * LIKE: tests/prove/iopt.h
 * SOURCES: iommu/vtd/walk.c
 * CASES: 20
 * UNWIND: 4 --no-pointer-check --no-pointer-primitive-check --object-bits 14 --unwindset has:2,map_level:2,table_remove:1,entries_sound:2,table_remove.0:3,main.0:6,main.1:6,owed.0:7,table_for.0:4,cache_any.0:3,cache_any.1:5,cached_sound.0:5,slot_of.0:4,any_state.0:5,any_state.1:3,any_state.2:4,any_state.3:4,plain_any.0:5,plain_set.0:5,tables_in_use.0:4,iopt_free.0:4
 * SEED: iommu/iopt.c | gather_add(g, r->iova, size - 1); | ; | a table is replaced by a page without an invalidation
 * SEED: iommu/iopt.c | if (iopt_any(pt, iova, len))\n\t\treturn SL_EXISTS; |  | a page that is mapped is mapped over
 * SEED: iommu/iopt.c | \tr->phys += n;\n |  | all pages of a range map its beginning
 */
/* clang-format on */
#define LEVELS 2
#include "tests/prove/iopt_ranges.h"

static void call(unsigned from, unsigned n, unsigned page_level)
{
	struct iopt pt;
	struct iommu_gather g = {0};
	unsigned perm = any_u32(), at = any_u32();
	uint64_t phys = any_u64(), mapped;
	any_state(&pt, page_level);
	assume((phys & 0xfff) == 0 && phys < 1ull << 30 && perm >= 1 && perm <= 3 && at < PAGES);
	bool taken = plain_any(from, n, true);
	enum sl_err e =
		iopt_map(&pt, IOVA((uint64_t)from << 12), PHYS(phys), (uint64_t)n << 12, perm, &mapped, &g);
	assert(e == SL_OK || e == SL_NOMEM || e == SL_EXISTS);
	assert((e == SL_EXISTS) == taken && (mapped & 0xfff) == 0 && mapped <= (uint64_t)n << 12);
	assert((e == SL_OK) == (mapped == (uint64_t)n << 12) && (e != SL_EXISTS || !mapped));
	plain_set(from, (unsigned)(mapped >> 12), phys, perm);
	assert(!g.free_list || (g.tables && g.differ));
	iopt_free(&pt, &g); /* as after the invalidation */
	assert_sound(&pt);
	assert_walk(&pt, at);
}
