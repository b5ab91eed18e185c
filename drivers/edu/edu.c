#include "drivers/edu/edu.h"
#include "kernel/mmio.h"
#include "kernel/time.h"

#define EDU_ID      0x00 /* rrrr00edh: major and minor version above */
#define EDU_SRC     0x80
#define EDU_DST     0x88
#define EDU_COUNT   0x90
#define EDU_CMD     0x98
#define CMD_RUN     1u
#define CMD_TO_RAM  2u
#define BUFFER_AT   0x40000u
#define DEADLINE_US 2000000u

enum sl_err edu_open(struct edu *edu, volatile void *regs)
{
	edu->regs = regs;
	return (mmio_rd32(edu->regs + EDU_ID) & 0xffff) == 0x00ed ? SL_OK : SL_NOTFOUND;
}

static enum sl_err wait_idle(const struct edu *edu)
{
	uint64_t end = now_us() + DEADLINE_US;
	for (;;) {
		bool late = now_us() > end;
		if (!(mmio_rd32(edu->regs + EDU_CMD) & CMD_RUN))
			return SL_OK;
		if (late)
			return SL_TIMEOUT;
	}
}

enum sl_err edu_dma(struct edu *edu, uint64_t at, uint32_t len, bool to_memory)
{
	if (!len || len > EDU_BUFFER) /* QEMU goes on past the buffer's end */
		return SL_RANGE;
	enum sl_err e = wait_idle(edu);
	if (e)
		return e;
	mmio_wr64(edu->regs + EDU_SRC, to_memory ? BUFFER_AT : at);
	mmio_wr64(edu->regs + EDU_DST, to_memory ? at : BUFFER_AT);
	mmio_wr64(edu->regs + EDU_COUNT, len);
	mmio_wr32(edu->regs + EDU_CMD, CMD_RUN | (to_memory ? CMD_TO_RAM : 0));
	return wait_idle(edu);
}
