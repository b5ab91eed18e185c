/* The most recently used table of each page size. Most calls map or unmap single pages, most often adjacent
 * ones: in a cached table that takes a few instructions (domain_map() and domain_unmap() are in
 * iommu/cached_table.c). Everything else goes to iommu/iopt.h after cached_drop().
 *
 * Two things are deferred while a table is cached: pt->empty does not count it when it is empty, and the line
 * of entries written last is not yet flushed. */
#pragma once
#include "iommu/iopt.h"

#define CACHED_LINE 64 /* bytes: what one flush covers at least */

struct cached_table {
	uint64_t at;     /* iova >> iopt_shift(level + 1) of its range; UINT64_MAX: none is cached */
	uint64_t *table; /* NULL: none */
	uint64_t *count; /* of its entries in use */
};

struct cached_tables {
	struct cached_table level[IOPT_PAGE_KINDS]; /* of level 1, 2, 3 */
	uintptr_t dirty;                            /* a line of entries that is not yet flushed; 0: none */
};

/* Starts with no cached table, for new tables. */
void cached_none(struct cached_tables *c);
/* Drops the cached tables and brings pt->empty up to date. Before any call that changes tables. */
void cached_drop(struct cached_tables *c, struct iopt *pt);
/* Caches the table of a level that has the entry for iova. False when it does not exist, or may not hold
 * pages. */
bool cached_find(struct cached_tables *c, struct iopt *pt, unsigned level, iova_t iova);

/* The next two map and unmap one page in the cached table of its level; pass *entry to cached_wrote(). False
 * when another table is cached, the entry is not free, or is not a page: nothing has changed then, and the
 * general calls report the error. iova and phys are multiples of iopt_size(level). */
static inline bool cached_entry(const struct cached_tables *c, unsigned level, uint64_t iova,
				uint64_t **entry)
{
	const struct cached_table *last = &c->level[level - 1];
	*entry = last->table + (iova >> iopt_shift(level)) % IOPT_ENTRIES;
	return iova >> iopt_shift(level + 1) == last->at;
}

static inline bool cached_map_page(struct cached_tables *c, const struct pt_format *f, unsigned level,
				   uint64_t iova, uint64_t phys, unsigned perm, uint64_t **entry)
{
	if (!cached_entry(c, level, iova, entry) || **entry)
		return false;
	__atomic_store_n(*entry, phys | f->perm[perm] | f->page[level], __ATOMIC_RELEASE);
	++*c->level[level - 1].count;
	return true;
}

static inline bool cached_unmap_page(struct cached_tables *c, const struct pt_format *f, unsigned level,
				     uint64_t iova, uint64_t **entry)
{
	if (!cached_entry(c, level, iova, entry) || !**entry || !iopt_is_page(f, **entry, level))
		return false;
	__atomic_store_n(*entry, 0, __ATOMIC_RELEASE);
	--*c->level[level - 1].count;
	return true;
}

static inline uintptr_t cached_line(const uint64_t *entry)
{
	return ALIGN_DOWN((uintptr_t)entry, CACHED_LINE);
}

/* Flushes the line that cached_wrote() has left: before the mapping is used, and before the invalidation. */
static inline void cached_sync(struct cached_tables *c, const struct iopt *pt)
{
	if (c->dirty && pt->sync.flush)
		pt->sync.flush(pt->sync.ctx, (const void *)c->dirty, CACHED_LINE);
	c->dirty = 0;
}

/* After either of the two: the entry's line is flushed by the next cached_sync() or when an entry of another
 * line is written. */
static inline void cached_wrote(struct cached_tables *c, const struct iopt *pt, const uint64_t *entry)
{
	if (cached_line(entry) == c->dirty)
		return;
	cached_sync(c, pt);
	c->dirty = cached_line(entry);
}
