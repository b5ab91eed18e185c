#include <stdio.h>
#include <string.h>
#include "iommu/ivrs/ivrs.h"
#include "tests/unit/support.h"
#include "tests/unit/support_tables.h"
#include "tests/unit/test.h"

static struct own o;
static struct ivrs t;
static struct ivrs_ivhd unit[IVRS_UNITS];

static unsigned table(const char *name)
{
	own_read("tests/data/ivrs", &o, name);
	assert_int_equal(ivrs_open((struct span){o.bytes, o.n}, &t), SL_OK);
	return ivrs_units(&t, unit, ARRAY_LEN(unit));
}

static bdf_t fn(unsigned bus, unsigned dev, unsigned f)
{
	return bdf_make(0, bus, dev, f);
}

/* The highest type of each, in the table's order; less room, fewer units. */
static void test_units(void **state)
{
	(void)state;
	assert_int_equal(table("good.txt"), 2);
	assert_true(unit[0].type == IVRS_IVHD_11 && unit[0].unit.rid == 2 && unit[0].base == 0xfd300000);
	assert_true(unit[0].has_efr && unit[0].efr == 0x206d73ef22254ade && unit[0].cap == 0x40);
	assert_true(unit[0].flags == 0x30 && unit[0].features == 0x40200);
	assert_true(unit[1].type == IVRS_IVHD_11 && unit[1].unit.rid == 0x4002);
	assert_int_equal(ivrs_units(&t, unit, 1), 1);
	assert_int_equal(table("one-10h.txt"), 1);
	assert_true(unit[0].type == IVRS_IVHD_10 && !unit[0].has_efr && unit[0].features == 0x48824);
	assert_int_equal(table("short.txt"), 1); /* a block that is too short is no unit's */
}

/* The plain range of the last unit beats another one's alias range over a bus that is not there. */
static void test_unit_of(void **state)
{
	(void)state;
	struct ivrs_cover c;
	unsigned n = table("good.txt"), u = 9;
	assert_int_equal(ivrs_unit_of(unit, n, fn(0, 0, 0), &u, &c), SL_NOTFOUND);
	assert_int_equal(ivrs_unit_of(unit, n, fn(0, 1, 0), &u, &c), SL_OK);
	assert_true(u == 0 && c.fit == IVRS_FIT_RANGE && !c.aliased && c.source == 0x0008);
	assert_int_equal(ivrs_unit_of(unit, n, fn(0x3f, 0x1f, 6), &u, &c), SL_OK);
	assert_int_equal(u, 0);
	assert_int_equal(ivrs_unit_of(unit, n, fn(0x3f, 0x1f, 7), &u, &c), SL_NOTFOUND);
	assert_int_equal(ivrs_unit_of(unit, n, fn(0xff, 2, 0), &u, &c), SL_OK);
	assert_true(u == 1 && !c.aliased);
	assert_int_equal(ivrs_unit_of(unit, n, fn(0xff, 0x1f, 7), &u, &c), SL_OK);
	assert_true(u == 0 && c.fit == IVRS_FIT_ALIAS && c.aliased && c.source == 0x00a4);
	assert_int_equal(ivrs_unit_of(unit, n, (bdf_t){1, 0x0100}, &u, &c), SL_NOTFOUND);
	struct ivrs_ivhd same[2] = {unit[0], unit[0]}; /* of two that are as good the first */
	u = 9;
	assert_int_equal(ivrs_unit_of(same, 2, fn(0, 0, 0), &u, &c), SL_NOTFOUND);
	assert_int_equal(u, 9);
	assert_int_equal(ivrs_unit_of(same, 2, fn(0, 1, 0), &u, &c), SL_OK);
	assert_int_equal(u, 0);
	n = table("one-10h.txt"); /* inside the plain range, and an alias all the same */
	assert_int_equal(ivrs_unit_of(unit, n, fn(3, 4, 0), &u, &c), SL_OK);
	assert_true(c.fit == IVRS_FIT_RANGE && c.aliased && c.source == 0x00a4);
}

/* Ranges without an end, without a start or backwards cover nothing; extended entries say whether ATS may be
 * used; an entry for all covers all. */
static void test_cover(void **state)
{
	(void)state;
	assert_int_equal(table("ranges.txt"), 1);
	assert_int_equal(ivrs_cover(&unit[0], 0x1234).fit, IVRS_FIT_ALL);
	struct ivrs_block b = {0};
	assert_int_equal(ivrs_next(&t, &b), SL_OK);
	assert_int_equal(ivrs_ivhd(&b, &unit[1]), SL_OK);
	assert_int_equal(ivrs_cover(&unit[1], 0x0100).fit, IVRS_FIT_SELECT);
	assert_true(ivrs_cover(&unit[1], 0x0100).no_ats);
	assert_int_equal(ivrs_cover(&unit[1], 0x0008).fit, IVRS_FIT_NONE);
	assert_int_equal(ivrs_cover(&unit[1], 0x1000).fit, IVRS_FIT_NONE);
	assert_int_equal(ivrs_cover(&unit[1], 0x1fff).fit, IVRS_FIT_NONE);
	assert_int_equal(ivrs_cover(&unit[1], 0x0200).fit, IVRS_FIT_NONE);
	assert_int_equal(table("entry-unknown.txt"), 1); /* what comes before is still covered */
	assert_int_equal(ivrs_cover(&unit[0], 0x0100).fit, IVRS_FIT_RANGE);
	assert_int_equal(table("ioapics.txt"), 1);
	struct ivrs_cover c = ivrs_cover(&unit[0], 0x0308);
	assert_true(c.aliased && c.source == 0x00a4 && c.fit == IVRS_FIT_RANGE);
	c = ivrs_cover(&unit[0], 0x0300);
	assert_true(c.aliased && c.source == 0x5000);
}

static void next_ivmd(struct ivrs_block *b, struct ivrs_ivmd *m)
{
	do
		assert_int_equal(ivrs_next(&t, b), SL_OK);
	while (!ivrs_is_ivmd(b->type));
	assert_int_equal(ivrs_ivmd(b, m), SL_OK);
}

static void test_ivmd(void **state)
{
	(void)state;
	struct ivrs_block b = {0};
	struct ivrs_ivmd m;
	uint64_t base, len;
	unsigned n = table("memory.txt");
	next_ivmd(&b, &m); /* all */
	assert_true(ivrs_ivmd_pages(&m, &base, &len) && base == 0x10000000 && len == 0x40000000);
	assert_true(ivrs_ivmd_is_for(&m, unit, n, fn(0xff, 0x1f, 7)));
	assert_false(ivrs_ivmd_is_for(&m, unit, n, (bdf_t){1, 0x100}));
	next_ivmd(&b, &m);
	next_ivmd(&b, &m);
	next_ivmd(&b, &m); /* a range, of one byte */
	assert_true(ivrs_ivmd_pages(&m, &base, &len) && base == 0x7d900000 && len == 0x1000);
	assert_false(ivrs_ivmd_is_for(&m, unit, n, fn(0, 0, 7)));
	assert_true(ivrs_ivmd_is_for(&m, unit, n, fn(0, 1, 0)));
	assert_true(ivrs_ivmd_is_for(&m, unit, n, fn(3, 0x1f, 7)));
	assert_false(ivrs_ivmd_is_for(&m, unit, n, fn(4, 0, 0)));
	next_ivmd(&b, &m); /* backwards */
	assert_false(ivrs_ivmd_is_for(&m, unit, n, fn(2, 0, 0)));
	next_ivmd(&b, &m); /* length 0 */
	assert_false(ivrs_ivmd_pages(&m, &base, &len));
	next_ivmd(&b, &m);
	assert_true(m.flags == IVRS_UNITY && ivrs_ivmd_is_for(&m, unit, n, fn(1, 0, 0)));
	assert_false(ivrs_ivmd_is_for(&m, unit, n, fn(1, 0, 1)));
	next_ivmd(&b, &m); /* a unit's functions; neither unity nor exclusion */
	assert_true(ivrs_ivmd_is_for(&m, unit, n, fn(1, 0, 0)));
	assert_false(ivrs_ivmd_is_for(&m, unit, n, fn(0, 0, 2)));
	assert_false(ivrs_ivmd_pages(&m, &base, &len));
	next_ivmd(&b, &m);
	assert_true(ivrs_ivmd_pages(&m, &base, &len)); /* what is beyond 2^52 is none */
	next_ivmd(&b, &m);
	assert_false(ivrs_ivmd_pages(&m, &base, &len));
	m.start = BIT(52) - 0x1000, m.len = 0x1000;
	assert_true(ivrs_ivmd_pages(&m, &base, &len));
	m.len++;
	assert_false(ivrs_ivmd_pages(&m, &base, &len));
}

static void test_linux_type(void **state)
{
	(void)state;
	table("linux-ivmd.txt");
	assert_int_equal(ivrs_linux_type(&t), 0x21);
	table("linux-first.txt");
	assert_int_equal(ivrs_linux_type(&t), 0x11);
	table("good.txt");
	assert_int_equal(ivrs_linux_type(&t), 0x11);
	table("header.txt");
	assert_int_equal(ivrs_linux_type(&t), 0x50);
	table("linux-unknown.txt");
	assert_int_equal(ivrs_linux_type(&t), 0x11);
}

static void test_open(void **state)
{
	(void)state;
	table("good.txt");
	struct span all = {o.bytes, o.n};
	assert_int_equal(ivrs_open(span_sub(all, 0, 47), &t), SL_TRUNC);
	assert_int_equal(ivrs_open(span_sub(all, 0, o.n - 1), &t), SL_TRUNC);
	o.bytes[4] = 47, o.bytes[5] = 0;
	assert_int_equal(ivrs_open(all, &t), SL_BADVAL);
	o.bytes[0] = 'X';
	assert_int_equal(ivrs_open(all, &t), SL_BADVAL);
	struct ivrs_entry e = {0};
	struct ivrs_block b = {.type = IVRS_IVMD_ONE, .bytes = {o.bytes, 31}};
	struct ivrs_ivmd m;
	assert_int_equal(ivrs_ivmd(&b, &m), SL_TRUNC);
	static const uint8_t odd[] = {0x85, 0, 0, 0}, cut[] = {0xf0, 0, 0, 0}, first[16] = {0x80},
			     last[8] = {0x7f};
	assert_int_equal(ivrs_entry_next((struct span){odd, 4}, &e), SL_BADVAL);
	assert_int_equal(ivrs_entry_next((struct span){cut, 4}, &e), SL_TRUNC);
	assert_int_equal(ivrs_entry_next((struct span){first, 16}, &e), SL_BADVAL);
	assert_int_equal(ivrs_entry_next((struct span){cut, 0}, &e), SL_END);
	assert_int_equal(ivrs_entry_next((struct span){last, 8}, &e), SL_OK);
	assert_int_equal(e.next, 8);
}

/* Where each field is, by a block whose bytes all differ. */
static void test_fields(void **state)
{
	(void)state;
	uint8_t bytes[44];
	struct ivrs_ivhd h;
	struct ivrs_ivmd m;
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(0x80 + i);
	struct ivrs_block b = {
		.type = IVRS_IVHD_11, .flags = 5, .device = 0x1234, .off = 100, .bytes = {bytes, 44}};
	assert_int_equal(ivrs_ivhd(&b, &h), SL_OK);
	assert_true(h.off == 100 && h.type == IVRS_IVHD_11 && h.flags == 5 && h.cap == 0x8786);
	assert_true(h.unit.rid == 0x1234 && h.unit.seg == 0x9190);
	assert_true(h.base == 0x8f8e8d8c8b8a8988 && h.info == 0x9392 && h.features == 0x97969594);
	assert_true(h.has_efr && h.efr == 0x9f9e9d9c9b9a9998 && h.efr2 == 0xa7a6a5a4a3a2a1a0);
	assert_true(h.entries.p == bytes + 40 && h.entries.n == 4 && h.entries_off == 140);
	b.type = IVRS_IVHD_10;
	assert_int_equal(ivrs_ivhd(&b, &h), SL_OK);
	assert_true(!h.has_efr && !h.efr && !h.efr2 && h.unit.seg == 0x9190);
	assert_true(h.entries.p == bytes + 24 && h.entries.n == 20 && h.entries_off == 124);
	b.type = IVRS_IVMD_RANGE;
	assert_int_equal(ivrs_ivmd(&b, &m), SL_OK);
	assert_true(m.off == 100 && m.type == IVRS_IVMD_RANGE && m.flags == 5 && m.seg == 0x8988);
	assert_true(m.first == 0x1234 && m.last == 0x8786);
	assert_true(m.start == 0x9796959493929190 && m.len == 0x9f9e9d9c9b9a9998);
}

/* ---- words ---- */

static void assert_says(const char *name, const char *const *want, size_t n)
{
	struct ivrs_block b = {0};
	char text[256];
	size_t i = 0;
	table(name);
	while (ivrs_next(&t, &b) == SL_OK) {
		struct ivrs_ivhd h;
		struct ivrs_entry e = {0};
		ivrs_block_text(&b, text, sizeof(text));
		assert_true(i < n);
		assert_string_equal(text, want[i++]);
		if (!ivrs_is_ivhd(b.type) || ivrs_ivhd(&b, &h) != SL_OK)
			continue;
		while (ivrs_entry_next(h.entries, &e) == SL_OK) {
			ivrs_entry_text(&e, text, sizeof(text));
			assert_true(i < n);
			assert_string_equal(text, want[i++]);
		}
	}
	assert_int_equal(i, n);
}

static void test_texts(void **state)
{
	(void)state;
	static const char *const old[] = {
		"IVHD type 10h: unit 0000:00:00.2 at 0xfeb80000, capability 0x40, flags 0xfe, features 0x48824",
		"range from 00:01.0",
		"        to ff:1f.6",
		"range from 03:00.0, whose requests are those of 00:14.4",
		"        to 03:1f.7",
		"padding",
		"HPET 0 as 00:14.0, data 0x0",
	};
	static const char *const ranges[] = {
		"IVHD type 11h: unit 0000:00:00.2 at 0xfd300000, capability 0x40, flags 0x0, attributes 0x0, EFR 0x800, EFR2 0x0",
		"range from 00:01.0",
		"range from 10:00.0",
		"        to 0f:1f.6",
		"        to 20:1f.7",
		"type 30h",
		"type 50h",
		"ACPI device AMDI0020 5208208757389214273 as 00:14.5",
		"I/O APIC 17 as 00:14.0, data 0x0",
		"01:00.0, ATS forbidden",
		"range from 02:00.0, ATS forbidden",
		"IVHD type 40h: unit 0000:00:00.2 at 0xfd300000, capability 0x40, flags 0x0, attributes 0x0, EFR 0x800, EFR2 0x0",
		"every function",
		"ACPI device AMDI0020 \\_SB.FUR0 as 00:14.5",
		"ACPI device AMDI0020 as 00:14.5",
		"ACPI device AMDI0020 as 00:14.5",
		"ACPI device AMDI0020 as 00:14.5",
		"ACPI device  as 00:14.5",
		"ACPI device AMDI0040 as 00:13.1",
		"I/O APIC 17 as 00:14.0, data 0x0",
	};
	static const char *const odd[] = {
		"IVHD type 11h: unit 0000:00:00.2 at 0xfd300000, capability 0x40, flags 0x0, attributes 0x0, EFR 0x800, EFR2 0x0",
		"every function",
		"I/O APIC 17 as 00:14.0, data 0x0",
		"type 11h, 6 bytes",
		"type 21h, 6 bytes",
	};
	static const char *const name[] = {
		"IVHD type 40h: unit 0000:00:00.2 at 0xfd300000, capability 0x40, flags 0x0, attributes 0x0, EFR 0x800, EFR2 0x0",
		"every function",
		"ACPI device . ~..ABC as 00:14.5",
		"I/O APIC 17 as 00:14.0, data 0x0",
	};
	assert_says("one-10h.txt", old, ARRAY_LEN(old));
	assert_says("odd-name.txt", name, ARRAY_LEN(name));
	assert_says("ranges.txt", ranges, ARRAY_LEN(ranges));
	assert_says("short.txt", odd, ARRAY_LEN(odd));
}

/* A UID of any length is cut to the room that there is for it. */
static void test_long_uid(void **state)
{
	(void)state;
	uint8_t bytes[22 + 60] = {0xf0, 0xa5, 0, 0, 'A', 'M', 'D', 'I', '0', '0', '2', '0'};
	char text[200];
	struct ivrs_entry e = {0};
	bytes[20] = 2;
	for (unsigned n = 37; n < 60; n++) {
		bytes[21] = (uint8_t)n;
		memset(bytes + 22, 'x', n);
		e.next = 0;
		assert_int_equal(ivrs_entry_next((struct span){bytes, 22 + n}, &e), SL_OK);
		assert_int_equal(
			ivrs_entry_text(&e, text, sizeof(text)),
			(int)(strlen("ACPI device AMDI0020 ") + strlen(" as 00:14.5") + (n < 39 ? n : 39)));
		assert_int_equal(strspn(text + strlen("ACPI device AMDI0020 "), "x"), n < 39 ? n : 39);
	}
}

static void test_memory_texts(void **state)
{
	(void)state;
	struct ivrs_block b = {0};
	struct ivrs_ivmd m;
	char text[200];
	static const char *const memory[] = {
		"IVMD type 20h: 0x10000000, 0x40000000 bytes, segment 0, for every function; flags: unity read write",
		"IVMD type 20h: 0xfee00000, 0x1000 bytes, segment 0, for every function; flags: unity read write",
		"IVMD type 20h: 0xfe00000000, 0x1000 bytes, segment 0, for every function; flags: unity read write",
		"IVMD type 22h: 0x7d900000, 0x1 bytes, segment 0, for 00:01.0-03:1f.7; flags: exclusion",
		"IVMD type 22h: 0x7d901000, 0x1000 bytes, segment 0, for 03:00.0-01:00.0; flags: exclusion",
		"IVMD type 21h: 0x7d902000, 0x0 bytes, segment 0, for 20:00.0; flags: unity read write",
		"IVMD type 21h: 0x7d903000, 0x1000 bytes, segment 0, for 01:00.0; flags: unity",
		"IVMD type 23h: 0x7d904000, 0x1000 bytes, segment 0, for all below unit 00:00.2; flags: read write",
	};
	table("memory.txt");
	for (size_t i = 0; i < ARRAY_LEN(memory); i++) {
		next_ivmd(&b, &m);
		ivrs_block_text(&b, text, sizeof(text));
		assert_string_equal(text, memory[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units),        cmocka_unit_test(test_unit_of),
		cmocka_unit_test(test_cover),        cmocka_unit_test(test_ivmd),
		cmocka_unit_test(test_linux_type),   cmocka_unit_test(test_open),
		cmocka_unit_test(test_fields),       cmocka_unit_test(test_texts),
		cmocka_unit_test(test_memory_texts), cmocka_unit_test(test_long_uid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
