/* Capabilities that take a file of their own: pci/show.h. */
#pragma once
#include "pci/show.h"

/* What stands behind "Capabilities: [40] " for a PCI Express capability. */
void show_express(const struct pci_func *f, unsigned c, bool deep);
/* The same for a HyperTransport capability. */
void show_hypertransport(const struct pci_func *f, unsigned c, bool deep);
/* What a DVSEC of CXL's says, below its line. */
void show_cxl(const struct pci_func *f, unsigned c);
