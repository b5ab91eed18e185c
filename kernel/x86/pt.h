/* x86-64 page tables, as data: built by the loader, extended by the kernel (Intel SDM vol. 3 §4.5). Nothing
 * here touches CR3 or the TLB; kernel/x86/paging_hw.c does. */
#pragma once
#include "kernel/addr.h"
#include "kernel/err.h"

enum pt_flags { PT_W = 1, PT_X = 2, PT_UC = 4, PT_WC = 8 };

struct pt {
	uint64_t *pml4;      /* of all addresses; with 5 levels, of the upper half */
	uint64_t *low;       /* with 5 levels, of the lower half; else NULL */
	void *(*page)(void); /* one zeroed page in the direct map; NULL when there is none */
	bool pages_1g;       /* CPUID 80000001h EDX bit 26 */
};

/* Maps [va, va + len) to [pa, pa + len) with the largest pages that fit. All are multiples of PAGE_SIZE.
 * SL_BADVAL for PT_W together with PT_X; SL_EXISTS where something is mapped already; SL_NOMEM. */
enum sl_err pt_map(struct pt *pt, uint64_t va, phys_t pa, uint64_t len, unsigned flags) MUST_CHECK;

/* Changes the permissions of [va, va + len), all of which is mapped; larger pages that reach beyond are
 * split. SL_NOTFOUND where nothing is mapped, SL_NOMEM; earlier changes of the call stay. */
enum sl_err pt_protect(struct pt *pt, uint64_t va, uint64_t len, unsigned flags) MUST_CHECK;

/* Unmaps one page of 4 KiB; SL_NOTFOUND when there is none. */
enum sl_err pt_unmap_page(struct pt *pt, uint64_t va) MUST_CHECK;

/* The translation of va. False when it is not mapped. */
bool pt_lookup(const struct pt *pt, uint64_t va, phys_t *pa, unsigned *flags);

/* The last-level table that translates va, a mapped page of 4 KiB. */
phys_t pt_table_of(const struct pt *pt, uint64_t va);

/* Checks every mapping: the given ranges (the kernel's code and constants, page tables) are mapped writable
 * nowhere, and nothing else is executable or in use as a table. False, and the first mapping that violates
 * this. */
struct pt_range {
	uint64_t pa, len;
};
struct pt_wrong {
	const char *what;
	uint64_t va, pa;
};
bool pt_sound(const struct pt *pt, const struct pt_range *fixed, unsigned n, struct pt_wrong *wrong);
