/* Refused requests, as the units recorded them: VT-d §7.2.1, §11.4.7.6. */
#pragma once
#include "kernel/addr.h"
#include "kernel/bdf.h"
#include "kernel/err.h"

struct vtd_unit;

struct iommu_fault {
	unsigned unit; /* iommu0, iommu1, ...; set by iommu_fault_next() */
	bdf_t bdf;     /* who asked */
	iova_t iova;   /* page of the request; for an interrupt (reasons 0x20 to 0x2b) its index in bits 63:48
			*/
	bool write;    /* an AtomicOp counts as a write */
	bool page_request; /* neither read nor write: a device with a translation cache asked for a page */
	uint8_t reason;
};

/* The next pending record of a unit, taken out of it. SL_END when there is none; an overflow is then noted in
 * the unit's counts and cleared, so that faults are recorded again. */
enum sl_err vtd_fault_next(struct vtd_unit *u, struct iommu_fault *out) MUST_CHECK;

/* Drops every pending record and the overflow. */
void vtd_fault_clear(struct vtd_unit *u);

/* From now on the unit sends vector to the processor with that APIC id when it has recorded something and
 * nothing was pending before; it goes on doing so only after everything pending has been taken (VT-d §7.3).
 * The message is the unit's own and is not remapped. */
void vtd_fault_event(struct vtd_unit *u, uint8_t vector, uint32_t apic);

/* "write", "read", "page request". */
static inline const char *vtd_fault_kind(const struct iommu_fault *f)
{
	return f->page_request ? "page request" : f->write ? "write" : "read";
}

/* A fault reason in words: legacy mode, scalable mode (VT-d §7.1.3, table 30) and interrupt remapping
 * (§5.1.4.1, table 15). "reserved reason" for what the specification does not define. */
const char *vtd_fault_text(uint8_t reason);

static inline bool vtd_fault_is_interrupt(uint8_t reason)
{
	return reason >= 0x20 && reason <= 0x2b;
}
