#include "iommu/amdvi/io_hw.h"
#include "kernel/mmio.h"
#include "kernel/time.h"

static volatile uint8_t *reg(void *ctx, uint32_t off)
{
	return (volatile uint8_t *)ctx + off;
}

static uint64_t hw_rd(void *ctx, uint32_t off)
{
	return mmio_rd64(reg(ctx, off));
}

static void hw_wr(void *ctx, uint32_t off, uint64_t v)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	mmio_wr64(reg(ctx, off), v);
}

static uint64_t hw_now_us(void *ctx)
{
	(void)ctx;
	return now_us();
}

struct amdvi_io amdvi_io_hw(volatile void *regs)
{
	return (struct amdvi_io){
		.ctx = (void *)(uintptr_t)regs, .rd = hw_rd, .wr = hw_wr, .now_us = hw_now_us};
}
