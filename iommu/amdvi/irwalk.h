/* Explains one interrupt: what a unit would do with a function's message, and why. Written only from the
 * description of interrupt tables; it shares no code with the builder of the tables. Caches are not
 * considered. */
#pragma once
#include "iommu/amdvi/walk.h"

enum amdvi_irwalk_stop {
	AMDVI_IR_DELIVERED, /* remapped: vector, dest and the rest are valid */
	AMDVI_IR_PASSED,    /* as the device wrote it */
	AMDVI_IR_REFUSED,   /* the function's entry refuses all interrupts */
	AMDVI_IR_BAD_DTE,   /* impossible values in it */
	AMDVI_IR_INDEX,     /* beyond the table */
	AMDVI_IR_READ,      /* something could not be read */
	AMDVI_IR_EMPTY,
	AMDVI_IR_BAD,   /* reserved bits in the entry, or a kind that is not remapped */
	AMDVI_IR_GUEST, /* delivered to a guest: not followed */
};

struct amdvi_irwalk {
	uint16_t rid;
	unsigned index, entries;
	uint64_t lo, hi; /* the entry as read */
	enum amdvi_irwalk_stop stop;
	uint8_t vector, delivery;
	bool logical;
	uint32_t dest;
};

/* A message whose data names index. */
void amdvi_irwalk(const struct amdvi_walk_unit *unit, const struct amdvi_walk_mem *mem, uint16_t rid,
		  unsigned index, struct amdvi_irwalk *out);
/* "entry 5 ok, vector 0x41 to APIC 0" */
void amdvi_irwalk_text(const struct amdvi_irwalk *w, char *buf, size_t n);
