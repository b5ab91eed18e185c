/* The state of a unit that the DMAR table or the IVRS table lists. */
#pragma once
#include "kernel/bits.h"
#include "kernel/addr.h"

enum iommu_unit_state {
	IOMMU_UNIT_OFF,      /* usable and off: before iommu_enable() */
	IOMMU_UNIT_ON,       /* translates, by our tables */
	IOMMU_UNIT_IRQ_ONLY, /* has no tables for DMA (CAP.SAGAW is 0): at most it remaps interrupts */
	IOMMU_UNIT_UNUSABLE, /* left out: no registers, or it lacks a required feature; nothing was written to
				it */
	IOMMU_UNIT_FAILED,   /* left out: a command was not answered while it was turned on */
	IOMMU_UNIT_TWICE,    /* left out: listed at the registers of an earlier unit */
	IOMMU_UNIT_SKIPPED,  /* left alone because the caller said so: iommu_skip_base(), _graphics() */
	IOMMU_UNIT_STATES
};

/* "translates", "is left alone": what follows a unit's name in a sentence. */
const char *iommu_unit_state_text(enum iommu_unit_state state);

/* A firmware table gives a unit an address at which registers can be. */
static inline bool iommu_has_registers(uint64_t base)
{
	return base && base != UINT64_MAX && IS_ALIGNED(base, PAGE_SIZE);
}

/* A command of that unit went wrong: a failure with its advice; while the unit is being turned on a warning,
 * because the machine then goes on without it. */
void iommu_trouble(const char *unit, bool starting, const char *advice, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
