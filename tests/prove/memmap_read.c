/* clang-format off */
/* Memory map: how descriptors are walked, in every map of up to SIZE bytes, any distance apart, with any room for up to ROOM boundaries
 * CHECKS: nothing outside is read or written; the walk ends; each descriptor with pages gives two boundaries or is counted
 * SOURCES:
 * UNWIND: 4 --unwindset span_le.0:9
 * EDIT: kernel/memmap.c | static bool read_one( | static bool any_one(struct span map, size_t off, uint64_t top, struct boot_region *r);\n#define read_one any_one\nstatic inline bool read_one_itself( | memmap_one has what one says
 * EDIT: kernel/memmap.c | / PAGE_SIZE | >> 12 | as a compiler does it: CBMC's divider is slow
 * SEED: kernel/memmap.c | n + 2 > max | n + 1 > max | one boundary is written behind the room that there is
 * SEED: kernel/memmap.c | span_has(map, off, DESCRIPTOR) | off < map.n | a descriptor may be cut off
 * SEED: kernel/memmap.c | ++*odd; | ; | what is left out is not counted
 * SEED: kernel/memmap.c | stride < DESCRIPTOR | false | descriptors no distance apart: the walk does not end
 */
/* clang-format on */
#include "kernel/memmap.c"
#include "tests/prove/prove.h"

#define SIZE 120
#define ROOM 6

static unsigned asked, taken;

/* Any region that read_one() can make of one: memmap_one. */
static bool any_one(struct span map, size_t off, uint64_t top, struct boot_region *r)
{
	assert(span_has(map, off, DESCRIPTOR) && span_u64(map, off + 24));
	(void)top;
	*r = (struct boot_region){any_u64(), any_u64(), any_u64(), any_u32(), 0};
	assume((r->base & 0xfff) == 0 && r->base <= 1ull << 52 && r->pages && r->pages <= 1ull << 40);
	asked++;
	bool good = any_bool();
	taken += good;
	return good;
}

int main(void)
{
	ANY_SPAN(map, SIZE);
	struct boot_region out[ROOM];
	uint32_t max = any_u32(), odd = 0;
	size_t stride = any_size(), i = any_size();
	assume(max <= ROOM && i < ROOM / 2);
	if (stride < DESCRIPTOR) {
		assert(memmap_decode(map, stride, any_u64(), out, 0, &odd) == 0);
		return 0;
	}
	assume(stride <= SIZE);
	struct boot_region *room = out + ROOM - max;
	uint32_t n = read_boundaries(map, stride, any_u64(), room, max, &odd);
	assert(n <= max && n % 2 == 0 && n / 2 + odd == asked);
	assert(n / 2 == taken || (n / 2 < taken && n + 2 > max));
	if (i < n / 2) {
		const struct boot_region *b = room + 2 * i, *e = b + 1;
		assert(b->pad == BEGINS && e->pad == ENDS && e->base == b->base + (b->pages << 12));
		assert(b->type == e->type && b->attr == e->attr);
	}
	return 0;
}
