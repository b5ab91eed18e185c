/* Pieces of text used by several files, and registers as text. */
#pragma once
#include "pci/show.h"

/* "I/O#0 Mem#1" with each #n replaced by + or - as bit n of v is; n is 0 to 9, then a to v. */
void show_flags(uint32_t v, const char *text);
/* "Red Hat, Inc. QEMU Virtual Machine [1af4:1100]" of a vendor's and a device's name, either of which may be
 * NULL; of a function; and of the subsystem of one. */
void show_pair(const char *v, const char *d, uint16_t vendor, uint16_t device, const struct show *how);
void show_names(uint16_t vendor, uint16_t device, const struct show *how);
void show_subsystem(const struct pci_func *f, uint16_t vendor, uint16_t device, const struct show *how);

/* Registers of a capability, which may lie at the end of the space or be cut off there: ones. */
static inline uint32_t show_r32(const struct pci_func *f, unsigned off)
{
	return off + 4 <= 0x1000 ? fn_rd32(f, off) : UINT32_MAX;
}

static inline uint8_t show_r8(const struct pci_func *f, unsigned off)
{
	return off < 0x1000 ? fn_rd8(f, off) : UINT8_MAX;
}

static inline uint16_t show_r16(const struct pci_func *f, unsigned off)
{
	return off + 2 <= 0x1000 ? fn_rd16(f, off) : UINT16_MAX;
}
