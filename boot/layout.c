#include "boot/layout.h"
#include "kernel/kept_log.h"
#include "kernel/memmap.h"
#include "kernel/str.h"

#define KERNEL_STOCK 128u /* tables that the kernel can add before it has to take memory for them */
#define RUN_TABLES   8u   /* of one run of RAM: its ends are mapped by smaller pages */
#define SPLIT_TABLES 4u   /* of one range with permissions of its own */

static uint8_t *stock_at, *stock_end;

static void *table_page(void)
{
	if (stock_at == stock_end)
		return NULL;
	void *p = stock_at;
	stock_at += PAGE_SIZE;
	return p;
}

uint64_t layout_pages(const struct boot_info *bi, const struct boot_region *map)
{
	uint64_t need = KERNEL_STOCK + SPLIT_TABLES * (ARRAY_LEN(bi->segment) + 4), base, len;
	for (uint32_t i = 0; memmap_next_ram(map, bi->region_count, &i, &base, &len);)
		need += RUN_TABLES + len / (512 * PAGE_1G) + (bi->pages_1g ? 0 : len / PAGE_1G);
	for (uint32_t i = 0; i < bi->region_count; i++)
		need += map[i].type == MEM_RT_CODE ? SPLIT_TABLES : 0;
	return need;
}

static enum sl_err map_kernel(struct pt *pt, const struct boot_info *bi)
{
	enum sl_err e = pt_map(pt, bi->jump_page, PHYS(bi->jump_page), PAGE_SIZE, PT_X);
	for (uint32_t i = 0; i < bi->segment_count && !e; i++) {
		const struct boot_segment *s = &bi->segment[i];
		e = pt_map(pt, s->va, PHYS(s->pa), s->len,
			   (s->flags & 2 ? PT_W : 0u) | (s->flags & 1 ? PT_X : 0u));
	}
	return e;
}

static enum sl_err map_ram(struct pt *pt, const struct boot_info *bi, const struct boot_region *map)
{
	enum sl_err e = SL_OK;
	uint64_t base, len;
	for (uint32_t i = 0; !e && memmap_next_ram(map, bi->region_count, &i, &base, &len);)
		if (base < LAYOUT_MAP_LIMIT)
			e = pt_map(pt, LAYOUT_MAP_BASE + base, PHYS(base),
				   len < LAYOUT_MAP_LIMIT - base ? len : LAYOUT_MAP_LIMIT - base, PT_W);
	return e;
}

static enum sl_err read_only(struct pt *pt, uint64_t pa, uint64_t len)
{
	return pa < LAYOUT_MAP_LIMIT && len <= LAYOUT_MAP_LIMIT - pa
		       ? pt_protect(pt, LAYOUT_MAP_BASE + pa, len, 0)
		       : SL_OK; /* not in the direct map */
}

/* Page tables and read-only segments of the kernel are not writable through the direct map either, nor is the
 * firmware's run-time code, which the reset executes. */
static enum sl_err protect(struct pt *pt, const struct boot_info *bi, const struct boot_region *map)
{
	enum sl_err e = read_only(pt, bi->tables, bi->tables_pages * PAGE_SIZE);
	for (uint32_t i = 0; i < bi->segment_count && !e; i++)
		if (!(bi->segment[i].flags & 2))
			e = read_only(pt, bi->segment[i].pa, bi->segment[i].len);
	for (uint32_t i = 0; i < bi->region_count && !e; i++)
		if (map[i].type == MEM_RT_CODE)
			e = read_only(pt, map[i].base, map[i].pages * PAGE_SIZE);
	return e;
}

static bool is_ram(const struct boot_info *bi, const struct boot_region *map, uint64_t pa, uint64_t len)
{
	uint64_t base, size;
	for (uint32_t i = 0; memmap_next_ram(map, bi->region_count, &i, &base, &size);)
		if (pa >= base && pa - base < size && len <= size - (pa - base))
			return pa + len <= LAYOUT_MAP_LIMIT;
	return false;
}

/* All that struct boot_info points to, and itself. */
static bool hand_over_is_ram(const struct boot_info *bi, const struct boot_region *map)
{
	const struct {
		uint64_t at, len;
	} part[] = {
		{va_phys(bi).v, sizeof *bi},
		{va_phys(map).v, bi->region_count * sizeof *map},
		{bi->symtab, bi->symtab_len},
		{bi->strtab, bi->strtab_len},
		{bi->before.log, bi->before.log ? KEPT_BYTES : 0},
		{bi->at_entry, sizeof(struct boot_snapshot)},
		{bi->at_exit, sizeof(struct boot_snapshot)},
		{bi->tables, bi->tables_pages * PAGE_SIZE},
		{bi->jump_page, PAGE_SIZE},
	};
	bool ok = true;
	for (unsigned i = 0; i < ARRAY_LEN(part); i++)
		ok = ok && (!part[i].len || is_ram(bi, map, part[i].at, part[i].len));
	for (uint32_t i = 0; i < bi->segment_count; i++)
		ok = ok && is_ram(bi, map, bi->segment[i].pa, bi->segment[i].len);
	for (unsigned i = 0; i < BOOT_FILES; i++)
		ok = ok && (!bi->file[i].len || is_ram(bi, map, bi->file[i].at, bi->file[i].len));
	return ok;
}

enum sl_err layout_build(struct boot_info *bi, const struct boot_region *map, void *stock, uint64_t pages)
{
	stock_at = stock;
	stock_end = stock_at + pages * PAGE_SIZE;
	memset(stock, 0, pages * PAGE_SIZE);
	bi->tables = va_phys(stock).v;
	bi->tables_pages = pages;
	bi->map_base = LAYOUT_MAP_BASE;
	if (!hand_over_is_ram(bi, map))
		return SL_VERIFY;
	uint64_t *top = bi->la57 ? table_page() : NULL, *low = bi->la57 ? table_page() : NULL;
	struct pt pt = {.pml4 = table_page(), .low = low, .page = table_page, .pages_1g = bi->pages_1g};
	if (!pt.pml4 || (bi->la57 && (!top || !low)))
		return SL_NOMEM;
	bi->root_table = va_phys(pt.pml4).v;
	if (bi->la57) { /* firmware runs with 5 levels: each half of the address space has a PML4 of its own
			 */
		top[0] = va_phys(low).v | 3;
		top[511] = bi->root_table | 3;
		bi->root_table = va_phys(top).v;
	}
	enum sl_err e = map_kernel(&pt, bi);
	if (!e)
		e = map_ram(&pt, bi, map);
	if (!e)
		e = protect(&pt, bi, map);
	bi->tables_used = (uint64_t)(stock_at - (uint8_t *)stock) / PAGE_SIZE;
	return e;
}
