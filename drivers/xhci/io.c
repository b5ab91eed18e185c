#include "drivers/xhci/io.h"
#include "kernel/mmio.h"

static uint32_t rd32(const struct xhci_io *io, uint32_t off)
{
	return mmio_rd32(io->regs + off);
}

static void wr32(const struct xhci_io *io, uint32_t off, uint32_t v)
{
	mmio_doorbell32(io->regs + off, v);
}

struct xhci_io xhci_io_mmio(volatile void *regs, uint64_t len)
{
	static const struct xhci_io_ops ops = {rd32, wr32};
	return (struct xhci_io){.ops = &ops, .regs = regs, .len = len};
}
