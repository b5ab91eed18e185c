#include "boot/fwtables.h"

#define PTE_P  BIT(0)
#define PTE_PS BIT(7)

/* Levels 5 to 1 as SDM figure 4-8 counts them; an entry of level n covers this much. */
static uint64_t span_of(unsigned level)
{
	return PAGE_SIZE << (9 * (level - 1));
}

/* The page that holds addr: its size, 0 when it is not mapped one to one. */
static uint64_t page_at(const struct fw_tables *t, uint64_t addr)
{
	uint64_t bits = t->width < 52 ? t->width : 52, next = t->cr3;
	for (unsigned level = t->la57 ? 5 : 4; level; level--) {
		const uint64_t *table = t->table(next & BITS(bits - 1, 12));
		if (!table)
			return 0;
		uint64_t e = table[addr / span_of(level) & 511], size = span_of(level);
		if (!(e & PTE_P) || (e & PTE_PS && level > 3))
			return 0;
		if (level == 1 || e & PTE_PS) /* bit 12 of a large page is PAT */
			return (e & BITS(bits - 1, 12) & ~(size - 1)) == (addr & ~(size - 1)) ? size : 0;
		next = e;
	}
	return 0;
}

bool fw_mapped(const struct fw_tables *t, uint64_t addr, uint64_t len)
{
	uint64_t lower_half = t->la57 ? BIT(56) : BIT(47);
	if (!len || addr >= lower_half || len > lower_half - addr)
		return false;
	for (uint64_t end = addr + len, size; addr < end; addr = (addr & ~(size - 1)) + size)
		if (!(size = page_at(t, addr)))
			return false;
	return true;
}
