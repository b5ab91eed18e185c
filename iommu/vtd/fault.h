/* Refused requests, as the units recorded them: VT-d §7.2.1, §11.4.7.6. */
#pragma once
#include "iommu/fault.h"

struct vtd_unit;

/* The next pending record of a unit, taken out of it. SL_END when there is none; an overflow is then noted in
 * the unit's counts and cleared, so that faults are recorded again. */
enum sl_err vtd_fault_next(struct vtd_unit *u, struct iommu_fault *out) MUST_CHECK;

/* Drops every pending record and the overflow. */
void vtd_fault_clear(struct vtd_unit *u);

/* From now on the unit sends vector to the processor with that APIC id when it has recorded something and
 * nothing was pending before; it goes on doing so only after everything pending has been taken (VT-d §7.3).
 * The message is the unit's own and is not remapped. */
void vtd_fault_event(struct vtd_unit *u, uint8_t vector, uint32_t apic);
