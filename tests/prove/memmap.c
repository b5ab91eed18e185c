/* clang-format off */
/* Memory map: every set of COUNT or fewer descriptors of whole pages, in PAGES pages of memory, of four types, for use at run time or not
 * CHECKS: nothing outside is read or written; regions are sorted and apart; each page is of the least usable type that a descriptor gives it, or of none
 * UNWIND: 2 --unwindset sort.0:2,sort.1:5,sort.2:7,sort.3:3,memmap_decode.0:7,given_boundaries.0:4,main.0:7,rank.0:5,holds.0:5
 * CASES: 4
 * EDIT: kernel/memmap.c | static const uint8_t order[] = { | static const uint8_t order[] = {MEM_FREE, MEM_LOADER_CODE, MEM_RT_DATA, MEM_RESERVED};\nstatic const uint8_t all_types[] = { | fewer types: memmap_one has the order of all
 * EDIT: kernel/memmap.c | static uint32_t read_boundaries( | static uint32_t given_boundaries(struct span map, size_t stride, uint64_t top, struct boot_region *out, uint32_t max, uint32_t *odd);\n#define read_boundaries given_boundaries\nstatic inline uint32_t read_boundaries_itself( | memmap_read has how they are read
 * EDIT: kernel/memmap.c | / PAGE_SIZE | >> 12 | as a compiler does it: CBMC's divider is slow
 * SEED: kernel/memmap.c | for (unsigned i = ARRAY_LEN(order); i-- > 0;) | for (unsigned i = 0; i < ARRAY_LEN(order); i++) | the most usable type holds
 * SEED: kernel/memmap.c | && end_of(last) == r.base |  | regions with a hole between them are joined
 * SEED: kernel/memmap.c | j >= gap && later | j > gap && later | the first boundary is not sorted
 * SEED: kernel/memmap.c | from = b.base;\n\t\tpass_boundary(&s, &b); | pass_boundary(&s, &b);\n\t\tif (b.pad == BEGINS)\n\t\t\tfrom = b.base; | what is behind an end takes what was before it
 * SEED: kernel/memmap.c | s->at[i].runtime += b->attr & BOOT_MEM_RUNTIME ? step : 0; | s->at[i].runtime = b->attr & BOOT_MEM_RUNTIME ? step : 0; | of two for use at run time one ends it
 */
/* clang-format on */
#include "kernel/memmap.c"
#include "tests/prove/prove.h"

#define COUNT 3
#define PAGES 5

static uint32_t page; /* one of them */
static unsigned best; /* rank of the least usable type that it is given, from 1 */
static bool runtime;  /* one of that type is for use at run time */

/* CASE descriptors. */
static uint32_t given_boundaries(struct span map, size_t stride, uint64_t top, struct boot_region *out,
				 uint32_t max, uint32_t *odd)
{
	(void)map, (void)stride, (void)top, (void)max, (void)odd;
	for (unsigned k = 0; k < CASE; k++) {
		uint64_t from = any_u8(), end = any_u8();
		uint32_t rank = any_u8();
		bool rt = any_bool();
		assume(from < end && end <= PAGES && rank < ARRAY_LEN(order));
		struct boot_region r = {from << 12, end - from, rt ? BOOT_MEM_RUNTIME : 0, order[rank],
					BEGINS};
		out[2 * k] = r;
		r.base = end << 12;
		r.pad = ENDS;
		out[2 * k + 1] = r;
		if (page < from || page >= end || rank + 1 < best)
			continue;
		runtime = rt || (rank + 1 == best && runtime);
		best = rank + 1;
	}
	return 2 * CASE;
}

int main(void)
{
	struct boot_region out[2 * COUNT];
	struct span map = {0};
	uint32_t odd;
	page = any_u8();
	assume(page < PAGES);
	uint32_t n = memmap_decode(map, DESCRIPTOR, PAGES << 12, out, 2 * COUNT, &odd);
	assert(n <= 2 * CASE);
	unsigned found = 0;
	for (unsigned k = 0; k < 2 * COUNT && k < n; k++) {
		uint64_t from = out[k].base >> 12, end = from + out[k].pages;
		assert((out[k].base & 0xfff) == 0 && out[k].pages && end <= PAGES);
		assert(k + 1 >= n || end << 12 <= out[k + 1].base);
		if (page < from || page >= end)
			continue;
		assert(best && out[k].type == order[best - 1] && (out[k].attr >> 63) == runtime);
		found++;
	}
	assert(found == (best > 0));
	return 0;
}
