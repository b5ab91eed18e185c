#include "drivers/nvme/io.h"
#include "kernel/log.h"
#include "kernel/mmio.h"

static uint32_t rd32(const struct nvme_io *io, uint32_t off)
{
	return mmio_rd32(io->regs + off);
}

/* Two accesses, as some controllers do not support 64-bit ones: NVMe over PCIe §3.1 allows either. */
static uint64_t rd64(const struct nvme_io *io, uint32_t off)
{
	uint32_t lo = mmio_rd32(io->regs + off);
	return (uint64_t)mmio_rd32(io->regs + off + 4) << 32 | lo;
}

static void wr32(const struct nvme_io *io, uint32_t off, uint32_t v)
{
	mmio_wr32(io->regs + off, v);
}

static void wr64(const struct nvme_io *io, uint32_t off, uint64_t v)
{
	mmio_wr32(io->regs + off, (uint32_t)v);
	mmio_wr32(io->regs + off + 4, (uint32_t)(v >> 32));
}

/* Controllers that hang when a register is read soon after CC.EN was cleared: Linux commit 54adc01055b7
 * (quirk NVME_QUIRK_DELAY_BEFORE_CHK_RDY, 2.3 s), which names these. */
#define QUIET_US 2300000u

static bool wants_quiet(const struct pci_func *fn)
{
	static const struct {
		uint16_t vendor, device;
	} known[] = {
		{0x144d, 0xa821}, /* Samsung PM1725 */
		{0x144d, 0xa822}, /* Samsung PM1725a */
		{0x1c58, 0x0003}, /* HGST SN100 */
		{0x1c58, 0x0023}, /* WDC SN200 */
		{0x1c5f, 0x0540}, /* Memblaze PBlaze4 */
		{0x1bb1, 0x0100}, /* Seagate Nytro */
	};
	for (unsigned i = 0; i < ARRAY_LEN(known); i++)
		if (fn->vendor == known[i].vendor && fn->device == known[i].device)
			return true;
	return false;
}

struct nvme_io nvme_io_mmio(const struct pci_func *fn, volatile void *regs)
{
	static const struct nvme_io_ops ops = {rd32, rd64, wr32, wr64};
	struct nvme_io io = {.ops = &ops, .regs = regs, .len = fn->bar[0].size};
	if (wants_quiet(fn->pf ? fn->pf : fn)) {
		io.quiet_us = QUIET_US;
		log_line(
			"nvme",
			BDF_FMT
			": this model needs %u ms without access after a reset (Linux: DELAY_BEFORE_CHK_RDY)",
			BDF_ARG(fn->bdf), QUIET_US / 1000);
	}
	return io;
}
