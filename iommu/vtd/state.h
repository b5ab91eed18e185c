/* Decodes a unit's register values where only values exist: a snapshot, a recorded report. VT-d §11.4 */
#pragma once
#include "iommu/fault.h"

struct vtd_state { /* GSTS, PMEN, FSTS */
	bool translates, remaps, queue;
	bool compat_passes; /* GSTS.CFIS: compatibility format interrupts pass */
	bool regions;       /* PMEN.PRS: protected memory regions are on */
	bool pending, overflow;
};
struct vtd_state vtd_state_of(uint32_t gsts, uint32_t pmen, uint32_t fsts);

struct vtd_ability {          /* VER, CAP, ECAP */
	const char *unusable; /* why, and then nothing else is valid but irq_only, remaps, x2apic; NULL */
	bool irq_only;        /* no tables for DMA (CAP.SAGAW is 0), but interrupt remapping: */
	bool levels3, levels4, levels5;
	unsigned width; /* bits of a device address: MGAW */
	bool remaps, x2apic;
	bool coherent, queue, device_tlb, pass_through, caching_mode, selective;
	bool pages_2m, pages_1g, low_region, high_region, scalable, pasid, page_requests;
	uint32_t fault_offset; /* bytes from the base to the first fault record */
	unsigned fault_records;
};
struct vtd_ability vtd_ability_of(uint32_t ver, uint64_t cap, uint64_t ecap);

/* A fault recording register; false when its F bit is clear: nothing is recorded there. out->unit is not set,
 * the segment is the unit's. */
bool vtd_state_fault(uint64_t lo, uint64_t hi, uint16_t seg, struct iommu_fault *out);
