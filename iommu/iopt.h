/* I/O page tables of one domain, in whatever format its units read. This is memory only: a caller that
 *changes a table that a unit uses must invalidate, and only then free the tables it removed. Addresses and
 *lengths are multiples of PAGE_SIZE and lie below the width of the tables.
 *
 *	top (level 4)           level 3                 level 2                 level 1
 *	+--------+--------+     +--------+--------+     +--------+--------+     +--------+
 *	| table  | count  |---->| table  | count  |---->| table  | count  |---->| page   | 4 KiB
 *	| none   |        |     | page   |        |     | page   |        |     | none   |
 *	|  ...   |  ...   |     |  ... 1 GiB      |     |  ... 2 MiB      |     |  ...   |
 *	+--------+--------+     +--------+--------+     +--------+--------+     +--------+
 *	 a page:  a page:
 *	 entries  counts
 *
 * An entry is 0 (none), a page or the address of a table. Behind the page of entries, a table above level 1
 *has a page of counts, which no unit reads: how many entries of the table below that entry are in use. So
 *nothing is ever scanned to learn whether a table is empty. A table that becomes empty stays in the tree, to
 *be filled again without allocation, unless the range that was unmapped is all that it can hold, or a larger
 *page takes its place; iopt_prune() takes out those that stayed.
 *
 * Mapping and unmapping a single page in a table that was used just before is iommu/cached_table.c's, which
 *has the functions below called only while it remembers no table. */
#pragma once
#include "kernel/addr.h"
#include "kernel/err.h"

#define IOPT_ENTRIES    512u
#define IOPT_LEVELS     5u
#define IOPT_PAGE_KINDS 3u /* levels whose tables can hold pages: 4 KiB, 2 MiB, 1 GiB */

/* The format of entries. A page entry is phys | perm[] | page[level], a table entry is table |
 * table[level]. */
struct pt_format {
	uint64_t addr;                      /* the bits of an entry that are an address */
	uint64_t perm[4];                   /* of a page, by enum domain_perm; perm[3] has all bits of it */
	uint64_t page[IOPT_PAGE_KINDS + 1]; /* in a table of this level */
	uint64_t table[IOPT_LEVELS + 1];    /* likewise */
	uint64_t kind, leaf;                /* above level 1 an entry is a page when (entry & kind) == leaf */
};

/* Makes n bytes of tables visible to units that do not snoop. flush NULL: all units do. */
struct iopt_sync {
	void *ctx;
	void (*flush)(void *ctx, const void *p, size_t n);
};

/* Bytes that one entry of a table at this level covers, as a power of two: level 1 has 4 KiB pages. */
static inline unsigned iopt_shift(unsigned level)
{
	return 3 + 9 * level;
}

static inline uint64_t iopt_size(unsigned level)
{
	return BIT(iopt_shift(level));
}

struct iopt {
	uint64_t *top;
	const struct pt_format *form;
	uint64_t top_count;  /* entries of the top table in use, and one more: it is never empty */
	unsigned levels;     /* 3, 4 or 5 */
	unsigned page_level; /* pages may be in tables up to this level: 1, 2 (2 MiB) or 3 (1 GiB as well) */
	struct iopt_sync sync; /* for stores to tables */
	uint64_t pages;        /* in tables, top included */
	uint64_t empty;        /* tables with no entry in use */
};

/* Gathered while entries are cleared: what to invalidate, and the tables to free after that. May accumulate
 * over several calls (zero it to start). */
struct iommu_gather {
	uint64_t *free_list; /* tables taken out, chained through their first entry, which reads as not
				present */
	uint64_t at;         /* an address to be invalidated */
	uint64_t differ;     /* bits in which further such addresses differ from it; 0: there is none */
	bool tables;         /* entries that point to tables have changed as well */
};

/* Adds addresses from this one on, which differ from it in these bits only. */
static inline void gather_add(struct iommu_gather *g, uint64_t from, uint64_t differ)
{
	if (!g->differ)
		g->at = from;
	g->differ |= (from ^ g->at) | differ;
}

enum sl_err iopt_init(struct iopt *pt, const struct pt_format *form, unsigned levels, unsigned page_level,
		      struct iopt_sync sync) MUST_CHECK;
/* Frees every table. No unit may use them any more. */
void iopt_fini(struct iopt *pt);

/* From now on no pages in tables above this level. False when there are some already; then nothing
 * changes. */
bool iopt_narrow(struct iopt *pt, unsigned page_level);

/* The entry that maps iova, or 0; *size is the number of bytes around iova that it covers. */
uint64_t iopt_find(const struct iopt *pt, iova_t iova, uint64_t *size);
/* Is any page of the range mapped? */
bool iopt_any(const struct iopt *pt, iova_t iova, uint64_t len);
/* Is all of it mapped? */
bool iopt_all(const struct iopt *pt, iova_t iova, uint64_t len);

/* Maps a range. SL_EXISTS when some page of it is mapped, nothing has changed then. SL_NOMEM: the first
 * *mapped bytes are mapped and must be unmapped by the caller. *mapped is 0 on SL_EXISTS. Empty tables that a
 * large page replaced are in *g. */
enum sl_err iopt_map(struct iopt *pt, iova_t iova, phys_t phys, uint64_t len, unsigned perm, uint64_t *mapped,
		     struct iommu_gather *g) MUST_CHECK;

/* Clears a range; a large page that reaches out of it is split: the table for the rest is built first and put
 * in place by one store. SL_RANGE when some page of the range is not mapped, SL_NOMEM for want of a table: no
 * mapping has changed then, though *g may ask for an invalidation. */
enum sl_err iopt_unmap(struct iopt *pt, iova_t iova, uint64_t len, struct iommu_gather *g) MUST_CHECK;
/* Removes every empty table. The whole domain must be invalidated. */
void iopt_prune(struct iopt *pt, struct iommu_gather *g);
/* After the invalidation: frees the tables and empties *g. */
void iopt_free(struct iopt *pt, struct iommu_gather *g);

/* The entry for an address in a table of this level. */
static inline unsigned iopt_index(uint64_t iova, unsigned level)
{
	return (unsigned)(iova >> iopt_shift(level)) % IOPT_ENTRIES;
}

/* The table that an entry points to. */
static inline uint64_t *iopt_child(const struct pt_format *f, uint64_t entry)
{
	return phys_va(PHYS(entry & f->addr));
}

static inline bool iopt_is_page(const struct pt_format *f, uint64_t entry, unsigned level)
{
	return level < 2 || (entry & f->kind) == f->leaf;
}

/* The count of entries in use of the table that an entry points to. */
static inline uint64_t *iopt_count(uint64_t *entry)
{
	return entry + IOPT_ENTRIES;
}
