/* The firmware's memory map as sorted regions. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/span.h"

/* Most regions that a map of that many descriptors can give: the room that memmap_decode() needs. */
#define MEMMAP_ROOM(descriptors) (2u * (descriptors))

/* Decodes an EFI_MEMORY_DESCRIPTOR array (UEFI §7.2.3; stride bytes apart) into out, sorted by address, no
 * two overlapping, neighbours of one kind joined. Where descriptors overlap, the least usable type holds.
 * *odd counts the descriptors left out: those that begin inside a page, end above 2^52 or do not fit. Returns
 * the number of regions. */
uint32_t memmap_decode(struct span map, size_t stride, uint64_t top, struct boot_region *out, uint32_t max,
		       uint32_t *odd);

/* RAM that may be read through the direct map: everything that is memory and not reserved. */
bool memmap_is_ram(uint32_t type);

/* The next run of RAM at or after region *i, over all its kinds. False at the end. */
bool memmap_next_ram(const struct boot_region *r, uint32_t n, uint32_t *i, uint64_t *base, uint64_t *len);
