/* Access to configuration space: ECAM on a machine (pci/ecam.h), a text dump or a model in tests. A function
 * outside every window reads all ones, as an absent one does (PCIe §2.3.2), and writes to it are dropped.
 * Accesses are 1, 2 or 4 bytes at an offset that is a multiple of their width. */
#pragma once
#include <stdbool.h>
#include "kernel/bdf.h"

struct pci_cfg {
	void *ctx;
	bool read_only; /* writes are dropped: facts that need a write stay unknown */
	uint32_t (*rd)(void *ctx, bdf_t fn, uint16_t off, unsigned bytes);
	void (*wr)(void *ctx, bdf_t fn, uint16_t off, unsigned bytes, uint32_t v);
};

static inline uint8_t pci_rd8(const struct pci_cfg *c, bdf_t fn, uint16_t off)
{
	return (uint8_t)c->rd(c->ctx, fn, off, 1);
}

static inline uint16_t pci_rd16(const struct pci_cfg *c, bdf_t fn, uint16_t off)
{
	return (uint16_t)c->rd(c->ctx, fn, off, 2);
}

static inline uint32_t pci_rd32(const struct pci_cfg *c, bdf_t fn, uint16_t off)
{
	return c->rd(c->ctx, fn, off, 4);
}

static inline void pci_wr8(const struct pci_cfg *c, bdf_t fn, uint16_t off, uint8_t v)
{
	if (!c->read_only)
		c->wr(c->ctx, fn, off, 1, v);
}

static inline void pci_wr16(const struct pci_cfg *c, bdf_t fn, uint16_t off, uint16_t v)
{
	if (!c->read_only)
		c->wr(c->ctx, fn, off, 2, v);
}

static inline void pci_wr32(const struct pci_cfg *c, bdf_t fn, uint16_t off, uint32_t v)
{
	if (!c->read_only)
		c->wr(c->ctx, fn, off, 4, v);
}
