/* The processor itself: features, descriptor tables, exceptions. */
#pragma once
#include "kernel/bits.h"

struct cpu_info {
	char brand[49];
	bool smep, smap, umip, invariant_tsc, hypervisor;
};

/* GDT, TSS and IDT with stacks of their own for double fault, NMI and machine check; WP, NXE and whatever of
 * SMEP, SMAP and UMIP the processor has; PAT as after reset. Needs paging_init(). */
void cpu_init(void);
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

/* Stops for good with interrupts off. */
_Noreturn void cpu_halt(void);
