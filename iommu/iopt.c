#include "iommu/iopt.h"
#include "kernel/panic.h"
#include "kernel/pmm.h"

static bool page_allowed(const struct iopt *pt, unsigned level)
{
	return level <= pt->page_level;
}

static void flush(const struct iopt *pt, const void *p, size_t n)
{
	if (pt->sync.flush && n)
		pt->sync.flush(pt->sync.ctx, p, n);
}

static void store(uint64_t *entry, uint64_t v)
{
	__atomic_store_n(entry, v, __ATOMIC_RELEASE);
}

/* Above level 1 a second page counts the entries in use of the tables below. */
static unsigned pages_of(unsigned level)
{
	return level > 1 ? 2 : 1;
}

static uint64_t *table_make(struct iopt *pt, unsigned level)
{
	phys_t at;
	if (pmm_alloc(pages_of(level), PAGE_SIZE, &at) != SL_OK)
		return NULL;
	pt->pages += pages_of(level);
	return phys_va(at);
}

static void table_free(struct iopt *pt, uint64_t *table, unsigned level)
{
	pt->pages -= pages_of(level);
	pmm_free(va_phys(table), pages_of(level));
}

static uint64_t page_entry(const struct iopt *pt, unsigned level, uint64_t phys, unsigned perm)
{
	return (phys & pt->form->addr) | pt->form->perm[perm] | pt->form->page[level];
}

/* level: of the table that it points to. */
static uint64_t table_entry(const struct iopt *pt, unsigned level, const uint64_t *table)
{
	return (va_phys(table).v & pt->form->addr) | pt->form->table[level];
}

/* Adds n, which may be negative, to this count of a table's entries in use. */
static void count_add(struct iopt *pt, uint64_t *count, int n)
{
	if (!n)
		return;
	if (!*count)
		pt->empty--;
	*count += (uint64_t)(int64_t)n;
	if (!*count)
		pt->empty++;
}

enum sl_err iopt_init(struct iopt *pt, const struct pt_format *form, unsigned levels, unsigned page_level,
		      struct iopt_sync sync)
{
	*pt = (struct iopt){
		.form = form, .levels = levels, .page_level = page_level, .sync = sync, .top_count = 1};
	pt->top = table_make(pt, levels);
	if (!pt->top)
		return SL_NOMEM;
	flush(pt, pt->top, PAGE_SIZE);
	return SL_OK;
}

static void free_below(struct iopt *pt, uint64_t *table, unsigned level)
{
	for (unsigned i = 0; i < IOPT_ENTRIES; i++)
		if (table[i] && !iopt_is_page(pt->form, table[i], level))
			free_below(pt, iopt_child(pt->form, table[i]), level - 1);
	table_free(pt, table, level);
}

void iopt_fini(struct iopt *pt)
{
	free_below(pt, pt->top, pt->levels);
	pt->top = NULL;
}

/* Are there pages in a table above this level, at or below this one? */
static bool has_above(const struct pt_format *f, const uint64_t *table, unsigned level, unsigned above)
{
	for (unsigned i = 0; level > above && i < IOPT_ENTRIES; i++) {
		if (!table[i])
			continue;
		if (iopt_is_page(f, table[i], level) ||
		    has_above(f, iopt_child(f, table[i]), level - 1, above))
			return true;
	}
	return false;
}

bool iopt_narrow(struct iopt *pt, unsigned page_level)
{
	if (page_level >= pt->page_level)
		return true;
	if (has_above(pt->form, pt->top, pt->levels, page_level))
		return false;
	pt->page_level = page_level;
	return true;
}

uint64_t iopt_find(const struct iopt *pt, iova_t iova, uint64_t *size)
{
	const uint64_t *table = pt->top;
	for (unsigned level = pt->levels;; level--) {
		uint64_t entry = table[iopt_index(iova.v, level)];
		*size = iopt_size(level);
		if (!entry || iopt_is_page(pt->form, entry, level))
			return entry;
		table = iopt_child(pt->form, entry);
	}
}

/* Is there a place in [from, end), which lies under the table, that is mapped, or that is not? */
static bool has(const struct pt_format *f, uint64_t *table, unsigned level, uint64_t from, uint64_t end,
		bool mapped)
{
	uint64_t size = iopt_size(level);
	for (uint64_t at = from, next; at < end; at = next) {
		uint64_t *entry = &table[iopt_index(at, level)];
		next = ALIGN_DOWN(at, size) + size;
		bool page = *entry && iopt_is_page(f, *entry, level);
		if (page || !*entry || !*iopt_count(entry)) {
			if (page == mapped)
				return true;
		} else if (has(f, iopt_child(f, *entry), level - 1, at, next < end ? next : end, mapped)) {
			return true;
		}
	}
	return false;
}

bool iopt_any(const struct iopt *pt, iova_t iova, uint64_t len)
{
	return has(pt->form, pt->top, pt->levels, iova.v, iova.v + len, true);
}

bool iopt_all(const struct iopt *pt, iova_t iova, uint64_t len)
{
	return !has(pt->form, pt->top, pt->levels, iova.v, iova.v + len, false);
}

/* One step of a mapping: its target, the rest, the part done. */
struct range {
	uint64_t iova, phys, left, done;
	unsigned perm;
};

static void range_advance(struct range *r, uint64_t n)
{
	r->iova += n;
	r->phys += n;
	r->left -= n;
	r->done += n;
}

/* In the free list: the table has two pages. Neither format knows the bit in an entry that is not present. */
#define TWO_PAGES BIT(8)

/* Takes the empty table below an entry of this level, and those below it, out of the tree: the entry is
 * cleared. A unit may keep walking it until it is invalidated: in the chain no entry has a permission, so it
 * maps nothing. */
static void table_remove(struct iopt *pt, uint64_t *entry, unsigned level, struct iommu_gather *g)
{
	uint64_t *table = iopt_child(pt->form, *entry), *count = iopt_count(entry);
	for (unsigned i = 0; *count && i < IOPT_ENTRIES; i++) {
		if (!table[i])
			continue;
		table_remove(pt, &table[i], level - 1, g);
		count_add(pt, count, -1);
	}
	store(entry, 0);
	flush(pt, entry, sizeof(*entry));
	store(&table[0],
	      (g->free_list ? va_phys(g->free_list).v : 0) | (pages_of(level - 1) > 1 ? TWO_PAGES : 0));
	g->free_list = table;
	g->tables = true;
	pt->empty--;
}

static enum sl_err map_level(struct iopt *pt, uint64_t *count, uint64_t *table, unsigned level,
			     struct range *r, struct iommu_gather *g);

/* The part of r that lies under one entry, in a table below it. A new table is filled first and becomes
 * reachable by one store; a table that stays empty is not linked. *added: one more entry is in use. */
static enum sl_err map_below(struct iopt *pt, uint64_t *entry, unsigned level, struct range *r, int *added,
			     struct iommu_gather *g)
{
	ASSERT(level >
	       1); /* a page of 4 KiB always fits: iopt_map() has checked that nothing is mapped there */
	if (*entry)
		return map_level(pt, iopt_count(entry), iopt_child(pt->form, *entry), level - 1, r, g);
	uint64_t *child = table_make(pt, level - 1), before = r->done, *count = iopt_count(entry);
	if (!child)
		return SL_NOMEM;
	*count = 0;
	pt->empty++;
	enum sl_err e = map_level(pt, count, child, level - 1, r, g);
	if (r->done == before) {
		pt->empty--;
		table_free(pt, child, level - 1);
		return e;
	}
	flush(pt, child, PAGE_SIZE);
	store(entry, table_entry(pt, level - 1, child));
	flush(pt, entry, sizeof(*entry));
	++*added;
	return e;
}

/* As much of r as one table covers. count: of its entries in use. */
static enum sl_err map_level(struct iopt *pt, uint64_t *count, uint64_t *table, unsigned level,
			     struct range *r, struct iommu_gather *g)
{
	uint64_t size = iopt_size(level);
	unsigned first = iopt_index(r->iova, level), i = first;
	int added = 0;
	enum sl_err e = SL_OK;
	for (; !e && r->left && i < IOPT_ENTRIES; i++) {
		if (page_allowed(pt, level) && IS_ALIGNED(r->iova | r->phys, size) && r->left >= size) {
			if (table[i]) {
				table_remove(pt, &table[i], level, g);
				gather_add(g, r->iova, size - 1);
				added--;
			}
			store(&table[i], page_entry(pt, level, r->phys, r->perm));
			range_advance(r, size);
			added++;
			continue;
		}
		e = map_below(pt, &table[i], level, r, &added, g);
	}
	flush(pt, &table[first], (i - first) * sizeof(*table));
	count_add(pt, count, added);
	return e;
}

enum sl_err iopt_map(struct iopt *pt, iova_t iova, phys_t phys, uint64_t len, unsigned perm, uint64_t *mapped,
		     struct iommu_gather *g)
{
	struct range r = {.iova = iova.v, .phys = phys.v, .left = len, .perm = perm & 3};
	*mapped = 0;
	if (iopt_any(pt, iova, len))
		return SL_EXISTS;
	enum sl_err e = map_level(pt, &pt->top_count, pt->top, pt->levels, &r, g);
	*mapped = r.done;
	return e;
}

/* A large page becomes a table of the next smaller ones, until a page begins at the address. */
static enum sl_err cut(struct iopt *pt, uint64_t at, struct iommu_gather *g)
{
	const struct pt_format *f = pt->form;
	uint64_t *entry = &pt->top[iopt_index(at, pt->levels)];
	for (unsigned level = pt->levels; level > 1 && *entry; level--) {
		uint64_t size = iopt_size(level);
		if (IS_ALIGNED(at, size))
			return SL_OK;
		if (iopt_is_page(f, *entry, level)) {
			uint64_t *child = table_make(pt, level - 1), sub = iopt_size(level - 1);
			uint64_t low = (*entry & f->perm[3]) | f->page[level - 1];
			if (!child)
				return SL_NOMEM;
			for (unsigned i = 0; i < IOPT_ENTRIES; i++)
				child[i] = ((*entry & f->addr) + i * sub) | low;
			flush(pt, child, PAGE_SIZE);
			*iopt_count(entry) = IOPT_ENTRIES;
			store(entry, table_entry(pt, level - 1, child));
			flush(pt, entry, sizeof(*entry));
			gather_add(g, ALIGN_DOWN(at, size), size - 1);
			g->tables = true;
		}
		entry = iopt_child(f, *entry) + iopt_index(at, level - 1);
	}
	return SL_OK;
}

static void unmap_level(struct iopt *pt, uint64_t *count, uint64_t *table, unsigned level, struct range *r,
			struct iommu_gather *g)
{
	uint64_t size = iopt_size(level);
	unsigned first = iopt_index(r->iova, level), i = first;
	int gone = 0;
	for (; r->left && i < IOPT_ENTRIES; i++) {
		if (iopt_is_page(pt->form, table[i], level)) {
			store(&table[i], 0);
			range_advance(r, size);
			gone++;
			continue;
		}
		bool whole = IS_ALIGNED(r->iova, size) && r->left >= size;
		unmap_level(pt, iopt_count(&table[i]), iopt_child(pt->form, table[i]), level - 1, r, g);
		if (whole) {
			table_remove(pt, &table[i], level, g);
			gone++;
		}
	}
	flush(pt, &table[first], (i - first) * sizeof(*table));
	count_add(pt, count, -gone);
}

enum sl_err iopt_unmap(struct iopt *pt, iova_t iova, uint64_t len, struct iommu_gather *g)
{
	ASSERT(pt->top); /* NULL only after iopt_fini() */
	struct range r = {.iova = iova.v, .left = len};
	if (!iopt_all(pt, iova, len))
		return SL_RANGE;
	enum sl_err e = cut(pt, iova.v, g);
	if (!e)
		e = cut(pt, iova.v + len, g);
	if (e)
		return e;
	unmap_level(pt, &pt->top_count, pt->top, pt->levels, &r, g);
	gather_add(g, iova.v, iova.v ^ (iova.v + len - 1));
	return SL_OK;
}

static void prune_level(struct iopt *pt, uint64_t *count, uint64_t *table, unsigned level,
			struct iommu_gather *g)
{
	int gone = 0;
	for (unsigned i = 0; pt->empty && i < IOPT_ENTRIES; i++) {
		if (!table[i] || iopt_is_page(pt->form, table[i], level))
			continue;
		uint64_t *below = iopt_count(&table[i]);
		if (level > 2 && *below)
			prune_level(pt, below, iopt_child(pt->form, table[i]), level - 1, g);
		if (!*below) {
			table_remove(pt, &table[i], level, g);
			gone++;
		}
	}
	count_add(pt, count, -gone);
}

void iopt_prune(struct iopt *pt, struct iommu_gather *g)
{
	if (!pt->empty)
		return;
	prune_level(pt, &pt->top_count, pt->top, pt->levels, g);
	gather_add(g, 0, UINT64_MAX);
}

void iopt_free(struct iopt *pt, struct iommu_gather *g)
{
	while (g->free_list) {
		uint64_t *table = g->free_list, next = table[0] & ~TWO_PAGES;
		unsigned level = table[0] & TWO_PAGES ? 2 : 1;
		g->free_list = next ? phys_va(PHYS(next)) : NULL;
		table_free(pt, table, level);
	}
	*g = (struct iommu_gather){0};
}
