/* The kernel's address space, with 4 levels and with 5 alike:
 *
 * 0xffff800000000000: RAM, one to one (direct map), never executable; writable but for the kernel's code and
 * constants, firmware's code, and page tables.
 *
 * 0xffffc00000000000: device registers and odd tables, mapped on demand, uncached.
 *
 * 0xffffe00000000000: stacks, each above an unmapped guard page.
 *
 * 0xffffffff80000000: the kernel: text R X, constants R, data R W.
 *
 * Nothing else is mapped, and nothing below 0xffff800000000000, but for two times: one page of the loader
 * until paging_drop_loader(), and firmware's run-time memory during the last call into it,
 * paging_map_runtime(). With 5 levels the kernel's PML4 stands in the last entry of the PML5, and an empty
 * one in the first, so that the kernel appears once. The tables are those the loader built, extended here. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/addr.h"
#include "kernel/mmio.h"
#include "kernel/phys.h"
#include "kernel/stacks.h"

/* Takes over the loader's tables, and the memory that it laid in for more. */
void paging_init(const struct boot_info *bi);

/* Removes the loader's page that led here; the lower half is empty from then on. */
void paging_drop_loader(void);

/* Looks in the tables whether what is said of them is so: each segment of the kernel has the permissions of
 * its ELF header, no stack or RAM is executable, page 0 is not there; and by whatever address, no memory that
 * is executed, no constant and no page table can be written. Panics if not. */
void paging_check(void);

/* Physical memory to read, for tables that may lie in reserved memory outside the direct map (an
 * acpi_map_fn). */
const uint8_t *paging_read_map(uint64_t phys, size_t len);

/* A stack of that many pages with a guard page below, painted; returns its upper end, 16-byte aligned. Panics
 * when out of memory. */
void *stack_make(unsigned core, enum stack_kind kind, unsigned pages);

/* True when all of [va, va + len) is mapped. */
bool paging_mapped(uint64_t va, uint64_t len);

/* Maps what firmware needs at run time one to one, for the last call into it. */
enum sl_err paging_map_runtime(void) MUST_CHECK;

/* Where something of the kernel's own lies in memory. */
phys_t paging_phys(const void *va);

/* A page table of our own, in use, that maps one page which nobody uses: something to attack. */
phys_t paging_decoy_table(void);

/* A top table that lies where 32-bit code can load it: the kernel's half of the address space, and one page,
 * code, mapped one to one and executable. It is made anew in PAGING_LOW_PAGES pages below 4 GiB. */
#define PAGING_LOW_PAGES 5u
enum sl_err paging_low_root(phys_t low, phys_t code) MUST_CHECK;

/* The direct map's view of RAM: is [phys, phys + len) in it? */
bool paging_in_direct_map(uint64_t phys, uint64_t len);
