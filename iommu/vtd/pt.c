#include "iommu/vtd/pt.h"
#include "kernel/panic.h"
#include "kernel/pmm.h"

static unsigned entry_index(uint64_t iova, unsigned level)
{
	return (unsigned)(iova >> vtd_pt_shift(level)) % SS_ENTRIES;
}

static bool is_leaf(uint64_t entry, unsigned level)
{
	return level < 2 || (entry & SS_PS);
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

/* n more entries are in use, or less, of the table that *entry points to, which is not remembered. */
static void live_add(struct vtd_pt *pt, uint64_t *entry, int n)
{
	if (!n)
		return;
	if (!live(*entry))
		pt->empty--;
	vtd_pt_count(entry, n);
	if (!live(*entry))
		pt->empty++;
}

/* While a table is remembered its count changes without a look at pt->empty: that is done here. */
static void forget(struct vtd_pt *pt, unsigned level)
{
	struct vtd_pt_near *near = &pt->near[level - 1];
	if (near->table && !live(*near->parent))
		pt->empty++;
	*near = (struct vtd_pt_near){.at = UINT64_MAX};
}

static void forget_all(struct vtd_pt *pt)
{
	for (unsigned level = 1; level <= VTD_PAGE_KINDS; level++)
		forget(pt, level);
}

void vtd_pt_none(struct vtd_pt *pt)
{
	*pt = (struct vtd_pt){0};
	forget_all(pt);
}

enum sl_err vtd_pt_init(struct vtd_pt *pt, unsigned levels, unsigned large, const struct vtd_io *sync)
{
	*pt = (struct vtd_pt){.levels = levels, .large = large, .sync = sync, .root = SS_LIVE_ONE};
	forget_all(pt);
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

/* Are there pages of these sizes under a table? */
static bool has_large(const uint64_t *table, unsigned level, unsigned sizes)
{
	for (unsigned i = 0; i < SS_ENTRIES; i++) {
		if (!table[i])
			continue;
		if (table[i] & SS_PS ? sizes & BIT(level - 2)
				     : level > 2 && has_large(child_of(table[i]), level - 1, sizes))
			return true;
	}
	return false;
}

bool vtd_pt_narrow(struct vtd_pt *pt, unsigned large)
{
	unsigned gone = pt->large & ~large;
	if (gone && has_large(pt->top, pt->levels, gone))
		return false;
	pt->large &= large;
	for (unsigned level = 2; level <= VTD_PAGE_KINDS; level++)
		if (!page_allowed(pt, level))
			forget(pt, level);
	return true;
}

uint64_t vtd_pt_find(const struct vtd_pt *pt, iova_t iova, uint64_t *size)
{
	const uint64_t *table = pt->top;
	for (unsigned level = pt->levels;; level--) {
		uint64_t entry = table[entry_index(iova.v, level)];
		*size = vtd_pt_size(level);
		if (!entry || is_leaf(entry, level))
			return entry;
		table = child_of(entry);
	}
}

/* Is there a place in [from, end), which lies under the table, that is mapped, or that is not? */
static bool has(const uint64_t *table, unsigned level, uint64_t from, uint64_t end, bool mapped)
{
	uint64_t size = vtd_pt_size(level);
	for (uint64_t at = from, next; at < end; at = next) {
		uint64_t entry = table[entry_index(at, level)];
		next = ALIGN_DOWN(at, size) + size;
		bool page = entry && is_leaf(entry, level);
		if (page || !live(entry)) {
			if (page == mapped)
				return true;
		} else if (has(child_of(entry), level - 1, at, next < end ? next : end, mapped)) {
			return true;
		}
	}
	return false;
}

bool vtd_pt_any(const struct vtd_pt *pt, iova_t iova, uint64_t len)
{
	return has(pt->top, pt->levels, iova.v, iova.v + len, true);
}

bool vtd_pt_all(const struct vtd_pt *pt, iova_t iova, uint64_t len)
{
	return !has(pt->top, pt->levels, iova.v, iova.v + len, false);
}

/* The level of the largest pages whose size divides all that is set in bits. */
static unsigned page_level(const struct vtd_pt *pt, uint64_t bits)
{
	if (pt->large & VTD_PAGE_1G && IS_ALIGNED(bits, PAGE_1G))
		return 3;
	return pt->large & VTD_PAGE_2M && IS_ALIGNED(bits, PAGE_2M) ? 2 : 1;
}

bool vtd_pt_look(struct vtd_pt *pt, unsigned level, iova_t iova)
{
	uint64_t *table = pt->top, *parent = &pt->root;
	if (!page_allowed(pt, level))
		return false;
	for (unsigned l = pt->levels; l > level; l--) {
		parent = &table[entry_index(iova.v, l)];
		if (!*parent || *parent & SS_PS)
			return false;
		table = child_of(*parent);
	}
	forget(pt, level);
	pt->near[level - 1] = (struct vtd_pt_near){iova.v >> vtd_pt_shift(level + 1), table, parent};
	if (!live(*parent))
		pt->empty--;
	return true;
}

/* The entries of a range, when one table of the level is there that has all of them. It is remembered. */
static uint64_t *entries_of(struct vtd_pt *pt, unsigned level, iova_t iova, uint64_t len)
{
	if ((iova.v ^ (iova.v + len - 1)) >> vtd_pt_shift(level + 1) || !vtd_pt_look(pt, level, iova))
		return NULL;
	return &pt->near[level - 1].table[entry_index(iova.v, level)];
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

/* Takes a table with no page in it, and those below it, out of the tree: the entry that points to it is
 * cleared. A unit may go on walking it until it is invalidated: a page address has R and W clear, so the
 * chain maps nothing. */
static void bury(struct vtd_pt *pt, uint64_t *entry, struct vtd_pt_dead *dead)
{
	uint64_t *table = child_of(*entry);
	for (unsigned i = 0; live(*entry) && i < SS_ENTRIES; i++) {
		if (!table[i])
			continue;
		bury(pt, &table[i], dead);
		live_add(pt, entry, -1);
	}
	store(entry, 0);
	flush(pt, entry, sizeof(*entry));
	store(&table[0], dead->first ? va_phys(dead->first).v : 0);
	dead->first = table;
	dead->tables = true;
	pt->empty--;
}

static enum sl_err map_level(struct vtd_pt *pt, uint64_t *parent, uint64_t *table, unsigned level,
			     struct range *r, struct vtd_pt_dead *dead);

/* The part of r that lies under one entry, in a table below it. A new table is filled first and becomes
 * reachable by one store; when nothing came into it, it is not put in place. *added: an entry is in use that
 * was not. */
static enum sl_err map_below(struct vtd_pt *pt, uint64_t *entry, unsigned level, struct range *r, int *added,
			     struct vtd_pt_dead *dead)
{
	ASSERT(level > 1); /* a page of 4 KiB always fits: vtd_pt_map() has seen that nothing is there */
	if (*entry)
		return map_level(pt, entry, child_of(*entry), level - 1, r, dead);
	uint64_t *child = table_make(pt), before = r->done;
	if (!child)
		return SL_NOMEM;
	uint64_t made = (va_phys(child).v & SS_ADDR) | SS_R | SS_W;
	pt->empty++;
	enum sl_err e = map_level(pt, &made, child, level - 1, r, dead);
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
			     struct range *r, struct vtd_pt_dead *dead)
{
	uint64_t size = vtd_pt_size(level);
	unsigned first = entry_index(r->iova, level), i = first;
	int added = 0;
	enum sl_err e = SL_OK;
	for (; !e && r->left && i < SS_ENTRIES; i++) {
		if (page_allowed(pt, level) && IS_ALIGNED(r->iova | r->phys, size) && r->left >= size) {
			if (table[i]) {
				bury(pt, &table[i], dead);
				vtd_pt_owe(dead, r->iova, size - 1);
				added--;
			}
			store(&table[i], (r->phys & SS_ADDR) | r->perm | (level > 1 ? SS_PS : 0));
			range_advance(r, size);
			added++;
			continue;
		}
		e = map_below(pt, &table[i], level, r, &added, dead);
	}
	flush(pt, &table[first], (i - first) * sizeof(*table));
	live_add(pt, parent, added);
	return e;
}

static bool all_free(const uint64_t *entry, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		if (entry[i])
			return false;
	return true;
}

static bool all_pages(const uint64_t *entry, uint64_t n, unsigned level)
{
	for (uint64_t i = 0; i < n; i++)
		if (!entry[i] || !is_leaf(entry[i], level))
			return false;
	return true;
}

enum sl_err vtd_pt_map(struct vtd_pt *pt, iova_t iova, phys_t phys, uint64_t len, unsigned perm,
		       uint64_t *mapped, struct vtd_pt_dead *dead)
{
	struct range r = {.iova = iova.v, .phys = phys.v, .left = len, .perm = perm & (SS_R | SS_W)};
	unsigned level = page_level(pt, iova.v | phys.v | len);
	uint64_t *entry = entries_of(pt, level, iova, len), size = vtd_pt_size(level),
		 n = len >> vtd_pt_shift(level);
	*mapped = 0;
	if (entry && all_free(entry, n)) {
		for (uint64_t i = 0; i < n; i++)
			store(&entry[i], ((phys.v + i * size) & SS_ADDR) | r.perm | (level > 1 ? SS_PS : 0));
		flush(pt, entry, n * sizeof(*entry));
		vtd_pt_count(pt->near[level - 1].parent, (int64_t)n);
		*mapped = len;
		return SL_OK;
	}
	if (vtd_pt_any(pt, iova, len))
		return SL_EXISTS;
	forget_all(pt);
	enum sl_err e = map_level(pt, &pt->root, pt->top, pt->levels, &r, dead);
	*mapped = r.done;
	return e;
}

/* A large page becomes a table of the next smaller ones, until a page begins at the address. */
static enum sl_err cut(struct vtd_pt *pt, uint64_t at, struct vtd_pt_dead *dead)
{
	uint64_t *entry = &pt->top[entry_index(at, pt->levels)];
	for (unsigned level = pt->levels; level > 1 && *entry; level--) {
		uint64_t size = vtd_pt_size(level);
		if (IS_ALIGNED(at, size))
			return SL_OK;
		if (is_leaf(*entry, level)) {
			uint64_t *child = table_make(pt), sub = vtd_pt_size(level - 1);
			uint64_t low = *entry & (level > 2 ? SS_R | SS_W | SS_PS : SS_R | SS_W);
			if (!child)
				return SL_NOMEM;
			for (unsigned i = 0; i < SS_ENTRIES; i++)
				child[i] = ((*entry & SS_ADDR) + i * sub) | low;
			flush(pt, child, PAGE_SIZE);
			store(entry, (va_phys(child).v & SS_ADDR) | SS_R | SS_W | FPUT(SS_LIVE, SS_ENTRIES));
			flush(pt, entry, sizeof(*entry));
			vtd_pt_owe(dead, ALIGN_DOWN(at, size), size - 1);
			dead->tables = true;
		}
		entry = child_of(*entry) + entry_index(at, level - 1);
	}
	return SL_OK;
}

static void unmap_level(struct vtd_pt *pt, uint64_t *parent, uint64_t *table, unsigned level, struct range *r,
			struct vtd_pt_dead *dead)
{
	uint64_t size = vtd_pt_size(level);
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
	unsigned level = page_level(pt, iova.v | len);
	uint64_t *entry = entries_of(pt, level, iova, len), n = len >> vtd_pt_shift(level);
	if (entry && n < SS_ENTRIES && all_pages(entry, n, level)) {
		for (uint64_t i = 0; i < n; i++)
			store(&entry[i], 0);
		flush(pt, entry, n * sizeof(*entry));
		vtd_pt_count(pt->near[level - 1].parent, -(int64_t)n);
		vtd_pt_owe(dead, iova.v, iova.v ^ (iova.v + len - 1));
		return SL_OK;
	}
	if (!vtd_pt_all(pt, iova, len))
		return SL_RANGE;
	forget_all(pt);
	enum sl_err e = cut(pt, iova.v, dead);
	if (!e)
		e = cut(pt, iova.v + len, dead);
	if (e)
		return e;
	unmap_level(pt, &pt->root, pt->top, pt->levels, &r, dead);
	vtd_pt_owe(dead, iova.v, iova.v ^ (iova.v + len - 1));
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
	forget_all(pt);
	if (!pt->empty)
		return;
	prune_level(pt, &pt->root, pt->top, pt->levels, dead);
	vtd_pt_owe(dead, 0, UINT64_MAX);
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
