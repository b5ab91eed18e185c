/* Parts of SR-IOV, private to pci/. */
#pragma once
#include "pci/pci.h"

/* The highest bus number that is forwarded to the link of this PF. */
unsigned sriov_last_bus(const struct pci *pci, const struct pci_func *pf);
/* How many of total VFs have a distinct routing id on those buses, at this First VF Offset and VF Stride. */
uint16_t sriov_reach(const struct pci *pci, const struct pci_func *pf, uint16_t total, uint16_t offset,
		     uint16_t stride);
/* Sets b->addr to an address for n VFs of a VF BAR: the firmware's, which it holds at first, or a gap in a
 * window of the bridge above. No register is written. False when there is none; b->addr is then not valid. */
bool vf_bar_place(const struct pci *pci, const struct pci_func *pf, struct pci_bar *b, uint16_t n);
/* Reads VF BARs again, and gives each an address for n VFs: the firmware's where they fit there. One FAIL
 * line names a BAR without one: SL_NOSPACE. */
enum sl_err vf_bars_set(const struct pci *pci, struct pci_func *pf, uint16_t n) MUST_CHECK;
