/* Explains one address: what a unit would do with a function's request, entry by entry, and why. Written only
 * from the description of device table entries and host page tables; it shares no code with the builder of
 * the tables, so that each can be checked against the other. Caches are not considered. */
#pragma once
#include "kernel/addr.h"
#include "kernel/bdf.h"

/* Where the walk starts. */
struct amdvi_walk_unit {
	uint64_t control, devtab; /* its registers */
};

/* Reads 8 bytes at a physical address; false when that is not readable. */
struct amdvi_walk_mem {
	void *ctx;
	bool (*read64)(void *ctx, uint64_t phys, uint64_t *v);
};

enum amdvi_walk_stop {
	AMDVI_MAPPED,       /* phys, size and the permissions are valid */
	AMDVI_PASS,         /* untranslated by the function's entry, as far as its permissions go */
	AMDVI_OFF,          /* untranslated: the unit is off, or the entry is not valid */
	AMDVI_DTE_BEYOND,   /* no entry for this id */
	AMDVI_DTE_READ,     /* the entry could not be read */
	AMDVI_DTE_BAD,      /* reserved bits or values in it */
	AMDVI_DTE_NO_TABLE, /* translation information is not valid */
	AMDVI_DTE_NOTHING,  /* it gives neither permission */
	AMDVI_WIDTH,        /* address beyond the tables */
	AMDVI_EMPTY,        /* entry not present */
	AMDVI_DENIED,       /* present all the way, without any permission */
	AMDVI_BAD,          /* reserved bits, or an impossible level */
	AMDVI_SKIPPED,      /* an entry skips levels whose address bits are not 0 */
	AMDVI_READ,         /* a page table could not be read */
};

struct amdvi_walk_step {
	unsigned level, index;
	uint64_t entry;
};

struct amdvi_walk {
	bdf_t fn;
	iova_t iova;
	uint64_t dte[4]; /* as read; 0 when the walk did not get there */
	uint64_t dte_at; /* its address */
	unsigned levels; /* of the table */
	uint16_t domain;
	unsigned steps; /* entries of page tables that were read */
	struct amdvi_walk_step step[6];
	enum amdvi_walk_stop stop;
	bool read, write; /* what a request may do */
	phys_t phys;      /* where it goes */
	uint64_t size;    /* of the page; or of what the last entry covers */
	uint8_t code;     /* of the event that the unit would record for a refused request; 0: none */
};

void amdvi_walk(const struct amdvi_walk_unit *unit, const struct amdvi_walk_mem *mem, bdf_t fn, iova_t iova,
		struct amdvi_walk *out);

/* "device entry ok (domain 3, 3-level), L3 ok, L2[0] empty" */
void amdvi_walk_text(const struct amdvi_walk *w, char *buf, size_t n);
