/* Functions that deviate from the specification, by their ids: one table with the workaround and its source
 * for each. All that Sluice does because of ids is in this table, except for drivers of their devices.
 * docs/quirks.md documents it. */
#pragma once
#include "pci/pci.h"

enum pci_quirk_effect {
	QUIRK_NO_BARS,      /* has no Base Address Registers at their place: they are not sized */
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

/* Looks the ids of a function up once, so that pci_quirk_find() is quick for functions without a row. Ids,
 * class and revision must be known and final. */
void pci_quirk_note(struct pci_func *fn);

/* The row with this effect for the function; NULL when there is none. At most reads configuration space. */
const struct pci_quirk *pci_quirk_find(const struct pci_func *fn, enum pci_quirk_effect effect);

/* The i-th row; NULL past the last. */
const struct pci_quirk *pci_quirk_row(unsigned i);
/* "its Base Address Registers are not sized: ...": the workaround. */
const char *pci_quirk_text(enum pci_quirk_effect effect);
