#include "kernel/panic.h"
#include "kernel/str.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/paging.h"

#define CS 0x08
#define DS 0x10
#define TR 0x18

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

extern const uint8_t trap_stubs[][16], trap_ignore[];

static struct tss tss;
static uint64_t gdt[5];
static struct gate idt[256];
static struct cpu_info info;

void cpu_id(uint32_t leaf, uint32_t r[4])
{
	uint32_t max;
	__asm__("cpuid" : "=a"(max) : "a"(leaf & 0x80000000u), "c"(0) : "ebx", "edx");
	memset(r, 0, 16);
	if (leaf <= max)
		__asm__("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

static uint64_t rd_cr4(void)
{
	uint64_t v;
	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	return v;
}

static void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static void set_ist(unsigned n)
{
	uint64_t top = (uintptr_t)stack_make(2);
	tss.ist[2 * (n - 1)] = (uint32_t)top;
	tss.ist[2 * (n - 1) + 1] = (uint32_t)(top >> 32);
}

static void load_gdt(void)
{
	uint64_t base = (uintptr_t)&tss;
	gdt[CS / 8] = 0x00209b0000000000; /* 64-bit code, present, accessed */
	gdt[DS / 8] = 0x0000930000000000;
	gdt[TR / 8] = (sizeof tss - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
	gdt[TR / 8 + 1] = base >> 32;
	struct table_pointer p = {.limit = sizeof gdt - 1, .base = (uintptr_t)gdt};
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

static void load_idt(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t at = i < 32 ? (uintptr_t)trap_stubs[i] : (uintptr_t)trap_ignore;
		uint8_t ist = i == 8 ? 1 : i == 2 ? 2 : i == 18 ? 3 : 0; /* #DF, NMI, #MC */
		idt[i] = (struct gate){(uint16_t)at,         CS, ist, 0x8e, (uint16_t)(at >> 16),
				       (uint32_t)(at >> 32), 0};
	}
	struct table_pointer p = {.limit = sizeof idt - 1, .base = (uintptr_t)idt};
	__asm__ volatile("lidt %0" : : "m"(p));
}

static void read_info(void)
{
	uint32_t r[4];
	cpu_id(7, r);
	info.smep = r[1] >> 7 & 1;
	info.smap = r[1] >> 20 & 1;
	info.umip = r[2] >> 2 & 1;
	cpu_id(0x80000007, r);
	info.invariant_tsc = r[3] >> 8 & 1;
	cpu_id(1, r);
	info.hypervisor = r[2] >> 31;
	for (uint32_t i = 0; i < 3; i++) {
		cpu_id(0x80000002 + i, r);
		memcpy(info.brand + 16 * i, r, 16);
	}
}

void cpu_init(void)
{
	for (unsigned i = 1; i <= 3; i++)
		set_ist(i);
	tss.iomap = sizeof tss;
	load_gdt();
	load_idt();
	read_info();
	uint64_t cr4 = rd_cr4();
	cr4 |= (info.smep ? BIT(20) : 0) | (info.smap ? BIT(21) : 0) | (info.umip ? BIT(11) : 0);
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	wrmsr(0x277, 0x0007040600070406); /* IA32_PAT as after reset: entry 3 is UC */
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
