/* The System Resource Affinity Table, whole and damaged. */
#include <stdlib.h>
#include <string.h>
#include "kernel/srat.h"
#include "tests/unit/test.h"

static uint8_t table[1024];
static size_t len;

static void put(size_t at, size_t bytes, uint64_t v)
{
	for (size_t i = 0; i < bytes; i++)
		table[at + i] = (uint8_t)(v >> 8 * i);
}

static int start(void **state)
{
	(void)state;
	memset(table, 0, sizeof table);
	memcpy(table, "SRAT", 4);
	len = 48;
	return 0;
}

static void apic(uint8_t id, uint32_t node, uint32_t flags)
{
	put(len, 2, 16 << 8);
	put(len + 2, 1, node & 0xff);
	put(len + 3, 1, id);
	put(len + 4, 4, flags);
	put(len + 8, 4, 0x77 | (node & 0xffffff00)); /* bits 7:0 are the local SAPIC EID */
	len += 16;
}

static void x2apic(uint32_t id, uint32_t node, uint32_t flags)
{
	put(len, 2, 24 << 8 | 2);
	put(len + 4, 4, node);
	put(len + 8, 4, id);
	put(len + 12, 4, flags);
	len += 24;
}

static void memory(uint64_t base, uint64_t size, uint32_t node, uint32_t flags)
{
	put(len, 2, 40 << 8 | 1);
	put(len + 2, 4, node);
	put(len + 8, 8, base);
	put(len + 16, 8, size);
	put(len + 28, 4, flags);
	len += 40;
}

static struct span whole(void)
{
	return (struct span){table, len};
}

static void test_entries(void **state)
{
	struct srat_entry e;
	size_t off = 0;
	(void)state;
	apic(3, 0x12345601, 1);
	apic(4, 0, 0);           /* not enabled */
	put(len, 2, 8 << 8 | 9); /* of a type that came later */
	len += 8;
	memory(0x100000000, 0x40000000, 0x01020304, 3);
	memory(0, 0x1000, 1, 2);           /* not enabled */
	memory(0x5000, 0, 1, 1);           /* nothing */
	memory(~0ull << 12, 0x2000, 1, 1); /* past the end */
	x2apic(0x1ff, 7, 1);
	assert_int_equal(srat_next(whole(), &off, &e), SL_OK);
	assert_true(!e.memory && e.apic_id == 3 && e.node == 0x12345601);
	assert_int_equal(srat_next(whole(), &off, &e), SL_OK);
	assert_true(e.memory && e.base == 0x100000000 && e.len == 0x40000000 && e.node == 0x01020304);
	assert_int_equal(srat_next(whole(), &off, &e), SL_OK);
	assert_true(!e.memory && e.apic_id == 0x1ff && e.node == 7);
	assert_int_equal(srat_next(whole(), &off, &e), SL_END);
	assert_int_equal(srat_of_processor(whole(), 3), 0x12345601);
	assert_int_equal(srat_of_processor(whole(), 0x1ff), 7);
	assert_int_equal(srat_of_processor(whole(), 4), SRAT_NO_NODE);
}

static void test_several(void **state)
{
	(void)state;
	assert_false(srat_several_nodes(whole()));
	apic(0, 2, 1);
	memory(0, 0x1000, 2, 1);
	apic(1, 5, 0);
	assert_false(srat_several_nodes(whole()));
	memory(0x1000, 0x1000, 0, 1);
	assert_true(srat_several_nodes(whole()));
	start(state);
	x2apic(0, 0, 1);
	assert_false(srat_several_nodes(whole()));
	x2apic(1, 1, 1);
	assert_true(srat_several_nodes(whole()));
}

/* Each cut, and entries whose length is impossible, end the walk. */
static void test_damaged(void **state)
{
	struct srat_entry e;
	size_t off = 0;
	(void)state;
	apic(0, 0, 1);
	memory(0, 0x1000, 1, 1);
	x2apic(5, 2, 1);
	for (size_t n = 0; n <= len; n++) {
		uint8_t *copy = malloc(n + !n); /* so that a read behind it is seen */
		unsigned seen = 0;
		memcpy(copy, table, n);
		for (off = 0; srat_next((struct span){copy, n}, &off, &e) == SL_OK;)
			seen++;
		assert_int_equal(seen, (n >= 64) + (n >= 104) + (n >= 128));
		free(copy);
	}
	for (unsigned bad = 0; bad < 16; bad++) { /* too short for its kind, or none at all */
		table[49] = (uint8_t)bad;
		off = 0;
		if (srat_next(whole(), &off, &e) == SL_OK)
			assert_true(e.memory || e.apic_id);
	}
	table[49] = 255; /* longer than the table */
	off = 0;
	assert_int_equal(srat_next(whole(), &off, &e), SL_END);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {T(test_entries), T(test_several), T(test_damaged)};
	return cmocka_run_group_tests_name("srat", tests, NULL, NULL);
}
