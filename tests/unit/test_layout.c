/* The page tables that the kernel starts with: who may write what, by every address; 4 and 5 levels; and the
 * processor's control registers. */
#include <stdlib.h>
#include <string.h>
#include "boot/layout.h"
#include "kernel/x86/cpustate.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

#define RAM       0x40000000ull
#define RAM_BYTES (32u << 20)
#define KERNEL    0xffffffff80000000ull

/* In the arena: what the loader hands over. */
enum { INFO = 0x1000, MAP = 0x10000, STOCK = 0x200000, TEXT = 0x1a03000, DATA = 0x1a08000, JUMP = 0x1b00000 };
#define STOCK_PAGES 0x1000u

static struct boot_info *bi;
static struct boot_region *map;
static uint64_t rng = 1;

static uint64_t rnd(uint64_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % n;
}

static void region(uint32_t type, uint64_t base, uint64_t end)
{
	map[bi->region_count++] =
		(struct boot_region){.base = base, .pages = (end - base) / PAGE_SIZE, .type = type};
}

static void hand_over(bool la57, bool pages_1g)
{
	bi = phys_va(PHYS(RAM + INFO));
	map = phys_va(PHYS(RAM + MAP));
	memset(bi, 0, sizeof *bi);
	bi->la57 = la57;
	bi->pages_1g = pages_1g;
	bi->at_entry = RAM + 0x100000;
	bi->at_exit = RAM + 0x180000;
	bi->jump_page = RAM + JUMP;
	bi->segment[0] = (struct boot_segment){KERNEL, RAM + TEXT, 0x3000, 5, 0};
	bi->segment[1] = (struct boot_segment){KERNEL + 0x3000, RAM + TEXT + 0x3000, 0x2000, 4, 0};
	bi->segment[2] = (struct boot_segment){KERNEL + 0x5000, RAM + DATA, 0x4000, 6, 0};
	bi->segment_count = 3;
}

static void plain_machine(bool la57, bool pages_1g)
{
	hand_over(la57, pages_1g);
	region(MEM_FREE, 0x1000, 0xa0000);
	region(MEM_FREE, 0x100000, 0x3fe00000);
	region(MEM_RT_CODE, 0x3fe00000, 0x3fe05000);
	region(MEM_RT_DATA, 0x3fe05000, 0x40000000);
	region(MEM_LOADER_DATA, RAM, RAM + RAM_BYTES);
	region(MEM_MMIO, 0xfec00000, 0xfec01000);
	region(MEM_FREE, 0x100000000, 0x1c0000000);
}

static enum sl_err build(uint64_t pages)
{
	return layout_build(bi, map, phys_va(PHYS(RAM + STOCK)), pages);
}

/* As the kernel takes further ones. */
static uint64_t spare_at, spare_end;

static void *spare_page(void)
{
	if (spare_at == spare_end)
		return NULL;
	spare_at += PAGE_SIZE;
	return phys_va(PHYS(spare_at - PAGE_SIZE));
}

static uint64_t *table(uint64_t entry)
{
	return phys_va(PHYS(entry & BITS(51, 12)));
}

static struct pt tables(void)
{
	uint64_t *root = phys_va(PHYS(bi->root_table));
	struct pt pt = {.pml4 = root, .page = spare_page, .pages_1g = bi->pages_1g};
	spare_at = bi->tables + bi->tables_used * PAGE_SIZE;
	spare_end = bi->tables + bi->tables_pages * PAGE_SIZE;
	if (bi->la57) {
		pt.low = table(root[0]);
		pt.pml4 = table(root[511]);
	}
	return pt;
}

static bool sound(const struct pt *pt, struct pt_wrong *w)
{
	const struct pt_range fixed[] = {{bi->tables, bi->tables_pages * PAGE_SIZE}, {RAM + TEXT, 0x5000}};
	return pt_sound(pt, fixed, ARRAY_LEN(fixed), w);
}

static int flags_at(const struct pt *pt, uint64_t va, uint64_t want)
{
	phys_t pa;
	unsigned flags;
	if (!pt_lookup(pt, va, &pa, &flags))
		return -1;
	assert_true(pa.v == want);
	return (int)flags;
}

static int direct(const struct pt *pt, uint64_t pa)
{
	return flags_at(pt, LAYOUT_MAP_BASE + pa, pa);
}

static void check_plain(void)
{
	struct pt pt = tables();
	struct pt_wrong w;
	assert_int_equal(flags_at(&pt, KERNEL + 0x2fff, RAM + TEXT + 0x2fff), PT_X);
	assert_int_equal(flags_at(&pt, KERNEL + 0x3000, RAM + TEXT + 0x3000), 0);
	assert_int_equal(flags_at(&pt, KERNEL + 0x5000, RAM + DATA), PT_W);
	for (uint64_t off = 0; off < 0x5000; off += PAGE_SIZE)
		assert_int_equal(direct(&pt, RAM + TEXT + off), 0);
	assert_int_equal(direct(&pt, RAM + TEXT - 1), PT_W);
	assert_int_equal(direct(&pt, RAM + TEXT + 0x5000), PT_W);
	assert_int_equal(direct(&pt, RAM + DATA), PT_W);
	assert_int_equal(direct(&pt, bi->tables), 0);
	assert_int_equal(direct(&pt, bi->tables + bi->tables_pages * PAGE_SIZE - 1), 0);
	assert_int_equal(direct(&pt, bi->tables + bi->tables_pages * PAGE_SIZE), PT_W);
	assert_int_equal(direct(&pt, 0x3fe04fff), 0); /* firmware's code */
	assert_int_equal(direct(&pt, 0x3fe05000), PT_W);
	assert_int_equal(direct(&pt, 0x1bfffffff), PT_W);
	assert_int_equal(direct(&pt, 0xfec00000), -1);
	assert_int_equal(direct(&pt, 0), -1);
	assert_int_equal(flags_at(&pt, RAM + JUMP, RAM + JUMP), PT_X);
	assert_false(sound(&pt, &w)); /* the loader's page is executed, and it is RAM */
	assert_int_equal(pt_unmap_page(&pt, RAM + JUMP), SL_OK);
	assert_true(sound(&pt, &w));
	if (!bi->la57)
		return;
	const uint64_t *root = phys_va(PHYS(bi->root_table)); /* the kernel appears once */
	for (unsigned i = 1; i < 511; i++)
		assert_int_equal(root[i], 0);
	assert_int_equal(flags_at(&pt, KERNEL & BITS(47, 0), 0), -1);
	assert_int_equal(flags_at(&pt, LAYOUT_MAP_BASE & BITS(47, 0), 0), -1);
}

static void test_build(void **state)
{
	(void)state;
	for (int la57 = 0; la57 < 2; la57++)
		for (int pages_1g = 0; pages_1g < 2; pages_1g++) {
			plain_machine(la57, pages_1g);
			assert_true(layout_pages(bi, map) <= STOCK_PAGES);
			assert_int_equal(build(layout_pages(bi, map)), SL_OK);
			assert_true(bi->tables_used < bi->tables_pages);
			check_plain();
		}
}

/* Each way to make something writable that must not be is found. */
static void test_unsound(void **state)
{
	(void)state;
	static const struct {
		uint64_t va;
		unsigned flags;
		const char *what;
	} cases[] = {
		{LAYOUT_MAP_BASE + RAM + TEXT + 0x1000, PT_W, "code, constants or page tables are writable"},
		{LAYOUT_MAP_BASE + RAM + TEXT + 0x4000, PT_W, "code, constants or page tables are writable"},
		{LAYOUT_MAP_BASE + RAM + STOCK + 0x5000, PT_W, "code, constants or page tables are writable"},
		{KERNEL + 0x5000, PT_X, "something other than the kernel's code is executable"},
		{LAYOUT_MAP_BASE + 0x1000, PT_X, "something other than the kernel's code is executable"},
		{KERNEL + 0x1000, 0, NULL},
	};
	struct pt_wrong w;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		plain_machine(false, true);
		assert_int_equal(build(STOCK_PAGES), SL_OK);
		struct pt pt = tables();
		assert_int_equal(pt_unmap_page(&pt, RAM + JUMP), SL_OK);
		assert_true(sound(&pt, &w));
		assert_true(spare_at + 4 * PAGE_SIZE <= spare_end);
		memset(phys_va(PHYS(spare_at)), 0x5a, 4 * PAGE_SIZE);
		assert_int_equal(pt_protect(&pt, cases[i].va, PAGE_SIZE, cases[i].flags), SL_OK);
		assert_int_equal(*(uint8_t *)phys_va(PHYS(spare_at)), 0x5a); /* a table is one page */
		assert_int_equal(sound(&pt, &w), !cases[i].what);
		if (cases[i].what) {
			assert_string_equal(w.what, cases[i].what);
			assert_int_equal(w.va, cases[i].va);
		}
	}
	plain_machine(false, true);
	assert_int_equal(build(STOCK_PAGES), SL_OK);
	struct pt pt = tables();
	assert_int_equal(pt_unmap_page(&pt, RAM + JUMP), SL_OK);
	memcpy(phys_va(PHYS(RAM + JUMP)), pt.pml4, PAGE_SIZE); /* a table outside of their memory */
	pt.pml4 = phys_va(PHYS(RAM + JUMP));
	assert_false(sound(&pt, &w));
	assert_string_equal(w.what, "a page table lies outside of their memory");
}

/* With 5 levels each half of the address space is its own: the kernel's does not appear in the lower one. */
static void test_five_levels(void **state)
{
	(void)state;
	plain_machine(true, true);
	assert_int_equal(build(STOCK_PAGES), SL_OK);
	const uint64_t *root = phys_va(PHYS(bi->root_table));
	struct pt pt = tables();
	for (unsigned i = 1; i < 511; i++)
		assert_int_equal(root[i], 0);
	assert_true(pt.low != pt.pml4);
	for (unsigned i = 0; i < 256; i++) {
		assert_int_equal(pt.low[256 + i], 0);
		assert_int_equal(pt.pml4[i], 0);
	}
	assert_int_equal(flags_at(&pt, RAM + JUMP, RAM + JUMP), PT_X);
	assert_int_equal(pt_unmap_page(&pt, RAM + JUMP), SL_OK);
	assert_int_equal(pt_map(&pt, 0x200000, PHYS(0x200000), PAGE_2M, PT_W), SL_OK); /* firmware's */
	assert_int_equal(flags_at(&pt, 0x200000, 0x200000), PT_W);
	assert_int_equal(pt.pml4[0], 0);
}

static void test_refused(void **state)
{
	(void)state;
	plain_machine(false, false);
	for (uint64_t pages = 0; pages < 12; pages++)
		assert_int_equal(build(pages), SL_NOMEM);
	assert_int_equal(build(layout_pages(bi, map)), SL_OK);
	map[4].pages--; /* memory that the loader hands over is not all RAM */
	assert_int_equal(build(STOCK_PAGES), SL_OK);
	map[4].pages = JUMP / PAGE_SIZE;
	assert_int_equal(build(STOCK_PAGES), SL_VERIFY);
	map[4].pages = RAM_BYTES / PAGE_SIZE;
	map[4].type = MEM_RESERVED;
	assert_int_equal(build(STOCK_PAGES), SL_VERIFY);
}

/* Random maps around the arena: all RAM is mapped, nothing else, and it is sound. */
static void one_random(void)
{
	static const uint32_t types[] = {0, 1, 2, 3, 4, 5, 6, 7, 7, 8, 9, 10, 11};
	hand_over(rnd(2), rnd(2));
	uint64_t at = 0;
	while (at < RAM && bi->region_count < 300) {
		uint64_t gap = rnd(3) ? 0 : rnd(0x4000) * PAGE_SIZE;
		uint64_t len = (1 + (rnd(2) ? rnd(4) : rnd(0x8000))) * PAGE_SIZE;
		at += gap;
		if (at + len > RAM)
			break;
		region(types[rnd(ARRAY_LEN(types))], at, at + len);
		at += len;
	}
	region(MEM_LOADER_DATA, RAM, RAM + RAM_BYTES);
	uint64_t pages = layout_pages(bi, map);
	enum sl_err e = build(pages < STOCK_PAGES ? pages : STOCK_PAGES);
	if (e == SL_NOMEM)
		e = build(STOCK_PAGES);
	assert_int_equal(e, SL_OK);
	struct pt pt = tables();
	struct pt_wrong w;
	assert_int_equal(pt_unmap_page(&pt, RAM + JUMP), SL_OK);
	assert_true(sound(&pt, &w));
	for (uint32_t i = 0; i < bi->region_count; i++) {
		uint64_t mid = map[i].base + rnd(map[i].pages) * PAGE_SIZE;
		bool ram = map[i].type != 0 && (map[i].type <= 7 || map[i].type == 9 || map[i].type == 10);
		if (map[i].base < RAM)
			assert_int_equal(direct(&pt, mid), !ram ? -1 : map[i].type == MEM_RT_CODE ? 0 : PT_W);
	}
}

static void test_random(void **state)
{
	(void)state;
	const char *given = getenv("SLUICE_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : 1;
	for (unsigned i = 0; i < 300; i++) {
		rng = (seed + i) * 0x9e3779b97f4a7c15u | 1;
		one_random();
	}
}

static void test_control_registers(void **state)
{
	(void)state;
	const struct cpu_has none = {0}, all = {true, true, true, true, true, true};
	assert_int_equal(cpu_cr4(&none, false), 0x6e0);
	assert_int_equal(cpu_cr4(&all, true), 0x6e0 | 0x800 | 0x1000 | 0x300000 | 0x40000);
	const uint32_t r[4] = {0, 1u << 7 | 1u << 20, 1u << 2 | 1u << 7 | 1u << 31, 0};
	const uint32_t ibt[4] = {0, 0, 0, 1u << 20};
	const uint32_t avx[4] = {0, 0, 1u << 28 | 1u << 26, 0}, no_xsave[4] = {0, 0, 1u << 28, 0};
	struct cpu_has h = cpu_has_of(avx, r);
	assert_true(h.smep && h.smap && h.umip && h.avx && h.cet && h.pks);
	h = cpu_has_of(no_xsave, ibt);
	assert_true(!h.smep && !h.smap && !h.umip && !h.avx && h.cet && !h.pks);
	assert_int_equal(CR0_KNOWN, 0x80010033);
	assert_int_equal(EFER_KNOWN, 0xd00);
}

static int arena(void **state)
{
	(void)state;
	(void)support_ram(RAM_BYTES, RAM);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),       cmocka_unit_test(test_unsound),
		cmocka_unit_test(test_five_levels), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_random),      cmocka_unit_test(test_control_registers),
	};
	return cmocka_run_group_tests(tests, arena, NULL);
}
