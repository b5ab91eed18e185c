/* x86-64 page tables, as data: built by the loader, extended by the kernel (Intel SDM vol. 3 §4.5). Nothing
 * here touches CR3 or the TLB; kernel/x86/paging_hw.c does. */
#pragma once
#include "kernel/addr.h"
#include "kernel/err.h"

enum pt_flags { PT_W = 1, PT_X = 2, PT_UC = 4 };

struct pt {
	uint64_t *pml4;      /* of all addresses; with 5 levels, of the upper half */
	uint64_t *low;       /* with 5 levels, of the lower half; else NULL */
	void *(*page)(void); /* one zeroed page in the direct map; NULL when there is none */
	bool pages_1g;       /* CPUID 80000001h EDX bit 26 */
};

/* Maps [va, va + len) to [pa, pa + len) by the largest pages that fit. All are multiples of PAGE_SIZE. Asking
 * for PT_W and PT_X at once is SL_BADVAL; SL_EXISTS where something is mapped already; SL_NOMEM. */
enum sl_err pt_map(struct pt *pt, uint64_t va, phys_t pa, uint64_t len, unsigned flags) MUST_CHECK;

/* Gives [va, va + len), all of it mapped, other permissions; larger pages that reach beyond are split.
 * SL_NOTFOUND where nothing is mapped, SL_NOMEM; what was changed before stays changed. */
enum sl_err pt_protect(struct pt *pt, uint64_t va, uint64_t len, unsigned flags) MUST_CHECK;

/* Unmaps one page of 4 KiB; SL_NOTFOUND when there is none. */
enum sl_err pt_unmap_page(struct pt *pt, uint64_t va) MUST_CHECK;

/* What va maps to. False when nothing. */
bool pt_lookup(const struct pt *pt, uint64_t va, phys_t *pa, unsigned *flags);

/* The last-level table through which va, a page of 4 KiB that is mapped, is translated. */
phys_t pt_table_of(const struct pt *pt, uint64_t va);

/* Looks at every mapping there is: the ranges given (the kernel's code and constants, page tables) are mapped
 * writable nowhere, and nothing else is executable or a table that translates. False and the first mapping
 * that is otherwise. */
struct pt_range {
	uint64_t pa, len;
};
struct pt_wrong {
	const char *what;
	uint64_t va, pa;
};
bool pt_sound(const struct pt *pt, const struct pt_range *fixed, unsigned n, struct pt_wrong *wrong);
