/* Fault records of a unit: VT-d §7.2.1, §11.4.7.6. */
#pragma once
#include "iommu/fault.h"

struct vtd_unit;

/* Takes the next pending record out of a unit. SL_END when there is none; an overflow is then counted and
 * cleared, so that faults are recorded again. */
enum sl_err vtd_fault_next(struct vtd_unit *u, struct iommu_fault *out) MUST_CHECK;

/* Drops every pending record and the overflow. */
void vtd_fault_clear(struct vtd_unit *u);

/* From now on the unit sends vector to the processor with that APIC id when it has recorded something and
 * nothing was pending before; it sends the next one only after all pending records have been taken (VT-d
 * §7.3). This message is not remapped. */
void vtd_fault_event(struct vtd_unit *u, uint8_t vector, uint32_t apic);
