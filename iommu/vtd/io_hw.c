#include "iommu/vtd/io_hw.h"
#include "kernel/mmio.h"
#include "kernel/time.h"

#define LINE 64u

static volatile uint8_t *reg(void *ctx, uint32_t off)
{
	return (volatile uint8_t *)ctx + off;
}

static uint32_t hw_rd32(void *ctx, uint32_t off)
{
	return mmio_rd32(reg(ctx, off));
}

static uint64_t hw_rd64(void *ctx, uint32_t off)
{
	return mmio_rd64(reg(ctx, off));
}

static void hw_wr32(void *ctx, uint32_t off, uint32_t v)
{
	__atomic_thread_fence(
		__ATOMIC_RELEASE); /* tables and descriptors reach memory before the unit is notified */
	mmio_wr32(reg(ctx, off), v);
}

static void hw_wr64(void *ctx, uint32_t off, uint64_t v)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	mmio_wr64(reg(ctx, off), v);
}

/* SDM volume 2: CLFLUSHOPT is CPUID.7.0:EBX[23], CLFLUSH is in every processor with VT-d. */
static bool has_clflushopt(void)
{
	uint32_t a = 0, b, c = 0, d;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	if (a < 7)
		return false;
	a = 7, c = 0;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return (b & BIT(23)) != 0;
}

static void hw_flush(void *ctx, const void *p, size_t n)
{
	(void)ctx;
	static int opt = -1;
	if (opt < 0)
		opt = has_clflushopt();
	uintptr_t end = (uintptr_t)p + n;
	for (uintptr_t at = (uintptr_t)p & ~(uintptr_t)(LINE - 1); at < end; at += LINE) {
		if (opt)
			__asm__ volatile("clflushopt %0" : "+m"(*(volatile char *)at));
		else
			__asm__ volatile("clflush %0" : "+m"(*(volatile char *)at));
	}
	__asm__ volatile("sfence" ::: "memory");
}

static uint64_t hw_now_us(void *ctx)
{
	(void)ctx;
	return now_us();
}

struct vtd_io vtd_io_hw(volatile void *regs)
{
	return (struct vtd_io){
		.ctx = (void *)(uintptr_t)regs,
		.rd32 = hw_rd32,
		.rd64 = hw_rd64,
		.wr32 = hw_wr32,
		.wr64 = hw_wr64,
		.flush = hw_flush,
		.now_us = hw_now_us,
	};
}
