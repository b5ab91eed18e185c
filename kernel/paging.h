/* The kernel's address space, with 4 levels and with 5 alike:
 *
 * 0xffff800000000000: RAM, one to one (direct map), never executable; writable except for the kernel's code
 * and constants, the firmware's code, and page tables.
 *
 * 0xffffc00000000000: device registers and odd tables, mapped on demand, uncached.
 *
 * 0xffffe00000000000: stacks, each above an unmapped guard page.
 *
 * 0xffffffff80000000: the kernel: text R X, constants R, data R W.
 *
 * Nothing else is mapped, and nothing below 0xffff800000000000, with two exceptions: one page of the loader
 * until paging_drop_loader(), and the firmware's run-time memory during the last call into it
 * (paging_map_runtime()). With 5 levels the kernel's PML4 is in the last entry of the PML5 and an empty one
 * in the first, so that the kernel appears once. The loader built the tables; they are extended here. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/addr.h"
#include "kernel/mmio.h"
#include "kernel/phys.h"
#include "kernel/stacks.h"

/* Takes over the loader's tables, and its spare memory for more. */
void paging_init(const struct boot_info *bi);

/* Unmaps the loader's last page; the lower half is empty from then on. */
void paging_drop_loader(void);

/* Verifies in the tables that each segment of the kernel has the permissions of its ELF header, no stack or
 * RAM is executable and page 0 is unmapped, and that no executable memory, constant or page table is writable
 * through any address. Panics if not. */
void paging_check(void);

/* Maps physical memory for reading, for tables that may be in reserved memory outside the direct map (an
 * acpi_map_fn). */
const uint8_t *paging_read_map(uint64_t phys, size_t len);

/* Allocates a painted stack of that many pages above a guard page; returns its upper end, 16-byte aligned.
 * Panics when out of memory. */
void *stack_make(unsigned core, enum stack_kind kind, unsigned pages);

/* True when all of [va, va + len) is mapped. */
bool paging_mapped(uint64_t va, uint64_t len);

/* Maps the firmware's run-time memory one to one, for the last call into the firmware. */
enum sl_err paging_map_runtime(void) MUST_CHECK;

/* Page tables of their own for a call into the firmware while the kernel goes on: the kernel's upper half,
 * and the firmware's run-time memory one to one. The kernel's own tables never have that memory in between.
 * *root is a value for CR3. Fails unless all of the firmware's run-time memory can be mapped: it may touch
 * any of it. SL_NOTFOUND: the firmware's map has none. */
enum sl_err paging_runtime_root(phys_t *root) MUST_CHECK;

/* The physical address of an object in the kernel's image. */
phys_t paging_phys(const void *va);

/* A live page table of ours that maps one unused page: a target for attacks. */
phys_t paging_decoy_table(void);

/* A top-level table that 32-bit code can load: the kernel's half of the address space, and one page of code,
 * mapped one to one and executable. Built in PAGING_LOW_PAGES pages below 4 GiB at every call. */
#define PAGING_LOW_PAGES 5u
enum sl_err paging_low_root(phys_t low, phys_t code) MUST_CHECK;

/* The direct map's view of RAM: is [phys, phys + len) in it? */
bool paging_in_direct_map(uint64_t phys, uint64_t len);
