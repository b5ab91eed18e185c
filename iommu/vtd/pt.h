/* Second-stage tables of one domain (VT-d §3.7, §9.8). This is memory only: who changes a table that a unit
 * uses must invalidate, and free what was taken out only after that. Addresses and lengths are multiples of
 * PAGE_SIZE and lie below the width of the table.
 *
 * Each entry that points to a table counts the entries in use of that table (SS_LIVE), so nothing is ever
 * scanned to learn that. A table that becomes empty stays in the tree, to be filled again without allocation,
 * unless the range that was unmapped is all that it can hold, or a larger page takes its place;
 * vtd_pt_prune() takes out those that stayed. */
#pragma once
#include "iommu/vtd/entry.h"
#include "iommu/vtd/io.h"
#include "kernel/err.h"

#define VTD_PAGE_2M BIT(0) /* as in CAP.SSLPS */
#define VTD_PAGE_1G BIT(1)

#define VTD_LINE       64 /* bytes: what one flush covers at least */
#define VTD_PAGE_KINDS 3  /* levels whose tables can hold pages */

/* Bytes that one entry of a table at this level decides on, as a power of two: level 1 has 4 KiB pages. */
static inline unsigned vtd_pt_shift(unsigned level)
{
	return 3 + 9 * level;
}

static inline uint64_t vtd_pt_size(unsigned level)
{
	return BIT(vtd_pt_shift(level));
}

/* The table of one level that was used last. */
struct vtd_pt_near {
	uint64_t at;      /* iova >> vtd_pt_shift(level + 1) of what it maps */
	uint64_t *table;  /* NULL: none is remembered, at is UINT64_MAX */
	uint64_t *parent; /* the entry that points to it and counts */
};

struct vtd_pt {
	uint64_t *top;
	uint64_t root;             /* counts the entries of the top table, and one more: it is never empty */
	unsigned levels;           /* 3, 4 or 5 */
	unsigned large;            /* VTD_PAGE_* that may be used; 1 GiB only with 2 MiB */
	const struct vtd_io *sync; /* flushes table stores; NULL when all units snoop */
	uint64_t pages;            /* in tables, top included */
	uint64_t empty;            /* tables with no entry in use, without those remembered */
	uintptr_t dirty;           /* a line of entries that is not yet flushed; 0: none */
	struct vtd_pt_near near[VTD_PAGE_KINDS]; /* of level 1, 2, 3 */
};

/* What the caller owes after entries were cleared: it may add up over several calls (zero it to start). */
struct vtd_pt_dead {
	uint64_t *first; /* tables taken out, chained through their first entry, which reads as not present */
	uint64_t at;     /* an address that is to be invalidated */
	uint64_t differ; /* in which bits others that are, differ from it; 0: there is none */
	bool tables;     /* entries that point to tables have changed as well */
};

enum sl_err vtd_pt_init(struct vtd_pt *pt, unsigned levels, unsigned large,
			const struct vtd_io *sync) MUST_CHECK;
/* No table at all: nothing is mapped, and nothing may be. */
void vtd_pt_none(struct vtd_pt *pt);
/* Frees every table. No unit may use them any more. */
void vtd_pt_fini(struct vtd_pt *pt);

/* From now on without the large pages that are not in large (VTD_PAGE_*). False when there are such already:
 * then nothing has changed. */
bool vtd_pt_narrow(struct vtd_pt *pt, unsigned large);

/* The entry that maps iova, 0 when none does; *size is how many bytes around iova it decides on. */
uint64_t vtd_pt_find(const struct vtd_pt *pt, iova_t iova, uint64_t *size);
/* Is any page of the range mapped? */
bool vtd_pt_any(const struct vtd_pt *pt, iova_t iova, uint64_t len);
/* Is all of it mapped? */
bool vtd_pt_all(const struct vtd_pt *pt, iova_t iova, uint64_t len);

/* Looks for the table of a level that has the entry for iova, and remembers it for the calls for single pages
 * below. False when it is not there, or may not hold pages. */
bool vtd_pt_look(struct vtd_pt *pt, unsigned level, iova_t iova);

/* Maps a range. SL_EXISTS when some page of it is mapped, nothing has changed then. SL_NOMEM: the first
 * *mapped bytes are mapped and must be unmapped by the caller. *mapped is 0 on SL_EXISTS. Where a large page
 * took the place of empty tables, *dead has them. */
enum sl_err vtd_pt_map(struct vtd_pt *pt, iova_t iova, phys_t phys, uint64_t len, unsigned perm,
		       uint64_t *mapped, struct vtd_pt_dead *dead) MUST_CHECK;

/* Clears a range; a large page that reaches out of it is cut: the table for the rest is built first and put
 * in place by one store. SL_RANGE when some page of it is not mapped, SL_NOMEM for want of a table: nothing
 * that was mapped has changed then, though *dead may ask for an invalidation. */
enum sl_err vtd_pt_unmap(struct vtd_pt *pt, iova_t iova, uint64_t len, struct vtd_pt_dead *dead) MUST_CHECK;
/* Takes out every empty table. All of the domain is to be invalidated. */
void vtd_pt_prune(struct vtd_pt *pt, struct vtd_pt_dead *dead);
/* After the invalidation: frees the tables and empties *dead. */
void vtd_pt_free(struct vtd_pt *pt, struct vtd_pt_dead *dead);

/* Adds to what is to be invalidated: addresses from this one on, which differ from it in these bits alone. */
static inline void vtd_pt_owe(struct vtd_pt_dead *dead, uint64_t from, uint64_t differ)
{
	if (!dead->differ)
		dead->at = from;
	dead->differ |= (from ^ dead->at) | differ;
}

/* Single pages come and go the most: the next two map and unmap one in the table of its level that was used
 * last, in a few instructions. *entry is then for vtd_pt_wrote(). False when the table is another one, or the
 * entry is not free, or is no page: nothing has changed then, and the general calls say what is wrong. iova
 * and phys are multiples of vtd_pt_size(level). */
static inline bool vtd_pt_entry(const struct vtd_pt *pt, unsigned level, uint64_t iova, uint64_t **entry)
{
	const struct vtd_pt_near *near = &pt->near[level - 1];
	*entry = near->table + (iova >> vtd_pt_shift(level)) % SS_ENTRIES;
	return iova >> vtd_pt_shift(level + 1) == near->at;
}

/* Hardware ignores the count, so the store needs no flush. */
static inline void vtd_pt_count(uint64_t *parent, int64_t n)
{
	__atomic_store_n(parent, *parent + (uint64_t)n * SS_LIVE_ONE, __ATOMIC_RELAXED);
}

static inline bool vtd_pt_map_page(struct vtd_pt *pt, unsigned level, uint64_t iova, uint64_t phys,
				   unsigned perm, uint64_t **entry)
{
	if (!vtd_pt_entry(pt, level, iova, entry) || **entry)
		return false;
	__atomic_store_n(*entry, phys | perm | (level > 1 ? SS_PS : 0), __ATOMIC_RELEASE);
	vtd_pt_count(pt->near[level - 1].parent, 1);
	return true;
}

static inline bool vtd_pt_unmap_page(struct vtd_pt *pt, unsigned level, uint64_t iova, uint64_t **entry)
{
	if (!vtd_pt_entry(pt, level, iova, entry) || !(level > 1 ? **entry & SS_PS : **entry))
		return false;
	__atomic_store_n(*entry, 0, __ATOMIC_RELEASE);
	vtd_pt_count(pt->near[level - 1].parent, -1);
	return true;
}

static inline uintptr_t vtd_pt_line(const uint64_t *entry)
{
	return ALIGN_DOWN((uintptr_t)entry, VTD_LINE);
}

/* Flushes what vtd_pt_wrote() has left: before the mapping is used, and before the invalidation. */
static inline void vtd_pt_sync(struct vtd_pt *pt)
{
	if (pt->dirty && pt->sync)
		pt->sync->flush(pt->sync->ctx, (const void *)pt->dirty, VTD_LINE);
	pt->dirty = 0;
}

/* After one of the two: the entry's line is to be flushed, by the next vtd_pt_sync() or when an entry of
 * another line was written. */
static inline void vtd_pt_wrote(struct vtd_pt *pt, const uint64_t *entry)
{
	if (vtd_pt_line(entry) == pt->dirty)
		return;
	vtd_pt_sync(pt);
	pt->dirty = vtd_pt_line(entry);
}
