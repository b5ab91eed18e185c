#include "kernel/x86/pt.h"

#define PTE_P    BIT(0)
#define PTE_W    BIT(1)
#define PTE_PWT  BIT(3)
#define PTE_PCD  BIT(4)
#define PTE_PS   BIT(7)
#define PTE_G    BIT(8)
#define PTE_ADDR BITS(51, 12)
#define PTE_NX   BIT(63)

/* Levels 4 to 1, counted as in SDM figure 4-8 and as iommu/ counts its own, are PML4, PDPT, PD, PT; a leaf at
 * level 3, 2, 1 maps 1 GiB, 2 MiB, 4 KiB. */
static unsigned level_shift(unsigned level)
{
	return 12 + 9 * (level - 1);
}

static uint64_t level_size(unsigned level)
{
	return 1ull << level_shift(level);
}

static uint64_t *slot(uint64_t *table, uint64_t va, unsigned level)
{
	return &table[va >> level_shift(level) & 511];
}

static uint64_t leaf(phys_t pa, unsigned level, unsigned flags)
{
	uint64_t e = pa.v | PTE_P | PTE_G;
	e |= flags & PT_W ? PTE_W : 0;
	e |= flags & PT_X ? 0 : PTE_NX;
	e |= flags & PT_UC ? PTE_PCD | PTE_PWT : 0; /* PAT entry 3: UC */
	e |= flags & PT_WC ? PTE_PWT : 0;           /* PAT entry 1: WC (kernel/x86/cpu_hw.c) */
	return e | (level > 1 ? PTE_PS : 0);
}

static uint64_t *root_of(const struct pt *pt, uint64_t va)
{
	return pt->low && !(va >> 63) ? pt->low : pt->pml4;
}

static enum sl_err map_one(struct pt *pt, uint64_t va, phys_t pa, unsigned level, unsigned flags)
{
	uint64_t *table = root_of(pt, va);
	for (unsigned l = 4; l > level; l--) {
		uint64_t *e = slot(table, va, l);
		if (!(*e & PTE_P)) {
			void *page = pt->page();
			if (!page)
				return SL_NOMEM;
			*e = va_phys(page).v | PTE_P | PTE_W;
		} else if (*e & PTE_PS) {
			return SL_EXISTS;
		}
		table = phys_va(PHYS(*e & PTE_ADDR));
	}
	uint64_t *e = slot(table, va, level);
	if (*e & PTE_P)
		return SL_EXISTS;
	*e = leaf(pa, level, flags);
	return SL_OK;
}

enum sl_err pt_map(struct pt *pt, uint64_t va, phys_t pa, uint64_t len, unsigned flags)
{
	if ((flags & PT_W) && (flags & PT_X))
		return SL_BADVAL;
	if (!IS_ALIGNED(va | pa.v | len, PAGE_SIZE))
		return SL_BADVAL;
	while (len) {
		unsigned level = pt->pages_1g ? 3 : 2;
		while (level > 1 && (len < level_size(level) || !IS_ALIGNED(va | pa.v, level_size(level))))
			level--;
		enum sl_err e = map_one(pt, va, pa, level, flags);
		if (e)
			return e;
		va += level_size(level);
		pa.v += level_size(level);
		len -= level_size(level);
	}
	return SL_OK;
}

/* The leaf entry that translates va and its level; NULL when there is none. */
static uint64_t *find_leaf(const struct pt *pt, uint64_t va, unsigned *level)
{
	uint64_t *table = root_of(pt, va);
	for (unsigned l = 4;; l--) {
		uint64_t *e = slot(table, va, l);
		if (!(*e & PTE_P))
			return NULL;
		if (l == 1 || (*e & PTE_PS)) {
			*level = l;
			return e;
		}
		table = phys_va(PHYS(*e & PTE_ADDR));
	}
}

static unsigned flags_of(uint64_t e)
{
	return (e & PTE_W ? PT_W : 0u) | (e & PTE_NX ? 0u : PT_X) |
	       (e & PTE_PCD   ? PT_UC
		: e & PTE_PWT ? PT_WC
			      : 0u);
}

/* A large page becomes a table of the next smaller ones, with the same permissions. */
static enum sl_err split(struct pt *pt, uint64_t *e, unsigned level)
{
	uint64_t *table = pt->page();
	if (!table)
		return SL_NOMEM;
	uint64_t pa = *e & PTE_ADDR & ~(level_size(level) - 1);
	for (unsigned i = 0; i < 512; i++)
		table[i] = leaf(PHYS(pa + i * level_size(level - 1)), level - 1, flags_of(*e));
	*e = va_phys(table).v | PTE_P | PTE_W;
	return SL_OK;
}

enum sl_err pt_protect(struct pt *pt, uint64_t va, uint64_t len, unsigned flags)
{
	if (((flags & PT_W) && (flags & PT_X)) || !IS_ALIGNED(va | len, PAGE_SIZE))
		return SL_BADVAL;
	for (uint64_t end = va + len; va != end;) {
		unsigned level;
		uint64_t *e = find_leaf(pt, va, &level);
		if (!e)
			return SL_NOTFOUND;
		uint64_t size = level_size(level);
		if (!IS_ALIGNED(va, size) || end - va < size) {
			enum sl_err err = split(pt, e, level);
			if (err)
				return err;
			continue;
		}
		*e = leaf(PHYS(*e & PTE_ADDR & ~(size - 1)), level, flags);
		va += size;
	}
	return SL_OK;
}

enum sl_err pt_unmap_page(struct pt *pt, uint64_t va)
{
	unsigned level;
	uint64_t *e = find_leaf(pt, va, &level);
	if (!e || level > 1)
		return SL_NOTFOUND;
	*e = 0;
	return SL_OK;
}

bool pt_lookup(const struct pt *pt, uint64_t va, phys_t *pa, unsigned *flags)
{
	unsigned level;
	const uint64_t *e = find_leaf(pt, va, &level);
	if (!e)
		return false;
	uint64_t mask = level_size(level) - 1;
	*pa = PHYS((*e & PTE_ADDR & ~mask) | (va & mask));
	*flags = flags_of(*e);
	return true;
}

phys_t pt_table_of(const struct pt *pt, uint64_t va)
{
	unsigned level;
	const uint64_t *e = find_leaf(pt, va, &level);
	return PHYS(ALIGN_DOWN(va_phys(e).v, PAGE_SIZE));
}

/* ---- pt_sound() ---- */

struct audit {
	const struct pt_range *fixed;
	unsigned n;
	uint64_t first, end; /* all of fixed lies in between */
	struct pt_wrong *wrong;
};

static bool complain(const struct audit *a, const char *what, uint64_t va, uint64_t pa)
{
	*a->wrong = (struct pt_wrong){what, va, pa};
	return false;
}

static bool hits(const struct audit *a, uint64_t pa, uint64_t len)
{
	if (pa >= a->end || pa + len <= a->first)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (pa < a->fixed[i].pa + a->fixed[i].len && a->fixed[i].pa < pa + len)
			return true;
	return false;
}

static bool inside(const struct audit *a, uint64_t pa, uint64_t len)
{
	for (unsigned i = 0; i < a->n; i++)
		if (pa >= a->fixed[i].pa && pa + len <= a->fixed[i].pa + a->fixed[i].len)
			return true;
	return false;
}

static bool leaf_sound(const struct audit *a, uint64_t e, uint64_t va, uint64_t size)
{
	uint64_t pa = e & PTE_ADDR & ~(size - 1);
	if (e & PTE_W && !(e & PTE_NX))
		return complain(a, "memory is writable and executable", va, pa);
	if (e & PTE_W && hits(a, pa, size))
		return complain(a, "code, constants or page tables are writable", va, pa);
	if (!(e & PTE_NX) && !inside(a, pa, size))
		return complain(a, "something other than the kernel's code is executable", va, pa);
	return true;
}

/* Everything below a table; va: what the table's first entry translates. */
static bool table_sound(const struct audit *a, const uint64_t *table, unsigned level, uint64_t va)
{
	uint64_t size = level_size(level);
	if (!inside(a, va_phys(table).v, PAGE_SIZE))
		return complain(a, "a page table lies outside of their memory", va, va_phys(table).v);
	for (unsigned i = 0; i < 512; i++) {
		uint64_t e = table[i];
		if (!(e & PTE_P))
			continue;
		uint64_t at = va + i * size;
		at |= level == 4 && i >= 256 ? BITS(63, 48) : 0; /* canonical */
		if (level == 1 || e & PTE_PS ? !leaf_sound(a, e, at, size)
					     : !table_sound(a, phys_va(PHYS(e & PTE_ADDR)), level - 1, at))
			return false;
	}
	return true;
}

bool pt_sound(const struct pt *pt, const struct pt_range *fixed, unsigned n, struct pt_wrong *wrong)
{
	struct audit a = {.fixed = fixed, .n = n, .first = UINT64_MAX, .wrong = wrong};
	for (unsigned i = 0; i < n; i++) {
		uint64_t end = fixed[i].pa + fixed[i].len;
		a.first = fixed[i].pa < a.first ? fixed[i].pa : a.first;
		a.end = end > a.end ? end : a.end;
	}
	return table_sound(&a, pt->pml4, 4, 0) && (!pt->low || table_sound(&a, pt->low, 4, 0));
}
