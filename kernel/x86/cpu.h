/* The processor itself: features, descriptor tables, exceptions. */
#pragma once
#include "kernel/x86/cpustate.h"

struct cpu_info {
	char brand[49];
	bool smep, smap, umip, invariant_tsc, hypervisor;
	uint64_t cr4; /* of every core */
};

/* On core 0: GDT, TSS and IDT with stacks of their own for double fault, NMI and machine check; CR0, CR4 and
 * EFER with known values, SMEP, SMAP and UMIP among them where the processor has them; PAT as after reset;
 * shadow stacks, protection keys and the firmware's breakpoints off. la57: the core runs with 5 levels. Needs
 * paging_init(). */
void cpu_init(bool la57);
/* On core 0, for another core: its GDT, TSS and those stacks. */
void cpu_prepare(unsigned core);
/* On that core itself: loads them, core 0's IDT, page tables and protections, and its GS. */
void cpu_load(unsigned core);
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

/* Returns after a short while, or once *word is no longer value: by umwait where the processor has it (CPUID
 * 7 ECX bit 5), else after one pause. */
void cpu_wait(const uint32_t *word, uint32_t value);

static inline uint64_t cpu_rdmsr(uint32_t msr)
{
	uint32_t lo, hi;
	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void cpu_wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
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

/* Enables interrupts and halts until one comes. Called with interrupts off, so that a pending one is not
 * missed. */
static inline void cpu_sleep(void)
{
	__asm__ volatile("sti\n\thlt" : : : "memory");
}

/* Stops for good with interrupts off. */
_Noreturn void cpu_halt(void);
