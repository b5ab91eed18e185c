/* Makes a function reachable: power, and every bridge between it and the processor. The firmware may leave a
 * function in D3hot, or a port with Memory Space Enable or Bus Master Enable clear; then its registers read
 * all ones, or its requests end at the port without a fault record (PCIe §7.5.1.1.3). Each change is logged
 * and stays until pci_paths_restore(), at the end of the run. */
#pragma once
#include "pci/pci.h"

/* PowerState, 0 for D0 to 3 for D3hot: PCIe §7.5.2.2. 0 for a function without the capability. */
unsigned pci_power_state(const struct pci_func *fn);
/* "D3hot" */
const char *pci_power_name(unsigned state);

/* To D0, with the recovery time of PCIe §5.9; configuration space is restored where the function lost it.
 * Does nothing in D0. Functions below a bridge are reachable when it returns. SL_DEVICE with a FAIL line when
 * the state does not change. */
enum sl_err pci_power_on(struct pci_func *fn) MUST_CHECK;

/* The function and every bridge above it in D0, Memory Space Enable of all of them, Bus Master Enable of the
 * bridges: from the root down. The function's domain must be in place; the caller sets the function's Bus
 * Master Enable. SL_DEVICE with a FAIL line. */
enum sl_err pci_path_open(struct pci_func *fn) MUST_CHECK;

/* The bridge above fn that does not forward requests to this BAR, NULL when all do. A bridge that decodes
 * subtractively forwards everything (PCI-to-PCI Bridge Architecture Specification §3.2.3: programming
 * interface 1). */
const struct pci_func *pci_path_stop(const struct pci_func *fn, const struct pci_bar *bar);

/* Restores Command bits and power states of all functions. The caller has cleared Bus Master Enable of the
 * functions it drove. */
void pci_paths_restore(struct pci *pci);
