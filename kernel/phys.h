/* Checks physical addresses from untrusted sources (a firmware table, a BAR) before anything there is read or
 * written: no page-table entry gets an address that the processor does not have, no memory is taken for
 * registers, and no device's registers are taken for another's. One list for the machine, used by the loader
 * and by the kernel, each with its own memory map. */
#pragma once
#include "boot/boot_info.h"

/* What is expected at the address: its alignment, and whether it may be memory. */
enum phys_kind {
	PHYS_TABLE,  /* an ACPI table: anywhere */
	PHYS_UNIT,   /* registers of a VT-d unit: VT-d §8.3, 4 KiB */
	PHYS_ECAM,   /* configuration space: PCIe §7.2.2, 1 MiB a bus */
	PHYS_HPET,   /* registers of the HPET: IA-PC HPET 1.0a §2.3.1, 1 KiB */
	PHYS_IOAPIC, /* registers of an I/O APIC: 82093AA §3.1, 16 bytes */
	PHYS_TIMER,  /* the ACPI timer, 4 bytes */
	PHYS_UART,   /* a UART's registers */
	PHYS_APIC,   /* a processor's local APIC */
	PHYS_BAR,    /* a PCI function's Base Address Register */
	PHYS_SCREEN, /* a framebuffer: UEFI §12.9 */
	PHYS_KINDS
};

#define PHYS_FAULTS(X)                                                                                       \
	X(OK, "usable")                                                                                      \
	X(ZERO, "the address is 0")                                                                          \
	X(WIDE, "the processor has no such physical address")                                                \
	X(ALIGN, "the address is not aligned")                                                               \
	X(RAM, "it is in RAM by firmware's memory map")                                                      \
	X(TAKEN, "it overlaps the registers of something else")                                              \
	X(UNMAPPED, "firmware's page tables do not map it")                                                  \
	X(MANY, "too many register ranges are in use")

#define PHYS_FAULT_ENUM(n, text) PHYS_##n,
enum phys_fault { PHYS_FAULTS(PHYS_FAULT_ENUM) PHYS_FAULT_COUNT };

/* "it is in RAM by firmware's memory map". */
const char *phys_fault_text(enum phys_fault f);

/* Starts over with the memory map (sorted; owned by the caller, who keeps it in place) and the width of the
 * processor's physical addresses (CPUID 80000008h EAX 7:0). Only the interrupt addresses, FEE00000h to
 * FEEFFFFFh, are claimed then, for the local APICs (SDM vol. 3 §11.4.1, VT-d §3.15). */
void phys_init(const struct boot_region *map, uint32_t regions, unsigned width);

/* May [addr, addr + len) be used as that kind? */
enum phys_fault phys_check(uint64_t addr, uint64_t len, enum phys_kind kind) MUST_CHECK;

/* The same, and from then on the range is refused to every other kind. A range of the same kind that begins
 * where an earlier one does, or lies inside one, counts as the same claim. */
enum phys_fault phys_claim(uint64_t addr, uint64_t len, enum phys_kind kind) MUST_CHECK;
