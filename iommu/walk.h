/* What the tables in memory say about one address of one function, read by code that did not build them. The
 * caches of the unit are not looked at. */
#pragma once
#include "iommu/fault.h"

#define IOMMU_WALK_ENTRIES 8u

/* An entry as it was read. */
struct iommu_walk_entry {
	const char *table; /* "root", "context"; NULL: a page table, and then */
	uint8_t level;     /* its level (1: pages of 4 KiB) and */
	uint16_t index;    /* the entry's number in it */
	uint64_t lo, hi;   /* hi: 0 in a page table */
};

struct iommu_walk {
	bdf_t fn;
	iova_t iova;
	bool read, write;                   /* what a request may do */
	uint16_t domain;                    /* its id, in the function's entry */
	bool pass;                          /* both, and untranslated: there is no table */
	enum iommu_why why_read, why_write; /* WHY_ALLOWED, or what a fault record would have, */
	uint8_t code_read, code_write;      /* with the unit's own number for it */
	phys_t phys;                        /* where the request goes, when it may do either */
	/* So many bytes around the address are decided on by the same entry of a page table; 0: no page table
	 * was looked at. */
	uint64_t size;
	unsigned entries; /* that were read, from the root on */
	struct iommu_walk_entry entry[IOMMU_WALK_ENTRIES];
	phys_t functions,
		pages; /* memory of the table with the function's entry, of the top page table; 0: none */
};

/* Nothing is mapped at the address, while the function has a domain. */
static inline bool iommu_walk_empty(const struct iommu_walk *w)
{
	return w->why_read == WHY_NO_READ && w->why_write == WHY_NO_WRITE;
}
