/* clang-format off */
/* I/O page tables of 2 entries at LEVELS levels: any state that they can be in, and what is true of each.
 * EDIT: iommu/iopt.h | #define IOPT_ENTRIES    512u | #define IOPT_ENTRIES 2u | one bit of the address for each level instead of 9
 * EDIT: iommu/iopt.h | return 3 + 9 * level; | return 11 + level; | likewise
 * EDIT: kernel/addr.h | 0x200000ull | 0x2000ull | likewise
 * EDIT: kernel/addr.h | 0x40000000ull | 0x4000ull | likewise
 * EDIT: iommu/vtd/walk.c | 12 + 9 * | 12 + | likewise, in the walker
 * EDIT: iommu/vtd/walk.c | w->levels = aw + 2; | w->levels = aw + 1; | and the least number of levels is 2
 * EDIT: iommu/vtd/walk.c | bits(w->iova.v, shift + 8, shift) | bits(w->iova.v, shift, shift) | likewise
 * EDIT: kernel/bits.h | (((v) & (f)) / ((f) & (0 - (f)))) | (((v) & (f)) >> __builtin_ctzll(f)) | as a compiler does it: CBMC's divider is slow
 */
/* clang-format on */
#pragma once
#include "kernel/addr.h"
#include "tests/prove/prove.h"

#define PAGES  (1u << LEVELS)
#define TABLES (PAGES - 1) /* as many as there can be: 1 top table, 2 below it, 4 below them */
#define BASE   0x10000ull

/* Physical memory: tables, each on a page of its own, in any order, its counts behind it. An array for each,
 * so that CBMC sees at which entry a pointer points. */
static uint64_t pool0[4], pool1[4], pool2[4], pool3[4], pool4[4], pool5[4], pool6[4];
static bool in_use[TABLES];
static uint64_t taken[TABLES]; /* pages of each */

static uint64_t *table_of(unsigned slot)
{
	switch (slot) {
	case 0:
		return pool0;
	case 1:
		return pool1;
	case 2:
		return pool2;
#if LEVELS > 2
	case 3:
		return pool3;
	case 4:
		return pool4;
	case 5:
		return pool5;
	case 6:
		return pool6;
#endif
	}
	assume(false);
	return NULL;
}

static unsigned slot_of(const void *table)
{
	for (unsigned i = 0; i < TABLES; i++)
		if (table == table_of(i))
			return i;
	assert(!"a pointer to a table");
	return 0;
}

static uint64_t *pool_va(uint64_t phys)
{
	uint64_t i = (phys - BASE) >> 12;
	assert(phys >= BASE && i < TABLES && in_use[i] && (phys & 0xfff) == 0);
	return table_of((unsigned)i);
}

static uint64_t pool_phys(const void *table)
{
	return BASE + ((uint64_t)slot_of(table) << 12);
}

/* In place of the direct map, which CBMC cannot follow. */
#define phys_va(p)  ((void *)pool_va((p).v))
#define va_phys(va) PHYS(pool_phys(va))
#include "iommu/vtd/entry.h"
#include "iommu/iopt.c"
#include "iommu/cached_table.h"
#include "iommu/vtd/walk.h"

static const struct pt_format format = {.addr = SS_ADDR,
					.perm = {0, SS_R, SS_W, SS_R | SS_W},
					.page = {0, 0, SS_PS, SS_PS},
					.table = {0, SS_R | SS_W, SS_R | SS_W, SS_R | SS_W},
					.kind = SS_PS,
					.leaf = SS_PS};
static struct cached_tables cached; /* what cached_table.c remembers; that file itself is not part of this */

/* There may be none. As many pages as a table of that level has. */
enum sl_err pmm_alloc(uint64_t pages, uint64_t align, phys_t *out)
{
	unsigned i = any_u32();
	assert((pages == 1 || pages == 2) && align == 0x1000);
	if (any_bool())
		return SL_NOMEM;
	assume(i < TABLES && !in_use[i]);
	uint64_t *table = table_of(i);
	table[0] = table[1] = table[2] = table[3] = 0;
	in_use[i] = true;
	taken[i] = pages;
	*out = PHYS(BASE + ((uint64_t)i << 12));
	return SL_OK;
}

void pmm_free(phys_t base, uint64_t pages)
{
	unsigned i = (unsigned)((base.v - BASE) >> 12);
	assert(i < TABLES && in_use[i] && taken[i] == pages);
	in_use[i] = false;
}

_Noreturn void panic(const char *fmt, ...)
{
	(void)fmt;
	assert(!"panic");
	assume(false);
}

/* The plain array: what each page is mapped to. */
static struct {
	uint64_t phys;
	unsigned perm; /* 0: not mapped */
} want[PAGES];

static bool plain_any(unsigned from, unsigned n, bool mapped)
{
	bool any = false;
	for (unsigned i = 0; i < PAGES; i++)
		any = any || (i >= from && i - from < n && (want[i].perm != 0) == mapped);
	return any;
}

static void plain_set(unsigned from, unsigned n, uint64_t phys, unsigned perm)
{
	for (unsigned i = 0; i < PAGES; i++) {
		if (i < from || i - from >= n)
			continue;
		want[i].phys = phys + ((uint64_t)(i - from) << 12);
		want[i].perm = perm;
	}
}

static bool sane_page(const struct iopt *pt, uint64_t e, unsigned level)
{
	return (e & ~(SS_ADDR | SS_R | SS_W | (level > 1 ? SS_PS : 0))) == 0 && e & (SS_R | SS_W) &&
	       (level == 1 || e & SS_PS) && page_allowed(pt, level) &&
	       (e & (iopt_size(level) - 1) & SS_ADDR) == 0;
}

static uint64_t any_page_of(const struct iopt *pt, unsigned level, unsigned page)
{
	uint64_t e = any_u64();
	assume(sane_page(pt, e, level) && (e & SS_ADDR) < 1ull << 30);
	plain_set(page, 1u << (level - 1), e & SS_ADDR, e & (SS_R | SS_W));
	return e;
}

static uint64_t used_in(unsigned slot)
{
	return (uint64_t)(table_of(slot)[0] != 0) + (table_of(slot)[1] != 0);
}

static uint64_t any_table(unsigned slot)
{
	in_use[slot] = true;
	return (BASE + ((uint64_t)slot << 12)) | SS_R | SS_W;
}

static uint64_t any_entry(const struct iopt *pt, unsigned level, unsigned page, unsigned below)
{
	unsigned kind = any_u32();
	if (level > 1 && kind == 1)
		return any_table(below);
	plain_set(page, 1u << (level - 1), 0, 0);
	return kind == 2 ? any_page_of(pt, level, page) : 0;
}

/* The table that has the entries for a page at this level, and its count; NULL: there is none. */
static uint64_t *table_for(struct iopt *pt, unsigned level, unsigned page, uint64_t **count)
{
	uint64_t *table = pt->top;
	*count = &pt->top_count;
	for (unsigned l = LEVELS; l > level; l--) {
		uint64_t *entry = &table[page >> (l - 1) & 1];
		if (!*entry || *entry & SS_PS)
			return NULL;
		*count = iopt_count(entry);
		table = iopt_child(&format, *entry);
	}
	return table;
}

/* A table is remembered that is there, or none is. */
static bool cached_sound(struct iopt *pt, unsigned level)
{
	const struct cached_table *last = &cached.level[level - 1];
	uint64_t *count;
	if (!last->table)
		return last->at == UINT64_MAX && !last->count;
	if (!page_allowed(pt, level))
		return false;
	for (unsigned at = 0; at < PAGES >> level; at++) {
		uint64_t *table = table_for(pt, level, at << level, &count);
		if (last->at == at)
			return table && last->table == table && last->count == count;
	}
	return false;
}

struct counts {
	unsigned tables, pages, empty;
	bool seen[TABLES];
};

static bool entries_sound(struct iopt *pt, uint64_t *table, unsigned level, uint64_t count, struct counts *c)
{
	unsigned slot = slot_of(table);
	bool good = (uint64_t)((table[0] != 0) + (table[1] != 0)) == count && !c->seen[slot] &&
		    taken[slot] == pages_of(level);
	c->tables++;
	c->pages += pages_of(level);
	c->seen[slot] = true;
	c->empty += level < LEVELS && !count && cached.level[level - 1].table != table;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t e = table[i];
		if (level == 1 || !e || e & SS_PS)
			good = good && (!e || sane_page(pt, e, level)) && !(level > 1 && table[2 + i]);
		else
			good = good && (e & ~SS_ADDR) == (SS_R | SS_W) &&
			       entries_sound(pt, iopt_child(&format, e), level - 1, table[2 + i], c);
	}
	return good;
}

static unsigned tables_in_use(void)
{
	unsigned n = 0;
	for (unsigned i = 0; i < TABLES; i++)
		n += in_use[i];
	return n;
}

/* What every call keeps, once what it took out is freed: each count is right, no table is lost or used twice.
 */
static void assert_sound(struct iopt *pt)
{
	struct counts c = {0};
	assert(pt->levels == LEVELS && pt->top_count >= 1);
	assert(entries_sound(pt, pt->top, LEVELS, pt->top_count - 1, &c));
	assert(pt->pages == c.pages && c.tables == tables_in_use() && pt->empty == c.empty);
	for (unsigned level = 1; level <= IOPT_PAGE_KINDS; level++)
		assert(level <= LEVELS ? cached_sound(pt, level) : !cached.level[level - 1].table);
}

static void cache_none(void)
{
	for (unsigned level = 1; level <= IOPT_PAGE_KINDS; level++)
		cached.level[level - 1] = (struct cached_table){.at = UINT64_MAX};
}

/* Any table that may be remembered is. */
static void cache_any(struct iopt *pt)
{
	for (unsigned level = 1; level <= LEVELS; level++) {
		unsigned which = any_u32();
		for (unsigned at = 0; at < PAGES >> level; at++) {
			uint64_t *count, *table = table_for(pt, level, at << level, &count);
			if (which != at || !page_allowed(pt, level) || !table)
				continue;
			cached.level[level - 1] = (struct cached_table){at, table, count};
			pt->empty -= level < LEVELS && !*count;
		}
	}
}

/* Any state; which table lies where makes no difference: those below entry i lie at i + 1. */
static void any_state(struct iopt *pt, unsigned page_level)
{
	*pt = (struct iopt){.top = pool0, .form = &format, .levels = LEVELS, .page_level = page_level};
	for (unsigned level = 1; level <= LEVELS; level++) {
		unsigned n = PAGES >> (level - 1);
		for (unsigned i = 0; i < n; i++)
			table_of((n - 2 + i) / 2)[i % 2] = any_entry(pt, level, i << (level - 1), n - 1 + i);
	}
	pt->top_count = 1 + used_in(0);
	in_use[0] = true;
	for (unsigned i = 0; i < TABLES; i++) { /* those below one that is not there are not either */
		unsigned level = i == 0 ? LEVELS : i < 3 ? LEVELS - 1 : LEVELS - 2;
		in_use[i] = in_use[i] && (i == 0 || in_use[(i - 1) / 2]);
		taken[i] = pages_of(level);
		pt->pages += in_use[i] ? taken[i] : 0;
		pt->empty += i > 0 && in_use[i] && !used_in(i);
	}
	for (unsigned i = 1; i < TABLES; i++)
		table_of((i - 1) / 2)[2 + (i - 1) % 2] = in_use[i] ? used_in(i) : 0;
	cache_none();
}

/* Root and context table stand below the pool; the walk begins there. */
static bool read64(void *ctx, uint64_t phys, uint64_t *v)
{
	const struct iopt *pt = ctx;
	if (phys >= BASE && phys & 8)
		*v = pool_va(phys & ~0xfffull)[1];
	else if (phys >= BASE)
		*v = pool_va(phys & ~0xfffull)[0];
	else if (phys == 0x1000)
		*v = 0x2001; /* root entry: present */
	else if (phys == 0x2000)
		*v = pool_phys(pt->top) | 1;
	else
		*v = phys == 0x2008 ? 1 << 8 | (LEVELS - 1) : 0; /* domain 1 */
	return true;
}

/* What the walker finds for any page is what the plain array says. */
static void assert_walk(struct iopt *pt, unsigned page)
{
	struct vtd_walk_unit unit = {.rtaddr = 0x1000,
				     .cap = 6ull << 8 | 47ull << 16 | (LEVELS > 2 ? 3ull : 1ull) << 34,
				     .haw = 39};
	struct vtd_walk_mem mem = {.ctx = pt, .read64 = read64};
	struct vtd_walk walk;
	vtd_walk(&unit, &mem, (bdf_t){0}, IOVA((uint64_t)page << 12), &walk);
	assert((walk.stop == WALK_MAPPED) == (want[page].perm != 0));
	if (want[page].perm)
		assert(walk.phys.v == want[page].phys && walk.read == (want[page].perm & 1) &&
		       walk.write == (want[page].perm >> 1 & 1));
}

/* Is the page among those that are to be invalidated: in the smallest block that has all that differ? */
static bool owed(const struct iommu_gather *g, unsigned page)
{
	uint64_t block = g->differ;
	for (unsigned i = 1; i < 64; i *= 2)
		block |= block >> i;
	return block && ((((uint64_t)page << 12) ^ g->at) & ~block) == 0;
}
