#include "iommu/vtd_pt.h"
#include "kernel/panic.h"
#include "kernel/pmm.h"

#define LEVEL_BITS 9

/* Bytes that one entry of a table at this level decides on: level 1 has 4 KiB pages. */
static uint64_t entry_size(unsigned level)
{
	return PAGE_SIZE << (LEVEL_BITS * (level - 1));
}

static unsigned entry_index(uint64_t iova, unsigned level)
{
	return (unsigned)(iova / entry_size(level)) % SS_ENTRIES;
}

static bool is_leaf(uint64_t entry, unsigned level)
{
	return level == 1 || (entry & SS_PS);
}

static uint64_t *child_of(uint64_t entry)
{
	return phys_va(PHYS(entry & SS_ADDR));
}

static bool page_allowed(const struct vtd_pt *pt, unsigned level)
{
	return level == 1 || (level == 2 && pt->large & VTD_PAGE_2M) ||
	       (level == 3 && pt->large & VTD_PAGE_1G);
}

static void flush(const struct vtd_pt *pt, const void *p, size_t n)
{
	if (pt->sync && n)
		pt->sync->flush(pt->sync->ctx, p, n);
}

static void store(uint64_t *entry, uint64_t v)
{
	__atomic_store_n(entry, v, __ATOMIC_RELEASE);
}

static uint64_t *table_make(struct vtd_pt *pt)
{
	uint64_t *table = pmm_page();
	if (table)
		pt->pages++;
	return table;
}

static void table_free(struct vtd_pt *pt, uint64_t *table)
{
	pt->pages--;
	pmm_page_free(table);
}

static bool table_empty(const uint64_t *table)
{
	for (unsigned i = 0; i < SS_ENTRIES; i++)
		if (table[i])
			return false;
	return true;
}

enum sl_err vtd_pt_init(struct vtd_pt *pt, unsigned levels, unsigned large, const struct vtd_io *sync)
{
	*pt = (struct vtd_pt){.levels = levels, .large = large, .sync = sync};
	pt->top = table_make(pt);
	if (!pt->top)
		return SL_NOMEM;
	flush(pt, pt->top, PAGE_SIZE);
	return SL_OK;
}

static void free_below(struct vtd_pt *pt, uint64_t *table, unsigned level)
{
	for (unsigned i = 0; i < SS_ENTRIES; i++)
		if (table[i] && !is_leaf(table[i], level))
			free_below(pt, child_of(table[i]), level - 1);
	table_free(pt, table);
}

void vtd_pt_fini(struct vtd_pt *pt)
{
	free_below(pt, pt->top, pt->levels);
	pt->top = NULL;
}

uint64_t vtd_pt_find(const struct vtd_pt *pt, iova_t iova, uint64_t *size)
{
	const uint64_t *table = pt->top;
	for (unsigned level = pt->levels;; level--) {
		uint64_t entry = table[entry_index(iova.v, level)];
		*size = entry_size(level);
		if (!entry || is_leaf(entry, level))
			return entry;
		table = child_of(entry);
	}
}

bool vtd_pt_any(const struct vtd_pt *pt, iova_t iova, uint64_t len)
{
	uint64_t end = iova.v + len, size;
	for (uint64_t at = iova.v; at < end; at = ALIGN_DOWN(at, size) + size)
		if (vtd_pt_find(pt, IOVA(at), &size))
			return true;
	return false;
}

bool vtd_pt_whole(const struct vtd_pt *pt, iova_t iova, uint64_t len)
{
	uint64_t end = iova.v + len, size;
	for (uint64_t at = iova.v; at < end; at += size)
		if (!vtd_pt_find(pt, IOVA(at), &size) || !IS_ALIGNED(at, size) || size > end - at)
			return false;
	return true;
}

/* One step of a mapping: where it goes, what is left, what is done. */
struct range {
	uint64_t iova, phys, left, done;
	uint64_t perm;
};

static void range_advance(struct range *r, uint64_t n)
{
	r->iova += n;
	r->phys += n;
	r->left -= n;
	r->done += n;
}

static enum sl_err map_level(struct vtd_pt *pt, uint64_t *table, unsigned level, struct range *r);

/* The part of r that lies under one entry, in a table below it. A new table is filled first and becomes
 * reachable by one store; when nothing came into it, it is not put in place. */
static enum sl_err map_below(struct vtd_pt *pt, uint64_t *entry, unsigned level, struct range *r)
{
	ASSERT(level > 1); /* a page of 4 KiB always fits: domain_map() has seen that nothing is there */
	if (*entry)
		return map_level(pt, child_of(*entry), level - 1, r);
	uint64_t *child = table_make(pt), before = r->done;
	if (!child)
		return SL_NOMEM;
	enum sl_err e = map_level(pt, child, level - 1, r);
	if (r->done == before) {
		table_free(pt, child);
		return e;
	}
	flush(pt, child, PAGE_SIZE);
	store(entry, (va_phys(child).v & SS_ADDR) | SS_R | SS_W);
	return e;
}

/* As much of r as one table covers. */
static enum sl_err map_level(struct vtd_pt *pt, uint64_t *table, unsigned level, struct range *r)
{
	uint64_t size = entry_size(level);
	unsigned first = entry_index(r->iova, level), i = first;
	enum sl_err e = SL_OK;
	while (!e && r->left && i < SS_ENTRIES) {
		if (page_allowed(pt, level) && !table[i] && IS_ALIGNED(r->iova | r->phys, size) &&
		    r->left >= size) {
			store(&table[i], (r->phys & SS_ADDR) | r->perm | (level > 1 ? SS_PS : 0));
			range_advance(r, size);
			i++;
			continue;
		}
		e = map_below(pt, &table[i], level, r);
		i++;
	}
	flush(pt, &table[first], (i - first) * sizeof(*table));
	return e;
}

enum sl_err vtd_pt_map(struct vtd_pt *pt, iova_t iova, phys_t phys, uint64_t len, unsigned perm,
		       uint64_t *mapped)
{
	struct range r = {.iova = iova.v, .phys = phys.v, .left = len, .perm = perm & (SS_R | SS_W)};
	enum sl_err e = map_level(pt, pt->top, pt->levels, &r);
	*mapped = r.done;
	return e;
}

static void bury(uint64_t *table, struct vtd_pt_dead *dead)
{
	/* A unit may go on walking it until it is invalidated: a page address has R and W clear, so the chain
	 * maps nothing. */
	store(&table[0], dead->first ? va_phys(dead->first).v : 0);
	dead->first = table;
}

static void unmap_level(struct vtd_pt *pt, uint64_t *table, unsigned level, struct range *r,
			struct vtd_pt_dead *dead)
{
	uint64_t size = entry_size(level);
	unsigned first = entry_index(r->iova, level), i = first;
	for (; r->left && i < SS_ENTRIES; i++) {
		uint64_t entry = table[i];
		if (is_leaf(entry, level)) {
			store(&table[i], 0);
			range_advance(r, size);
			continue;
		}
		unmap_level(pt, child_of(entry), level - 1, r, dead);
		if (table_empty(child_of(entry))) {
			store(&table[i], 0);
			bury(child_of(entry), dead);
		}
	}
	flush(pt, &table[first], (i - first) * sizeof(*table));
}

void vtd_pt_unmap(struct vtd_pt *pt, iova_t iova, uint64_t len, struct vtd_pt_dead *dead)
{
	struct range r = {.iova = iova.v, .left = len};
	unmap_level(pt, pt->top, pt->levels, &r, dead);
}

void vtd_pt_free(struct vtd_pt *pt, struct vtd_pt_dead *dead)
{
	while (dead->first) {
		uint64_t *table = dead->first, next = table[0];
		dead->first = next ? phys_va(PHYS(next)) : NULL;
		table_free(pt, table);
	}
}
