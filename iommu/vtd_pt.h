/* Second-stage tables of one domain (VT-d §3.7, §9.8). This is memory only: who changes a table that a unit
 * uses must invalidate, and free what was taken out only after that. Addresses and lengths are multiples of
 * PAGE_SIZE and lie below the width of the table.
 *
 * Each entry that points to a table counts the entries in use of that table (SS_LIVE), so nothing is ever
 * scanned to learn that. A table that becomes empty stays in the tree, to be filled again without allocation,
 * unless the range that was unmapped is all that it can hold; vtd_pt_prune() takes out those that stayed. */
#pragma once
#include "iommu/vtd_entry.h"
#include "iommu/vtd_io.h"
#include "kernel/err.h"

#define VTD_PAGE_2M BIT(0) /* as in CAP.SSLPS */
#define VTD_PAGE_1G BIT(1)

#define VTD_LINE 64 /* bytes: what one flush covers at least */

struct vtd_pt {
	uint64_t *top;
	unsigned levels;           /* 3, 4 or 5 */
	unsigned large;            /* VTD_PAGE_* that may be used; 1 GiB only with 2 MiB */
	const struct vtd_io *sync; /* flushes table stores; NULL when all units snoop */
	uint64_t pages;            /* in tables, top included */
	uint64_t empty;            /* tables below the top one with no entry in use */
	uint64_t leaf_at;          /* which 2 MiB of device addresses *leaf maps; UINT64_MAX: none */
	uint64_t *leaf;            /* the table of 4 KiB pages used last */
	uint64_t *leaf_parent;     /* the entry that points to it */
	uintptr_t dirty;           /* a line of entries that is not yet flushed; 0: none */
};

/* What the caller owes after entries were cleared: it may add up over several calls (zero it to start). */
struct vtd_pt_dead {
	uint64_t *first; /* tables taken out, chained through their first entry, which reads as not present */
	uint64_t from, end; /* to be invalidated; end 0: nothing */
	bool tables;        /* entries that point to tables have changed as well */
};

enum sl_err vtd_pt_init(struct vtd_pt *pt, unsigned levels, unsigned large,
			const struct vtd_io *sync) MUST_CHECK;
/* Frees every table. No unit may use them any more. */
void vtd_pt_fini(struct vtd_pt *pt);

/* The entry that maps iova, 0 when none does; *size is how many bytes around iova it decides on. */
uint64_t vtd_pt_find(const struct vtd_pt *pt, iova_t iova, uint64_t *size);
/* Is any page of the range mapped? */
bool vtd_pt_any(const struct vtd_pt *pt, iova_t iova, uint64_t len);
/* Is all of it mapped? */
bool vtd_pt_all(const struct vtd_pt *pt, iova_t iova, uint64_t len);

/* Maps a range. SL_EXISTS when some page of it is mapped, nothing has changed then. SL_NOMEM: the first
 * *mapped bytes are mapped and must be unmapped by the caller. *mapped is 0 on SL_EXISTS. */
enum sl_err vtd_pt_map(struct vtd_pt *pt, iova_t iova, phys_t phys, uint64_t len, unsigned perm,
		       uint64_t *mapped) MUST_CHECK;

/* Clears a range; a large page that reaches out of it is cut: the table for the rest is built first and put
 * in place by one store. SL_RANGE when some page of it is not mapped, SL_NOMEM for want of a table: nothing
 * that was mapped has changed then, though *dead may ask for an invalidation. */
enum sl_err vtd_pt_unmap(struct vtd_pt *pt, iova_t iova, uint64_t len, struct vtd_pt_dead *dead) MUST_CHECK;
/* Flushes what vtd_pt_map_page() and vtd_pt_unmap_page() have left: before the mapping is used, and before
 * the invalidation. */
void vtd_pt_sync(struct vtd_pt *pt);
/* Takes out every empty table. All of the domain is to be invalidated. */
void vtd_pt_prune(struct vtd_pt *pt, struct vtd_pt_dead *dead);
/* After the invalidation: frees the tables and empties *dead. */
void vtd_pt_free(struct vtd_pt *pt, struct vtd_pt_dead *dead);

/* Adds a range to what is to be invalidated. */
static inline void vtd_pt_owe(struct vtd_pt_dead *dead, uint64_t from, uint64_t end)
{
	if (!dead->end || from < dead->from)
		dead->from = from;
	if (end > dead->end)
		dead->end = end;
}

/* Single pages come and go the most: these two map and unmap one in the table used last, in a few
 * instructions, and leave the flush to vtd_pt_sync(). False when that is not the table or the entry is not
 * free or not in use; nothing has changed then, and the general calls say what is wrong. */
static inline uint64_t *vtd_pt_page(const struct vtd_pt *pt, uint64_t iova)
{
	return &pt->leaf[iova / PAGE_SIZE % SS_ENTRIES];
}

/* Entries of one line are flushed together. */
static inline void vtd_pt_touch(struct vtd_pt *pt, const uint64_t *entry)
{
	uintptr_t line = ALIGN_DOWN((uintptr_t)entry, VTD_LINE);
	if (!pt->sync || line == pt->dirty)
		return;
	vtd_pt_sync(pt);
	pt->dirty = line;
}

static inline bool vtd_pt_map_page(struct vtd_pt *pt, uint64_t iova, uint64_t phys, unsigned perm)
{
	if (iova / PAGE_2M != pt->leaf_at)
		return false;
	uint64_t *entry = vtd_pt_page(pt, iova);
	if (*entry)
		return false;
	__atomic_store_n(entry, phys | perm, __ATOMIC_RELEASE);
	vtd_pt_touch(pt, entry);
	uint64_t parent = *pt->leaf_parent;
	pt->empty -= !(parent & SS_LIVE);
	__atomic_store_n(pt->leaf_parent, parent + SS_LIVE_ONE, __ATOMIC_RELAXED);
	return true;
}

static inline bool vtd_pt_unmap_page(struct vtd_pt *pt, uint64_t iova)
{
	if (iova / PAGE_2M != pt->leaf_at)
		return false;
	uint64_t *entry = vtd_pt_page(pt, iova);
	if (!*entry)
		return false;
	__atomic_store_n(entry, 0, __ATOMIC_RELEASE);
	vtd_pt_touch(pt, entry);
	uint64_t parent = *pt->leaf_parent - SS_LIVE_ONE;
	__atomic_store_n(pt->leaf_parent, parent, __ATOMIC_RELAXED);
	pt->empty += !(parent & SS_LIVE);
	return true;
}
