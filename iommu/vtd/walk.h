/* Explains one address: what a unit in legacy mode would do with a function's request, entry by entry, and
 * why. Written only from VT-d §3.4, §3.7, §9.1, §9.3 and §9.8; it shares no code with the builder of the
 * tables, so that each can be checked against the other. Caches are not considered. */
#pragma once
#include "kernel/addr.h"
#include "kernel/bdf.h"

/* The registers that the walk starts from. */
struct vtd_walk_unit {
	uint64_t rtaddr;    /* its Root Table Address register */
	uint64_t cap, ecap; /* its capability registers */
	unsigned haw;       /* host address width in bits: address bits above it are reserved in entries */
};

/* Reads 8 bytes at a physical address; false when that is not readable. */
struct vtd_walk_mem {
	void *ctx;
	bool (*read64)(void *ctx, uint64_t phys, uint64_t *v);
};

enum vtd_walk_stop {
	WALK_MAPPED, /* phys, size and the permissions are valid */
	WALK_MODE,   /* RTADDR is not in legacy mode */
	WALK_ROOT_EMPTY,
	WALK_ROOT_BAD,  /* reserved bits */
	WALK_ROOT_READ, /* could not be read */
	WALK_CTX_EMPTY,
	WALK_CTX_BAD,     /* reserved bits */
	WALK_CTX_INVALID, /* address width or translation type that the unit does not have */
	WALK_CTX_READ,
	WALK_PASS,      /* translation type pass-through: phys is the address itself */
	WALK_WIDTH,     /* address beyond the width of table or unit */
	WALK_TOP_READ,  /* the top table could not be read */
	WALK_EMPTY,     /* entry with neither read nor write permission */
	WALK_BAD,       /* reserved bits */
	WALK_READ,      /* a lower table could not be read */
	WALK_INTERRUPT, /* the page lies in the interrupt range */
};

struct vtd_walk_step {
	unsigned level, index;
	uint64_t entry;
};

struct vtd_walk {
	bdf_t fn;
	iova_t iova;
	uint64_t root_lo, root_hi, ctx_lo, ctx_hi; /* as read; 0 when the walk did not get there */
	unsigned levels;                           /* of the table, from the context entry */
	uint16_t domain;
	unsigned steps; /* entries of the table that were read */
	struct vtd_walk_step step[5];
	enum vtd_walk_stop stop;
	bool read, write;                  /* what a request may do */
	phys_t phys;                       /* where it goes */
	uint64_t size;                     /* of the page */
	uint8_t reason_read, reason_write; /* the fault reason that the unit would record; 0: none */
};

void vtd_walk(const struct vtd_walk_unit *unit, const struct vtd_walk_mem *mem, bdf_t fn, iova_t iova,
	      struct vtd_walk *out);

/* "root ok, context ok (domain 3, 4-level), L4 ok, L3[0] empty" */
void vtd_walk_text(const struct vtd_walk *w, char *buf, size_t n);
