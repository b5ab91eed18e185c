/* The firmware's memory map as sorted regions. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/span.h"

/* Decodes an EFI_MEMORY_DESCRIPTOR array (UEFI §7.2.3; stride bytes apart) into out, sorted by address,
 * neighbours of one kind joined. Where two overlap, the usable one is cut back. Returns how many; 0 when the
 * map makes no sense or has more than max regions. */
uint32_t memmap_decode(struct span map, size_t stride, struct boot_region *out, uint32_t max);

/* RAM that may be read through the direct map: everything that is memory and not reserved. */
bool memmap_is_ram(uint32_t type);

/* The next run of RAM at or after region *i, over all its kinds. False at the end. */
bool memmap_next_ram(const struct boot_region *r, uint32_t n, uint32_t *i, uint64_t *base, uint64_t *len);
