/* The kernel's pure parts at their edges: page allocator, ACPI, page tables, JSON lines, log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "boot/elf.h"
#include "kernel/acpi.h"
#include "kernel/jsonl.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/symbols.h"
#include "kernel/x86/pt.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

#define RAM   0x40000000ull
#define PAGES 512u
#define KEPT  (RAM + PAGES * PAGE_SIZE) /* 16 pages more: what is reserved stays so for all tests */

static void put(uint8_t *p, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* RAM without an owner, none of it free. */
static void all_taken(void)
{
	static bool made;
	if (!made)
		assert_int_equal(support_ram((PAGES + 16) * PAGE_SIZE, RAM).v, RAM);
	made = true;
	phys_t p;
	while (pmm_alloc(1, PAGE_SIZE, &p) == SL_OK)
		;
	assert_int_equal(pmm_free_pages(), 0);
}

/* What is reserved is not used: it is not there any more. */
static void test_reserve(void **state)
{
	(void)state;
	all_taken();
	uint64_t used = pmm_used_pages();
	assert_int_equal(pmm_add(PHYS(KEPT), 16), SL_OK);
	assert_int_equal(pmm_used_pages(), used);
	pmm_reserve(PHYS(KEPT + 4 * PAGE_SIZE), 4);
	assert_int_equal(pmm_free_pages(), 12);
	assert_int_equal(pmm_used_pages(), used);
	pmm_reserve(PHYS(KEPT + 4 * PAGE_SIZE), 4); /* nothing of it is left */
	assert_int_equal(pmm_free_pages(), 12);
	pmm_reserve(PHYS(KEPT + 8 * PAGE_SIZE), 1); /* the first page of what follows */
	pmm_reserve(PHYS(KEPT + 15 * PAGE_SIZE), 1);
	assert_int_equal(pmm_free_pages(), 10);
	phys_t p;
	assert_int_equal(pmm_alloc(6, PAGE_SIZE, &p), SL_OK); /* 9 to 14 */
	assert_int_equal(p.v, KEPT + 9 * PAGE_SIZE);
	assert_int_equal(pmm_alloc(5, PAGE_SIZE, &p), SL_NOMEM);
	assert_int_equal(pmm_alloc(4, PAGE_SIZE, &p), SL_OK);
	assert_int_equal(p.v, KEPT);
	assert_int_equal(pmm_used_pages(), used + 10);
	assert_int_equal(pmm_add(PHYS(KEPT), 9), SL_OK); /* it does not come back either: pages 0 to 3 */
	assert_int_equal(pmm_free_pages(), 4);
}

/* Runs shorter than what is wanted are passed over, aligned or not; the next address that is aligned may lie
 * behind all of a run. */
static void test_align(void **state)
{
	(void)state;
	phys_t p;
	all_taken();
	assert_int_equal(pmm_add(PHYS(RAM + 1 * PAGE_SIZE), 3), SL_OK);
	assert_int_equal(pmm_alloc(1, 8 * PAGE_SIZE, &p), SL_NOMEM);
	assert_int_equal(pmm_alloc(2, 4 * PAGE_SIZE, &p), SL_NOMEM);
	assert_int_equal(pmm_alloc(4, PAGE_SIZE, &p), SL_NOMEM);
	assert_int_equal(pmm_free_pages(), 3);
	assert_int_equal(pmm_alloc(2, 2 * PAGE_SIZE, &p), SL_OK);
	assert_int_equal(p.v, RAM + 2 * PAGE_SIZE);
	assert_int_equal(pmm_add(PHYS(RAM + 5 * PAGE_SIZE), 6), SL_OK); /* 5 to 10 */
	assert_int_equal(pmm_alloc(3, 8 * PAGE_SIZE, &p), SL_OK);       /* just fits: 8 to 10 */
	assert_int_equal(p.v, RAM + 8 * PAGE_SIZE);
	assert_int_equal(pmm_alloc(0, PAGE_SIZE, &p), SL_RANGE);
	assert_int_equal(pmm_alloc(1, PAGE_SIZE / 2, &p), SL_RANGE);
	assert_int_equal(pmm_alloc(0, 0, &p), SL_RANGE);
}

/* What is given out is zero to its last byte, and its neighbours are as they were. */
static void test_zeroed(void **state)
{
	(void)state;
	phys_t p;
	all_taken();
	uint8_t *ram = phys_va(PHYS(RAM));
	memset(ram, 0xa5, 8 * PAGE_SIZE);
	assert_int_equal(pmm_add(PHYS(RAM + PAGE_SIZE), 3), SL_OK);
	assert_int_equal(pmm_alloc(3, PAGE_SIZE, &p), SL_OK);
	for (uint64_t i = 0; i < 8 * PAGE_SIZE; i++)
		assert_int_equal(ram[i], i / PAGE_SIZE >= 1 && i / PAGE_SIZE < 4 ? 0 : 0xa5);
	pmm_free(p, 1); /* back in three pieces, the middle one last: they join */
	pmm_free(PHYS(p.v + 2 * PAGE_SIZE), 1);
	pmm_free(PHYS(p.v + PAGE_SIZE), 1);
	assert_int_equal(pmm_alloc(3, PAGE_SIZE, &p), SL_OK);
	assert_int_equal(pmm_add(PHYS(p.v), 0), SL_OK);
}

/* Page 0 is never used, and what overlaps free memory is refused from either side. */
static void test_add(void **state)
{
	(void)state;
	all_taken();
	uint64_t used = pmm_used_pages();
	assert_int_equal(pmm_add(PHYS(0), 1), SL_OK);
	assert_int_equal(pmm_free_pages(), 0);
	assert_int_equal(pmm_add(PHYS(RAM + 4 * PAGE_SIZE), 4), SL_OK);
	assert_int_equal(pmm_add(PHYS(RAM + 7 * PAGE_SIZE), 2), SL_EXISTS);
	assert_int_equal(pmm_add(PHYS(RAM + 3 * PAGE_SIZE), 2), SL_EXISTS);
	assert_int_equal(pmm_add(PHYS(RAM + 5 * PAGE_SIZE), 1), SL_EXISTS);
	assert_int_equal(pmm_free_pages(), 4);
	assert_int_equal(pmm_used_pages(), used);
	assert_int_equal(pmm_add(PHYS(RAM + 8 * PAGE_SIZE), 2), SL_OK); /* touches it: one run */
	assert_int_equal(pmm_add(PHYS(RAM + 2 * PAGE_SIZE), 2), SL_OK);
	phys_t p;
	assert_int_equal(pmm_alloc(8, PAGE_SIZE, &p), SL_OK);
	assert_int_equal(p.v, RAM + 2 * PAGE_SIZE);
}

/* The most that there ever was, and objects that stay. */
static void test_peak(void **state)
{
	(void)state;
	phys_t p;
	all_taken();
	assert_int_equal(pmm_add(PHYS(RAM), PAGES), SL_OK);
	uint64_t used = pmm_used_pages(), rest = pmm_peak_pages() - used + 1;
	assert_int_equal(pmm_alloc(rest, PAGE_SIZE, &p), SL_OK);
	uint64_t peak = pmm_peak_pages();
	assert_int_equal(peak, used + rest);
	pmm_free(p, rest);
	assert_int_equal(pmm_alloc(1, PAGE_SIZE, &p), SL_OK);
	assert_int_equal(pmm_peak_pages(), peak);
	pmm_free(p, 1);
	uint64_t before = pmm_used_pages();
	uint8_t *a = pmm_keep(1), *b = pmm_keep(17), *c = pmm_keep(PAGE_SIZE);
	assert_true(a && b == a + 16 && c && (c < a || c >= b + 32));
	memset(c, 1, PAGE_SIZE);
	assert_true(IS_ALIGNED((uintptr_t)a, 16) && a[0] == 0 && b[16] == 0);
	uint8_t *d = pmm_keep(16); /* in what c's pages have left */
	assert_ptr_equal(d, c + PAGE_SIZE);
	assert_int_equal(pmm_used_pages() - before, 1 + 2);
	assert_null(pmm_keep(PAGES * PAGE_SIZE));
	void *page = pmm_page();
	assert_non_null(page);
	pmm_page_free(page);
	all_taken();
	assert_null(pmm_page());
}

static unsigned pages_left;

static void *table(void)
{
	return pages_left ? pages_left--, pmm_page() : NULL;
}

/* Entries as the processor reads them: SDM volume 3, tables 4-15 to 4-20. */
static void test_entries(void **state)
{
	(void)state;
	all_taken();
	assert_int_equal(pmm_add(PHYS(RAM), PAGES), SL_OK);
	struct pt pt = {.pml4 = pmm_page(), .page = table, .pages_1g = true};
	static const struct {
		uint64_t va, pa, len, entry;
		unsigned flags;
	} map[] = {
		{0x1000, 0x5000, PAGE_SIZE, 0x8000000000005101, 0},
		{0x2000, 0x6000, PAGE_SIZE, 0x8000000000006103, PT_W},
		{0x3000, 0x7000, PAGE_SIZE, 0x0000000000007101, PT_X},
		{0x4000, 0xfffffffff8000, PAGE_SIZE, 0x800fffffffff8119, PT_UC},
		{PAGE_2M, 4 * PAGE_2M, PAGE_2M, 0x8000000000800183, PT_W},
		{PAGE_1G, 3 * PAGE_1G, PAGE_1G, 0x80000000c000019b, PT_W | PT_UC},
	};
	phys_t pa;
	unsigned flags;
	pages_left = 3;
	for (unsigned i = 0; i < ARRAY_LEN(map); i++) {
		assert_int_equal(pt_map(&pt, map[i].va, PHYS(map[i].pa), map[i].len, map[i].flags), SL_OK);
		const uint64_t *t = phys_va(pt_table_of(&pt, map[i].va));
		unsigned level = map[i].len == PAGE_SIZE ? 1 : map[i].len == PAGE_2M ? 2 : 3;
		assert_int_equal(t[map[i].va >> (3 + 9 * level) & 511], map[i].entry);
		assert_true(pt_lookup(&pt, map[i].va + map[i].len - 1, &pa, &flags));
		assert_int_equal(pa.v, map[i].pa + map[i].len - 1);
		assert_int_equal(flags, map[i].flags);
		assert_int_equal(pt_map(&pt, map[i].va, PHYS(0x9000), PAGE_SIZE, 0), SL_EXISTS);
	}
	assert_int_equal(pages_left, 0); /* PDPT, PD, PT, and no other */
	assert_int_equal(pt_map(&pt, BIT(39), PHYS(0), PAGE_SIZE, 0), SL_NOMEM);
	assert_int_equal(pt_map(&pt, 0x9000, PHYS(0x800), PAGE_SIZE, 0), SL_BADVAL);
	assert_int_equal(pt_map(&pt, 0x9000, PHYS(0), PAGE_SIZE + 1, 0), SL_BADVAL);
	assert_int_equal(pt_map(&pt, 0x9000, PHYS(0x9000), 0, 0), SL_OK);
	assert_false(pt_lookup(&pt, 0x9000, &pa, &flags));
	pt.pages_1g = false; /* 2 MiB are the largest then */
	pages_left = 1;
	assert_int_equal(pt_map(&pt, 4 * PAGE_1G, PHYS(4 * PAGE_1G), PAGE_1G, PT_W), SL_OK);
	assert_int_equal(pages_left, 0);
	assert_true(pt_lookup(&pt, 5 * PAGE_1G - 1, &pa, &flags) && pa.v == 5 * PAGE_1G - 1);
	assert_int_equal(pt_map(&pt, 6 * PAGE_1G, PHYS(PAGE_SIZE), PAGE_2M, 0), SL_NOMEM); /* not aligned */
	assert_int_equal(pt_unmap_page(&pt, PAGE_2M), SL_NOTFOUND);
	assert_int_equal(pt_unmap_page(&pt, 0x2fff), SL_OK);
	assert_true(pt_lookup(&pt, 0x3000, &pa, &flags) && pt_lookup(&pt, 0x1000, &pa, &flags));
}

/* Where len bytes at an address can be read. */
static uint8_t *memory;
static size_t memory_size;

static const uint8_t *map(uint64_t phys, size_t len)
{
	return phys <= memory_size && len <= memory_size - phys ? memory + phys : NULL;
}

static void seal(uint8_t *p, size_t len, size_t at)
{
	uint8_t sum = 0;
	p[at] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + p[i]);
	p[at] = (uint8_t)-sum;
}

static void sdt(uint64_t at, const char *sig, uint32_t len)
{
	memcpy(memory + at, sig, 4);
	put(memory + at + 4, len, 4);
	seal(memory + at, len, 9);
}

#define RSDP 64u

/* One table of len bytes behind an XSDT with so many pointers to it, all in memory that ends with it. */
static void one_table(uint32_t len, unsigned times)
{
	uint64_t xsdt = RSDP + 36, at = xsdt + 36 + 8 * times;
	free(memory);
	memory_size = at + (len < 36 ? 36 : len);
	memory = calloc(1, memory_size);
	memcpy(memory + RSDP, "RSD PTR ", 8);
	memory[RSDP + 15] = 2;
	put(memory + RSDP + 24, xsdt, 8);
	seal(memory + RSDP, 20, 8);
	seal(memory + RSDP, 36, 32);
	for (unsigned i = 0; i < times; i++)
		put(memory + xsdt + 36 + 8 * i, at, 8);
	sdt(xsdt, "XSDT", 36 + 8 * times);
	sdt(at, "TEST", len);
}

/* A table has a header, and is no longer than 16 MiB; so many fit. */
static void test_acpi_lengths(void **state)
{
	(void)state;
	static struct acpi a;
	static const struct {
		uint32_t len;
		unsigned times, found;
	} row[] = {{35, 1, 0},
		   {36, 1, 1},
		   {37, 1, 1},
		   {16 << 20, 1, 1},
		   {(16 << 20) + 1, 1, 0},
		   {40, ACPI_MAX_TABLES, ACPI_MAX_TABLES},
		   {40, ACPI_MAX_TABLES + 2, ACPI_MAX_TABLES}};
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		one_table(row[i].len, row[i].times);
		assert_int_equal(acpi_init(&a, RSDP, map), row[i].found ? SL_OK : SL_NOTFOUND);
		assert_int_equal(a.count, row[i].found);
		assert_int_equal(a.xsdt, row[i].found != 0);
		if (!row[i].found)
			continue;
		assert_int_equal(a.table[0].data.n, row[i].len);
		assert_ptr_equal(acpi_find(&a, "TEST", row[i].found - 1), &a.table[row[i].found - 1]);
		assert_null(acpi_find(&a, "TEST", row[i].found));
	}
	memory[RSDP + 15] = 1; /* of that revision the XSDT does not count */
	seal(memory + RSDP, 20, 8);
	assert_int_equal(acpi_init(&a, RSDP, map), SL_NOTFOUND);
	free(memory);
	memory = NULL;
}

/* Addresses of devices: the kinds of registers that we can reach, and no others. */
static void test_acpi_devices(void **state)
{
	(void)state;
	uint8_t hpet[56] = {0}, spcr[80] = {0}, fadt[244] = {0};
	struct acpi_uart u;
	put(hpet + 44, 0xfed00000, 8);
	hpet[41] = 64;
	assert_int_equal(acpi_hpet((struct span){hpet, 56}), 0xfed00000);
	hpet[40] = 1; /* ports */
	assert_int_equal(acpi_hpet((struct span){hpet, 56}), 0);

	static const struct {
		uint8_t kind, space, width, access;
		size_t len;
		unsigned stride; /* 0: not for us */
	} uart[] = {
		{0, 0, 8, 1, 80, 1},    {0, 0, 8, 3, 80, 4},    {0, 0, 32, 1, 80, 4},    {0, 0, 8, 2, 80, 1},
		{0, 0, 8, 4, 80, 1},    {1, 0, 32, 3, 80, 1},   {0x12, 0, 32, 1, 80, 4}, {2, 0, 8, 1, 80, 0},
		{0x13, 0, 8, 1, 80, 0}, {0x11, 0, 8, 1, 80, 0}, {0, 1, 32, 3, 80, 1},    {0, 2, 8, 1, 80, 0},
		{0, 1, 8, 1, 52, 1},    {0, 1, 8, 1, 51, 0},
	};
	for (unsigned i = 0; i < ARRAY_LEN(uart); i++) {
		spcr[36] = uart[i].kind, spcr[40] = uart[i].space;
		spcr[41] = uart[i].width, spcr[43] = uart[i].access;
		put(spcr + 44, 0xfe001000, 8);
		assert_int_equal(acpi_spcr((struct span){spcr, uart[i].len}, &u),
				 uart[i].stride ? SL_OK : SL_NOTFOUND);
		if (uart[i].stride)
			assert_true(u.addr == 0xfe001000 && u.stride == uart[i].stride &&
				    u.mmio == (uart[i].space == 0));
	}
	put(spcr + 44, 0, 8);
	assert_int_equal(acpi_spcr((struct span){spcr, 80}, &u), SL_NOTFOUND);

	put(fadt + 76, 0x608, 4);
	for (unsigned space = 0; space < 4; space++) {
		struct acpi_timer t;
		fadt[208] = (uint8_t)space;
		put(fadt + 212, 0x1800, 8);
		t = acpi_fadt_timer((struct span){fadt, sizeof fadt});
		assert_true(t.addr == (space < 2 ? 0x1800 : 0x608) && t.mmio == (space == 0) && !t.wide);
	}
	fadt[113] = 0xfe;
	fadt[112] = 0xff;
	fadt[114] = 0xff;
	assert_false(acpi_fadt_timer((struct span){fadt, sizeof fadt}).wide);
}

/* Windows of configuration space that no machine can have. */
static void test_acpi_mcfg(void **state)
{
	(void)state;
	uint8_t mcfg[60] = {0};
	struct acpi_ecam w;
	put(mcfg + 44, BIT(52) - BIT(20), 8);
	put(mcfg + 52, 0x1234, 2);
	mcfg[54] = mcfg[55] = 7;
	assert_int_equal(acpi_mcfg((struct span){mcfg, 60}, 0, &w), SL_OK);
	assert_true(w.base == BIT(52) - BIT(20) && w.seg == 0x1234 && w.start == 7 && w.end == 7);
	mcfg[55] = 6;
	assert_int_equal(acpi_mcfg((struct span){mcfg, 60}, 0, &w), SL_BADVAL);
	mcfg[54] = 0;
	put(mcfg + 44, BIT(52), 8);
	assert_int_equal(acpi_mcfg((struct span){mcfg, 60}, 0, &w), SL_BADVAL);
	put(mcfg + 44, 0, 8);
	assert_int_equal(acpi_mcfg((struct span){mcfg, 60}, 0, &w), SL_BADVAL);
	put(mcfg + 44, 0xe0080000, 8);
	assert_int_equal(acpi_mcfg((struct span){mcfg, 60}, 0, &w), SL_BADVAL);
}

static char text[65536];
static size_t text_len;

static void take(void *ctx, const char *line, size_t n)
{
	(void)ctx;
	assert_true(text_len + n < sizeof text);
	memcpy(text + text_len, line, n);
	text[text_len += n] = 0;
}

/* CRC-32 of IEEE 802.3, by division. */
static uint32_t crc32_of(const char *p, size_t n)
{
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < 8 * n; i++) {
		uint32_t bit = (uint32_t)(p[i / 8] >> i % 8 & 1) ^ (crc & 1);
		crc = crc >> 1 ^ (bit ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void test_jsonl(void **state)
{
	(void)state;
	static struct jsonl j;
	char much[JSONL_LINE + 16];
	const uint8_t bytes[] = {0x00, 0x9a, 0xff};
	memset(much, 'x', sizeof much);
	assert_int_equal(crc32_of("123456789", 9), 0xcbf43926);
	j.put = take;
	jsonl_start(&j, "kind");
	jsonl_text(&j, "k", "a \"b\\ \x7f\x1f~\xc3");
	jsonl_bytes(&j, bytes, sizeof bytes);
	jsonl_add(&j, ",\"n\":%u%s", 5, "");
	jsonl_add(&j, "%s", "");
	jsonl_end(&j);
	assert_string_equal(text, "{\"t\":\"kind\",\"k\":\"a 'b? ??~?\",\"hex\":\"009aff\",\"n\":5}\n");
	for (unsigned room = 0; room < 4; room++) { /* what just has room, and what has none */
		jsonl_start(&j, "x");
		much[JSONL_LINE - 2 - j.n + (room > 1)] = 0;
		jsonl_add(&j, "%s", much);
		jsonl_end(&j);
		memset(much, 'x', sizeof much);
		assert_int_equal(j.n, JSONL_LINE);
	}
	size_t before = text_len;
	jsonl_start(&j, "x"); /* spoilt, and the next one is none the worse */
	much[sizeof much - 1] = 0;
	jsonl_add(&j, "%s", much);
	jsonl_add(&j, "%s", "more");
	jsonl_end(&j);
	assert_int_equal(j.n, JSONL_LINE);
	assert_int_equal(text_len - before, JSONL_LINE);
	jsonl_start(&j, "y");
	jsonl_end(&j);
	assert_string_equal(text + text_len - 10, "{\"t\":\"y\"}\n");
	assert_int_equal(j.lines, 7);
	assert_int_equal(j.crc, crc32_of(text, text_len));
	j.put = NULL; /* counted and summed all the same */
	jsonl_end(&j);
	assert_int_equal(j.lines, 8);
}

static char seen[2][256];
static size_t longest;

static void sink_a(const char *p, size_t n)
{
	strncat(seen[0], p, n < 255 - strlen(seen[0]) ? n : 0);
	longest = n > longest ? n : longest;
}

static void sink_b(const char *p, size_t n)
{
	strncat(seen[1], p, n < 255 - strlen(seen[1]) ? n : 0);
}

/* A sink takes the place of another, and of no third. */
static void test_log_sinks(void **state)
{
	(void)state;
	char line[16];
	uint64_t at = 0;
	log_sink_add(sink_a);
	log_sink_add(sink_a); /* once is enough */
	memset(seen, 0, sizeof seen);
	log_text("one\n");
	assert_string_equal(seen[0], "one\n");
	log_sink_replace(sink_b, sink_a); /* it is not there */
	log_sink_replace(sink_a, sink_b);
	log_text("two\n");
	assert_string_equal(seen[0], "one\n");
	assert_string_equal(seen[1], "two\n");
	log_sink_add(sink_a); /* told all that was */
	assert_string_equal(seen[0], "one\none\ntwo\n");
	assert_true(log_next(&at, line, 3)); /* cut to what has room */
	assert_string_equal(line, "on");
	assert_true(log_next(&at, line, sizeof line));
	assert_string_equal(line, "two");
	assert_false(log_next(&at, line, sizeof line));
	log_text("no end");
	assert_true(log_next(&at, line, sizeof line));
	assert_string_equal(line, "no end");
	assert_false(log_next(&at, line, sizeof line));
	log_text(" yet\n"); /* it goes on where it stopped */
	assert_true(log_next(&at, line, sizeof line));
	assert_string_equal(line, " yet");
	char much[513];
	memset(much, 'x', sizeof much);
	much[512] = 0;
	for (unsigned i = 0; i < 65536 / 511 + 2; i++) { /* a whole ring without an end of line */
		seen[0][0] = 0;
		longest = 0;
		log_text("%s", much);
		assert_int_equal(longest, 511);
	}
	at = 0;
	assert_false(log_next(&at, line, sizeof line));
	log_text("\nabc\n");
	assert_true(log_next(&at, line, sizeof line));
	assert_string_equal(line, "");
	assert_true(log_next(&at, line, sizeof line));
	assert_string_equal(line, "abc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reserve),      cmocka_unit_test(test_align),
		cmocka_unit_test(test_zeroed),       cmocka_unit_test(test_add),
		cmocka_unit_test(test_peak),         cmocka_unit_test(test_entries),
		cmocka_unit_test(test_acpi_lengths), cmocka_unit_test(test_acpi_devices),
		cmocka_unit_test(test_acpi_mcfg),    cmocka_unit_test(test_jsonl),
		cmocka_unit_test(test_log_sinks)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
