/* Access to a controller's registers: real ones through MMIO, a model's through its functions. */
#pragma once
#include "kernel/bits.h"

struct xhci_io;

struct xhci_io_ops {
	uint32_t (*rd32)(const struct xhci_io *io, uint32_t off);
	void (*wr32)(const struct xhci_io *io, uint32_t off, uint32_t v);
};

/* Offsets are from the start of BAR 0 on and inside len. Only dwords: narrower reads of capability registers
 * are answered with 0 by some controllers. */
struct xhci_io {
	const struct xhci_io_ops *ops;
	volatile uint8_t *regs;
	uint64_t len; /* bytes from regs on */
	void *ctx;    /* the model's */
};

/* Registers of len bytes, mapped uncached: regs comes from mmio_map(). A write is seen after every earlier
 * store to memory. */
struct xhci_io xhci_io_mmio(volatile void *regs, uint64_t len);
