#include "iommu/vtd_pt.h"
#include "kernel/panic.h"
#include "kernel/pmm.h"

#define LEVEL_BITS 9
#define MSI_WINDOW 0xfee00000ull /* VT-d §3.14 */

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

static unsigned live(uint64_t entry)
{
	return (unsigned)FGET(entry, SS_LIVE);
}

/* n more entries are in use, or less, of the table that *entry points to. Hardware ignores the count, so the
 * store needs no flush. entry: NULL for the top table, which nothing counts. */
static void live_add(struct vtd_pt *pt, uint64_t *entry, int n)
{
	if (!entry || !n)
		return;
	if (!live(*entry))
		pt->empty--;
	store(entry, *entry + (uint64_t)(n * (int64_t)SS_LIVE_ONE));
	if (!live(*entry))
		pt->empty++;
}

enum sl_err vtd_pt_init(struct vtd_pt *pt, unsigned levels, unsigned large, const struct vtd_io *sync)
{
	*pt = (struct vtd_pt){.levels = levels, .large = large, .sync = sync, .leaf_at = UINT64_MAX};
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

bool vtd_pt_all(const struct vtd_pt *pt, iova_t iova, uint64_t len)
{
	uint64_t end = iova.v + len, size;
	for (uint64_t at = iova.v; at < end; at = ALIGN_DOWN(at, size) + size)
		if (!vtd_pt_find(pt, IOVA(at), &size))
			return false;
	return true;
}

/* The level-1 table that has the entries of a range, when it is there and has all of them, and the entry that
 * points to it. It is remembered for vtd_pt_page(), which checks no address: so not the one around the
 * interrupt window. */
static uint64_t *leaf_table(struct vtd_pt *pt, uint64_t iova, uint64_t len, uint64_t **parent)
{
	uint64_t *table = pt->top;
	if ((iova ^ (iova + len - 1)) >= PAGE_2M)
		return NULL;
	for (unsigned shift = 12 + LEVEL_BITS * (pt->levels - 1); shift > 12; shift -= LEVEL_BITS) {
		uint64_t *entry = &table[iova >> shift & (SS_ENTRIES - 1)];
		if (!*entry || *entry & SS_PS)
			return NULL;
		*parent = entry;
		table = child_of(*entry);
	}
	if (iova / PAGE_2M != MSI_WINDOW / PAGE_2M) {
		pt->leaf_at = iova / PAGE_2M;
		pt->leaf = table;
		pt->leaf_parent = *parent;
	}
	return table + (iova >> 12 & (SS_ENTRIES - 1));
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

static enum sl_err map_level(struct vtd_pt *pt, uint64_t *parent, uint64_t *table, unsigned level,
			     struct range *r);

/* The part of r that lies under one entry, in a table below it. A new table is filled first and becomes
 * reachable by one store; when nothing came into it, it is not put in place. *added: an entry is in use that
 * was not. */
static enum sl_err map_below(struct vtd_pt *pt, uint64_t *entry, unsigned level, struct range *r, int *added)
{
	ASSERT(level > 1); /* a page of 4 KiB always fits: vtd_pt_map() has seen that nothing is there */
	if (*entry)
		return map_level(pt, entry, child_of(*entry), level - 1, r);
	uint64_t *child = table_make(pt), before = r->done;
	if (!child)
		return SL_NOMEM;
	uint64_t made = (va_phys(child).v & SS_ADDR) | SS_R | SS_W;
	pt->empty++;
	enum sl_err e = map_level(pt, &made, child, level - 1, r);
	if (r->done == before) {
		pt->empty--;
		table_free(pt, child);
		return e;
	}
	flush(pt, child, PAGE_SIZE);
	store(entry, made);
	flush(pt, entry, sizeof(*entry));
	++*added;
	return e;
}

/* As much of r as one table covers. parent: the entry that points to it. */
static enum sl_err map_level(struct vtd_pt *pt, uint64_t *parent, uint64_t *table, unsigned level,
			     struct range *r)
{
	uint64_t size = entry_size(level);
	unsigned first = entry_index(r->iova, level), i = first;
	int added = 0;
	enum sl_err e = SL_OK;
	for (; !e && r->left && i < SS_ENTRIES; i++) {
		if (page_allowed(pt, level) && !table[i] && IS_ALIGNED(r->iova | r->phys, size) &&
		    r->left >= size) {
			store(&table[i], (r->phys & SS_ADDR) | r->perm | (level > 1 ? SS_PS : 0));
			range_advance(r, size);
			added++;
			continue;
		}
		e = map_below(pt, &table[i], level, r, &added);
	}
	flush(pt, &table[first], (i - first) * sizeof(*table));
	live_add(pt, parent, added);
	return e;
}

static bool any_set(const uint64_t *entry, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (entry[i])
			return true;
	return false;
}

static bool all_set(const uint64_t *entry, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (!entry[i])
			return false;
	return true;
}

enum sl_err vtd_pt_map(struct vtd_pt *pt, iova_t iova, phys_t phys, uint64_t len, unsigned perm,
		       uint64_t *mapped)
{
	struct range r = {.iova = iova.v, .phys = phys.v, .left = len, .perm = perm & (SS_R | SS_W)};
	uint64_t *parent = NULL, *entry = leaf_table(pt, iova.v, len, &parent), n = len / PAGE_SIZE;
	*mapped = 0;
	if (entry ? any_set(entry, n) : vtd_pt_any(pt, iova, len))
		return SL_EXISTS;
	if (entry) {
		for (uint64_t i = 0; i < n; i++)
			store(&entry[i], ((phys.v + i * PAGE_SIZE) & SS_ADDR) | r.perm);
		flush(pt, entry, n * sizeof(*entry));
		live_add(pt, parent, (int)n);
		*mapped = len;
		return SL_OK;
	}
	enum sl_err e = map_level(pt, NULL, pt->top, pt->levels, &r);
	*mapped = r.done;
	return e;
}

/* Takes a table out of the tree: the entry that points to it is cleared. A unit may go on walking it until it
 * is invalidated: a page address has R and W clear, so the chain maps nothing. */
static void bury(struct vtd_pt *pt, uint64_t *entry, struct vtd_pt_dead *dead)
{
	uint64_t *table = child_of(*entry);
	store(entry, 0);
	flush(pt, entry, sizeof(*entry));
	store(&table[0], dead->first ? va_phys(dead->first).v : 0);
	dead->first = table;
	dead->tables = true;
	pt->empty--;
	pt->leaf_at = UINT64_MAX; /* it may be that one, or its parent */
}

/* A large page becomes a table of the next smaller ones, until a page begins at the address. */
static enum sl_err cut(struct vtd_pt *pt, uint64_t at, struct vtd_pt_dead *dead)
{
	uint64_t *entry = &pt->top[entry_index(at, pt->levels)];
	for (unsigned level = pt->levels; level > 1 && *entry; level--) {
		uint64_t size = entry_size(level);
		if (IS_ALIGNED(at, size))
			return SL_OK;
		if (is_leaf(*entry, level)) {
			uint64_t *child = table_make(pt), sub = entry_size(level - 1);
			uint64_t low = *entry & (level > 2 ? SS_R | SS_W | SS_PS : SS_R | SS_W);
			if (!child)
				return SL_NOMEM;
			for (unsigned i = 0; i < SS_ENTRIES; i++)
				child[i] = ((*entry & SS_ADDR) + i * sub) | low;
			flush(pt, child, PAGE_SIZE);
			store(entry, (va_phys(child).v & SS_ADDR) | SS_R | SS_W | FPUT(SS_LIVE, SS_ENTRIES));
			flush(pt, entry, sizeof(*entry));
			vtd_pt_owe(dead, ALIGN_DOWN(at, size), ALIGN_DOWN(at, size) + size);
			dead->tables = true;
		}
		entry = child_of(*entry) + entry_index(at, level - 1);
	}
	return SL_OK;
}

static void unmap_level(struct vtd_pt *pt, uint64_t *parent, uint64_t *table, unsigned level, struct range *r,
			struct vtd_pt_dead *dead)
{
	uint64_t size = entry_size(level);
	unsigned first = entry_index(r->iova, level), i = first;
	int gone = 0;
	for (; r->left && i < SS_ENTRIES; i++) {
		if (is_leaf(table[i], level)) {
			store(&table[i], 0);
			range_advance(r, size);
			gone++;
			continue;
		}
		bool whole = IS_ALIGNED(r->iova, size) && r->left >= size;
		unmap_level(pt, &table[i], child_of(table[i]), level - 1, r, dead);
		if (whole) {
			bury(pt, &table[i], dead);
			gone++;
		}
	}
	flush(pt, &table[first], (i - first) * sizeof(*table));
	live_add(pt, parent, -gone);
}

enum sl_err vtd_pt_unmap(struct vtd_pt *pt, iova_t iova, uint64_t len, struct vtd_pt_dead *dead)
{
	ASSERT(pt->top); /* gone only after vtd_pt_fini() */
	struct range r = {.iova = iova.v, .left = len};
	uint64_t *parent = NULL, *entry = leaf_table(pt, iova.v, len, &parent), n = len / PAGE_SIZE;
	if (entry ? !all_set(entry, n) : !vtd_pt_all(pt, iova, len))
		return SL_RANGE;
	if (entry && n < SS_ENTRIES) {
		for (uint64_t i = 0; i < n; i++)
			store(&entry[i], 0);
		flush(pt, entry, n * sizeof(*entry));
		live_add(pt, parent, -(int)n);
		vtd_pt_owe(dead, iova.v, iova.v + len);
		return SL_OK;
	}
	enum sl_err e = cut(pt, iova.v, dead);
	if (!e)
		e = cut(pt, iova.v + len, dead);
	if (e)
		return e;
	unmap_level(pt, NULL, pt->top, pt->levels, &r, dead);
	vtd_pt_owe(dead, iova.v, iova.v + len);
	return SL_OK;
}

static void prune_level(struct vtd_pt *pt, uint64_t *parent, uint64_t *table, unsigned level,
			struct vtd_pt_dead *dead)
{
	int gone = 0;
	for (unsigned i = 0; pt->empty && i < SS_ENTRIES; i++) {
		if (!table[i] || is_leaf(table[i], level))
			continue;
		if (level > 2 && live(table[i]))
			prune_level(pt, &table[i], child_of(table[i]), level - 1, dead);
		if (!live(table[i])) {
			bury(pt, &table[i], dead);
			gone++;
		}
	}
	live_add(pt, parent, -gone);
}

void vtd_pt_prune(struct vtd_pt *pt, struct vtd_pt_dead *dead)
{
	if (!pt->empty)
		return;
	prune_level(pt, NULL, pt->top, pt->levels, dead);
	vtd_pt_owe(dead, 0, UINT64_MAX);
}

void vtd_pt_sync(struct vtd_pt *pt)
{
	if (pt->dirty)
		flush(pt, (const void *)pt->dirty, VTD_LINE);
	pt->dirty = 0;
}

void vtd_pt_free(struct vtd_pt *pt, struct vtd_pt_dead *dead)
{
	while (dead->first) {
		uint64_t *table = dead->first, next = table[0];
		dead->first = next ? phys_va(PHYS(next)) : NULL;
		table_free(pt, table);
	}
	*dead = (struct vtd_pt_dead){0};
}
