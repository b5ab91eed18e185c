/* Access Control Services: PCIe §6.12. A port isolates what is below it when requests from one function to
 * another go up to the IOMMU instead of straight across. */
#pragma once
#include "pci/pci.h"

/* What keeps requests from going across. The numbers are those of the Capability and Control registers. */
#define ACS_SV      0x01u /* Source Validation */
#define ACS_RR      0x04u /* P2P Request Redirect */
#define ACS_CR      0x08u /* P2P Completion Redirect */
#define ACS_UF      0x10u /* Upstream Forwarding */
#define ACS_ISOLATE (ACS_SV | ACS_RR | ACS_CR | ACS_UF)

/* Sets Source Validation, P2P Request Redirect, P2P Completion Redirect and Upstream Forwarding, each where
 * the function has it; acs_isolates() says whether that is enough. */
void acs_enable(struct pci_func *fn);
/* The same for every function but VFs: a step of its own before groups_compute(), which only reads. */
void acs_enable_all(struct pci *pci);

/* Whether those that the specification asks of this kind of function are set: all four of a switch downstream
 * port; of any other function, those it has, because a bit that it lacks stands for traffic that it cannot
 * send across (PCIe §6.12.1). A root port must have Source Validation. */
bool acs_isolates(const struct pci_func *fn);

/* Whether Linux takes a port as isolated: bits that its Capability register lacks count as hard-wired there
 * (pci_acs_flags_enabled()), so those that it has need to be set and no more. */
bool acs_isolates_in_linux(const struct pci_func *fn);

/* The bits of ACS_ISOLATE that the function has and that are not set. Where nothing may be written
 * (pci_cfg.read_only) acs_isolates() takes them as set: whether they take effect is not known then. */
unsigned acs_off(const struct pci_func *fn);

/* The bits of ACS_ISOLATE for which acs_isolates() says no; all four when there is no ACS capability. */
unsigned acs_missing(const struct pci_func *fn);

/* Intel's 100 and 200 series PCH root ports have the ACS registers as 32-bit ones, Control at 8 instead of 6:
 * QUIRK_ACS_WIDE of pci/quirk.h. The functions above know them. */
bool acs_is_wide(const struct pci_func *fn);

/* Offset of ACS Control, of a function with cap_acs. Its low 16 bits are the same in both forms. */
unsigned acs_control(const struct pci_func *fn);
