/* The kernel's pure parts: ELF reader, page tables, symbols, log, errors. */
#include <stdlib.h>
#include <string.h>
#include "boot/elf.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/symbols.h"
#include "kernel/x86/pt.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

static void put(uint8_t *p, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* A small ELF file: two segments, a symbol table. */
static uint8_t elf[0x4000];

static void build_elf(void)
{
	memset(elf, 0, sizeof elf);
	memcpy(elf, "\177ELF\2\1\1", 7);
	put(elf + 16, 2, 2);
	put(elf + 18, 62, 2);
	put(elf + 24, 0xffffffff80000010, 8);
	put(elf + 32, 64, 8);     /* program headers */
	put(elf + 40, 0x3000, 8); /* section headers */
	put(elf + 56, 2, 2);
	put(elf + 60, 2, 2);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *ph = elf + 64 + 56 * i;
		put(ph, 1, 4);
		put(ph + 4, i ? 6 : 5, 4);
		put(ph + 8, 0x1000 + 0x1000 * i, 8);
		put(ph + 16, 0xffffffff80000000 + 0x1000 * i, 8);
		put(ph + 32, 0x800, 8);
		put(ph + 40, i ? 0x2800 : 0x800, 8);
	}
	put(elf + 0x3000 + 4, 2, 4); /* SHT_SYMTAB */
	put(elf + 0x3000 + 24, 0x3100, 8);
	put(elf + 0x3000 + 32, 48, 8);
	put(elf + 0x3000 + 40, 1, 4);
	put(elf + 0x3040 + 24, 0x3200, 8);
	put(elf + 0x3040 + 32, 16, 8);
	memcpy(elf + 0x3200, "\0main\0other", 12);
	put(elf + 0x3100, 1, 4);
	elf[0x3104] = 2;
	put(elf + 0x3108, 0xffffffff80000010, 8);
	put(elf + 0x3110, 0x20, 8);
	put(elf + 0x3118, 6, 4);
	elf[0x311c] = 2;
	put(elf + 0x3120, 0xffffffff80000100, 8);
}

static void test_elf(void **state)
{
	(void)state;
	struct elf e;
	struct span s = {elf, sizeof elf};
	build_elf();
	assert_int_equal(elf_read(s, &e), SL_OK);
	assert_int_equal(e.segments, 2);
	assert_true(e.base == 0xffffffff80000000 && e.span == 0x4000);
	assert_int_equal(e.segment[1].file.p - elf, 0x2000);
	assert_int_equal(e.symtab.n, 48);

	uint64_t off;
	symbols_init(e.symtab, e.strtab);
	assert_string_equal(symbols_find(0xffffffff80000018, &off), "main");
	assert_int_equal(off, 8);
	assert_string_equal(symbols_find(0xffffffff80000030, &off), "?");     /* past its end */
	assert_string_equal(symbols_find(0xffffffff80000104, &off), "other"); /* no size: up to the next */
	assert_string_equal(symbols_find(0, &off), "?");
	symbols_init(e.symtab,
		     (struct span){e.strtab.p, 3}); /* strings cut short: no name is read past the end */
	assert_string_equal(symbols_find(0xffffffff80000018, &off), "?");

	static const uint8_t header[] = {0, 1, 2, 3, 4, 5, 16, 18}; /* 64 bits, little-endian, EXEC, x86-64 */
	for (unsigned i = 0; i < sizeof header; i++) {
		build_elf();
		elf[header[i]] ^= 1;
		assert_int_equal(elf_read(s, &e), SL_BADVAL);
	}
	for (unsigned i = 0; i < 2; i++) {
		build_elf();
		put(elf + 64 + 56 * i + 4, 7, 4); /* writable and executable */
		assert_int_equal(elf_read(s, &e), SL_BADVAL);
	}
	build_elf();
	put(elf + 64 + 16, 0xffffffff80000800, 8);
	assert_int_equal(elf_read(s, &e), SL_BADVAL);
	build_elf();
	put(elf + 24, 0x1000, 8); /* entry outside */
	assert_int_equal(elf_read(s, &e), SL_BADVAL);
	build_elf();
	put(elf + 64 + 8, sizeof elf - 4, 8);
	assert_int_equal(elf_read(s, &e), SL_TRUNC);
	for (size_t n = 0; n < sizeof elf;
	     n += 7) { /* cut anywhere: an error or a sound result, never a read outside */
		build_elf();
		uint8_t *copy = malloc(n + 1);
		memcpy(copy, elf, n);
		if (elf_read((struct span){copy, n}, &e) == SL_OK)
			for (unsigned i = 0; i < e.segments; i++)
				assert_true(e.segment[i].file.p + e.segment[i].file.n <= copy + n);
		free(copy);
	}
}

static unsigned tables;

static void *table(void)
{
	tables++;
	return pmm_page();
}

static void test_page_tables(void **state)
{
	(void)state;
	phys_t ram = support_ram(8 * PAGE_2M, 0x80000000);
	assert_int_equal(pmm_add(ram, 8 * 512), SL_OK);
	struct pt pt = {.pml4 = pmm_page(), .page = table, .pages_1g = true};
	phys_t pa;
	unsigned flags;

	/* 1 GiB, 2 MiB and 4 KiB pages as they fit */
	assert_int_equal(pt_map(&pt, 0xffff800000000000 + PAGE_1G - PAGE_2M - PAGE_SIZE,
				PHYS(PAGE_1G - PAGE_2M - PAGE_SIZE), 2 * PAGE_1G + PAGE_2M + PAGE_SIZE, PT_W),
			 SL_OK);
	assert_int_equal(tables, 3); /* PDPT, PD, PT: the two GiB need no table */
	assert_true(pt_lookup(&pt, 0xffff800000000000 + PAGE_1G - PAGE_2M - 1, &pa, &flags));
	assert_int_equal(pa.v, PAGE_1G - PAGE_2M - 1);
	assert_int_equal(flags, PT_W); /* never executable by itself */
	assert_true(pt_lookup(&pt, 0xffff800000000000 + 3 * PAGE_1G - 8, &pa, &flags));
	assert_int_equal(pa.v, 3 * PAGE_1G - 8);
	assert_false(pt_lookup(&pt, 0xffff800000000000 + 3 * PAGE_1G, &pa, &flags));
	assert_false(pt_lookup(&pt, 0, &pa, &flags));

	assert_int_equal(pt_map(&pt, 0x1000, PHYS(0x1000), PAGE_SIZE, PT_W | PT_X), SL_BADVAL); /* W^X */
	assert_int_equal(pt_map(&pt, 0x1001, PHYS(0x1000), PAGE_SIZE, 0), SL_BADVAL);
	assert_int_equal(pt_map(&pt, 0xffff800000000000 + PAGE_1G, PHYS(0), PAGE_SIZE, 0), SL_EXISTS);

	assert_int_equal(pt_map(&pt, 0x7000, PHYS(0xfee00000), PAGE_SIZE, PT_W | PT_UC), SL_OK);
	assert_true(pt_lookup(&pt, 0x7010, &pa, &flags));
	assert_true(pa.v == 0xfee00010 && flags == (PT_W | PT_UC));
	assert_int_equal(pt_unmap_page(&pt, 0x7000), SL_OK);
	assert_false(pt_lookup(&pt, 0x7010, &pa, &flags));
	assert_int_equal(pt_unmap_page(&pt, 0x7000), SL_NOTFOUND);
	assert_int_equal(pt_unmap_page(&pt, 0xffff800000000000 + PAGE_1G),
			 SL_NOTFOUND); /* a large page is not cut */
}

static char seen[4096];

static void sink(const char *text, size_t len)
{
	size_t n = strlen(seen);
	if (n + len < sizeof seen) {
		memcpy(seen + n, text, len);
		seen[n + len] = 0;
	}
}

static void test_log(void **state)
{
	(void)state;
	log_line("first", "before any sink");
	log_sink_add(sink);
	assert_non_null(strstr(seen, "first: before any sink\n")); /* the ring gives a new sink what was */
	log_fail("iommu", "switch it on", "%s at 0x%llx", "nothing", (ull)0xfed90000);
	assert_non_null(
		strstr(seen, "] FAIL iommu: nothing at 0xfed90000\n               try: switch it on\n"));
	seen[0] = 0;
	char longer[2000];
	memset(longer, 'x', sizeof longer);
	longer[sizeof longer - 1] = 0;
	log_line("x", "%s", longer);
	assert_int_equal(strlen(seen), 511); /* cut, and still a line */
	assert_int_equal(seen[510], '\n');
}

/* Subsystems have levels; what is not shown is kept; answers of the console are not. */
static void test_log_levels(void **state)
{
	(void)state;
	enum log_level level;
	char line[64];
	uint64_t at = 0;
	unsigned n = 0;
	log_debug("unit7", "not made");
	assert_true(log_level_set("unit", LOG_WARN));
	seen[0] = 0;
	log_line("unit0", "not shown");
	log_line("other", "shown");
	log_warn("unit1", "warns");
	assert_null(strstr(seen, "not shown"));
	assert_non_null(strstr(seen, "other: shown\n"));
	assert_non_null(strstr(seen, "WARN unit1: warns\n"));
	assert_true(log_level_set("unit3", LOG_DEBUG));
	log_debug("unit9", "%s", "made");
	log_debug("other", "not made");
	assert_non_null(strstr(seen, "unit9: made\n"));
	log_plain(true);
	seen[0] = 0;
	log_text("an answer\n");
	log_warn("other", "in the middle of it");
	log_plain(false);
	assert_string_equal(seen, "an answer\nWARN in the middle of it\n");
	for (unsigned i = 0; log_subsystem(i, &level); i++)
		n += strcmp(log_subsystem(i, &level), "unit") == 0 && level == LOG_DEBUG;
	assert_int_equal(n, 1);
	bool hidden = false;
	while (log_next(&at, line, sizeof line)) {
		hidden |= strstr(line, "unit0: not shown") != NULL;
		assert_null(strstr(line, "not made"));
		assert_null(strstr(line, "an answer"));
		assert_null(strchr(line, '\n'));
	}
	assert_true(hidden);
	for (unsigned i = 0; i < 3000; i++) /* the ring goes round */
		log_line("other", "line %u of many that are long enough", i);
	at = 0;
	assert_true(log_next(&at, line, sizeof line));
	assert_int_equal(line[0], '[');
	for (n = 1; log_next(&at, line, sizeof line); n++)
		;
	assert_non_null(strstr(line, "line 2999 of"));
	assert_between(n, 900, 1400);
	for (unsigned i = 0; i < 2 * LOG_SUBSYSTEMS;
	     i++) { /* more than there is room for: they still speak */
		char name[3] = {(char)('a' + i % 26), (char)('a' + i / 26), 0};
		log_line(name, "speaks");
	}
	assert_true(log_level_set("unit", LOG_INFO));
	assert_false(log_level_set("one more", LOG_INFO));
	assert_null(log_level_name((enum log_level)4));
	assert_string_equal(log_level_name(LOG_DEBUG), "debug");
}

static void test_errors(void **state)
{
	(void)state;
	for (int e = 0; e < SL_ERR_COUNT; e++)
		assert_true(sl_err_name((enum sl_err)e)[0] && sl_err_text((enum sl_err)e)[0]);
	assert_string_equal(sl_err_name(SL_TIMEOUT), "TIMEOUT");
	assert_string_equal(sl_err_name((enum sl_err)999), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_elf), cmocka_unit_test(test_page_tables),
					   cmocka_unit_test(test_log), cmocka_unit_test(test_log_levels),
					   cmocka_unit_test(test_errors)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
