/* Interrupt tables. Each requester id has its own, made when its first interrupt
 * is allocated; until then its device table entry refuses all interrupts. */
#pragma once
#include "iommu/amdvi/unit.h"

#define AMDVI_IRQS     512u /* entries of a table: what data of a message may name, and all units support */
#define AMDVI_IRQ_WORD 64u

struct amdvi_irt {
	struct amdvi_irt *next;
	uint16_t rid;
	bool wide;   /* entries have 128 bits: CTL_GA */
	void *table; /* room for AMDVI_IRQS entries of 16 bytes */
	uint64_t taken[AMDVI_IRQS /
		       AMDVI_IRQ_WORD]; /* a bit an entry: allocated, or not to be used any more */
};

struct amdvi_irte {
	uint64_t lo, hi; /* hi: of 128 bits */
};

/* Why this unit cannot remap interrupts, or not for processors in x2APIC mode; NULL when it can. */
const char *amdvi_ir_lacks(const struct amdvi_unit *u, bool x2apic);
/* The form of entries is set; from now on they can be allocated. SL_BUSY when that was done for the other
 * APIC mode. */
enum sl_err amdvi_ir_enable(struct amdvi_unit *u, bool x2apic) MUST_CHECK;

/* Allocates count (a power of two) consecutive entries in the id's table, aligned to count; none is present.
 * While there is room, no index is one that another function has: a message with another function's index
 * finds nothing. SL_NOSPACE, SL_NOMEM; SL_TIMEOUT or SL_DEVICE when the unit did not answer. */
enum sl_err amdvi_ir_take(struct amdvi_unit *u, uint16_t rid, unsigned count, uint16_t *index) MUST_CHECK;
/* Frees them. Only after amdvi_ir_clear() has returned SL_OK. */
void amdvi_ir_give(struct amdvi_unit *u, uint16_t rid, uint16_t index, unsigned count);
/* Writes an allocated entry, in one store where it is present, then invalidates and waits. */
enum sl_err amdvi_ir_set(struct amdvi_unit *u, uint16_t rid, uint16_t index, uint8_t vector,
			 uint32_t apic) MUST_CHECK;
/* Makes count entries not present, invalidates and waits. */
enum sl_err amdvi_ir_clear(struct amdvi_unit *u, uint16_t rid, uint16_t index, unsigned count) MUST_CHECK;
/* Entries in use by the functions of all units of the segment. */
unsigned amdvi_ir_used(const struct amdvi_unit *u);
