/* Connects pci/ and iommu/: the scan's functions in the form that the DMAR code needs. */
#pragma once
#include "iommu/dmar/dmar.h"
#include "iommu/tables/facts.h"
#include "pci/pci.h"

/* Callbacks to follow paths and to find a VF's PF. */
struct dmar_topo topology_of(struct pci *pci);
/* The machine's functions. */
struct table_functions topology_functions(struct pci *pci);
/* "USB controller"; ctx is a struct pci. NULL when unknown. */
const char *topology_name(void *ctx, bdf_t fn);
