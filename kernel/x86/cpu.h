/* The processor itself: features, descriptor tables, exceptions. */
#pragma once
#include "kernel/cpu.h"
#include "kernel/x86/cpustate.h"

/* On core 0: GDT, TSS and IDT with stacks of their own for double fault, NMI and machine check; CR0, CR4 and
 * EFER with known values, SMEP, SMAP and UMIP among them where the processor has them; PAT as after reset;
 * shadow stacks, protection keys and the firmware's breakpoints off. la57: the core runs with 5 levels. Needs
 * paging_init(). */
void cpu_init(bool la57);
/* On core 0, for another core: its GDT, TSS and those stacks. */
void cpu_prepare(unsigned core);
/* On that core itself: loads them, core 0's IDT, page tables and protections, and its GS. */
void cpu_load(unsigned core);

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

/* Enables interrupts and halts until one comes. Called with interrupts off, so that a pending one is not
 * missed. */
static inline void cpu_sleep(void)
{
	__asm__ volatile("sti\n\thlt" : : : "memory");
}

/* Stops for good with interrupts off. */
_Noreturn void cpu_halt(void);
