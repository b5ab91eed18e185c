/* The firmware's page tables, read to find out whether an address from a firmware table can be accessed at
 * all: an unmapped one would end in the firmware's exception screen before Sluice has printed anything (SDM
 * vol. 3 §4.5; UEFI §2.3.4: memory is mapped one to one). Reads only. */
#pragma once
#include "kernel/addr.h"

struct fw_tables {
	uint64_t cr3;
	bool la57;      /* CR4.LA57: 5 levels */
	unsigned width; /* bits of a physical address: higher bits of an entry are not part of it */
	const uint64_t *(*table)(uint64_t phys); /* the 512 entries of the table there; NULL: not readable */
};

/* True when [addr, addr + len) is mapped one to one, by pages of any size. */
bool fw_mapped(const struct fw_tables *t, uint64_t addr, uint64_t len);
