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
