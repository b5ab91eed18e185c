/* Functions that are not what the specification says, by their ids: one table of what is done about which of
 * them, and who says so. Everything that Sluice does to a machine by its ids stands there, but for drivers of
 * their own devices. docs/quirks.md has it for readers. */
#pragma once
#include "pci/pci.h"

enum pci_quirk_effect {
	QUIRK_NO_BARS,      /* no Base Address Registers stand at their place: they are not sized */
	QUIRK_ACS_WIDE,     /* root port with ACS registers of 32 bits, Control at 8: pci/acs.h */
	QUIRK_ACS_HIDDEN,   /* root port that isolates by registers of its chipset */
	QUIRK_ALIAS_1,      /* sends requests as function 1 too */
	QUIRK_VMD,          /* Volume Management Device: drives behind it are in a domain of their own */
	QUIRK_NO_REMAPPING, /* of a chipset that loses interrupts when they are remapped */
	QUIRK_WRITE_BUFFER, /* of a chipset that needs write-buffer flushes, though CAP.RWBF is clear */
	QUIRK_GRAPHICS_OFF, /* its graphics do not work with their unit on */
	QUIRK_GRAPHICS_4K,  /* its graphics do not work with large pages */
	QUIRK_EFFECTS
};

struct pci_quirk {
	uint16_t vendor, first, last; /* devices */
	uint8_t effect;               /* enum pci_quirk_effect */
	uint8_t rev_first, rev_last;  /* revisions */
	uint8_t class;                /* base class; 0: any */
	uint16_t reg, clear; /* only while these bits of the 16-bit register are 0; clear 0: always */
	const char *who;     /* specification update, or name in Linux */
};

/* Looks the ids of a function up once, so that pci_quirk_find() need not where no row has them. Its ids,
 * class and revision are known and do not change any more. */
void pci_quirk_note(struct pci_func *fn);

/* The row that has this effect for the function; NULL when there is none. Reads configuration space at most.
 */
const struct pci_quirk *pci_quirk_find(const struct pci_func *fn, enum pci_quirk_effect effect);

/* The i-th row; NULL past the last. */
const struct pci_quirk *pci_quirk_row(unsigned i);
/* "its Base Address Registers are not sized: ...": what is done. */
const char *pci_quirk_text(enum pci_quirk_effect effect);
