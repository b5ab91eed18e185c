/* Firmware's memory map: what comes out of any map, against an array with one cell a page. */
#include <stdlib.h>
#include <string.h>
#include "kernel/memmap.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

#define STRIDE 48u
#define MAX    700u

static uint8_t map[MAX * STRIDE];
static struct boot_region out[MEMMAP_ROOM(MAX)];
static uint32_t odd;

static void put(uint8_t *p, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void descriptor(unsigned i, uint32_t type, uint64_t base, uint64_t pages, uint64_t attr)
{
	uint8_t *p = map + i * STRIDE;
	memset(p, 0, STRIDE);
	put(p, type, 4);
	put(p + 8, base, 8);
	put(p + 24, pages, 8);
	put(p + 32, attr, 8);
}

static uint32_t decode(unsigned n)
{
	return memmap_decode((struct span){map, n * STRIDE}, STRIDE, BIT(52), out, MEMMAP_ROOM(n), &odd);
}

static bool is(unsigned i, uint32_t type, uint64_t from, uint64_t to)
{
	return out[i].type == type && out[i].base == from && out[i].base + out[i].pages * PAGE_SIZE == to;
}

static void test_neighbours(void **state)
{
	(void)state;
	uint32_t i = 0;
	uint64_t base, len;
	descriptor(0, MEM_FREE, 0x200000, 0x100, 0xf);
	descriptor(1, MEM_FREE, 0x100000, 0x100, 0xf);    /* out of order; the two join */
	descriptor(2, MEM_RESERVED, 0x2f0000, 0x20, 0xf); /* over the end of free memory: that gives way */
	descriptor(3, MEM_MMIO, 0xfec00000, 1, 0xf);
	descriptor(4, MEM_ACPI_NVS, 0x310000, 0x10, 0xf);
	descriptor(5, MEM_BOOT_DATA, 0x318000, 0x10, 0xf); /* starts inside the one before */
	descriptor(6, MEM_FREE, 0x500000, 0, 0xf);         /* empty */
	assert_int_equal(decode(7), 5);
	assert_true(is(0, MEM_FREE, 0x100000, 0x2f0000));
	assert_true(is(1, MEM_RESERVED, 0x2f0000, 0x310000));
	assert_true(is(2, MEM_ACPI_NVS, 0x310000, 0x320000));
	assert_true(is(3, MEM_BOOT_DATA, 0x320000, 0x328000));
	assert_true(is(4, MEM_MMIO, 0xfec00000, 0xfec01000));
	assert_true(memmap_next_ram(out, 5, &i, &base, &len));
	assert_true(base == 0x100000 && len == 0x1f0000);
	assert_true(memmap_next_ram(out, 5, &i, &base, &len));
	assert_true(base == 0x310000 && len == 0x18000); /* both kinds of RAM in one run */
	assert_false(memmap_next_ram(out, 5, &i, &base, &len));
	assert_int_equal(memmap_decode((struct span){map, sizeof map}, 39, BIT(52), out, 8, &odd), 0);
}

/* More than two that overlap: whatever lies inside a reserved region is reserved. */
static void test_reserved_over_two(void **state)
{
	(void)state;
	descriptor(0, MEM_RESERVED, 0x100000, 0x100, 0);
	descriptor(1, MEM_FREE, 0x110000, 0x10, 0);
	descriptor(2, MEM_FREE, 0x130000, 0x10, 0);
	assert_int_equal(decode(3), 1);
	assert_true(is(0, MEM_RESERVED, 0x100000, 0x200000));
	assert_int_equal(odd, 0);
}

/* Free memory between and under two reserved regions: no region of 2^52 pages comes of it. */
static void test_no_wrap(void **state)
{
	(void)state;
	descriptor(0, MEM_RESERVED, 0x100000, 0x20, 0);
	descriptor(1, MEM_FREE, 0x110000, 0x30, 0);
	descriptor(2, MEM_RESERVED, 0x118000, 0x4, 0);
	assert_int_equal(decode(3), 2);
	assert_true(is(0, MEM_RESERVED, 0x100000, 0x120000));
	assert_true(is(1, MEM_FREE, 0x120000, 0x140000));
	descriptor(0, MEM_FREE, 0x100000, 0x100, 0); /* two usable ones inside a third: each page once */
	descriptor(1, MEM_FREE, 0x110000, 0x10, 0);
	descriptor(2, MEM_FREE, 0x130000, 0x10, 0);
	assert_int_equal(decode(3), 1);
	assert_true(is(0, MEM_FREE, 0x100000, 0x200000));
}

/* What cannot be is left out, and counted; the others stay. */
static void test_odd(void **state)
{
	(void)state;
	descriptor(0, MEM_FREE, 0x100000, 0x10, 0);
	descriptor(1, MEM_FREE, 0x200001, 0x10, 0);         /* begins inside a page */
	descriptor(2, MEM_RESERVED, 0x300800, 0x1, 0);      /* so does this, but it is reserved: both pages */
	descriptor(3, MEM_FREE, BIT(52), 0x10, 0);          /* beyond what any processor has */
	descriptor(4, MEM_FREE, BIT(52) - PAGE_SIZE, 2, 0); /* ends there */
	descriptor(5, MEM_RESERVED, 0x400000, UINT64_MAX, 0);
	descriptor(6, MEM_FREE, UINT64_MAX - 0xfff, 1, 0);
	descriptor(7, MEM_MMIO, BIT(52) - PAGE_SIZE, 1, 0);
	descriptor(8, MEM_MMIO, BIT(52) - 1, 1, 0);
	assert_int_equal(decode(9), 3);
	assert_true(is(0, MEM_FREE, 0x100000, 0x110000));
	assert_true(is(1, MEM_RESERVED, 0x300000, 0x302000));
	assert_true(is(2, MEM_MMIO, BIT(52) - PAGE_SIZE, BIT(52)));
	assert_int_equal(odd, 6);
	assert_int_equal(memmap_decode((struct span){map, 9 * STRIDE}, STRIDE, 0x301000, out, 18, &odd), 1);
	assert_int_equal(odd, 8); /* a processor with few addresses */
	assert_int_equal(memmap_decode((struct span){map, STRIDE}, STRIDE, BIT(52), out, 1, &odd),
			 0); /* no room */
	assert_int_equal(odd, 1);
}

/* Firmware's runtime mark is not lost by what lies over it. */
static void test_runtime(void **state)
{
	(void)state;
	descriptor(0, MEM_RT_CODE, 0x100000, 0x20, BOOT_MEM_RUNTIME | 0xf);
	descriptor(1, MEM_RT_CODE, 0x108000, 0x4, 0xf);
	descriptor(2, MEM_FREE, 0x110000, 0x20, 0xf);
	assert_int_equal(decode(3), 2);
	assert_true(is(0, MEM_RT_CODE, 0x100000, 0x120000) && out[0].attr & BOOT_MEM_RUNTIME);
	assert_true(is(1, MEM_FREE, 0x120000, 0x130000) && !(out[1].attr & BOOT_MEM_RUNTIME));
}

/* ---- random maps ---- */

#define PAGES 512u

static uint64_t rng;

static uint64_t rnd(uint64_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % n;
}

/* From free to unusable, as kernel/memmap.h has it, typed a second time. */
static int harm(uint32_t type)
{
	static const uint32_t by_harm[] = {7, 4, 3, 2, 1, 9, 10, 6, 5, 11, 12, 0, 8};
	for (int i = 0; i < 13; i++)
		if (by_harm[i] == type)
			return i;
	return 11; /* unknown types are reserved */
}

struct page {
	int harm; /* -1: in no descriptor */
	bool runtime;
};

static void paint(struct page *page, uint32_t type, uint64_t first, uint64_t n, bool runtime)
{
	for (uint64_t i = first; i < first + n; i++) {
		if (harm(type) > page[i].harm)
			page[i] = (struct page){harm(type), runtime};
		else if (harm(type) == page[i].harm)
			page[i].runtime |= runtime;
	}
}

static void one_map(uint64_t base)
{
	static const uint32_t types[] = {0, 1, 2,  3,  4,  5,  6,  7,  7,         7,
					 8, 9, 10, 11, 12, 13, 14, 15, 0x80000001};
	struct page page[PAGES];
	unsigned n = 1 + (unsigned)rnd(rnd(4) ? 24 : MAX), absurd = 0;
	for (unsigned i = 0; i < PAGES; i++)
		page[i] = (struct page){-1, false};
	for (unsigned i = 0; i < n; i++) {
		uint32_t type = types[rnd(ARRAY_LEN(types))];
		uint64_t first = rnd(PAGES), pages = rnd(PAGES - first + 1);
		if (rnd(3) == 0)
			pages = rnd(pages < 8 ? pages + 1 : 8);
		bool runtime = rnd(5) == 0, nonsense = rnd(16) == 0;
		uint64_t attr = runtime ? BOOT_MEM_RUNTIME | 0xf : 0xf;
		if (nonsense) {
			descriptor(i, type, BIT(52) + first * PAGE_SIZE, UINT64_MAX - pages, attr);
			absurd++;
			continue;
		}
		descriptor(i, type, base + first * PAGE_SIZE, pages, attr);
		paint(page, type, first, pages, runtime);
	}
	uint32_t m = decode(n);
	assert_int_equal(odd, absurd);
	uint64_t end = 0, at = 0;
	for (uint32_t i = 0; i < m; i++) {
		assert_true(out[i].pages && out[i].pages <= PAGES && out[i].base >= end);
		uint64_t first = (out[i].base - base) / PAGE_SIZE;
		for (; at < first; at++)
			assert_int_equal(page[at].harm, -1);
		for (; at < first + out[i].pages; at++) {
			assert_int_equal(page[at].harm, harm(out[i].type));
			assert_int_equal(page[at].runtime, !!(out[i].attr & BOOT_MEM_RUNTIME));
		}
		end = out[i].base + out[i].pages * PAGE_SIZE;
	}
	for (; at < PAGES; at++)
		assert_int_equal(page[at].harm, -1);
}

static void test_random(void **state)
{
	(void)state;
	const char *given = getenv("SLUICE_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : 1;
	for (unsigned i = 0; i < 4000; i++) {
		rng = (seed + i) * 0x9e3779b97f4a7c15u | 1;
		one_map(rnd(2) ? 0 : rnd(2) ? BIT(52) - PAGES * PAGE_SIZE : 0x100000);
	}
}

/* A map of any length is taken: 10,000 descriptors, upside down. */
static void test_long(void **state)
{
	(void)state;
	enum { LONG = 10000 };
	uint8_t *many = calloc(LONG, STRIDE);
	struct boot_region *regions = calloc(MEMMAP_ROOM(LONG), sizeof *regions);
	assert_true(many && regions);
	for (unsigned i = 0; i < LONG; i++) {
		put(many + i * STRIDE, i % 2 ? MEM_FREE : MEM_LOADER_DATA, 4);
		put(many + i * STRIDE + 8, (uint64_t)(LONG - i) * PAGE_SIZE, 8);
		put(many + i * STRIDE + 24, 1, 8);
	}
	assert_int_equal(memmap_decode((struct span){many, LONG * STRIDE}, STRIDE, BIT(52), regions,
				       MEMMAP_ROOM(LONG), &odd),
			 LONG);
	for (unsigned i = 0; i < LONG; i++)
		assert_true(regions[i].base == (i + 1) * PAGE_SIZE && regions[i].pages == 1);
	free(many);
	free(regions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_neighbours), cmocka_unit_test(test_reserved_over_two),
		cmocka_unit_test(test_no_wrap),    cmocka_unit_test(test_odd),
		cmocka_unit_test(test_runtime),    cmocka_unit_test(test_random),
		cmocka_unit_test(test_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
