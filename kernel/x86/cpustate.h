/* Control registers: Sluice sets every bit, whatever the firmware left. Pure; kernel/x86/cpu_hw.c loads
 * them. */
#pragma once
#include "kernel/bits.h"

/* SDM vol. 3 §2.5. */
#define CR0_KNOWN (BIT(0) | BIT(1) | BIT(4) | BIT(5) | CR0_WP | BIT(31)) /* PE, MP, ET, NE, WP, PG */
#define CR0_WP    BIT(16)                                                /* read-only also for the kernel */

#define CR4_PAE     BIT(5)
#define CR4_PGE     BIT(7)
#define CR4_UMIP    BIT(11)
#define CR4_LA57    BIT(12)
#define CR4_OSXSAVE BIT(18)
#define CR4_SMEP    BIT(20)
#define CR4_SMAP    BIT(21)

/* SDM vol. 3 §2.2.1: LME, LMA (read-only), NXE. */
#define EFER_KNOWN (BIT(8) | BIT(10) | BIT(11))

/* XCR0 of every core, where it is known: SDM vol. 1 §13.3. AVX's registers, for drivers/roce/icrc.c. */
#define XCR0_KNOWN (BIT(0) | BIT(1) | BIT(2)) /* x87, SSE, AVX */

struct cpu_has {
	bool smep, smap, umip;
	bool avx; /* and XSAVE, without which it cannot be turned on: CPUID 1 ECX 28 and 26 */
	bool cet; /* CPUID 7 ECX 7 or EDX 20: IA32_U_CET and IA32_S_CET */
	bool pks; /* CPUID 7 ECX 31: IA32_PKRS */
};

/* CPUID leaf 1, and leaf 7, subleaf 0. */
struct cpu_has cpu_has_of(const uint32_t leaf1[4], const uint32_t leaf7[4]);

/* CR4 of every core. 5-level paging can only be turned off outside long mode, so it stays as the firmware
 * chose. Never set: VMXE, SMXE, FSGSBASE, PCIDE, PKE, CET, PKS, LASS, FRED, and all later bits. */
uint64_t cpu_cr4(const struct cpu_has *has, bool la57);
