/* The processor, for all code; kernel/x86/cpu.h sets it up. */
#pragma once
#include "kernel/bits.h"

struct cpu_info {
	char brand[49];
	bool smep, smap, umip, invariant_tsc, hypervisor;
	uint64_t cr4; /* of every core */
};

#define CR4_DE BIT(3) /* of no effect while no breakpoint is set */

const struct cpu_info *cpu_info(void);

/* CPUID with subleaf 0; all zero for a leaf above the highest. */
void cpu_id(uint32_t leaf, uint32_t r[4]);

static inline uint64_t cpu_tsc(void)
{
	uint32_t lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause");
}

/* Disables interrupts; returns the state for cpu_irqs_restore(). */
static inline uint64_t cpu_irqs_off(void)
{
	uint64_t flags;
	__asm__ volatile("pushfq\n\tpopq %0\n\tcli" : "=r"(flags) : : "memory");
	return flags;
}

static inline void cpu_irqs_on(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void cpu_irqs_restore(uint64_t flags)
{
	if (flags & 0x200)
		cpu_irqs_on();
}
