/* Access to a controller's registers: real ones through MMIO, a model's through its functions. For set-up
 * only. The data path writes the doorbells directly, at regs + NVME_DOORBELLS in both cases. */
#pragma once
#include "drivers/nvme/regs.h"
#include "pci/pci.h"

struct nvme_io;

struct nvme_io_ops {
	uint32_t (*rd32)(const struct nvme_io *io, uint32_t off);
	uint64_t (*rd64)(const struct nvme_io *io, uint32_t off);
	void (*wr32)(const struct nvme_io *io, uint32_t off, uint32_t v);
	void (*wr64)(const struct nvme_io *io, uint32_t off, uint64_t v);
};

struct nvme_io {
	const struct nvme_io_ops *ops;
	volatile uint8_t *regs;
	uint64_t len;      /* bytes from regs on */
	uint32_t quiet_us; /* no register is read for this long after CC.EN was cleared */
	void *ctx;         /* the model's */
};

/* Registers in BAR0 of fn, mapped uncached: regs comes from mmio_map(). A controller with an id known to need
 * it gets quiet_us, with a log line. */
struct nvme_io nvme_io_mmio(const struct pci_func *fn, volatile void *regs);

static inline uint32_t nvme_rd32(const struct nvme_io *io, nvme_reg32_t r)
{
	return io->ops->rd32(io, r.off);
}

static inline uint64_t nvme_rd64(const struct nvme_io *io, nvme_reg64_t r)
{
	return io->ops->rd64(io, r.off);
}

static inline void nvme_wr32(const struct nvme_io *io, nvme_reg32_t r, uint64_t v)
{
	io->ops->wr32(io, r.off, (uint32_t)v);
}

static inline void nvme_wr64(const struct nvme_io *io, nvme_reg64_t r, uint64_t v)
{
	io->ops->wr64(io, r.off, v);
}
