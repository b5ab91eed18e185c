/* Memory of devices by the firmware (RMRR, IVMD) against the system's own. */
#include "iommu/tables/facts.h"
#include "kernel/pmm.h"

static bool is_ours(uint32_t type)
{
	return type == MEM_LOADER_CODE || type == MEM_LOADER_DATA;
}

static bool is_for_pages(uint32_t type)
{
	return type == MEM_FREE || type == MEM_BOOT_CODE || type == MEM_BOOT_DATA;
}

/* Pages of [base, base + len) of the kinds selected by want(). */
static uint64_t pages_in(const struct table_memory_map *map, uint64_t base, uint64_t len,
			 bool (*want)(uint32_t type))
{
	uint64_t pages = 0, end = base + len;
	for (uint32_t i = 0; i < map->count; i++) {
		const struct boot_region *r = &map->region[i];
		uint64_t r_end = r->base + r->pages * PAGE_SIZE;
		uint64_t from = r->base > base ? r->base : base, to = r_end < end ? r_end : end;
		if (from < to && want(r->type))
			pages += (to - from) / PAGE_SIZE;
	}
	return pages;
}

const char *table_memory_taken(const struct table_memory_map *map, uint64_t base, uint64_t len)
{
	if (pages_in(map, base, len, is_ours))
		return "Sluice itself lies there (its image, tables or stacks)";
	for (uint32_t i = 0; i < map->count; i++) {
		const struct boot_region *r = &map->region[i];
		uint64_t r_end = r->base + r->pages * PAGE_SIZE, end = base + len;
		uint64_t from = r->base > base ? r->base : base, to = r_end < end ? r_end : end;
		if (from < to && is_for_pages(r->type) &&
		    !pmm_is_reserved(PHYS(from), (to - from) / PAGE_SIZE))
			return "its memory is not kept out of the page allocator: it would take more than half of all memory, or the table could not be read in time";
	}
	return NULL;
}

void table_memory_keep(const struct table_memory_map *map, uint64_t base, uint64_t len, uint64_t *sum)
{
	uint64_t all = pages_in(map, 0, BIT(52), is_for_pages),
		 pages = pages_in(map, base, len, is_for_pages);
	if (pages_in(map, base, len, is_ours) || pages > all / 2 - *sum)
		return;
	*sum += pages;
	pmm_reserve(PHYS(base), len / PAGE_SIZE);
}
