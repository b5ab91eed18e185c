/* Second-stage tables of one domain (VT-d §3.7, §9.8). This is memory only: who changes a table that a unit
 * uses must invalidate, and free what vtd_pt_unmap() took out only after that. Addresses and lengths are
 * multiples of PAGE_SIZE and lie below the width of the table. No table but the top one is ever empty. */
#pragma once
#include "iommu/vtd_entry.h"
#include "iommu/vtd_io.h"
#include "kernel/err.h"

#define VTD_PAGE_2M BIT(0) /* as in CAP.SSLPS */
#define VTD_PAGE_1G BIT(1)

struct vtd_pt {
	uint64_t *top;
	unsigned levels;           /* 3, 4 or 5 */
	unsigned large;            /* VTD_PAGE_* that may be used */
	const struct vtd_io *sync; /* flushes table stores; NULL when all units snoop */
	uint64_t pages;            /* in tables, top included */
};

/* Tables taken out of the tree, chained through their first entry, which reads as not present. */
struct vtd_pt_dead {
	uint64_t *first;
};

enum sl_err vtd_pt_init(struct vtd_pt *pt, unsigned levels, unsigned large,
			const struct vtd_io *sync) MUST_CHECK;
/* Frees every table. No unit may use them any more. */
void vtd_pt_fini(struct vtd_pt *pt);

/* The entry that maps iova, 0 when none does; *size is how many bytes around iova it decides on. */
uint64_t vtd_pt_find(const struct vtd_pt *pt, iova_t iova, uint64_t *size);
/* Is any page of the range mapped? */
bool vtd_pt_any(const struct vtd_pt *pt, iova_t iova, uint64_t len);
/* Is all of it mapped, by pages that do not reach out of it? */
bool vtd_pt_whole(const struct vtd_pt *pt, iova_t iova, uint64_t len);

/* Maps a range of which nothing is mapped. SL_NOMEM: then the first *mapped bytes are and must be unmapped by
 * the caller. */
enum sl_err vtd_pt_map(struct vtd_pt *pt, iova_t iova, phys_t phys, uint64_t len, unsigned perm,
		       uint64_t *mapped) MUST_CHECK;

/* Clears a range for which vtd_pt_whole() holds. Tables that become empty go to *dead. */
void vtd_pt_unmap(struct vtd_pt *pt, iova_t iova, uint64_t len, struct vtd_pt_dead *dead);
void vtd_pt_free(struct vtd_pt *pt, struct vtd_pt_dead *dead);
