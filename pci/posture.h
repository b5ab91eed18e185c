/* Security properties of a function by its registers: whether devices can be plugged in below it, and whether
 * it caches translations. Read on each call; nothing is written. */
#pragma once
#include "pci/pci.h"

/* A port that leads to a slot or a connector. */
struct pci_slot {
	bool hotplug;     /* Slot Capabilities: Hot-Plug Capable (PCIe §7.5.3.9) */
	bool thunderbolt; /* Intel's vendor-specific capability of Thunderbolt controllers, here or above */
	uint16_t at;      /* offset of Slot Capabilities, 0: no slot */
	uint32_t slot_cap;
};
/* False when fn is not a root or switch downstream port. */
bool pci_slot_read(const struct pci_func *fn, struct pci_slot *out);

/* An extended capability with an enable bit in its Control register. */
struct pci_switch {
	uint16_t at; /* of the Control register; 0: it does not have the capability */
	uint16_t control;
	bool on;
};
/* ATS (PCIe §10.5.1), Page Request Interface (§10.5.2), PASID (§7.8.9). A VF has its own ATS; the other two
 * belong to its PF. */
struct pci_caches {
	struct pci_switch ats, pri, pasid;
	uint8_t pasid_bits; /* of a PASID that it can send; 0: it has no such capability */
};
/* False when it has none of the three. */
bool pci_caches_read(const struct pci_func *fn, struct pci_caches *out);

/* Offset and value of ACS Control and of ACS Capability; false without the capability. */
bool pci_acs_read(const struct pci_func *fn, uint16_t *at, uint16_t *cap, uint16_t *control);

/* Intel's Volume Management Device: drives behind it are in a PCI domain that only its driver sees. */
bool pci_is_vmd(const struct pci_func *fn);
