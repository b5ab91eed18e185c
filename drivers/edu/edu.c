#include "drivers/edu/edu.h"
#include "kernel/mmio.h"
#include "kernel/time.h"

#define EDU_ID      0x00 /* rrrr00edh: major and minor version above */
#define EDU_RAISE   0x60
#define EDU_ACK     0x64
#define EDU_SRC     0x80
#define EDU_DST     0x88
#define EDU_COUNT   0x90
#define EDU_CMD     0x98
#define CMD_RUN     1u
#define CMD_TO_RAM  2u
#define BUFFER_AT   0x40000u
#define DEADLINE_US 2000000u

struct pci_func *edu_find(const struct pci *pci)
{
	PCI_EACH(f, pci)
		if (f->vendor == EDU_VENDOR && f->device == EDU_DEVICE)
			return f;
	return NULL;
}

enum sl_err edu_open(struct edu *edu, volatile void *regs)
{
	edu->regs = regs;
	return (mmio_rd32(edu->regs + EDU_ID) & 0xffff) == 0x00ed ? SL_OK : SL_NOTFOUND;
}

enum sl_err edu_poll(const struct edu *edu)
{
	bool late = deadline_passed(&edu->deadline);
	if (!(mmio_rd32(edu->regs + EDU_CMD) & CMD_RUN))
		return SL_OK;
	return late ? SL_TIMEOUT : SL_BUSY;
}

enum sl_err edu_start(struct edu *edu, uint64_t at, uint32_t len, bool to_memory)
{
	if (!len || len > EDU_BUFFER) /* QEMU continues past the buffer's end */
		return SL_RANGE;
	if (mmio_rd32(edu->regs + EDU_CMD) & CMD_RUN)
		return SL_BUSY;
	mmio_wr64(edu->regs + EDU_SRC, to_memory ? BUFFER_AT : at);
	mmio_wr64(edu->regs + EDU_DST, to_memory ? at : BUFFER_AT);
	mmio_wr64(edu->regs + EDU_COUNT, len);
	edu->deadline = deadline_in(DEADLINE_US);
	mmio_wr32(edu->regs + EDU_CMD, CMD_RUN | (to_memory ? CMD_TO_RAM : 0));
	return SL_OK;
}

void edu_interrupt(const struct edu *edu)
{
	mmio_wr32(edu->regs + EDU_RAISE, 1);
	mmio_wr32(edu->regs + EDU_ACK, 1);
}

enum sl_err edu_dma(struct edu *edu, uint64_t at, uint32_t len, bool to_memory)
{
	enum sl_err e = edu_start(edu, at, len, to_memory);
	if (e)
		return e;
	do
		e = edu_poll(edu);
	while (e == SL_BUSY);
	return e;
}
