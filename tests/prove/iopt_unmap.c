/* clang-format off */
/* I/O page tables: a call of iopt_unmap() for any range, in any state of tables of 2 entries at LEVELS levels
 * CHECKS: what the walker finds for each page is what a plain array says; errors are as promised; all counts stay right; no table is lost or used after it is freed; what has changed is to be invalidated
 * LIKE: tests/prove/iopt.h
 * SOURCES: iommu/vtd/walk.c
 * CASES: 20
 * UNWIND: 4 --no-pointer-check --no-pointer-primitive-check --object-bits 14 --unwindset has:2,unmap_level:2,table_remove:1,entries_sound:2,table_remove.0:3,main.0:6,main.1:6,owed.0:7,table_for.0:4,cache_any.0:3,cache_any.1:5,cached_sound.0:5,slot_of.0:4,any_state.0:5,any_state.1:3,any_state.2:4,any_state.3:4,plain_any.0:5,plain_set.0:5,tables_in_use.0:4,iopt_free.0:4
 * SEED: iommu/iopt.c | ((*entry & f->addr) + i * sub) | (*entry & f->addr) | the parts of a page that is cut all map its beginning
 * SEED: iommu/iopt.c | bool whole = IS_ALIGNED(r->iova, size) && r->left >= size; | bool whole = r->left >= size; | a table that still maps something is taken out
 * SEED: iommu/iopt.c | e = cut(pt, iova.v + len, g); | ; | a large page is unmapped beyond the end of the range
 * SEED: iommu/iopt.c | gather_add(g, ALIGN_DOWN(at, size), size - 1);\n\t\t\tg->tables = true; | ; | a page is cut without an invalidation of its table
 */
/* clang-format on */
#define LEVELS 2
#include "tests/prove/iopt_ranges.h"

static void call(unsigned from, unsigned n, unsigned page_level)
{
	struct iopt pt;
	struct iommu_gather g = {0};
	unsigned at = any_u32();
	any_state(&pt, page_level);
	assume(at < PAGES);
	bool hole = plain_any(from, n, false);
	uint64_t before = pt.pages;
	enum sl_err e = iopt_unmap(&pt, IOVA((uint64_t)from << 12), (uint64_t)n << 12, &g);
	assert(e == SL_OK || e == SL_NOMEM || e == SL_RANGE);
	assert((e == SL_RANGE) == hole);
	if (e == SL_OK) {
		plain_set(from, n, 0, 0);
		assert(at < from || at - from >= n || owed(&g, at));
	}
	assert((!g.free_list && pt.pages <= before) || (g.tables && g.differ));
	iopt_free(&pt, &g); /* as after the invalidation */
	assert_sound(&pt);
	assert_walk(&pt, at);
}
