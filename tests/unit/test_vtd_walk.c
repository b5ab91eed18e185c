/* Tables typed by hand from VT-d §9, one word each; every reason to stop. */
#include <string.h>
#include "iommu/vtd/walk.h"
#include "tests/unit/test.h"

/* Six pages of memory at 0x10000: root, context, L4, L3, L2, L1. */
static uint64_t mem[6][512];
#define AT(page) (0x10000ull + (page)*0x1000ull)

static bool read64(void *ctx, uint64_t phys, uint64_t *v)
{
	(void)ctx;
	if (phys < AT(0) || phys >= AT(6))
		return false;
	*v = mem[(phys - AT(0)) / 0x1000][phys % 0x1000 / 8];
	return true;
}

static const struct vtd_walk_unit qemu = {AT(0), 0x00d2008c222f0606, 0x00f00f4a, 39};
static const bdf_t fn = {0, 0x3b01};
/* index 1 at level 4, 2 at 3, 3 at 2, 4 at 1, offset 0x567 */
#define ADDRESS ((1ull << 39) + (2ull << 30) + (3ull << 21) + (4ull << 12) + 0x567)

static void build(void)
{
	memset(mem, 0, sizeof(mem));
	mem[0][2 * 0x3b] = AT(1) | 1;
	mem[1][2 * 0x01] = AT(2) | 1;
	mem[1][2 * 0x01 + 1] = 3 << 8 | 2;
	mem[2][1] = AT(3) | 3;
	mem[3][2] = AT(4) | 3;
	mem[4][3] = AT(5) | 3;
	mem[5][4] = 0x7654321000 | 3;
}

static struct vtd_walk walk_with(const struct vtd_walk_unit *unit, uint64_t iova)
{
	struct vtd_walk_mem m = {NULL, read64};
	struct vtd_walk w;
	vtd_walk(unit, &m, fn, IOVA(iova), &w);
	return w;
}

static void expect(uint64_t iova, enum vtd_walk_stop stop, unsigned r, unsigned w, const char *text)
{
	char buf[200];
	struct vtd_walk walk = walk_with(&qemu, iova);
	vtd_walk_text(&walk, buf, sizeof(buf));
	assert_string_equal(buf, text);
	assert_int_equal(walk.stop, stop);
	assert_int_equal(walk.reason_read, r);
	assert_int_equal(walk.reason_write, w);
	assert_int_equal(walk.read, r == 0);
	assert_int_equal(walk.write, w == 0);
}

#define OK4 "root ok, context ok (domain 3, 4-level)"

static void test_mapped(void **state)
{
	(void)state;
	build();
	expect(ADDRESS, WALK_MAPPED, 0, 0,
	       OK4 ", L4 ok, L3 ok, L2 ok, L1[4] page of 4 KiB at 0x7654321567, read and write");
	struct vtd_walk w = walk_with(&qemu, ADDRESS);
	assert_int_equal(w.steps, 4);
	assert_int_equal(w.step[1].level, 3);
	assert_int_equal(w.step[1].entry, AT(4) | 3);
	assert_int_equal(w.domain, 3);
	mem[4][3] = 0x7600000000 | 0x83;
	expect(ADDRESS, WALK_MAPPED, 0, 0,
	       OK4 ", L4 ok, L3 ok, L2[3] page of 2048 KiB at 0x7600004567, read and write");
	mem[3][2] = 0x7600000000 | 0x81;
	expect(ADDRESS, WALK_MAPPED, 0, 5,
	       OK4 ", L4 ok, L3[2] page of 1048576 KiB at 0x7600604567, read only");
}

static void test_permissions(void **state)
{
	(void)state;
	for (unsigned level = 0; level < 4; level++) {
		build();
		uint64_t *e = level == 0   ? &mem[2][1]
			      : level == 1 ? &mem[3][2]
			      : level == 2 ? &mem[4][3]
					   : &mem[5][4];
		*e &= ~1ull;
		struct vtd_walk w = walk_with(&qemu, ADDRESS);
		assert_int_equal(w.reason_read, 6);
		assert_int_equal(w.reason_write, 0);
		*e ^= 3;
		w = walk_with(&qemu, ADDRESS);
		assert_int_equal(w.reason_read, 0);
		assert_int_equal(w.reason_write, 5);
	}
	build();
	mem[2][1] ^= 1; /* write only above, */
	mem[3][2] ^= 2; /* read only below */
	expect(ADDRESS, WALK_MAPPED, 6, 5,
	       OK4 ", L4 ok, L3 ok, L2 ok, L1[4] page of 4 KiB at 0x7654321567, no access");
}

static void test_stops(void **state)
{
	(void)state;
	build();
	mem[5][4] = 0x1000; /* neither R nor W: the rest does not matter */
	expect(ADDRESS, WALK_EMPTY, 6, 5, OK4 ", L4 ok, L3 ok, L2 ok, L1[4] empty");
	mem[2][1] = 0;
	expect(ADDRESS, WALK_EMPTY, 6, 5, OK4 ", L4[1] empty");
	mem[2][1] = AT(9) | 3;
	expect(ADDRESS, WALK_READ, 7, 7, OK4 ", L4 ok, table cannot be read");
	expect(1ull << 48, WALK_WIDTH, 4, 4, OK4 ", address beyond the width");
	mem[1][2] = AT(9) | 1;
	expect(ADDRESS, WALK_TOP_READ, 3, 3, OK4 ", table cannot be read");
	mem[1][2] = 0;
	expect(ADDRESS, WALK_CTX_EMPTY, 2, 2, "root ok, context empty");
	mem[0][0x76] = AT(9) | 1;
	expect(ADDRESS, WALK_CTX_READ, 9, 9, "root ok, context cannot be read");
	mem[0][0x76] = 0;
	expect(ADDRESS, WALK_ROOT_EMPTY, 1, 1, "root empty");
	struct vtd_walk_unit nowhere = {AT(9), qemu.cap, qemu.ecap, 39},
			     scalable = {AT(0) | 0x400, qemu.cap, qemu.ecap, 39};
	assert_int_equal(walk_with(&nowhere, ADDRESS).reason_read, 8);
	assert_int_equal(walk_with(&scalable, ADDRESS).stop, WALK_MODE);
}

/* The narrower one counts: the unit's (MGAW 48) or the one that the table's levels have. */
static void test_width_of_levels(void **state)
{
	(void)state;
	build();
	mem[1][2 * 0x01] = AT(3) | 1; /* L3 is the top */
	mem[1][2 * 0x01 + 1] = 3 << 8 | 1;
	assert_int_equal(walk_with(&qemu, ADDRESS & (BIT(39) - 1)).stop, WALK_MAPPED);
	assert_int_equal(walk_with(&qemu, BIT(39)).stop, WALK_WIDTH);
	struct vtd_walk_unit narrow = qemu;
	narrow.cap = (qemu.cap & ~(0x3full << 16)) | 31ull << 16; /* MGAW 32 */
	assert_int_equal(walk_with(&narrow, BIT(32) - 1).stop, WALK_EMPTY);
	assert_int_equal(walk_with(&narrow, BIT(32)).stop, WALK_WIDTH);
}

#define HIGH        (~0ull << 39)            /* beyond the host address width */
#define HIGH_PAGING (HIGH & ~0ull >> 12)     /* in second-stage entries only up to bit 51 */
#define IGNORED     (0x77cull | ~0ull << 52) /* bits 10:8, 6:2 and 63:52 of those */

/* Each bit of each word that must be 0, one at a time; and those that are ignored. */
static void test_reserved(void **state)
{
	(void)state;
	static const struct {
		unsigned page, index;
		uint64_t reserved, ignored;
		uint8_t reason;
	} words[] = {
		{0, 2 * 0x3b, 0xffe | HIGH, 0, 0xa},
		{0, 2 * 0x3b + 1, ~0ull, 0, 0xa},
		{1, 2, 0xff0 | HIGH, 0x2, 0xb},
		{1, 3, 1ull << 7 | ~0ull << 24, 0x78, 0xb},
		{2, 1, 1ull << 7 | 1ull << 11 | HIGH_PAGING, IGNORED, 0xc},
		{3, 2, 1ull << 11 | HIGH_PAGING, IGNORED, 0xc},
		{5, 4, 1ull << 11 | HIGH_PAGING, IGNORED, 0xc},
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		for (unsigned b = 0; b < 64; b++) {
			build();
			mem[words[i].page][words[i].index] ^= 1ull << b;
			uint8_t got = walk_with(&qemu, ADDRESS).reason_write;
			if (words[i].reserved >> b & 1)
				assert_int_equal(got, words[i].reason);
			if (words[i].ignored >> b & 1)
				assert_int_equal(got, 0);
		}
	build();
	mem[4][3] = 0x7600001000 | 0x83; /* a 2 MiB page at an odd address */
	expect(ADDRESS, WALK_BAD, 0xc, 0xc, OK4 ", L4 ok, L3 ok, L2[3] has reserved bits set: 0x7600001083");
}

static void test_context(void **state)
{
	(void)state;
	struct vtd_walk_unit unit = qemu;
	for (unsigned aw = 0; aw < 8; aw++) { /* SAGAW: 3 and 4 levels */
		build();
		mem[1][3] = 3 << 8 | aw;
		assert_int_equal(walk_with(&unit, 0).stop == WALK_CTX_INVALID, aw != 1 && aw != 2);
	}
	for (unsigned tt = 0; tt < 4; tt++) { /* ECAP: PT and no DT */
		build();
		mem[1][2] |= tt << 2;
		struct vtd_walk w = walk_with(&unit, ADDRESS);
		assert_int_equal(w.stop == WALK_CTX_INVALID, tt == 1 || tt == 3);
		if (tt == 2) {
			assert_int_equal(w.stop, WALK_PASS);
			assert_int_equal(w.phys.v, ADDRESS);
		}
		unit.ecap ^= 1ull << 2 | 1ull << 6; /* and the other way round */
		w = walk_with(&unit, ADDRESS);
		assert_int_equal(w.stop == WALK_CTX_INVALID, tt == 2 || tt == 3);
		unit.ecap ^= 1ull << 2 | 1ull << 6;
	}
	build();
	unit.cap &= ~(0x3full << 16);
	unit.cap |= 35ull << 16; /* MGAW 36 */
	assert_int_equal(walk_with(&unit, 1ull << 36).stop, WALK_WIDTH);
	assert_int_equal(walk_with(&unit, (1ull << 36) - 1).stop, WALK_EMPTY);
}

static void test_interrupt_range(void **state)
{
	(void)state;
	build();
	mem[5][4] = 0xfee01000 | 3;
	expect(ADDRESS, WALK_INTERRUPT, 0xe, 0xe,
	       OK4 ", L4 ok, L3 ok, L2 ok, L1[4] lies in the interrupt range");
	mem[4][3] = 0xfee00000 | 0x83; /* a large page that only overlaps it */
	assert_int_equal(walk_with(&qemu, ADDRESS).reason_read, 0xe);
	mem[4][3] = 0xfec00000 | 0x83;
	assert_int_equal(walk_with(&qemu, ADDRESS).reason_read, 0);
}

static void test_text_is_cut(void **state)
{
	(void)state;
	build();
	struct vtd_walk w = walk_with(&qemu, ADDRESS);
	char buf[64];
	for (size_t n = 1; n < sizeof(buf); n++) {
		memset(buf, 'x', sizeof(buf));
		vtd_walk_text(&w, buf, n);
		assert_int_equal(strlen(buf), n - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mapped),          cmocka_unit_test(test_permissions),
		cmocka_unit_test(test_stops),           cmocka_unit_test(test_width_of_levels),
		cmocka_unit_test(test_reserved),        cmocka_unit_test(test_context),
		cmocka_unit_test(test_interrupt_range), cmocka_unit_test(test_text_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
