/* Functions as text that reads like pciutils' lspci, onto the console. Every value is read from
 * configuration space when it is printed; nothing is written. */
#pragma once
#include "pci/pci.h"

struct show {
	unsigned numbers; /* 0: names; 1: numbers (-n); 2: both (-nn) */
	unsigned verbose; /* 0 to 3 (-vvv) */
	unsigned bytes;   /* of configuration space, in hexadecimal: 0, 64, 256 or 4096 */
	bool segments;    /* names include the segment: some function is not in segment 0 */
};

/* One function: its line and, as asked for, registers, capabilities and bytes; then an empty line when there
 * was more than the line. */
void show_function(const struct pci_func *f, const struct show *how);
/* The tree of all functions: lspci -t; verbose: with the names of non-bridges. */
void show_tree(const struct pci *pci, const struct show *how);
