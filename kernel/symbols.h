/* Names for addresses of the kernel, from its own ELF symbol table. */
#pragma once
#include "kernel/span.h"

void symbols_init(struct span symtab, struct span strtab);

/* The function that contains addr, and the offset in it; "?" when there is none. */
const char *symbols_find(uint64_t addr, uint64_t *offset);
