/* Capabilities with a separate file each: pci/show.h. */
#pragma once
#include "pci/show.h"

/* The text after "Capabilities: [40] " of a PCI Express capability. */
void show_express(const struct pci_func *f, unsigned c, bool deep);
/* The same for a HyperTransport capability. */
void show_hypertransport(const struct pci_func *f, unsigned c, bool deep);
/* The content of a CXL DVSEC, below its line. */
void show_cxl(const struct pci_func *f, unsigned c);
