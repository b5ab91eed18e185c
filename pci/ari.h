/* Alternative Routing-ID Interpretation. */
#pragma once
#include "pci/pci.h"

/* ARI for the device of a PF, where the port above can forward it: PCIe §6.13, §9.3.3.3.5. Does nothing while
 * VFs are enabled below that port. */
void ari_on(const struct pci *pci, struct pci_func *pf);
/* Undoes ari_on() once no VF is enabled below the port. */
void ari_off(const struct pci *pci, struct pci_func *pf);
/* The port can forward ARI requests to the device below it: PCIe §6.13. port may be NULL. */
bool ari_can_forward(const struct pci_func *port);
