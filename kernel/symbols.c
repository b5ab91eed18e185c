#include "kernel/symbols.h"

static struct span symtab, strtab;

void symbols_init(struct span syms, struct span strings)
{
	symtab = syms;
	strtab = strings;
	while (strtab.n && strtab.p[strtab.n - 1]) /* every name ends inside */
		strtab.n--;
}

const char *symbols_find(uint64_t addr, uint64_t *offset)
{
	const char *name = "?";
	uint64_t best = 0;
	*offset = 0;
	for (size_t at = 0; span_has(symtab, at, 24); at += 24) {
		unsigned type = span_u8(symtab, at + 4) & 15;
		uint64_t value = span_u64(symtab, at + 8), size = span_u64(symtab, at + 16);
		uint32_t str = span_u32(symtab, at);
		bool code = type == 2 || type == 0; /* STT_FUNC, or a label in assembly */
		if (!code || value > addr || value < best || (size && addr - value >= size) ||
		    str >= strtab.n || !strtab.p[str])
			continue;
		best = value;
		name = (const char *)strtab.p + str;
		*offset = addr - value;
	}
	return name;
}
