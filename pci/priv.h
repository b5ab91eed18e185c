/* Shared inside pci/. */
#pragma once
#include "pci/pci.h"

/* A zeroed function, used before or new; in no list yet. NULL when out of memory. */
struct pci_func *func_new(struct pci *pci);
/* Into the list, at its place by segment and routing id. */
void func_insert(struct pci *pci, struct pci_func *f);
/* Out of the list; the object is used again. */
void func_drop(struct pci *pci, struct pci_func *f);

/* Fills the cap_ fields and port_type. */
void caps_read(struct pci_func *f);
/* A port that leads to one link: root port or switch downstream port. f may be NULL. */
bool caps_is_downstream(const struct pci_func *f);
/* Whether the function has Device Capabilities 2 and Control 2: from version 2 of the PCI Express capability
 * on (PCIe §7.5.3.2), and inside the area. */
bool caps_has_devctl2(const struct pci_func *f);
/* Fills bar[] and rom of a function, with its decoding off meanwhile; host bridges are left alone. */
void bars_read(struct pci_func *f);
/* Fills vf_bar[] of a PF. VF Enable must be clear. */
void vf_bars_read(struct pci_func *f);
/* Fills mem and pref of a bridge. */
void windows_read(struct pci_func *f);
/* Whether [addr, addr + size) is passed down to the bridge's bus (always, when bridge is NULL: a root bus)
 * and used by no other function. */
bool range_free(const struct pci *pci, const struct pci_func *bridge, uint64_t addr, uint64_t size);

/* ARI for the device of a PF, where the port above can forward it: PCIe §6.13, §9.3.3.3.5. Nothing happens
 * while VFs are on below that port. */
void ari_on(const struct pci *pci, struct pci_func *pf);
/* Takes back what ari_on() set, once no VF is on below the port. */
void ari_off(const struct pci *pci, struct pci_func *pf);
/* The port can forward ARI requests to the device below it: PCIe §6.13. port may be NULL. */
bool ari_can_forward(const struct pci_func *port);
/* VT-d §3.17: integrated endpoints of a machine with VT-d send untranslated requests nowhere but to the
 * IOMMU. */
bool groups_is_intel_integrated(const struct pci_func *f);
/* It isolates, or Linux takes the ACS bits that a port lacks as set. */
bool groups_isolates_in_linux(const struct pci_func *f);
