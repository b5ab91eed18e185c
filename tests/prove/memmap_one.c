/* clang-format off */
/* Memory map: one descriptor of any content, below any end of memory up to 2^52
 * CHECKS: it is taken where it lies below that end; what begins inside a page takes that page, but RAM is left out then; the order of types by use is the one below
 * SOURCES: kernel/str.c
 * UNWIND: 14
 * SEED: kernel/memmap.c | pages > (top - base) / PAGE_SIZE | false | a region may be longer than memory
 * SEED: kernel/memmap.c | (end <= top && !memmap_is_ram(r->type)) | !memmap_is_ram(r->type) | the last page may lie beyond the end
 * SEED: kernel/memmap.c | MEM_LOADER_CODE, MEM_ACPI_RECLAIM | MEM_ACPI_RECLAIM, MEM_LOADER_CODE | two types are in the wrong order
 */
/* clang-format on */
#include "kernel/memmap.c"
#include "tests/prove/prove.h"

/* From what may be used for anything to what must not be touched; a number that names nothing is reserved. */
static unsigned use(uint32_t type)
{
	static const uint8_t by_number[] = {
		[MEM_FREE] = 0,        [MEM_BOOT_DATA] = 1,    [MEM_BOOT_CODE] = 2,  [MEM_LOADER_DATA] = 3,
		[MEM_LOADER_CODE] = 4, [MEM_ACPI_RECLAIM] = 5, [MEM_ACPI_NVS] = 6,   [MEM_RT_DATA] = 7,
		[MEM_RT_CODE] = 8,     [MEM_MMIO] = 9,         [MEM_MMIO_PORT] = 10, [MEM_RESERVED] = 11,
		[MEM_UNUSABLE] = 12,
	};
	return type < sizeof by_number ? by_number[type] : 11;
}

int main(void)
{
	ANY_SPAN(map, 48);
	struct boot_region r;
	uint64_t top = any_u64(), base = span_u64(map, 8), pages = span_u64(map, 24);
	bool ram = memmap_is_ram(span_u32(map, 0)), part = base & 0xfff;
	assert(rank(span_u32(map, 0)) == use(span_u32(map, 0)));
	assume(map.n >= 40 && top <= 1ull << 52);
	if (!read_one(map, 0, top, &r)) {
		assert(base >= top || pages > (top - base) >> 12 || part);
		assert(base >= top || pages > (top - base) >> 12 || ram ||
		       ((base + (pages << 12)) | 0xfff) + 1 > top);
		return 0;
	}
	assert((r.base & 0xfff) == 0 && r.base <= base && base - r.base < 0x1000 && (!part || !ram));
	assert(r.pages == pages + part && r.pages <= 1ull << 40 && r.base + (r.pages << 12) <= top);
	assert(r.type == span_u32(map, 0) && r.attr == span_u64(map, 32));
	return 0;
}
