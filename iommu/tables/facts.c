/* Facts for rules about tables. */
#include "iommu/tables/facts.h"

void table_facts_madt(struct table_facts *known, struct span madt)
{
	size_t len;
	known->ioapics_known = true;
	for (size_t off = 44; span_has(madt, off, 2); off += len) {
		len = span_u8(madt, off + 1);
		if (len < 2)
			return;
		if (span_u8(madt, off) == 1 && len >= 12 && span_has(madt, off, 12))
			known->ioapic[span_u8(madt, off + 2)] = true;
	}
}

uint32_t table_memory_at(void *ctx, uint64_t addr, uint64_t *last)
{
	const struct table_memory_map *map = ctx;
	*last = UINT64_MAX;
	for (uint32_t i = 0; i < map->count; i++) {
		const struct boot_region *r = &map->region[i];
		if (addr < r->base) {
			*last = r->base - 1 < *last ? r->base - 1 : *last;
			continue;
		}
		if ((addr - r->base) >> 12 >= r->pages)
			continue;
		*last = r->base + (r->pages << 12) - 1;
		return r->type;
	}
	return TABLE_MEM_HOLE;
}

const char *table_memory_name(uint32_t type)
{
	static const char *const names[] = {
		"reserved", "loader",  "loader",      "boot services", "boot services",
		"runtime",  "runtime", "free memory", "unusable",      "ACPI tables",
		"ACPI NVS", "MMIO",    "MMIO ports",
	};
	if (type == TABLE_MEM_HOLE)
		return "not in the map";
	return type < ARRAY_LEN(names) ? names[type] : "unknown type";
}

bool table_memory_is_ram(uint32_t type)
{
	return (type >= MEM_LOADER_CODE && type <= MEM_BOOT_DATA) || type == MEM_FREE ||
	       type == MEM_ACPI_RECLAIM;
}

bool table_memory_is_reserved(uint32_t type)
{
	return type == MEM_RESERVED || type == MEM_RT_CODE || type == MEM_RT_DATA || type == MEM_MMIO ||
	       type == MEM_MMIO_PORT;
}

struct table_memory_kinds table_memory_kinds(const struct table_facts *known, uint64_t base, uint64_t limit)
{
	uint64_t last;
	struct table_memory_kinds k = {.first = known->memory(known->memory_ctx, base, &last)};
	for (uint64_t at = base;; at = last + 1) {
		uint32_t type = known->memory(known->memory_ctx, at, &last);
		if (last < at)
			last = at;
		k.mixed |= type != k.first;
		k.ram |= table_memory_is_ram(type);
		k.other |= !table_memory_is_reserved(type);
		if (last >= limit)
			return k;
	}
}

bool table_functions_find(const struct table_functions *fns, bdf_t fn, uint32_t *class)
{
	bdf_t at;
	uint32_t c;
	for (unsigned i = 0; fns->get(fns->ctx, i, &at, &c); i++) {
		if (!bdf_eq(at, fn))
			continue;
		if (class)
			*class = c;
		return true;
	}
	return false;
}
