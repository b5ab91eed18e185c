#include "drivers/nvme/io.h"
#include "kernel/mmio.h"

static uint32_t rd32(const struct nvme_io *io, uint32_t off)
{
	return mmio_rd32(io->regs + off);
}

static uint64_t rd64(const struct nvme_io *io, uint32_t off)
{
	return mmio_rd64(io->regs + off);
}

static void wr32(const struct nvme_io *io, uint32_t off, uint32_t v)
{
	mmio_wr32(io->regs + off, v);
}

static void wr64(const struct nvme_io *io, uint32_t off, uint64_t v)
{
	mmio_wr64(io->regs + off, v);
}

struct nvme_io nvme_io_mmio(volatile void *regs, uint64_t len)
{
	static const struct nvme_io_ops ops = {rd32, rd64, wr32, wr64};
	return (struct nvme_io){.ops = &ops, .regs = regs, .len = len};
}
