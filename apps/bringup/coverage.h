/* What translation does not cover: functions under no translating unit, and devices that were not examined.
 * Only Bus Master Enable stops these, and a device may ignore it; only a translating unit enforces. */
#pragma once
#include "iommu/iommu.h"
#include "pci/pci.h"

struct coverage {
	unsigned units, on; /* units of the DMAR table, and those of them that translate */
	unsigned functions; /* found, that can do DMA: no PCI-PCI bridge, no host bridge */
	unsigned no_unit;   /* of them under no unit that translates */
	unsigned stuck;     /* of those, with a Bus Master Enable that stays on: nothing stops them */
	unsigned past;      /* functions that access memory past the unit that covers them */
	unsigned missed;    /* bridges, buses and functions that were not examined: pci->missed */
	unsigned vmd;       /* functions that hide others */
};

/* translating: the stage that turns translation on has got that far. */
void coverage_take(const struct pci *pci, const struct iommu *mmu, bool translating, struct coverage *out);

/* uncovered= of the RESULT line. */
static inline unsigned coverage_open(const struct coverage *c)
{
	return c->no_unit + c->past + c->missed + c->vmd;
}

/* True when only the units' tables decide which DMA reaches memory: buffers of the firmware's drivers can be
 * reused. */
static inline bool coverage_whole(const struct coverage *c)
{
	return c->functions && c->units && c->on == c->units && !coverage_open(c);
}

/* Prints a line for each uncovered item, up to a limit. */
struct machine;
void coverage_name(struct machine *m, const char *subsystem);

/* A function that can do DMA: no bridge, and no IOMMU, which is not below itself. */
bool coverage_does_dma(const struct pci_func *f);
/* A translating unit covers it. */
bool coverage_has_unit(const struct iommu *mmu, bool translating, bdf_t fn);

/* Uncovered item i (from 0) as a sentence; false after the last. */
bool coverage_text(const struct pci *pci, const struct iommu *mmu, bool translating, unsigned i, char *buf,
		   size_t n);
