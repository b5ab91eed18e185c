/* Applies the table of pci/quirk.h to the machine. Each printed line has the functions, the workaround and
 * its source. */
#pragma once
#include "iommu/iommu.h"
#include "iommu/vtd/backend.h"
#include "pci/quirk.h"

/* After the scan: prints pci/'s workarounds. */
void quirks_pci(const struct pci *pci);

/* After vtd_init(), before vtd_map_rmrrs(): does to the units what the table says. */
void quirks_iommu(const struct pci *pci, struct iommu *mmu, const struct table_functions *functions);

/* True, with a line, when interrupts must not be remapped on this machine. */
bool quirks_no_remapping(const struct pci *pci);
