/* Access Control Services: PCIe §6.12. A port isolates what is below it when requests from one function to
 * another go up to the IOMMU instead of straight across. */
#pragma once
#include "pci/pci.h"

/* Sets Source Validation, P2P Request Redirect, P2P Completion Redirect and Upstream Forwarding, each where
 * the function has it. SL_UNSUPPORTED when it has no ACS capability or too little of it to isolate. */
enum sl_err acs_enable(struct pci_func *fn) MUST_CHECK;

/* Whether those that the specification asks of this kind of function are set: all four of a switch downstream
 * port; of any other function, those it has, because a bit that it lacks stands for traffic that it can not
 * send across (PCIe §6.12.1). A root port must have Source Validation. */
bool acs_isolates(const struct pci_func *fn);
