#include "drivers/igb/io.h"

static uint32_t rd(void *ctx, uint32_t off)
{
	return mmio_rd32((volatile uint8_t *)ctx + off);
}

static void wr(void *ctx, uint32_t off, uint32_t v)
{
	mmio_wr32((volatile uint8_t *)ctx + off, v);
}

struct igb_io igb_mmio(volatile void *regs)
{
	return (struct igb_io){.rd = rd, .wr = wr, .ctx = (void *)(uintptr_t)regs};
}
