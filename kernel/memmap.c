#include "kernel/memmap.h"

static bool usable(uint32_t type)
{
	return type == MEM_FREE || type == MEM_BOOT_CODE || type == MEM_BOOT_DATA;
}

static uint64_t end_of(const struct boot_region *r)
{
	return r->base + r->pages * PAGE_SIZE;
}

static void sort(struct boot_region *r, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++) {
		struct boot_region x = r[i];
		uint32_t j = i;
		for (; j > 0 && r[j - 1].base > x.base; j--)
			r[j] = r[j - 1];
		r[j] = x;
	}
}

/* Two neighbours in address order that overlap: the usable one gives way. */
static void part(struct boot_region *a, struct boot_region *b)
{
	uint64_t a_end = end_of(a), b_end = end_of(b);
	if (a_end <= b->base)
		return;
	if (usable(b->type)) {
		uint64_t from = a_end < b_end ? a_end : b_end;
		b->pages = (b_end - from) / PAGE_SIZE;
		b->base = from;
	} else if (usable(a->type)) {
		a->pages = (b->base - a->base) / PAGE_SIZE;
	}
}

uint32_t memmap_decode(struct span map, size_t stride, struct boot_region *out, uint32_t max)
{
	uint32_t n = 0, m = 0;
	if (stride < 40)
		return 0;
	for (size_t off = 0; span_has(map, off, 40); off += stride) {
		struct boot_region r = {.type = span_u32(map, off),
					.base = span_u64(map, off + 8),
					.pages = span_u64(map, off + 24),
					.attr = span_u64(map, off + 32)};
		if (!r.pages)
			continue;
		if (!IS_ALIGNED(r.base, PAGE_SIZE) || r.pages > BIT(52 - 12) || r.base > BIT(52) || n == max)
			return 0;
		out[n++] = r;
	}
	sort(out, n);
	for (uint32_t i = 0; i + 1 < n; i++)
		part(&out[i], &out[i + 1]);
	for (uint32_t i = 0; i < n; i++) {
		if (!out[i].pages)
			continue;
		if (m && out[m - 1].type == out[i].type && out[m - 1].attr == out[i].attr &&
		    end_of(&out[m - 1]) == out[i].base)
			out[m - 1].pages += out[i].pages;
		else
			out[m++] = out[i];
	}
	return m;
}

bool memmap_is_ram(uint32_t type)
{
	return (type >= MEM_LOADER_CODE && type <= MEM_FREE) || type == MEM_ACPI_RECLAIM ||
	       type == MEM_ACPI_NVS;
}

bool memmap_next_ram(const struct boot_region *r, uint32_t n, uint32_t *i, uint64_t *base, uint64_t *len)
{
	while (*i < n && !memmap_is_ram(r[*i].type))
		(*i)++;
	if (*i == n)
		return false;
	*base = r[*i].base;
	uint64_t end = end_of(&r[(*i)++]);
	while (*i < n && memmap_is_ram(r[*i].type) && r[*i].base <= end) {
		if (end_of(&r[*i]) > end)
			end = end_of(&r[*i]);
		(*i)++;
	}
	*len = end - *base;
	return true;
}
