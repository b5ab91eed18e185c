/* Addresses that bridges forward, and which of them are free. */
#pragma once
#include "pci/pci.h"

/* True when part of [addr, addr + size) is a function's or its VFs' registers, or is forwarded by a
 * bridge. */
bool pci_range_used(const struct pci *pci, uint64_t addr, uint64_t size);

/* A free range of size bytes (a multiple of align) at a multiple of align (a power of two), inside the
 * bridge's prefetchable or 32-bit window, where the bridges above it forward it too and which no BAR, VF BAR
 * or bridge window on the bus below uses. SL_NOSPACE. */
enum sl_err pci_gap_find(const struct pci *pci, const struct pci_func *bridge, bool prefetch, uint64_t size,
			 uint64_t align, uint64_t *addr) MUST_CHECK;

/* Fills mem and pref of a bridge. */
void windows_read(struct pci_func *f);
/* Whether [addr, addr + size) is forwarded to the bridge's bus (always, when bridge is NULL: a root bus) and
 * not used by any function there. */
bool range_free(const struct pci *pci, const struct pci_func *bridge, uint64_t addr, uint64_t size);
