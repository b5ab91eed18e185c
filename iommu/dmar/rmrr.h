/* The RMRR ledger: which memory firmware wants to go on sharing with which functions (VT-d §8.4), and whether
 * such a function can be given to another domain. All of it is pure; vtd_map_rmrrs() acts. */
#pragma once
#include "iommu/dmar/lint.h"

enum rmrr_verdict {
	RMRR_ABSENT,     /* no such function: nothing to assign */
	RMRR_NOWHERE,    /* the path leads nowhere, or no function is named */
	RMRR_BRIDGE,     /* a bridge; the functions below it have their own entries */
	RMRR_NO_MEMORY,  /* yes: it describes no memory; USB and graphics, which Linux assigns too */
	RMRR_EMPTY,      /* yes: it describes no memory, but Linux refuses the function for it */
	RMRR_RELAXED,    /* yes, once a driver has taken over: USB and graphics */
	RMRR_KEPT,       /* no: the firmware may use the memory through it at any time */
	RMRR_SYSTEM_RAM, /* no: the memory belongs to the system */
	RMRR_VERDICTS
};

/* One pair of an RMRR and a function that it names; no function when it names none. */
struct rmrr_owner {
	unsigned number; /* of the RMRR in the table, from 0 */
	size_t off;      /* of it in the table */
	uint16_t seg;
	uint64_t base, limit; /* as the firmware wrote them */
	uint64_t bytes;       /* in whole pages; 0 when it describes no memory */
	uint8_t scope;        /* enum dmar_scope_type; 0: it has no scope, or they end in damage */
	bool resolved;        /* fn is valid */
	bool present;         /* there is such a function */
	bool below;           /* not named itself, but below a named bridge */
	bdf_t fn;
	uint32_t class;
	const char *name;  /* NULL when unknown */
	bool memory_known; /* the memory map was given: */
	uint32_t memory;   /* type of its first byte, enum boot_mem or TABLE_MEM_HOLE */
	bool mixed, ram,
		reserved; /* other types follow; some of it is the system's; all of it is the firmware's */
	int overlaps;     /* number of another RMRR with part of the same memory; -1: none */
	enum rmrr_verdict verdict;
};

struct rmrr_context {
	const struct dmar_topo *topo; /* both are needed */
	const struct table_functions *functions;
	struct table_memory_map memory;           /* count 0: not known */
	const char *(*name)(void *ctx, bdf_t fn); /* may be NULL */
	void *name_ctx;
};

/* Fills at most max of out, in the order of the table, and returns how many there are. */
unsigned rmrr_ledger(const struct dmar *t, const struct rmrr_context *known, struct rmrr_owner *out,
		     unsigned max);

/* "cannot be assigned: ...". */
const char *rmrr_verdict_text(enum rmrr_verdict v);
/* "RMRR 0 0x7a000000..0x7a00ffff (64 KiB, reserved) for 0000:00:14.0 USB controller: can be assigned ..."; as
 * snprintf. */
int rmrr_text(const struct rmrr_owner *o, char *buf, size_t n);

/* The whole pages of an RMRR. False when it describes no memory. */
bool rmrr_pages(const struct dmar_rmrr *r, uint64_t *base, uint64_t *len);

/* Keeps the memory of every RMRR out of the page allocator, before the allocator has any: a function may
 * write there at any time. RMRRs that contain the system itself are left out, and those that would take more
 * than half of all memory: they are never mapped. Returns the number of pages lost that way. */
uint64_t rmrr_reserve(struct span table, const struct table_memory_map *map);
