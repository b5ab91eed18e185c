/* What an event of the log says. */
#pragma once
#include "iommu/fault.h"

/* A refused request; false when the event is about the unit itself. emulated: QEMU's unit (11.1) records a
 * page fault as an interrupt at address 0, with the function's number on its bus and no more, and shows the
 * direction in two bits of its own; out->vague is then set. Whether the function has a domain is not known
 * here where the event has no domain id. */
bool amdvi_event_fault(uint64_t lo, uint64_t hi, uint16_t seg, bool emulated, struct iommu_fault *out);
/* "ILLEGAL_COMMAND_ERROR", ... */
const char *amdvi_event_name(unsigned code);
