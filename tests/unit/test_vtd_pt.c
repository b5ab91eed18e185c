#include "iommu/vtd/pt.h"
#include "iommu/vtd/walk.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

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

static struct vtd_walk walk(const struct vtd_pt *pt, uint64_t iova)
{
	struct vtd_walk_unit unit = {0, 0x3full << 16 | 0xeull << 8 | 3ull << 34, 0, 52};
	struct vtd_walk_mem mem = {NULL, read64};
	struct vtd_walk w;
	ctx_lo = va_phys(pt->top).v | 1;
	ctx_hi = 0x500 | (pt->levels - 2);
	vtd_walk(&unit, &mem, (bdf_t){0, 0}, IOVA(iova), &w);
	return w;
}

static void expect_page(const struct vtd_pt *pt, uint64_t iova, uint64_t phys, uint64_t size)
{
	struct vtd_walk w = walk(pt, iova);
	assert_int_equal(w.stop, WALK_MAPPED);
	assert_int_equal(w.phys.v, phys);
	assert_int_equal(w.size, size);
}

/* Every count that an entry keeps is that of its table; returns the entries in use. */
static unsigned check_table(const uint64_t *table, unsigned level, uint64_t *pages, uint64_t *empty)
{
	unsigned used = 0;
	++*pages;
	for (unsigned i = 0; i < SS_ENTRIES; i++) {
		used += table[i] != 0;
		if (!table[i] || level == 1 || table[i] & SS_PS)
			continue;
		unsigned n = check_table(phys_va(PHYS(table[i] & SS_ADDR)), level - 1, pages, empty);
		assert_int_equal(FGET(table[i], SS_LIVE), n);
		*empty += n == 0;
	}
	return used;
}

static void check_live(const struct vtd_pt *pt)
{
	uint64_t pages = 0, empty = 0;
	check_table(pt->top, pt->levels, &pages, &empty);
	uint64_t remembered = 0; /* those are counted when another one takes their place */
	for (unsigned i = 0; i < VTD_PAGE_KINDS; i++)
		remembered += pt->near[i].table && !FGET(*pt->near[i].parent, SS_LIVE);
	assert_int_equal(pt->empty + remembered, empty);
	assert_true(pages <= pt->pages);
}

static void map(struct vtd_pt *pt, uint64_t iova, uint64_t phys, uint64_t len)
{
	uint64_t mapped;
	struct vtd_pt_dead dead = {0};
	assert_false(vtd_pt_any(pt, IOVA(iova), len));
	assert_int_equal(vtd_pt_map(pt, IOVA(iova), PHYS(phys), len, 3, &mapped, &dead), SL_OK);
	assert_int_equal(dead.differ, 0);
	assert_int_equal(mapped, len);
	assert_true(vtd_pt_all(pt, IOVA(iova), len));
	check_live(pt);
}

/* The block that is to be invalidated: its address and its size. */
static uint64_t block_at(const struct vtd_pt_dead *dead)
{
	assert_true(dead->differ != 0);
	return dead->differ >> 63 ? 0 : ALIGN_DOWN(dead->at, 2ull << (63 - __builtin_clzll(dead->differ)));
}

static uint64_t block_size(const struct vtd_pt_dead *dead)
{
	return dead->differ >> 63 ? UINT64_MAX : 2ull << (63 - __builtin_clzll(dead->differ));
}

static void unmap(struct vtd_pt *pt, uint64_t iova, uint64_t len)
{
	struct vtd_pt_dead dead = {0};
	assert_int_equal(vtd_pt_unmap(pt, IOVA(iova), len, &dead), SL_OK);
	assert_false(vtd_pt_any(pt, IOVA(iova), len));
	assert_true(block_at(&dead) <= iova && block_at(&dead) + block_size(&dead) >= iova + len);
	check_live(pt);
	vtd_pt_prune(pt, &dead);
	check_live(pt);
	vtd_pt_free(pt, &dead);
}

/* Without pruning after it. */
static void unmap_keep(struct vtd_pt *pt, uint64_t iova, uint64_t len)
{
	struct vtd_pt_dead dead = {0};
	assert_int_equal(vtd_pt_unmap(pt, IOVA(iova), len, &dead), SL_OK);
	assert_null(dead.first);
	check_live(pt);
}

/* A page of every size in one mapping: small ones up to the first boundary, and down again behind the last.
 */
static void test_sizes(void **state)
{
	(void)state;
	for (unsigned levels = 3; levels <= 5; levels++) {
		struct vtd_pt pt;
		uint64_t base = 0x7f000000, used = pmm_used_pages();
		uint64_t len = 0x1000000 + PAGE_1G + PAGE_2M + 2 * PAGE_SIZE;
		assert_int_equal(vtd_pt_init(&pt, levels, VTD_PAGE_2M | VTD_PAGE_1G, NULL), SL_OK);
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
		assert_int_equal(pt.pages, 1);
		vtd_pt_fini(&pt);
		assert_int_equal(pmm_used_pages(), used);
	}
}

static void test_large_not_allowed(void **state)
{
	(void)state;
	static const struct {
		unsigned large;
		uint64_t size;
	} cases[] = {{0, PAGE_SIZE}, {VTD_PAGE_2M, PAGE_2M}, {VTD_PAGE_2M | VTD_PAGE_1G, PAGE_1G}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct vtd_pt pt;
		assert_int_equal(vtd_pt_init(&pt, 4, cases[i].large, NULL), SL_OK);
		map(&pt, W, 0x8000000000, PAGE_1G);
		expect_page(&pt, W + PAGE_1G - 1, 0x8000000000 + PAGE_1G - 1, cases[i].size);
		/* a physical address that is not aligned forces small pages */
		map(&pt, W + PAGE_1G, 0x9000000000 + PAGE_SIZE, PAGE_2M);
		expect_page(&pt, W + PAGE_1G, 0x9000000000 + PAGE_SIZE, PAGE_SIZE);
		vtd_pt_fini(&pt);
	}
}

static void test_any_whole(void **state)
{
	(void)state;
	struct vtd_pt pt;
	assert_int_equal(vtd_pt_init(&pt, 4, VTD_PAGE_2M, NULL), SL_OK);
	map(&pt, W + PAGE_2M, 0x80000000, 2 * PAGE_2M);
	map(&pt, W, 0x90000000, PAGE_SIZE);
	assert_true(vtd_pt_any(&pt, IOVA(0), W + PAGE_SIZE));
	assert_false(vtd_pt_any(&pt, IOVA(0), W));
	assert_false(vtd_pt_any(&pt, IOVA(W + PAGE_SIZE), PAGE_2M - PAGE_SIZE));
	assert_true(vtd_pt_any(&pt, IOVA(W + PAGE_SIZE), PAGE_2M));
	assert_true(vtd_pt_all(&pt, IOVA(W + PAGE_2M), 2 * PAGE_2M));
	assert_false(vtd_pt_all(&pt, IOVA(W + PAGE_2M), 3 * PAGE_2M));        /* runs out */
	assert_true(vtd_pt_all(&pt, IOVA(W + PAGE_2M), PAGE_2M + PAGE_SIZE)); /* part of the second */
	assert_true(vtd_pt_all(&pt, IOVA(W + PAGE_2M + PAGE_SIZE), PAGE_SIZE));
	assert_false(vtd_pt_all(&pt, IOVA(W), PAGE_2M)); /* a hole */
	vtd_pt_fini(&pt);
}

static void test_permissions(void **state)
{
	(void)state;
	struct vtd_pt pt;
	struct vtd_pt_dead dead = {0};
	uint64_t mapped;
	assert_int_equal(vtd_pt_init(&pt, 4, 0, NULL), SL_OK);
	for (unsigned perm = 1; perm <= 3; perm++) {
		assert_int_equal(vtd_pt_map(&pt, IOVA(W + perm * PAGE_SIZE), PHYS(0x50000000), PAGE_SIZE,
					    perm, &mapped, &dead),
				 SL_OK);
		struct vtd_walk w = walk(&pt, W + perm * PAGE_SIZE);
		assert_int_equal(w.read, perm & 1);
		assert_int_equal(w.write, perm >> 1);
	}
	vtd_pt_fini(&pt);
}

/* Out of memory at every point: what was mapped can be unmapped, and every table comes back. */
static void test_no_memory(void **state)
{
	(void)state;
	uint64_t used = pmm_used_pages();
	for (uint64_t leave = 0; leave < 8; leave++) {
		struct vtd_pt pt;
		phys_t hog;
		uint64_t mapped, len = 3 * PAGE_2M;
		assert_int_equal(vtd_pt_init(&pt, 4, 0, NULL), SL_OK);
		uint64_t pages = pmm_free_pages() - leave;
		assert_int_equal(pmm_alloc(pages, PAGE_SIZE, &hog), SL_OK);
		struct vtd_pt_dead dead = {0};
		enum sl_err e =
			vtd_pt_map(&pt, IOVA(W - PAGE_SIZE), PHYS(0x50000000), len, 3, &mapped, &dead);
		assert_int_equal(e, leave < 7 ? SL_NOMEM : SL_OK);
		if (mapped)
			unmap(&pt, W - PAGE_SIZE, mapped);
		check_live(&pt);
		assert_int_equal(pt.pages, 1); /* no table stays behind */
		vtd_pt_fini(&pt);
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
		struct vtd_pt pt;
		struct vtd_pt_dead dead = {0};
		uint64_t used = pmm_used_pages();
		assert_int_equal(vtd_pt_init(&pt, levels, VTD_PAGE_2M | VTD_PAGE_1G, NULL), SL_OK);
		map(&pt, W, 0x8000000000, PAGE_1G);
		uint64_t before = pt.pages;
		for (size_t i = 0; i < ARRAY_LEN(holes); i++) {
			assert_int_equal(vtd_pt_unmap(&pt, IOVA(W + holes[i]), PAGE_SIZE, &dead), SL_OK);
			check_live(&pt);
		}
		assert_true(dead.tables);
		assert_int_equal(block_at(&dead), W); /* what was cached of the large page */
		assert_int_equal(block_size(&dead), PAGE_1G);
		assert_int_equal(pt.pages, before + 4); /* one of 2 MiB pages, three of 4 KiB */
		for (size_t i = 0; i < ARRAY_LEN(holes); i++)
			assert_int_equal(walk(&pt, W + holes[i]).stop, WALK_EMPTY);
		expect_page(&pt, W + PAGE_SIZE, 0x8000000000 + PAGE_SIZE, PAGE_SIZE);
		expect_page(&pt, W + PAGE_2M, 0x8000000000 + PAGE_2M, PAGE_2M);
		expect_page(&pt, W + holes[1] - 1, 0x8000000000 + holes[1] - 1, PAGE_SIZE);
		expect_page(&pt, W + holes[2] - 1, 0x8000000000 + holes[2] - 1, PAGE_SIZE);
		assert_int_equal(vtd_pt_unmap(&pt, IOVA(W), PAGE_1G, &dead), SL_RANGE);
		for (size_t i = 0; i < ARRAY_LEN(holes); i++)
			map(&pt, W + holes[i], 0x8000000000 + holes[i], PAGE_SIZE);
		unmap(&pt, W, PAGE_1G);
		assert_int_equal(pt.pages, 1);
		vtd_pt_fini(&pt);
		assert_int_equal(pmm_used_pages(), used);
	}
}

/* No memory for the lower table: nothing changes. */
static void test_cut_no_memory(void **state)
{
	(void)state;
	for (uint64_t leave = 0; leave < 3; leave++) {
		struct vtd_pt pt;
		struct vtd_pt_dead dead = {0};
		phys_t hog;
		assert_int_equal(vtd_pt_init(&pt, 4, VTD_PAGE_2M, NULL), SL_OK);
		map(&pt, W, 0x8000000000, 2 * PAGE_2M);
		uint64_t pages = pmm_free_pages() - leave;
		assert_int_equal(pmm_alloc(pages, PAGE_SIZE, &hog), SL_OK);
		enum sl_err e = vtd_pt_unmap(&pt, IOVA(W + PAGE_SIZE), PAGE_2M, &dead);
		assert_int_equal(e, leave < 2 ? SL_NOMEM : SL_OK);
		assert_int_equal(vtd_pt_all(&pt, IOVA(W), 2 * PAGE_2M), leave < 2);
		assert_int_equal(dead.differ != 0, leave > 0);
		check_live(&pt);
		pmm_free(hog, pages);
		vtd_pt_fini(&pt);
	}
}

/* An empty table is kept and filled again; what was all of a table goes at once. */
static void test_kept(void **state)
{
	(void)state;
	struct vtd_pt pt;
	struct vtd_pt_dead dead = {0};
	assert_int_equal(vtd_pt_init(&pt, 4, 0, NULL), SL_OK);
	map(&pt, W, 0x50000000, PAGE_SIZE);
	assert_int_equal(vtd_pt_unmap(&pt, IOVA(W), PAGE_SIZE, &dead), SL_OK);
	assert_null(dead.first);
	assert_false(dead.tables);
	assert_int_equal(pt.pages, 4);
	map(&pt, W, 0x60000000, 2 * PAGE_SIZE);
	assert_int_equal(pt.pages, 4);
	assert_int_equal(pt.empty, 0);
	map(&pt, W + PAGE_2M, 0x70000000, PAGE_2M);
	assert_int_equal(vtd_pt_unmap(&pt, IOVA(W + PAGE_2M), PAGE_2M, &dead), SL_OK);
	assert_non_null(dead.first);
	assert_true(dead.tables);
	vtd_pt_free(&pt, &dead);
	assert_int_equal(dead.differ, 0);
	assert_int_equal(pt.pages, 4);
	vtd_pt_prune(&pt, &dead); /* nothing is empty */
	assert_int_equal(dead.differ, 0);
	vtd_pt_fini(&pt);
}

/* A page of 2 MiB or 1 GiB where empty tables stand: they go, nothing else does, and one entry is left. */
static void test_large_over_empty(void **state)
{
	(void)state;
	for (unsigned levels = 3; levels <= 5; levels++) {
		struct vtd_pt pt;
		struct vtd_pt_dead dead = {0};
		uint64_t used = pmm_used_pages(), mapped;
		assert_int_equal(vtd_pt_init(&pt, levels, VTD_PAGE_2M | VTD_PAGE_1G, NULL), SL_OK);
		map(&pt, W + PAGE_1G - PAGE_SIZE, 0x70000000, 2 * PAGE_SIZE); /* neighbours on both sides */
		for (unsigned i = 0; i < 5; i++) {
			map(&pt, W + i * PAGE_2M + i * PAGE_SIZE, 0x50000000, PAGE_SIZE);
			struct vtd_pt_dead gone = {0};
			assert_int_equal(
				vtd_pt_unmap(&pt, IOVA(W + i * PAGE_2M + i * PAGE_SIZE), PAGE_SIZE, &gone),
				SL_OK);
			assert_null(gone.first);
		}
		uint64_t pages = pt.pages;
		/* the second of five tables: that one alone */
		assert_int_equal(
			vtd_pt_map(&pt, IOVA(W + PAGE_2M), PHYS(0x8000200000), PAGE_2M, 3, &mapped, &dead),
			SL_OK);
		expect_page(&pt, W + PAGE_2M, 0x8000200000, PAGE_2M);
		assert_non_null(dead.first);
		assert_true(dead.tables);
		assert_int_equal(block_at(&dead), W + PAGE_2M);
		assert_int_equal(block_size(&dead), PAGE_2M);
		assert_int_equal(pt.pages, pages); /* not before the invalidation */
		check_live(&pt);
		vtd_pt_free(&pt, &dead);
		assert_int_equal(pt.pages, pages - 1);
		/* the table is there now: it is one store */
		unmap_keep(&pt, W + PAGE_2M, PAGE_2M);
		map(&pt, W + PAGE_2M, 0x8000200000, PAGE_2M);
		/* something is mapped in the way: nothing changes */
		assert_int_equal(vtd_pt_map(&pt, IOVA(W), PHYS(0x9000000000), PAGE_1G, 3, &mapped, &dead),
				 SL_EXISTS);
		assert_int_equal(mapped, 0);
		assert_int_equal(dead.differ, 0);
		assert_int_equal(pt.pages, pages - 1);
		unmap_keep(&pt, W + PAGE_2M, PAGE_2M);
		unmap_keep(&pt, W + PAGE_1G - PAGE_SIZE, PAGE_SIZE);
		/* now a table with tables in it: all of them */
		assert_int_equal(vtd_pt_map(&pt, IOVA(W), PHYS(0x9000000000), PAGE_1G, 3, &mapped, &dead),
				 SL_OK);
		expect_page(&pt, W, 0x9000000000, PAGE_1G);
		expect_page(&pt, W + PAGE_1G, 0x70001000, PAGE_SIZE);
		assert_int_equal(block_at(&dead), W);
		assert_int_equal(block_size(&dead), PAGE_1G);
		check_live(&pt);
		vtd_pt_free(&pt, &dead);
		assert_int_equal(pt.pages, levels); /* the way to the neighbour */
		/* a table of 2 MiB pages that is empty: its entries would do, one entry is better */
		unmap_keep(&pt, W, PAGE_1G);
		map(&pt, W + PAGE_2M, 0x8000200000, PAGE_2M);
		unmap_keep(&pt, W + PAGE_2M, PAGE_2M);
		assert_int_equal(vtd_pt_map(&pt, IOVA(W), PHYS(0x9000000000), PAGE_1G, 3, &mapped, &dead),
				 SL_OK);
		expect_page(&pt, W, 0x9000000000, PAGE_1G);
		vtd_pt_free(&pt, &dead);
		assert_int_equal(pt.pages, levels);
		unmap(&pt, W, PAGE_1G + PAGE_SIZE);
		assert_int_equal(pt.pages, 1);
		vtd_pt_fini(&pt);
		assert_int_equal(pmm_used_pages(), used);
	}
}

/* The calls for single pages work in the table of their level that was used last, and in no other: not when
 * another one took its place, not when it is gone, not before there is one. */
static void test_single_pages(void **state)
{
	(void)state;
	for (unsigned levels = 3; levels <= 5; levels++) {
		struct vtd_pt pt;
		struct vtd_pt_dead dead = {0};
		uint64_t *entry, used = pmm_used_pages();
		vtd_pt_none(&pt);
		for (unsigned level = 1; level <= VTD_PAGE_KINDS; level++)
			assert_false(vtd_pt_map_page(&pt, level, 0, 0, 3, &entry));
		assert_int_equal(vtd_pt_init(&pt, levels, VTD_PAGE_2M | VTD_PAGE_1G, NULL), SL_OK);
		for (unsigned level = 1; level <= VTD_PAGE_KINDS; level++) {
			uint64_t size = vtd_pt_size(level), at = W + 5 * size;
			assert_false(vtd_pt_map_page(&pt, level, at, 0x8000000000, 3, &entry));
			map(&pt, W + 4 * size, 0x9000000000, size);
			assert_true(vtd_pt_look(&pt, level, IOVA(at)));
			assert_true(vtd_pt_map_page(&pt, level, at, 0x8000000000, 3, &entry));
			expect_page(&pt, at, 0x8000000000, size);
			check_live(&pt);
			assert_false(vtd_pt_map_page(&pt, level, at, 0x8000000000, 3, &entry));
			assert_false(vtd_pt_map_page(&pt, level, at + 512 * size, 0x8000000000, 3, &entry));
			assert_false(vtd_pt_unmap_page(&pt, level, at + 512 * size, &entry));
			assert_false(vtd_pt_unmap_page(&pt, level, at + size, &entry));
			assert_true(vtd_pt_unmap_page(&pt, level, at, &entry));
			assert_false(vtd_pt_unmap_page(&pt, level, at, &entry));
			assert_int_equal(walk(&pt, at).stop, WALK_EMPTY);
			check_live(&pt);
			unmap_keep(&pt, W + 4 * size, size);
			assert_true(vtd_pt_look(&pt, level, IOVA(at)));
			vtd_pt_prune(&pt, &dead); /* the table is gone, if it is not the top one */
			vtd_pt_free(&pt, &dead);
			assert_int_equal(pt.pages, 1);
			if (level < levels)
				assert_false(vtd_pt_map_page(&pt, level, at, 0x8000000000, 3, &entry));
		}
		/* a pointer to a table is neither free nor a page */
		map(&pt, W, 0x50000000, PAGE_SIZE);
		assert_true(vtd_pt_look(&pt, 2, IOVA(W)));
		assert_false(vtd_pt_unmap_page(&pt, 2, W, &entry));
		assert_false(vtd_pt_map_page(&pt, 2, W, 0x8000000000, 3, &entry));
		unmap(&pt, W, PAGE_SIZE);
		/* the remembered table is replaced by a large page */
		map(&pt, W, 0x50000000, PAGE_SIZE);
		unmap_keep(&pt, W, PAGE_SIZE);
		uint64_t mapped;
		assert_int_equal(vtd_pt_map(&pt, IOVA(W), PHYS(0x8000000000), PAGE_2M, 3, &mapped, &dead),
				 SL_OK);
		assert_false(vtd_pt_map_page(&pt, 1, W, 0x50000000, 3, &entry));
		assert_false(vtd_pt_look(&pt, 1, IOVA(W))); /* a page, not a table */
		vtd_pt_free(&pt, &dead);
		unmap(&pt, W, PAGE_2M);
		assert_int_equal(pt.pages, 1);
		vtd_pt_fini(&pt);
		assert_int_equal(pmm_used_pages(), used);
		/* sizes that are not allowed are never looked for */
		assert_int_equal(vtd_pt_init(&pt, levels, VTD_PAGE_2M, NULL), SL_OK);
		map(&pt, W, 0x8000000000, PAGE_2M);
		assert_true(vtd_pt_look(&pt, 2, IOVA(W)));
		assert_false(vtd_pt_look(&pt, 3, IOVA(W)));
		vtd_pt_fini(&pt);
	}
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
		cmocka_unit_test(test_single_pages),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
