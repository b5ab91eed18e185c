/* What AMD's IOMMU units say of themselves: read, and nothing else. */
#pragma once
#include "pci/pci.h"
#include "iommu/ivrs/lint.h"

/* For struct ivrs_live_source; ctx is its struct pci. Reads a unit's capability and, where that has the
 * table's register address, its registers; once, later calls give the same. False without such a capability,
 * or when nothing answers at the registers. */
bool amd_unit_read(void *ctx, const struct ivrs_ivhd *unit, struct ivrs_live *out);
