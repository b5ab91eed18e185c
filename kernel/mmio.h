/* Device registers: one load or store of exactly the named width each, never merged, never torn. Register
 * memory is mapped uncached (kernel/paging.h), where x86 keeps loads and stores in program order;
 * volatile holds the compiler to the same, and a doorbell store is a release so that the descriptors before
 * it reach memory first. */
#pragma once
#include "kernel/addr.h"
#include "kernel/phys.h"

/* Maps a PCI function's registers, uncached; never unmapped again. NULL when out of memory, or, with a WARN
 * line, when something other than registers is there: kernel/phys.h. */
volatile void *mmio_map(phys_t phys, uint64_t len);

/* The same for registers that a firmware table names: the range is claimed for that kind. what names them in
 * the WARN line. */
volatile void *mmio_claim(const char *what, phys_t phys, uint64_t len, enum phys_kind kind);

/* A framebuffer: the same, but stores may be gathered and come in any order (write combining, SDM vol. 3
 * §12.3.1). */
volatile void *mmio_claim_screen(phys_t phys, uint64_t len);

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
