/* Functions as text that reads like pciutils' lspci, onto the console. Every value is read from
 * configuration space when it is printed; nothing is written. */
#pragma once
#include "pci/pci.h"

struct show {
	unsigned numbers; /* 0: names; 1: numbers (-n); 2: both (-nn) */
	unsigned verbose; /* 0 to 2 */
	unsigned bytes;   /* of configuration space, in hexadecimal: 0, 64, 256 or 4096 */
	bool segments;    /* names have their segment: some function is not in segment 0 */
};

/* One function: its line and, as asked for, registers, capabilities and bytes; then an empty line when there
 * was more than the line. */
void show_function(const struct pci_func *f, const struct show *how);
/* The tree of all functions: lspci -t. */
void show_tree(const struct pci *pci);

/* Inside pci/: its capability lists; deep: what they say, else one line each. */
void show_capabilities(const struct pci_func *f, const struct show *how, bool deep);
/* "I/O#0 Mem#1" with each #n replaced by + or - as bit n of v is; n is 0 to 9, then a to v. */
void show_flags(uint32_t v, const char *text);
/* "Red Hat Device [1b36:0000]". */
void show_names(uint16_t vendor, uint16_t device, const struct show *how);
