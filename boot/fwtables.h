/* The page tables that firmware runs with, read to see whether an address out of one of its tables can be
 * touched at all: what it does not map ends in its exception screen, before a word was said (SDM vol. 3 §4.5;
 * UEFI §2.3.4: memory is mapped one to one). Reads only. */
#pragma once
#include "kernel/addr.h"

struct fw_tables {
	uint64_t cr3;
	bool la57;      /* CR4.LA57: 5 levels */
	unsigned width; /* bits of a physical address: what lies above them in an entry is no address */
	const uint64_t *(*table)(uint64_t phys); /* the 512 entries of the table there; NULL: not readable */
};

/* True when [addr, addr + len) is mapped one to one, by pages of any size. */
bool fw_mapped(const struct fw_tables *t, uint64_t addr, uint64_t len);
