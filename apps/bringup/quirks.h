/* Where the table of pci/quirk.h meets the machine. Each line that is printed says which functions, what is
 * done about them, and who says so. */
#pragma once
#include "iommu/iommu.h"
#include "iommu/vtd/backend.h"
#include "pci/quirk.h"

/* After the scan: what pci/ does by ids. */
void quirks_pci(const struct pci *pci);

/* After vtd_init(), before vtd_map_rmrrs(): does to the units what the table says. */
void quirks_iommu(const struct pci *pci, struct iommu *mmu, const struct dmar_functions *functions);

/* Interrupts may not be remapped on this machine; says so when that is. */
bool quirks_no_remapping(const struct pci *pci);
