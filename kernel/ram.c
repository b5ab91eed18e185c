#include "kernel/ram.h"
#include "kernel/panic.h"
#include "kernel/pmm.h"
#include "kernel/str.h"
#include "kernel/paging.h"

#define LOW_MEMORY 0x100000ull /* not used, except by ram_low() */
#define LOW_END    0xa0000ull

static const struct boot_info *boot;

/* All RAM of one type: counted, and given to the page allocator where add says so. */
static uint64_t each_memory(uint32_t type, bool add)
{
	const struct boot_region *r = phys_va(PHYS(boot->regions));
	uint64_t pages = 0;
	for (uint32_t i = 0; i < boot->region_count; i++) {
		uint64_t base = r[i].base < LOW_MEMORY ? LOW_MEMORY : r[i].base;
		uint64_t end = r[i].base + r[i].pages * PAGE_SIZE;
		if (r[i].type != type || base >= end || !paging_in_direct_map(base, end - base))
			continue;
		if (add && pmm_add(PHYS(base), (end - base) / PAGE_SIZE))
			panic("ram: firmware's memory map has 0x%llx twice", (ull)base);
		pages += (end - base) / PAGE_SIZE;
	}
	return pages;
}

void ram_init(const struct boot_info *from)
{
	boot = from;
	each_memory(MEM_FREE, true);
}

uint64_t ram_boot_pages(void)
{
	return each_memory(MEM_BOOT_CODE, false) + each_memory(MEM_BOOT_DATA, false);
}

uint64_t ram_reclaim(void)
{
	uint64_t before = pmm_free_pages();
	each_memory(MEM_BOOT_CODE, true);
	each_memory(MEM_BOOT_DATA, true);
	return pmm_free_pages() - before;
}

/* Some of the pages below end. */
static bool overlaps_reserved(uint64_t end, uint64_t pages)
{
	for (; pages && end; pages--)
		if (pmm_is_reserved(PHYS(end -= PAGE_SIZE), 1))
			return true;
	return false;
}

/* The highest that fits: firmware is known to write to the first 64 KiB at times. */
enum sl_err ram_low(uint64_t pages, phys_t *out)
{
	static const uint32_t types[] = {MEM_FREE, MEM_BOOT_CODE, MEM_BOOT_DATA};
	const struct boot_region *r = phys_va(PHYS(boot->regions));
	for (unsigned t = 0; t < ARRAY_LEN(types); t++) {
		uint64_t best = 0;
		for (uint32_t i = 0; i < boot->region_count; i++) {
			uint64_t end = r[i].base + r[i].pages * PAGE_SIZE;
			end = end < LOW_END ? end : LOW_END;
			while (end > r[i].base && overlaps_reserved(end, pages))
				end -= PAGE_SIZE;
			if (r[i].type == types[t] && end >= r[i].base + pages * PAGE_SIZE &&
			    end - pages * PAGE_SIZE > best)
				best = end - pages * PAGE_SIZE;
		}
		if (best) {
			*out = PHYS(best);
			memset(phys_va(*out), 0, pages * PAGE_SIZE);
			return SL_OK;
		}
	}
	return SL_NOTFOUND;
}
