/* The ledger of IVMDs: which memory firmware wants to go on sharing with which functions, and whether those
 * can be given to others. AMD's counterpart of iommu/dmar/rmrr.h; pure, nothing is mapped. */
#pragma once
#include "iommu/ivrs/ivrs.h"
#include "iommu/tables/facts.h"

enum unity_verdict {
	UNITY_NOWHERE,    /* it is for no function that is there */
	UNITY_NO_MEMORY,  /* it describes no memory, or neither unity nor exclusion */
	UNITY_KEPT,       /* no: the firmware may use the memory through the function at any time */
	UNITY_SYSTEM_RAM, /* no: the memory belongs to the system */
	UNITY_VERDICTS
};

/* One IVMD. */
struct unity_range {
	unsigned number;       /* in the table, from 0 */
	struct ivrs_ivmd ivmd; /* as the firmware wrote it */
	uint64_t base, bytes;  /* whole pages; 0 bytes when it describes no memory */
	unsigned functions;    /* that it is for and that can do DMA */
	bdf_t fn;              /* the first of them */
	const char *name;      /* its name; NULL when unknown */
	bool memory_known;     /* the memory map was given: */
	struct table_memory_kinds memory;
	int overlaps; /* number of another IVMD with part of the same memory; -1: none */
	enum unity_verdict verdict;
};

struct unity_context {
	const struct table_functions *functions;
	struct table_memory_map memory;           /* count 0: not known */
	const char *(*name)(void *ctx, bdf_t fn); /* may be NULL */
	void *name_ctx;
};

/* Fills at most max of out, in the order of the table, and returns how many there are. Not for several cores
 * at once. */
unsigned unity_ledger(const struct ivrs *t, const struct unity_context *known, struct unity_range *out,
		      unsigned max);
/* Keeps the memory of every IVMD out of the page allocator, as rmrr_reserve() does. Returns the number of
 * pages lost that way. */
uint64_t unity_reserve(struct span table, const struct table_memory_map *map);
/* True when an IVMD keeps memory for some function. */
bool unity_is_kept(const struct unity_range *r);
/* "IVMD 0 0x7d900000..0x7d9fffff (1024 KiB, reserved) for 0000:00:0c.0: cannot be assigned ..."; as snprintf.
 */
int unity_text(const struct unity_range *r, char *buf, size_t n);
