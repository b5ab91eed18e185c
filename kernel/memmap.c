#include "kernel/memmap.h"
#include "kernel/str.h"

#define DESCRIPTOR 40u /* bytes of one that are read: UEFI §7.2.3 */

/* From freely usable to untouchable: where descriptors overlap, the type that comes last here wins. A type
 * not listed is reserved. */
static const uint8_t order[] = {MEM_FREE,        MEM_BOOT_DATA,    MEM_BOOT_CODE, MEM_LOADER_DATA,
				MEM_LOADER_CODE, MEM_ACPI_RECLAIM, MEM_ACPI_NVS,  MEM_RT_DATA,
				MEM_RT_CODE,     MEM_MMIO,         MEM_MMIO_PORT, MEM_RESERVED,
				MEM_UNUSABLE};

static unsigned rank(uint32_t type)
{
	unsigned reserved = 0;
	for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
		if (order[i] == type)
			return i;
		if (order[i] == MEM_RESERVED)
			reserved = i;
	}
	return reserved;
}

static uint64_t end_of(const struct boot_region *r)
{
	return r->base + r->pages * PAGE_SIZE;
}

/* While a map is decoded, each region stands there twice, as two boundaries: base is the address, pad says
 * which of the two it is. */
enum { BEGINS = 1, ENDS = 2 };

static bool later(const struct boot_region *a, const struct boot_region *b)
{
	return a->base != b->base ? a->base > b->base : a->pad < b->pad;
}

/* Shell's sort: firmware's maps are nearly in order, a hostile one must not take long. */
static void sort(struct boot_region *r, uint32_t n)
{
	uint32_t gap = 1;
	while (gap < n / 3)
		gap = 3 * gap + 1;
	for (; gap; gap /= 3)
		for (uint32_t i = gap; i < n; i++) {
			struct boot_region x = r[i];
			uint32_t j = i;
			for (; j >= gap && later(&r[j - gap], &x); j -= gap)
				r[j] = r[j - gap];
			r[j] = x;
		}
}

/* One descriptor. False when it is invalid: it does not begin on a page, or ends above top. An unusable range
 * that begins inside a page takes the whole page. */
static bool read_one(struct span map, size_t off, uint64_t top, struct boot_region *r)
{
	uint64_t base = span_u64(map, off + 8), pages = span_u64(map, off + 24);
	*r = (struct boot_region){.type = span_u32(map, off), .attr = span_u64(map, off + 32)};
	if (base >= top || pages > (top - base) / PAGE_SIZE)
		return false;
	uint64_t end = ALIGN_UP(base + pages * PAGE_SIZE, PAGE_SIZE);
	r->base = ALIGN_DOWN(base, PAGE_SIZE);
	r->pages = (end - r->base) / PAGE_SIZE;
	return r->base == base || (end <= top && !memmap_is_ram(r->type));
}

static uint32_t read_boundaries(struct span map, size_t stride, uint64_t top, struct boot_region *out,
				uint32_t max, uint32_t *odd)
{
	uint32_t n = 0;
	for (size_t off = 0; span_has(map, off, DESCRIPTOR); off += stride) {
		struct boot_region r;
		if (!span_u64(map, off + 24))
			continue;
		if (!read_one(map, off, top, &r) || n + 2 > max) {
			++*odd;
			continue;
		}
		uint64_t end = end_of(&r);
		r.pad = BEGINS;
		out[n++] = r;
		r.base = end;
		r.pad = ENDS;
		out[n++] = r;
	}
	return n;
}

/* The descriptors that hold at one address, by rank. */
struct sweep {
	struct {
		uint32_t open, runtime; /* how many; of these with EFI_MEMORY_RUNTIME */
		uint32_t type;
		uint64_t attr; /* of the last that began */
	} at[ARRAY_LEN(order)];
};

static void pass_boundary(struct sweep *s, const struct boot_region *b)
{
	unsigned i = rank(b->type), step = b->pad == BEGINS ? 1 : (unsigned)-1;
	s->at[i].open += step;
	s->at[i].runtime += b->attr & BOOT_MEM_RUNTIME ? step : 0;
	if (b->pad == BEGINS) {
		s->at[i].type = b->type;
		s->at[i].attr = b->attr;
	}
}

/* The type that wins; false when there is none. */
static bool holds(const struct sweep *s, struct boot_region *r)
{
	for (unsigned i = ARRAY_LEN(order); i-- > 0;) {
		if (!s->at[i].open)
			continue;
		r->type = s->at[i].type;
		r->attr = (s->at[i].attr & ~BOOT_MEM_RUNTIME) | (s->at[i].runtime ? BOOT_MEM_RUNTIME : 0);
		return true;
	}
	return false;
}

static uint32_t append(struct boot_region *out, uint32_t n, struct boot_region r)
{
	struct boot_region *last = n ? &out[n - 1] : NULL;
	if (last && last->type == r.type && last->attr == r.attr && end_of(last) == r.base)
		last->pages += r.pages;
	else
		out[n++] = r;
	return n;
}

/* Between two boundaries nothing changes: each pair gives one region at most, so the regions are written over
 * the boundaries that have been passed. */
uint32_t memmap_decode(struct span map, size_t stride, uint64_t top, struct boot_region *out, uint32_t max,
		       uint32_t *odd)
{
	struct sweep s;
	uint64_t from = 0;
	uint32_t m = 0;
	*odd = 0;
	if (stride < DESCRIPTOR)
		return 0;
	uint32_t n = read_boundaries(map, stride, top, out, max, odd);
	sort(out, n);
	memset(&s, 0, sizeof s);
	for (uint32_t i = 0; i < n; i++) {
		struct boot_region b = out[i], r = {.base = from, .pages = (b.base - from) / PAGE_SIZE};
		if (r.pages && holds(&s, &r))
			m = append(out, m, r);
		from = b.base;
		pass_boundary(&s, &b);
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
