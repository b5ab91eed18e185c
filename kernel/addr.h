/* One type per kind of address, so that a physical address cannot be passed where a device address is meant.
 *
 * phys_t is what the CPU's page tables and the IOMMU's tables hold; iova_t is what a device puts on the bus.
 * All RAM is mapped at phys_map_base + physical address: the kernel's direct map, 0 in the loader (the
 * firmware maps one to one), and the start of the arena in a host test. Device registers are not in this map;
 * mmio_map() maps them. */
#pragma once
#include "kernel/bits.h"

#define PAGE_SIZE 0x1000ull
#define PAGE_2M   0x200000ull
#define PAGE_1G   0x40000000ull

typedef struct {
	uint64_t v;
} phys_t;

typedef struct {
	uint64_t v;
} iova_t;

#define PHYS(x) ((phys_t){(x)})
#define IOVA(x) ((iova_t){(x)})

extern uintptr_t phys_map_base;

static inline void *phys_va(phys_t p)
{
	return (void *)(phys_map_base + (uintptr_t)p.v);
}

/* Only for addresses inside the direct map, never for kernel text, stacks or MMIO. */
static inline phys_t va_phys(const void *va)
{
	return PHYS((uintptr_t)va - phys_map_base);
}
