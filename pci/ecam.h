/* Configuration space in memory: PCIe §7.2.2. One window for each entry of the MCFG table. */
#pragma once
#include "kernel/err.h"
#include "pci/cfg.h"

/* Adds buses bus_start..bus_end of a segment, 1 MiB each. va is the first byte of bus_start, mapped uncached
 * by the caller, and stays mapped. SL_RANGE when bus_end < bus_start, SL_EXISTS when a bus was added before,
 * SL_NOSPACE after 64 windows. */
enum sl_err ecam_add(uint16_t seg, uint8_t bus_start, uint8_t bus_end, volatile void *va) MUST_CHECK;

/* Access through all windows added so far and later; read_only: writes are dropped (pci/cfg.h). */
const struct pci_cfg *ecam_cfg(bool read_only);

/* From now on a Device Serial Number (PCIe §7.9.3) reads as zeros: privacy=1. */
void ecam_hide_serials(void);
