/* Access Control Services: PCIe §6.12. A port isolates the functions below it when requests from one to
 * another go up to the IOMMU instead of straight across. */
#pragma once
#include "pci/pci.h"

/* The controls that stop requests from going across, with the bit numbers of the Capability and Control
 * registers. */
#define ACS_SV      0x01u /* Source Validation */
#define ACS_RR      0x04u /* P2P Request Redirect */
#define ACS_CR      0x08u /* P2P Completion Redirect */
#define ACS_UF      0x10u /* Upstream Forwarding */
#define ACS_ISOLATE (ACS_SV | ACS_RR | ACS_CR | ACS_UF)

/* Sets Source Validation, P2P Request Redirect, P2P Completion Redirect and Upstream Forwarding, each where
 * the function has it; acs_isolates() tells whether that is enough. */
void acs_enable(struct pci_func *fn);
/* The same for every function but VFs: a separate step before groups_compute(), which only reads. */
void acs_enable_all(struct pci *pci);

/* Whether the controls that the specification requires of this kind of function are set: all four for a
 * switch downstream port; for any other function those it has, because a missing bit means that it cannot
 * send such traffic across (PCIe §6.12.1). A root port must have Source Validation. */
bool acs_isolates(const struct pci_func *fn);

/* Whether Linux treats a port as isolated: Linux counts bits missing in the Capability register as hard-wired
 * (pci_acs_flags_enabled()), so only the bits present need to be set. */
bool acs_isolates_in_linux(const struct pci_func *fn);

/* The bits of ACS_ISOLATE that the function has and that are not set. With pci_cfg.read_only, acs_isolates()
 * takes them as set: whether they would take effect is unknown then. */
unsigned acs_off(const struct pci_func *fn);

/* The bits of ACS_ISOLATE for which acs_isolates() says no; all four when there is no ACS capability. */
unsigned acs_missing(const struct pci_func *fn);

/* Intel's 100 and 200 series PCH root ports have 32-bit ACS registers, Control at 8 instead of 6:
 * QUIRK_ACS_WIDE of pci/quirk.h. The functions above know them. */
bool acs_is_wide(const struct pci_func *fn);

/* Offset of ACS Control, of a function with cap_acs. Its low 16 bits are the same in both forms. */
unsigned acs_control(const struct pci_func *fn);
