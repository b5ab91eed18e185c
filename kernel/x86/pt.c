#include "kernel/x86/pt.h"

#define PTE_P    BIT(0)
#define PTE_W    BIT(1)
#define PTE_PWT  BIT(3)
#define PTE_PCD  BIT(4)
#define PTE_PS   BIT(7)
#define PTE_G    BIT(8)
#define PTE_ADDR BITS(51, 12)
#define PTE_NX   BIT(63)

/* Levels 3..0 are PML4, PDPT, PD, PT; a leaf at level 2, 1, 0 maps 1 GiB, 2 MiB, 4 KiB. */
static uint64_t level_size(unsigned level)
{
	return PAGE_SIZE << (9 * level);
}

static uint64_t *slot(uint64_t *table, uint64_t va, unsigned level)
{
	return &table[va >> (12 + 9 * level) & 511];
}

static uint64_t leaf(phys_t pa, unsigned level, unsigned flags)
{
	uint64_t e = pa.v | PTE_P | PTE_G;
	e |= flags & PT_W ? PTE_W : 0;
	e |= flags & PT_X ? 0 : PTE_NX;
	e |= flags & PT_UC ? PTE_PCD | PTE_PWT : 0; /* PAT entry 3: UC */
	return e | (level ? PTE_PS : 0);
}

static enum sl_err map_one(struct pt *pt, uint64_t va, phys_t pa, unsigned level, unsigned flags)
{
	uint64_t *table = pt->pml4;
	for (unsigned l = 3; l > level; l--) {
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
		unsigned level = pt->pages_1g ? 2 : 1;
		while (level && (len < level_size(level) || !IS_ALIGNED(va | pa.v, level_size(level))))
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
	uint64_t *table = pt->pml4;
	for (unsigned l = 3;; l--) {
		uint64_t *e = slot(table, va, l);
		if (!(*e & PTE_P))
			return NULL;
		if (l == 0 || (*e & PTE_PS)) {
			*level = l;
			return e;
		}
		table = phys_va(PHYS(*e & PTE_ADDR));
	}
}

enum sl_err pt_unmap_page(struct pt *pt, uint64_t va)
{
	unsigned level;
	uint64_t *e = find_leaf(pt, va, &level);
	if (!e || level)
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
	*flags = (*e & PTE_W ? PT_W : 0u) | (*e & PTE_NX ? 0u : PT_X) | (*e & PTE_PCD ? PT_UC : 0u);
	return true;
}

phys_t pt_table_of(const struct pt *pt, uint64_t va)
{
	unsigned level;
	const uint64_t *e = find_leaf(pt, va, &level);
	return PHYS(ALIGN_DOWN(va_phys(e).v, PAGE_SIZE));
}
