#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "iommu/cached_table.h"
#include "iommu/vtd/entry.h"
#include "iommu/vtd/format.h"
#include "iommu/vtd/walk.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"

#define RAM_BASE  0x40000000ull
#define RAM_BYTES (4 * PAGE_2M)
#define W         0x4000000000ull /* device addresses start here */

static uint64_t ctx_lo, ctx_hi; /* one context entry; the root entry leads to it */

/* Memory as the walker sees it: a root and a context table at two addresses that are not RAM, then RAM. */
static bool read64(void *ctx, uint64_t phys, uint64_t *v)
{
	(void)ctx;
	if (phys < 0x2000)
		*v = phys == 0 ? 0x2001 : 0;
	else if (phys < 0x3000)
		*v = phys == 0x2000 ? ctx_lo : ctx_hi;
	else
		*v = *(const uint64_t *)phys_va(PHYS(phys));
	return true;
}

static enum sl_err make(struct iopt *pt, unsigned levels, unsigned page_level)
{
	return iopt_init(pt, &vtd_pt_format, levels, page_level, (struct iopt_sync){0});
}

static struct vtd_walk walk(const struct iopt *pt, uint64_t iova)
{
	struct vtd_walk_unit unit = {0, 0x3full << 16 | 0xeull << 8 | 3ull << 34, 0, 52};
	struct vtd_walk_mem mem = {NULL, read64};
	struct vtd_walk w;
	ctx_lo = va_phys(pt->top).v | 1;
	ctx_hi = 0x500 | (pt->levels - 2);
	vtd_walk(&unit, &mem, (bdf_t){0, 0}, IOVA(iova), &w);
	return w;
}

static void expect_page(const struct iopt *pt, uint64_t iova, uint64_t phys, uint64_t size)
{
	struct vtd_walk w = walk(pt, iova);
	assert_int_equal(w.stop, WALK_MAPPED);
	assert_int_equal(w.phys.v, phys);
	assert_int_equal(w.size, size);
}

/* Every count is that of its table; returns the entries in use. */
static unsigned check_table(uint64_t *table, unsigned level, uint64_t *pages, uint64_t *empty)
{
	unsigned used = 0;
	*pages += level > 1 ? 2 : 1;
	for (unsigned i = 0; i < IOPT_ENTRIES; i++) {
		used += table[i] != 0;
		if (level == 1)
			continue;
		unsigned n = 0;
		if (table[i] && !(table[i] & SS_PS)) {
			n = check_table(phys_va(PHYS(table[i] & SS_ADDR)), level - 1, pages, empty);
			*empty += n == 0;
		}
		assert_int_equal(*iopt_count(&table[i]), n);
	}
	return used;
}

/* c: what is remembered, NULL for none; its tables are counted when others take their place. */
static void check_counts_with(const struct iopt *pt, const struct cached_tables *c)
{
	uint64_t pages = 0, empty = 0, remembered = 0;
	assert_int_equal(check_table(pt->top, pt->levels, &pages, &empty) + 1, pt->top_count);
	for (unsigned i = 0; c && i < IOPT_PAGE_KINDS; i++)
		remembered += c->level[i].table && !*c->level[i].count;
	assert_int_equal(pt->empty + remembered, empty);
	assert_true(pages <= pt->pages);
}

static void check_counts(const struct iopt *pt)
{
	check_counts_with(pt, NULL);
}

static void map(struct iopt *pt, uint64_t iova, uint64_t phys, uint64_t len)
{
	uint64_t mapped;
	struct iommu_gather g = {0};
	assert_false(iopt_any(pt, IOVA(iova), len));
	assert_int_equal(iopt_map(pt, IOVA(iova), PHYS(phys), len, 3, &mapped, &g), SL_OK);
	assert_int_equal(g.differ, 0);
	assert_int_equal(mapped, len);
	assert_true(iopt_all(pt, IOVA(iova), len));
	check_counts(pt);
}

/* The block that is to be invalidated: its address and its size. */
static uint64_t block_at(const struct iommu_gather *g)
{
	assert_true(g->differ != 0);
	return g->differ >> 63 ? 0 : ALIGN_DOWN(g->at, 2ull << (63 - __builtin_clzll(g->differ)));
}

static uint64_t block_size(const struct iommu_gather *g)
{
	return g->differ >> 63 ? UINT64_MAX : 2ull << (63 - __builtin_clzll(g->differ));
}

static void unmap(struct iopt *pt, uint64_t iova, uint64_t len)
{
	struct iommu_gather g = {0};
	assert_int_equal(iopt_unmap(pt, IOVA(iova), len, &g), SL_OK);
	assert_false(iopt_any(pt, IOVA(iova), len));
	assert_true(block_at(&g) <= iova && block_at(&g) + block_size(&g) >= iova + len);
	check_counts(pt);
	iopt_prune(pt, &g);
	check_counts(pt);
	iopt_free(pt, &g);
}

/* Without pruning after it. */
static void unmap_keep(struct iopt *pt, uint64_t iova, uint64_t len)
{
	struct iommu_gather g = {0};
	assert_int_equal(iopt_unmap(pt, IOVA(iova), len, &g), SL_OK);
	assert_null(g.free_list);
	check_counts(pt);
}

/* A page of every size in one mapping: small ones up to the first boundary, and down again behind the last.
 */
static void test_sizes(void **state)
{
	(void)state;
	for (unsigned levels = 3; levels <= 5; levels++) {
		struct iopt pt;
		uint64_t base = 0x7f000000, used = pmm_used_pages();
		uint64_t len = 0x1000000 + PAGE_1G + PAGE_2M + 2 * PAGE_SIZE;
		assert_int_equal(make(&pt, levels, 3), SL_OK);
		map(&pt, base - PAGE_SIZE, 0x10000000000 + base - PAGE_SIZE, len + PAGE_SIZE);
		expect_page(&pt, base - 1, 0x10000000000 + base - 1, PAGE_SIZE);
		expect_page(&pt, base, 0x10000000000 + base, PAGE_2M);
		expect_page(&pt, 0x80000123, 0x10080000123, PAGE_1G);
		expect_page(&pt, 0xc0000000, 0x100c0000000, PAGE_2M);
		expect_page(&pt, 0xc0201000, 0x100c0201000, PAGE_SIZE);
		assert_int_equal(walk(&pt, base + len).stop, WALK_EMPTY);
		assert_int_equal(walk(&pt, base - PAGE_SIZE - 1).stop, WALK_EMPTY);
		assert_int_equal(pmm_used_pages() - used, pt.pages);
		unmap(&pt, base - PAGE_SIZE, len + PAGE_SIZE);
		assert_int_equal(pt.pages, 2);
		iopt_fini(&pt);
		assert_int_equal(pmm_used_pages(), used);
	}
}

static void test_large_not_allowed(void **state)
{
	(void)state;
	static const struct {
		unsigned large;
		uint64_t size;
	} cases[] = {{1, PAGE_SIZE}, {2, PAGE_2M}, {3, PAGE_1G}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct iopt pt;
		assert_int_equal(make(&pt, 4, cases[i].large), SL_OK);
		map(&pt, W, 0x8000000000, PAGE_1G);
		expect_page(&pt, W + PAGE_1G - 1, 0x8000000000 + PAGE_1G - 1, cases[i].size);
		/* a physical address that is not aligned forces small pages */
		map(&pt, W + PAGE_1G, 0x9000000000 + PAGE_SIZE, PAGE_2M);
		expect_page(&pt, W + PAGE_1G, 0x9000000000 + PAGE_SIZE, PAGE_SIZE);
		iopt_fini(&pt);
	}
}

static void test_any_whole(void **state)
{
	(void)state;
	struct iopt pt;
	assert_int_equal(make(&pt, 4, 2), SL_OK);
	map(&pt, W + PAGE_2M, 0x80000000, 2 * PAGE_2M);
	map(&pt, W, 0x90000000, PAGE_SIZE);
	assert_true(iopt_any(&pt, IOVA(0), W + PAGE_SIZE));
	assert_false(iopt_any(&pt, IOVA(0), W));
	assert_false(iopt_any(&pt, IOVA(W + PAGE_SIZE), PAGE_2M - PAGE_SIZE));
	assert_true(iopt_any(&pt, IOVA(W + PAGE_SIZE), PAGE_2M));
	assert_true(iopt_all(&pt, IOVA(W + PAGE_2M), 2 * PAGE_2M));
	assert_false(iopt_all(&pt, IOVA(W + PAGE_2M), 3 * PAGE_2M));        /* runs out */
	assert_true(iopt_all(&pt, IOVA(W + PAGE_2M), PAGE_2M + PAGE_SIZE)); /* part of the second */
	assert_true(iopt_all(&pt, IOVA(W + PAGE_2M + PAGE_SIZE), PAGE_SIZE));
	assert_false(iopt_all(&pt, IOVA(W), PAGE_2M)); /* a hole */
	iopt_fini(&pt);
}

static void test_permissions(void **state)
{
	(void)state;
	struct iopt pt;
	struct iommu_gather g = {0};
	uint64_t mapped;
	assert_int_equal(make(&pt, 4, 1), SL_OK);
	for (unsigned perm = 1; perm <= 3; perm++) {
		assert_int_equal(iopt_map(&pt, IOVA(W + perm * PAGE_SIZE), PHYS(0x50000000), PAGE_SIZE, perm,
					  &mapped, &g),
				 SL_OK);
		struct vtd_walk w = walk(&pt, W + perm * PAGE_SIZE);
		assert_int_equal(w.read, perm & 1);
		assert_int_equal(w.write, perm >> 1);
	}
	iopt_fini(&pt);
}

/* Out of memory at every point: what was mapped can be unmapped, and every table comes back. */
static void test_no_memory(void **state)
{
	(void)state;
	uint64_t used = pmm_used_pages();
	for (uint64_t leave = 0; leave < 11; leave++) {
		struct iopt pt;
		phys_t hog;
		uint64_t mapped, len = 3 * PAGE_2M;
		assert_int_equal(make(&pt, 4, 1), SL_OK);
		uint64_t pages = pmm_free_pages() - leave;
		assert_int_equal(pmm_alloc(pages, PAGE_SIZE, &hog), SL_OK);
		struct iommu_gather g = {0};
		enum sl_err e = iopt_map(&pt, IOVA(W - PAGE_SIZE), PHYS(0x50000000), len, 3, &mapped, &g);
		assert_int_equal(e, leave < 10 ? SL_NOMEM : SL_OK);
		if (mapped)
			unmap(&pt, W - PAGE_SIZE, mapped);
		check_counts(&pt);
		assert_int_equal(pt.pages, 2); /* no table stays behind */
		iopt_fini(&pt);
		pmm_free(hog, pages);
		assert_int_equal(pmm_used_pages(), used);
	}
}

/* A 1 GiB page with holes of one page at its start, in the middle and at its end; then everything else goes.
 */
static void test_cut(void **state)
{
	(void)state;
	static const uint64_t holes[] = {0, PAGE_1G / 2 + 7 * PAGE_SIZE, PAGE_1G - PAGE_SIZE};
	for (unsigned levels = 3; levels <= 5; levels++) {
		struct iopt pt;
		struct iommu_gather g = {0};
		uint64_t used = pmm_used_pages();
		assert_int_equal(make(&pt, levels, 3), SL_OK);
		map(&pt, W, 0x8000000000, PAGE_1G);
		uint64_t before = pt.pages;
		for (size_t i = 0; i < ARRAY_LEN(holes); i++) {
			assert_int_equal(iopt_unmap(&pt, IOVA(W + holes[i]), PAGE_SIZE, &g), SL_OK);
			check_counts(&pt);
		}
		assert_true(g.tables);
		assert_int_equal(block_at(&g), W); /* what was cached of the large page */
		assert_int_equal(block_size(&g), PAGE_1G);
		assert_int_equal(pt.pages, before + 5); /* one of 2 MiB pages with counts, three of 4 KiB */
		for (size_t i = 0; i < ARRAY_LEN(holes); i++)
			assert_int_equal(walk(&pt, W + holes[i]).stop, WALK_EMPTY);
		expect_page(&pt, W + PAGE_SIZE, 0x8000000000 + PAGE_SIZE, PAGE_SIZE);
		expect_page(&pt, W + PAGE_2M, 0x8000000000 + PAGE_2M, PAGE_2M);
		expect_page(&pt, W + holes[1] - 1, 0x8000000000 + holes[1] - 1, PAGE_SIZE);
		expect_page(&pt, W + holes[2] - 1, 0x8000000000 + holes[2] - 1, PAGE_SIZE);
		assert_int_equal(iopt_unmap(&pt, IOVA(W), PAGE_1G, &g), SL_RANGE);
		for (size_t i = 0; i < ARRAY_LEN(holes); i++)
			map(&pt, W + holes[i], 0x8000000000 + holes[i], PAGE_SIZE);
		unmap(&pt, W, PAGE_1G);
		assert_int_equal(pt.pages, 2);
		iopt_fini(&pt);
		assert_int_equal(pmm_used_pages(), used);
	}
}

/* No memory for the lower table: nothing changes. */
static void test_cut_no_memory(void **state)
{
	(void)state;
	for (uint64_t leave = 0; leave < 3; leave++) {
		struct iopt pt;
		struct iommu_gather g = {0};
		phys_t hog;
		assert_int_equal(make(&pt, 4, 2), SL_OK);
		map(&pt, W, 0x8000000000, 2 * PAGE_2M);
		uint64_t pages = pmm_free_pages() - leave;
		assert_int_equal(pmm_alloc(pages, PAGE_SIZE, &hog), SL_OK);
		enum sl_err e = iopt_unmap(&pt, IOVA(W + PAGE_SIZE), PAGE_2M, &g);
		assert_int_equal(e, leave < 2 ? SL_NOMEM : SL_OK);
		assert_int_equal(iopt_all(&pt, IOVA(W), 2 * PAGE_2M), leave < 2);
		assert_int_equal(g.differ != 0, leave > 0);
		check_counts(&pt);
		pmm_free(hog, pages);
		iopt_fini(&pt);
	}
}

/* An empty table is kept and filled again; what was all of a table goes at once. */
static void test_kept(void **state)
{
	(void)state;
	struct iopt pt;
	struct iommu_gather g = {0};
	assert_int_equal(make(&pt, 4, 1), SL_OK);
	map(&pt, W, 0x50000000, PAGE_SIZE);
	assert_int_equal(iopt_unmap(&pt, IOVA(W), PAGE_SIZE, &g), SL_OK);
	assert_null(g.free_list);
	assert_false(g.tables);
	assert_int_equal(pt.pages, 7);
	map(&pt, W, 0x60000000, 2 * PAGE_SIZE);
	assert_int_equal(pt.pages, 7);
	assert_int_equal(pt.empty, 0);
	map(&pt, W + PAGE_2M, 0x70000000, PAGE_2M);
	assert_int_equal(iopt_unmap(&pt, IOVA(W + PAGE_2M), PAGE_2M, &g), SL_OK);
	assert_non_null(g.free_list);
	assert_true(g.tables);
	iopt_free(&pt, &g);
	assert_int_equal(g.differ, 0);
	assert_int_equal(pt.pages, 7);
	iopt_prune(&pt, &g); /* nothing is empty */
	assert_int_equal(g.differ, 0);
	iopt_fini(&pt);
}

/* Five tables that are empty again, one after the other in a GiB, and a page on either side of that GiB's
 * end. */
static void make_empty_tables(struct iopt *pt, unsigned levels)
{
	assert_int_equal(make(pt, levels, 3), SL_OK);
	map(pt, W + PAGE_1G - PAGE_SIZE, 0x70000000, 2 * PAGE_SIZE);
	for (unsigned i = 0; i < 5; i++) {
		struct iommu_gather gone = {0};
		uint64_t at = W + i * (PAGE_2M + PAGE_SIZE);
		map(pt, at, 0x50000000, PAGE_SIZE);
		assert_int_equal(iopt_unmap(pt, IOVA(at), PAGE_SIZE, &gone), SL_OK);
		assert_null(gone.free_list);
	}
}

/* A page of 2 MiB or 1 GiB where tables stand; they go with the invalidation of that page, not before it. */
static void map_over(struct iopt *pt, uint64_t iova, uint64_t phys, uint64_t size)
{
	uint64_t mapped, pages = pt->pages;
	struct iommu_gather g = {0};
	assert_int_equal(iopt_map(pt, IOVA(iova), PHYS(phys), size, 3, &mapped, &g), SL_OK);
	expect_page(pt, iova, phys, size);
	assert_non_null(g.free_list);
	assert_true(g.tables);
	assert_int_equal(block_at(&g), iova);
	assert_int_equal(block_size(&g), size);
	assert_int_equal(pt->pages, pages);
	check_counts(pt);
	iopt_free(pt, &g);
}

/* A page of 2 MiB where an empty table stands: that table goes, the four beside it do not. */
static void test_large_over_empty(void **state)
{
	(void)state;
	for (unsigned levels = 3; levels <= 5; levels++) {
		struct iopt pt;
		make_empty_tables(&pt, levels);
		uint64_t pages = pt.pages;
		map_over(&pt, W + PAGE_2M, 0x8000200000, PAGE_2M);
		assert_int_equal(pt.pages, pages - 1);
		/* the table above is there now: it is one store */
		unmap_keep(&pt, W + PAGE_2M, PAGE_2M);
		map(&pt, W + PAGE_2M, 0x8000200000, PAGE_2M);
		iopt_fini(&pt);
	}
}

/* Nothing changes where something is mapped in the way of a page of 1 GiB. */
static void test_large_over_mapped(void **state)
{
	(void)state;
	for (unsigned levels = 3; levels <= 5; levels++) {
		struct iopt pt;
		struct iommu_gather g = {0};
		uint64_t mapped;
		make_empty_tables(&pt, levels);
		map_over(&pt, W + PAGE_2M, 0x8000200000, PAGE_2M);
		uint64_t pages = pt.pages;
		assert_int_equal(iopt_map(&pt, IOVA(W), PHYS(0x9000000000), PAGE_1G, 3, &mapped, &g),
				 SL_EXISTS);
		assert_int_equal(mapped, 0);
		assert_int_equal(g.differ, 0);
		assert_int_equal(pt.pages, pages);
		expect_page(&pt, W + PAGE_2M, 0x8000200000, PAGE_2M);
		iopt_fini(&pt);
	}
}

/* A page of 1 GiB where a table with empty tables in it stands: all of them go, the neighbour stays. */
static void test_large_over_tables(void **state)
{
	(void)state;
	for (unsigned levels = 3; levels <= 5; levels++) {
		struct iopt pt;
		uint64_t used = pmm_used_pages();
		make_empty_tables(&pt, levels);
		unmap_keep(&pt, W + PAGE_1G - PAGE_SIZE, PAGE_SIZE);
		map_over(&pt, W, 0x9000000000, PAGE_1G);
		expect_page(&pt, W + PAGE_1G, 0x70001000, PAGE_SIZE);
		assert_int_equal(pt.pages, 2 * levels - 1); /* the way to the neighbour */
		unmap(&pt, W, PAGE_1G + PAGE_SIZE);
		assert_int_equal(pt.pages, 2);
		iopt_fini(&pt);
		assert_int_equal(pmm_used_pages(), used);
	}
}

/* A page of 1 GiB where an empty table of 2 MiB pages stands: its entries would do, one entry is better. */
static void test_large_over_large(void **state)
{
	(void)state;
	for (unsigned levels = 3; levels <= 5; levels++) {
		struct iopt pt;
		assert_int_equal(make(&pt, levels, 3), SL_OK);
		map(&pt, W + PAGE_1G, 0x70001000, PAGE_SIZE);
		map(&pt, W + PAGE_2M, 0x8000200000, PAGE_2M);
		unmap_keep(&pt, W + PAGE_2M, PAGE_2M);
		map_over(&pt, W, 0x9000000000, PAGE_1G);
		assert_int_equal(pt.pages, 2 * levels - 1);
		iopt_fini(&pt);
	}
}

/* Single pages are mapped in the table of their level that is remembered, and in no other: not when another
 * one took its place, not when it was forgotten, not before there is one. */
static void test_single_pages(void **state)
{
	(void)state;
	const struct pt_format *f = &vtd_pt_format;
	for (unsigned levels = 3; levels <= 5; levels++) {
		struct iopt pt;
		struct cached_tables c;
		struct iommu_gather g = {0};
		uint64_t *entry, used = pmm_used_pages();
		cached_none(&c);
		for (unsigned level = 1; level <= IOPT_PAGE_KINDS; level++)
			assert_false(cached_map_page(&c, f, level, 0, 0, 3, &entry));
		assert_int_equal(make(&pt, levels, 3), SL_OK);
		for (unsigned level = 1; level <= IOPT_PAGE_KINDS; level++) {
			uint64_t size = iopt_size(level), at = W + 5 * size;
			assert_false(cached_map_page(&c, f, level, at, 0x8000000000, 3, &entry));
			map(&pt, W + 4 * size, 0x9000000000, size);
			assert_true(cached_find(&c, &pt, level, IOVA(at)));
			assert_true(cached_map_page(&c, f, level, at, 0x8000000000, 3, &entry));
			expect_page(&pt, at, 0x8000000000, size);
			check_counts_with(&pt, &c);
			assert_false(cached_map_page(&c, f, level, at, 0x8000000000, 3, &entry));
			assert_false(cached_map_page(&c, f, level, at + 512 * size, 0x8000000000, 3, &entry));
			assert_false(cached_unmap_page(&c, f, level, at + 512 * size, &entry));
			assert_false(cached_unmap_page(&c, f, level, at + size, &entry));
			assert_true(cached_unmap_page(&c, f, level, at, &entry));
			assert_false(cached_unmap_page(&c, f, level, at, &entry));
			assert_int_equal(walk(&pt, at).stop, WALK_EMPTY);
			assert_true(cached_unmap_page(&c, f, level, W + 4 * size, &entry));
			check_counts_with(&pt, &c); /* empty, and not counted as that */
			cached_drop(&c, &pt);
			check_counts(&pt);
			assert_false(cached_map_page(&c, f, level, at, 0x8000000000, 3, &entry));
			iopt_prune(&pt, &g);
			iopt_free(&pt, &g);
			assert_int_equal(pt.pages, 2);
			/* the table is gone, if it is not the top one */
			assert_int_equal(cached_find(&c, &pt, level, IOVA(at)), level == levels);
			cached_drop(&c, &pt);
		}
		/* a pointer to a table is neither free nor a page */
		map(&pt, W, 0x50000000, PAGE_SIZE);
		assert_true(cached_find(&c, &pt, 2, IOVA(W)));
		assert_false(cached_unmap_page(&c, f, 2, W, &entry));
		assert_false(cached_map_page(&c, f, 2, W, 0x8000000000, 3, &entry));
		cached_drop(&c, &pt);
		unmap(&pt, W, PAGE_SIZE);
		/* where a large page is, there is no table */
		map(&pt, W, 0x8000000000, PAGE_2M);
		assert_false(cached_find(&c, &pt, 1, IOVA(W)));
		unmap(&pt, W, PAGE_2M);
		assert_int_equal(pt.pages, 2);
		iopt_fini(&pt);
		assert_int_equal(pmm_used_pages(), used);
	}
}

/* Page sizes that are not allowed are never looked for. */
static void test_single_pages_by_size(void **state)
{
	(void)state;
	for (unsigned levels = 3; levels <= 5; levels++) {
		struct iopt pt;
		struct cached_tables c;
		cached_none(&c);
		assert_int_equal(make(&pt, levels, 2), SL_OK);
		map(&pt, W, 0x8000000000, PAGE_2M);
		assert_true(cached_find(&c, &pt, 2, IOVA(W)));
		assert_false(cached_find(&c, &pt, 3, IOVA(W)));
		cached_drop(&c, &pt);
		iopt_fini(&pt);
	}
}

/* Another format: entries whose permissions, kinds and levels stand elsewhere. As AMD's version 1 tables have
 * it: bit 0 present, 61 read, 62 write, and in 11:9 the level of the table pointed to, 0 for a page. */
static void test_other_format(void **state)
{
	(void)state;
	static const struct pt_format other = {
		.addr = 0xffffffffff000,
		.perm = {0, BIT(61) | 1, BIT(62) | 1, BIT(62) | BIT(61) | 1},
		.table = {0, 3ull << 61 | 1 << 9 | 1, 3ull << 61 | 2 << 9 | 1, 3ull << 61 | 3 << 9 | 1,
			  3ull << 61 | 4 << 9 | 1},
		.kind = 7 << 9,
	};
	struct iopt pt;
	struct cached_tables c;
	struct iommu_gather g = {0};
	uint64_t mapped, size, *entry, used = pmm_used_pages();
	assert_int_equal(iopt_init(&pt, &other, 4, 3, (struct iopt_sync){0}), SL_OK);
	assert_int_equal(iopt_map(&pt, IOVA(W - PAGE_SIZE), PHYS(PAGE_1G - PAGE_SIZE), PAGE_1G + PAGE_SIZE, 1,
				  &mapped, &g),
			 SL_OK);
	assert_int_equal(iopt_find(&pt, IOVA(W), &size), BIT(61) | 1 | PAGE_1G);
	assert_int_equal(size, PAGE_1G);
	assert_int_equal(iopt_find(&pt, IOVA(W - 1), &size), BIT(61) | 1 | (PAGE_1G - PAGE_SIZE));
	assert_int_equal(size, PAGE_SIZE);
	uint64_t l4 = pt.top[W >> 39 & 511],
		 l3 = ((uint64_t *)phys_va(PHYS(l4 & other.addr)))[(W - 1) >> 30 & 511];
	assert_int_equal(l4 & ~other.addr, 3ull << 61 | 0x601);
	assert_int_equal(l3 & ~other.addr, 3ull << 61 | 0x401);
	/* a page out of the large one; single pages */
	assert_int_equal(iopt_unmap(&pt, IOVA(W + PAGE_2M), PAGE_SIZE, &g), SL_OK);
	assert_int_equal(iopt_find(&pt, IOVA(W + PAGE_2M), &size), 0);
	assert_int_equal(iopt_find(&pt, IOVA(W + PAGE_2M + PAGE_SIZE), &size),
			 BIT(61) | 1 | (PAGE_1G + PAGE_2M + PAGE_SIZE));
	assert_int_equal(iopt_find(&pt, IOVA(W + 2 * PAGE_2M), &size), BIT(61) | 1 | (PAGE_1G + 2 * PAGE_2M));
	assert_int_equal(size, PAGE_2M);
	cached_none(&c);
	assert_true(cached_find(&c, &pt, 1, IOVA(W + PAGE_2M)));
	assert_true(cached_map_page(&c, &other, 1, W + PAGE_2M, 0x5000, 2, &entry));
	assert_int_equal(*entry, BIT(62) | 0x5001);
	assert_true(cached_find(&c, &pt, 2, IOVA(W)));
	assert_false(cached_unmap_page(&c, &other, 2, W + PAGE_2M, &entry)); /* a table */
	assert_true(cached_unmap_page(&c, &other, 2, W, &entry));
	assert_true(cached_unmap_page(&c, &other, 1, W + PAGE_2M, &entry));
	cached_drop(&c, &pt);
	assert_true(iopt_any(&pt, IOVA(W), PAGE_1G));
	assert_false(iopt_any(&pt, IOVA(W), PAGE_2M + PAGE_SIZE));
	iopt_free(&pt, &g);
	iopt_fini(&pt);
	assert_int_equal(pmm_used_pages(), used);
}

static int set_up(void **state)
{
	(void)state;
	phys_t ram = support_ram(RAM_BYTES, RAM_BASE);
	return pmm_add(ram, RAM_BYTES / PAGE_SIZE) != SL_OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_large_not_allowed),
		cmocka_unit_test(test_any_whole),
		cmocka_unit_test(test_permissions),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_no_memory),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_large_over_empty),
		cmocka_unit_test(test_large_over_mapped),
		cmocka_unit_test(test_large_over_tables),
		cmocka_unit_test(test_large_over_large),
		cmocka_unit_test(test_single_pages),
		cmocka_unit_test(test_single_pages_by_size),
		cmocka_unit_test(test_other_format),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
