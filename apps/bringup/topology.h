/* Where pci/ and iommu/ meet: the functions that the scan found, as the DMAR code asks for them. */
#pragma once
#include "iommu/dmar/dmar.h"
#include "pci/pci.h"

/* How paths are followed, and which PF a VF has. */
struct dmar_topo topology_of(struct pci *pci);
/* Which functions there are. */
struct dmar_functions topology_functions(struct pci *pci);
/* "USB controller"; ctx is a struct pci. NULL when unknown. */
const char *topology_name(void *ctx, bdf_t fn);
