/* Connects pci/ and iommu/: the scan's functions in the form that the DMAR code needs. */
#pragma once
#include "iommu/dmar/dmar.h"
#include "iommu/ivrs/ivrs.h"
#include "iommu/tables/facts.h"
#include "pci/pci.h"

/* Callbacks to follow paths and to find a VF's PF. */
struct dmar_topo topology_of(struct pci *pci);
/* The machine's functions. */
struct table_functions topology_functions(struct pci *pci);
/* From now on groups_compute() asks the IVRS table, which stays in place, for aliases. Not for two machines.
 */
void topology_use_ivrs(struct pci *pci, struct span table);
/* "USB controller"; ctx is a struct pci. NULL when unknown. */
const char *topology_name(void *ctx, bdf_t fn);
