/* The translation of one address of one function by the tables in memory, read by code that did not build
 * them. The unit's caches are not considered. */
#pragma once
#include "iommu/fault.h"

#define IOMMU_WALK_ENTRIES 16u

/* An entry as it was read. */
struct iommu_walk_entry {
	const char *table; /* "root", "context"; NULL: a page table, and then */
	uint8_t level;     /* its level (1: pages of 4 KiB) and */
	uint16_t index;    /* the entry's number in it */
	uint64_t lo, hi;   /* hi: 0 in a page table */
};

/* The tables in memory that a unit reads for a function's requests, besides the root of them all. */
enum iommu_walk_of {
	WALK_FUNCTION,        /* with the function's entry */
	WALK_PASID_DIRECTORY, /* scalable mode */
	WALK_PASIDS,          /* the same: with the entry of the request's PASID */
	WALK_PAGES,           /* top page table */
	WALK_TABLES
};

struct iommu_walk_table {
	const char
		*name; /* in the words of the unit's specification, with whose it is: "VT-d context table" */
	phys_t at;     /* its page; 0: there is none, or the walk did not get there */
};

struct iommu_walk {
	bdf_t fn;
	iova_t iova;
	bool read, write;                   /* what a request may do */
	uint16_t domain;                    /* its id, in the function's entry */
	bool pass;                          /* both, and untranslated: there is no table */
	enum iommu_why why_read, why_write; /* WHY_ALLOWED, or the meaning of the fault record, */
	uint8_t code_read, code_write;      /* with the unit's own number for it */
	phys_t phys;                        /* where the request goes, when it may do either */
	/* Bytes around the address that the same page-table entry covers; 0: no page table was read. */
	uint64_t size;
	unsigned entries; /* that were read, from the root on */
	struct iommu_walk_entry entry[IOMMU_WALK_ENTRIES];
	struct iommu_walk_table table[WALK_TABLES];
};

/* How a walk of the units' own tables reads memory: a word of RAM. False: there is no RAM at that address, as
 * where a device has written to a table. */
bool iommu_walk_read(void *ctx, uint64_t phys, uint64_t *v);

/* Nothing is mapped at the address, while the function has a domain. */
static inline bool iommu_walk_empty(const struct iommu_walk *w)
{
	return w->why_read == WHY_NO_READ && w->why_write == WHY_NO_WRITE;
}
