/* Device registers: one load or store of exactly the named width each, never merged, never torn. Register
 * memory is mapped uncached (kernel/x86/paging.h), where x86 keeps loads and stores in program order;
 * volatile holds the compiler to the same, and a doorbell store is a release so that the descriptors before
 * it reach memory first. */
#pragma once
#include <stdint.h>

static inline uint8_t mmio_rd8(const volatile void *p)
{
	return *(const volatile uint8_t *)p;
}

static inline uint16_t mmio_rd16(const volatile void *p)
{
	return *(const volatile uint16_t *)p;
}

static inline uint32_t mmio_rd32(const volatile void *p)
{
	return *(const volatile uint32_t *)p;
}

static inline uint64_t mmio_rd64(const volatile void *p)
{
	return *(const volatile uint64_t *)p;
}

static inline void mmio_wr8(volatile void *p, uint8_t v)
{
	*(volatile uint8_t *)p = v;
}

static inline void mmio_wr16(volatile void *p, uint16_t v)
{
	*(volatile uint16_t *)p = v;
}

static inline void mmio_wr32(volatile void *p, uint32_t v)
{
	*(volatile uint32_t *)p = v;
}

static inline void mmio_wr64(volatile void *p, uint64_t v)
{
	*(volatile uint64_t *)p = v;
}

/* Everything stored before is visible to the device before the register changes. */
static inline void mmio_doorbell32(volatile void *p, uint32_t v)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	*(volatile uint32_t *)p = v;
}
