#include "kernel/str.h"
#include "kernel/x86/cpu.h"
#include "kernel/paging.h"
#include "kernel/x86/percore.h"

#define CS 0x08
#define DS 0x10
#define TR 0x18

#define PAT     0x277 /* MSRs */
#define U_CET   0x6a0
#define S_CET   0x6a2
#define PKRS    0x6e1
#define GS_BASE 0xc0000101
#define EFER    0xc0000080
#define DR7_OFF 0x400u /* its one fixed bit: SDM vol. 3 §18.2.4 */

#define IST_PAGES 2u

#define WAIT_TICKS 100000u /* umwait's longest */

struct tss { /* Intel SDM vol. 3 §8.7 */
	uint32_t reserved0;
	uint32_t rsp[6];
	uint32_t reserved1[2];
	uint32_t ist[14];
	uint32_t reserved2[2];
	uint16_t reserved3, iomap;
};
_Static_assert(sizeof(struct tss) == 104, "SDM 8.7");

struct gate { /* SDM vol. 3 §6.14.1 */
	uint16_t offset0, selector;
	uint8_t ist, type;
	uint16_t offset1;
	uint32_t offset2, reserved;
};

struct __attribute__((packed)) table_pointer {
	uint16_t limit;
	uint64_t base;
};

extern const uint8_t trap_stubs[256][16];

/* A line of its own for each core: the processor reads and writes these. */
static struct tables {
	uint64_t gdt[5];
	struct tss tss;
} tables[CORES_MAX] __attribute__((aligned(64)));
static struct gate idt[256];
static struct cpu_info info;
static uint64_t cr3; /* core 0's, for the others */
static struct cpu_has has;
static bool waitpkg;

void cpu_id(uint32_t leaf, uint32_t r[4])
{
	uint32_t max;
	__asm__("cpuid" : "=a"(max) : "a"(leaf & 0x80000000u), "c"(0) : "ebx", "edx");
	memset(r, 0, 16);
	if (leaf <= max)
		__asm__("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

/* IST entries 1 to 3 have the stacks of #DF, NMI and #MC: make_idt(). */
static void set_ist(struct tss *tss, unsigned core, unsigned n)
{
	uint64_t top = (uintptr_t)stack_make(core, STACK_DF + n - 1, IST_PAGES);
	tss->ist[2 * (n - 1)] = (uint32_t)top;
	tss->ist[2 * (n - 1) + 1] = (uint32_t)(top >> 32);
}

void cpu_prepare(unsigned core)
{
	struct tables *t = &tables[core];
	uint64_t base = (uintptr_t)&t->tss;
	for (unsigned i = 1; i <= 3; i++)
		set_ist(&t->tss, core, i);
	t->tss.iomap = sizeof t->tss;
	t->gdt[CS / 8] = 0x00209b0000000000; /* 64-bit code, present, accessed */
	t->gdt[DS / 8] = 0x0000930000000000;
	t->gdt[TR / 8] =
		(sizeof t->tss - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
	t->gdt[TR / 8 + 1] = base >> 32;
}

static void load_gdt(struct tables *t)
{
	struct table_pointer p = {.limit = sizeof t->gdt - 1, .base = (uintptr_t)t->gdt};
	__asm__ volatile("lgdt %0\n\t"
			 "pushq %1\n\t"
			 "leaq 1f(%%rip), %%rax\n\t"
			 "pushq %%rax\n\t"
			 "lretq\n"
			 "1:\n\t"
			 "mov %2, %%ds\n\t"
			 "mov %2, %%es\n\t"
			 "mov %2, %%ss\n\t"
			 "mov %3, %%fs\n\t"
			 "mov %3, %%gs\n\t"
			 "ltr %w4"
			 :
			 : "m"(p), "i"(CS), "r"(DS), "r"(0), "r"(TR)
			 : "rax", "memory");
}

static void make_idt(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t at = (uintptr_t)trap_stubs[i];
		uint8_t ist = i == 8 ? 1 : i == 2 ? 2 : i == 18 ? 3 : 0; /* #DF, NMI, #MC */
		idt[i] = (struct gate){(uint16_t)at,         CS, ist, 0x8e, (uint16_t)(at >> 16),
				       (uint32_t)(at >> 32), 0};
	}
}

static void load_idt(void)
{
	struct table_pointer p = {.limit = sizeof idt - 1, .base = (uintptr_t)idt};
	__asm__ volatile("lidt %0" : : "m"(p));
}

static void read_info(void)
{
	uint32_t r[4], leaf1[4];
	cpu_id(1, leaf1);
	cpu_id(7, r);
	has = cpu_has_of(leaf1, r);
	info.smep = has.smep;
	info.smap = has.smap;
	info.umip = has.umip;
	waitpkg = r[2] >> 5 & 1;
	cpu_id(0x80000007, r);
	info.invariant_tsc = r[3] >> 8 & 1;
	info.hypervisor = leaf1[2] >> 31;
	for (uint32_t i = 0; i < 3; i++) {
		cpu_id(0x80000002 + i, r);
		memcpy(info.brand + 16 * i, r, 16);
	}
}

/* Features that the firmware may have left on and that act on calls and memory accesses: SDM vol. 1 §17.2.2,
 * vol. 3 §4.6.2, §18.2.4. */
static void clear_msrs(void)
{
	if (has.cet) {
		cpu_wrmsr(U_CET, 0);
		cpu_wrmsr(S_CET, 0);
	}
	if (has.pks)
		cpu_wrmsr(PKRS, 0);
	__asm__ volatile("mov %0, %%dr7" : : "r"((uint64_t)DR7_OFF));
}

/* PGE off and on flushes global translations of other tables: the loader's, the start-up code's. */
void cpu_load(unsigned core)
{
	cpu_wrmsr(EFER, EFER_KNOWN);
	__asm__ volatile("mov %0, %%cr4" : : "r"(info.cr4 & ~CR4_PGE) : "memory");
	__asm__ volatile("mov %0, %%cr0" : : "r"(CR0_KNOWN) : "memory");
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
	__asm__ volatile("mov %0, %%cr4" : : "r"(info.cr4) : "memory");
	if (has.avx)
		__asm__ volatile("xsetbv" : : "c"(0), "a"(XCR0_KNOWN), "d"(0));
	cpu_wrmsr(PAT, 0x0007040600070106); /* as after reset (entry 3 is UC), but entry 1 is WC */
	load_gdt(&tables[core]);
	load_idt();
	clear_msrs();
	cpu_wrmsr(GS_BASE, (uintptr_t)&cores[core]); /* loading GS has cleared it */
}

void cpu_init(bool la57)
{
	cpu_prepare(0);
	make_idt();
	read_info();
	info.cr4 = cpu_cr4(&has, la57);
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	cpu_load(0);
}

void cpu_wait(const uint32_t *word, uint32_t value)
{
	if (!waitpkg) {
		cpu_pause();
		return;
	}
	__asm__ volatile("umonitor %0" : : "r"(word) : "memory");
	if (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value)
		return;
	uint64_t until = cpu_tsc() + WAIT_TICKS;
	__asm__ volatile("umwait %0"
			 :
			 : "r"(0), "a"((uint32_t)until), "d"((uint32_t)(until >> 32))
			 : "cc", "memory");
}

const struct cpu_info *cpu_info(void)
{
	return &info;
}

void cpu_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}
