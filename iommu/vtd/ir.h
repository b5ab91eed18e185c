/* Interrupt remapping of one unit: its table, and enabling it (VT-d §5.1, §9.9, §11.4.10). Owned by the unit.
 * Life: enable, set and clear entries, disable; the entries survive until it is enabled again. */
#pragma once
#include "iommu/vtd/unit.h"

#define VTD_IR_MIN 256u   /* entries of a table: a page */
#define VTD_IR_MAX 65536u /* IRTA.S */

struct vtd_ir {
	struct vtd_irte *table; /* contiguous, aligned to its size */
	unsigned entries;       /* a power of two */
	uint64_t *taken;        /* one bit per entry: allocated, or not to be used any more */
	bool on;                /* requests are remapped, with our table; or may be: */
	bool failed;            /* it did not come on in time, so no entry is allocated */
	bool x2apic;            /* IRTA.EIME: destinations have 32 bits */
};

/* Why this unit cannot remap interrupts, or not for processors in x2APIC mode; NULL when it can. */
const char *vtd_ir_lacks(const struct vtd_unit *u, bool x2apic);

/* After vtd_unit_enable(): table pointer, global invalidation of the interrupt entry cache, compatibility
 * format blocked, remapping on. From then on only interrupts with an entry pass. The table is made by the
 * first call, with at least entries entries (up to VTD_IR_MAX). SL_UNSUPPORTED (vtd_ir_lacks()), SL_BUSY when
 * the entries were made for the other APIC mode, SL_NOMEM, SL_TIMEOUT or SL_DEVICE with a logged line. */
enum sl_err vtd_ir_enable(struct vtd_unit *u, unsigned entries, bool x2apic) MUST_CHECK;

/* Turns remapping off if it is on, also when the firmware enabled it. The table stays. SL_TIMEOUT. */
enum sl_err vtd_ir_disable(struct vtd_unit *u) MUST_CHECK;

/* The unit's status (GSTS): it remaps; compatibility format interrupts are refused. With EIME they are
 * refused regardless of CFIS: VT-d §5.1.4. */
bool vtd_ir_active(const struct vtd_unit *u);
bool vtd_ir_blocks_compat(const struct vtd_unit *u);

/* Allocates count (a power of two) consecutive entries, aligned to count; none is present. SL_NOSPACE. */
enum sl_err vtd_ir_take(struct vtd_unit *u, unsigned count, uint16_t *index) MUST_CHECK;
/* Frees them. Only after vtd_ir_clear() has returned SL_OK. */
void vtd_ir_give(struct vtd_unit *u, uint16_t index, unsigned count);

/* Writes an allocated entry, then invalidates and waits. A present entry is changed in one store, or, when
 * its requester id changes, is not present in between. Errors as vtd_inv_run(). */
enum sl_err vtd_ir_set(struct vtd_unit *u, uint16_t index, struct vtd_irte made) MUST_CHECK;
/* Makes count entries not present, invalidates and waits: when it returns SL_OK, none of them lets an
 * interrupt through any more. */
enum sl_err vtd_ir_clear(struct vtd_unit *u, uint16_t index, unsigned count) MUST_CHECK;
