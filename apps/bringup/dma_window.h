/* Chooses the window of device addresses common to all domains. */
#pragma once
#include "boot/boot_info.h"
#include "iommu/iommu.h"
#include "kernel/span.h"
#include "pci/pci.h"

#define WINDOW_SIZE (8ull << 20)

struct window_in {
	const struct pci *pci;         /* registers of functions, and windows of bridges */
	const struct boot_region *mem; /* the firmware's memory map */
	uint32_t mems;
	struct span dmar, ivrs, mcfg; /* the tables, for RMRRs, IVMDs, units, ECAM; empty: there is none */
	unsigned width;               /* device addresses are below 2^width in every unit that is used */
};

/* The narrowest of the units that are used; 64 when there is none. */
unsigned window_width(const struct iommu *mmu);

/* A range of WINDOW_SIZE between 4 GiB and 2^38 (2^width where that is less) where nothing answers: no
 * memory, no register of a function and no window of a bridge (a switch would take a request there for one of
 * its own devices), no RMRR, no unit, no ECAM. From 2^37 up, then from there down. If memory is everywhere, a
 * free range of it; the caller keeps that out of the page allocator. SL_NOSPACE. */
enum sl_err window_choose(const struct window_in *in, uint64_t *base) MUST_CHECK;

/* One below 4 GiB, for functions with 32-bit addresses: free memory that no register lies over; the caller
 * keeps it out of the page allocator. From 4 GiB down. SL_NOSPACE. */
enum sl_err window_choose_low(const struct pci *pci, uint64_t *base) MUST_CHECK;
