/* AMD's IOMMU units as functions of the bus: what they say of themselves, and what the driver of units needs
 * of them. */
#pragma once
#include "pci/pci.h"
#include "iommu/amdvi/backend.h"
#include "iommu/ivrs/lint.h"

/* For struct ivrs_live_source; ctx is its struct pci. Reads a unit's capability and, where that has the
 * table's register address, its registers; once, later calls give the same. False without such a capability,
 * or when nothing answers at the registers. */
bool amd_unit_read(void *ctx, const struct ivrs_ivhd *unit, struct ivrs_live *out);

/* For amdvi_init(); in place until the machine ends. */
const struct amdvi_regs *amd_unit_regs(struct pci *pci);
