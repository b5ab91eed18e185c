/* What a function's registers say of its security: who can plug something in below it, and whether it keeps
 * translations of its own. All of it is read when asked; nothing is written. */
#pragma once
#include "pci/pci.h"

/* A port that leads to a slot or a connector. */
struct pci_slot {
	bool hotplug;     /* Slot Capabilities: Hot-Plug Capable (PCIe §7.5.3.9) */
	bool thunderbolt; /* Intel's vendor-specific capability of Thunderbolt controllers, here or above */
	uint16_t at;      /* offset of Slot Capabilities, 0: no slot */
	uint32_t slot_cap;
};
/* False when fn is no root or switch downstream port. */
bool pci_slot_read(const struct pci_func *fn, struct pci_slot *out);

/* An extended capability that is switched on by a bit of its Control register. */
struct pci_switch {
	uint16_t at; /* of the Control register; 0: it does not have the capability */
	uint16_t control;
	bool on;
};
/* ATS (PCIe §10.5.1), Page Request Interface (§10.5.2), PASID (§7.8.9). A VF has ATS of its own; the other
 * two belong to its PF. */
struct pci_caches {
	struct pci_switch ats, pri, pasid;
};
/* False when it has none of the three. */
bool pci_caches_read(const struct pci_func *fn, struct pci_caches *out);

/* Offset and value of ACS Control and of ACS Capability; false without the capability. */
bool pci_acs_read(const struct pci_func *fn, uint16_t *at, uint16_t *cap, uint16_t *control);

/* Intel's Volume Management Device: drives behind it stand in a PCI domain that only its driver sees. */
bool pci_is_vmd(const struct pci_func *fn);
