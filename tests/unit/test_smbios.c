/* SMBIOS, whole and damaged, and what a log and a report make of it. */
#include <stdlib.h>
#include <string.h>
#include "kernel/identity.h"
#include "kernel/report_lines.h"
#include "tests/unit/test.h"

static uint8_t table[4096];
static size_t len;
static struct smbios got;

static int start(void **state)
{
	(void)state;
	memset(table, 0, sizeof table);
	len = 0;
	return 0;
}

/* A structure: its formatted part of n bytes, where at and on stand the numbers 1, 2, ..., and the strings,
 * each with its NUL. */
static uint8_t *add_bytes(uint8_t type, uint8_t n, unsigned at, const char *strings, size_t bytes)
{
	uint8_t *s = table + len;
	s[0] = type;
	s[1] = n;
	for (uint8_t i = 1; at && at + i - 1u < n && i <= 8; i++)
		s[at + i - 1] = i;
	memcpy(s + n, strings, bytes);
	len += n + bytes + 1;
	return s;
}
#define add(type, n, at, strings) add_bytes(type, n, at, strings, sizeof(strings))

/* As malloc() gives it, so that ASan sees a byte too much. */
static void read(size_t bytes, uint32_t count)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);
	memcpy(copy, table, bytes);
	smbios_read((struct span){copy, bytes}, count, &got);
	free(copy);
}

static void fill(void)
{
	static const uint8_t uuid[] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
				       0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
	uint8_t *s = add(1, 0x1b, 4, "Maker\0Product 9\0V1\0S-77");
	memcpy(s + 8, uuid, sizeof uuid);
	s = add(3, 0x15, 0, "Case\0C-5");
	s[4] = 1;
	s[7] = 2;
	add(2, 0x0f, 4, "Boards\0B550\0r2\0B-1");
	add(4, 0x30, 4, "CPU0\0Intel");
	s = add(0, 0x18, 4,
		"Bios\0"
		"1.23\0"
		"01/02/2026");
	s[6] = 0;
	s[8] = 3;
}

static void test_all(void **state)
{
	static const char *const want[] = {"Maker", "Product 9", "V1",  "S-77", "Boards", "B550",
					   "r2",    "B-1",       "C-5", "Bios", "1.23",   "01/02/2026"};
	(void)state;
	fill();
	add(1, 0x1b, 4, "Another\0one"); /* the first counts */
	add(127, 4, 0, "");
	read(len, UINT32_MAX);
	assert_int_equal(sizeof want / sizeof want[0], SMBIOS_FIELD_COUNT);
	for (unsigned i = 0; i < SMBIOS_FIELD_COUNT; i++)
		assert_string_equal(got.text[i], want[i]);
	assert_string_equal(got.uuid, "00112233-4455-6677-8899-aabbccddeeff");
	assert_null(smbios_key(SMBIOS_FIELD_COUNT));
	smbios_make_private(&got);
	for (unsigned i = 0; i < SMBIOS_FIELD_COUNT; i++)
		assert_string_equal(got.text[i], strstr(smbios_key(i), "serial") ? "" : want[i]);
	assert_string_equal(got.uuid, "");
}

/* Up to the end of the table, without a structure 127; up to the count; and cut anywhere. */
static void test_ends(void **state)
{
	(void)state;
	fill();
	read(len, UINT32_MAX);
	assert_string_equal(got.text[SMBIOS_BIOS_DATE], "01/02/2026");
	read(len, 4);
	assert_string_equal(got.text[SMBIOS_BOARD], "B550");
	assert_string_equal(got.text[SMBIOS_BIOS_DATE], "");
	for (size_t n = 0; n < len; n++) {
		read(n, UINT32_MAX);
		assert_string_equal(got.text[SMBIOS_BIOS_DATE], "");
	}
	start(NULL);
	add(127, 4, 0, "");
	fill();
	read(len, UINT32_MAX);
	assert_string_equal(got.text[SMBIOS_MAKER], "");
}

static void test_texts(void **state)
{
	uint8_t *s;
	(void)state;
	s = add(1, 0x1b, 0,
		"  To be filled by O.E.M. \0\x01\xff\"x\\\0 \0" /* blanks alone */
		"0123456789012345678901234567890123456789012345678901234567890123456789");
	s[4] = 1;
	s[5] = 2;
	s[6] = 3;
	s[7] = 4;
	memset(s + 8, 0xff, 16);
	read(len, 9);
	assert_string_equal(got.text[SMBIOS_MAKER], "To be filled by O.E.M.");
	assert_string_equal(got.text[SMBIOS_PRODUCT], "?\"x\\");
	assert_string_equal(got.text[SMBIOS_VERSION], "");
	assert_int_equal(strlen(got.text[SMBIOS_SERIAL]), SMBIOS_TEXT - 1);
	assert_string_equal(got.uuid, "");
	s[4] = 5; /* there is no such string */
	s[5] = 255;
	memset(s + 8, 0, 16);
	read(len, 9);
	assert_string_equal(got.text[SMBIOS_MAKER], "");
	assert_string_equal(got.text[SMBIOS_PRODUCT], "");
	assert_string_equal(got.uuid, "");
	s[1] = 3; /* shorter than a header */
	read(len, 9);
	assert_string_equal(got.text[SMBIOS_SERIAL], "");
	/* A formatted part of version 2.0, without a UUID: what lies behind it are strings. */
	start(NULL);
	add(1, 8, 4, "M\0P\0V\0S");
	read(len, 9);
	assert_string_equal(got.text[SMBIOS_SERIAL], "S");
	assert_string_equal(got.uuid, "");
}

static void seal(uint8_t *e, size_t n, size_t at)
{
	uint8_t sum = 0;
	e[at] = 0;
	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + e[i]);
	e[at] = (uint8_t)-sum;
}

static void test_entry(void **state)
{
	uint8_t e[SMBIOS_ENTRY] = "_SM3_";
	const struct span all = {e, sizeof e};
	struct smbios_table t;
	(void)state;
	e[6] = 0x18;
	e[0x0e] = 0x20; /* 2 MiB at most */
	e[0x13] = 0x7f;
	seal(e, 0x18, 5);
	assert_int_equal(smbios_entry(all, &t), SL_OK);
	assert_int_equal(t.addr, 0x7f000000);
	assert_int_equal(t.len, SMBIOS_MOST);
	assert_int_equal(t.count, UINT32_MAX);
	assert_int_equal(smbios_entry((struct span){e, 0x17}, &t), SL_CHECKSUM);
	assert_int_equal(smbios_entry((struct span){e, 5}, &t), SL_CHECKSUM);
	assert_int_equal(smbios_entry((struct span){e, 4}, &t), SL_BADVAL);
	e[7]++;
	assert_int_equal(smbios_entry(all, &t), SL_CHECKSUM);
	e[6] = 255;
	assert_int_equal(smbios_entry(all, &t), SL_CHECKSUM);
	e[6] = 0x17;
	seal(e, 0x17, 5);
	assert_int_equal(smbios_entry(all, &t), SL_CHECKSUM);
	e[6] = 0x18;
	e[0x13] = 0;
	seal(e, 0x18, 5);
	assert_int_equal(smbios_entry(all, &t), SL_NOTFOUND);
	memset(e, 0, sizeof e);
	memcpy(e, "_SM_", 4);
	e[5] = 0x1f;
	e[0x16] = 0x34;
	e[0x17] = 0x12;
	e[0x1a] = 0xf0;
	e[0x1c] = 9;
	seal(e, 0x1f, 4);
	assert_int_equal(smbios_entry(all, &t), SL_OK);
	assert_int_equal(t.addr, 0xf00000);
	assert_int_equal(t.len, 0x1234);
	assert_int_equal(t.count, 9);
	e[5] = 0x1e; /* what version 2.1 had printed */
	seal(e, 0x1e, 4);
	assert_int_equal(smbios_entry(all, &t), SL_OK);
	e[5] = 0x1d;
	seal(e, 0x1d, 4);
	assert_int_equal(smbios_entry(all, &t), SL_CHECKSUM);
	memcpy(e, "_DMI", 4);
	assert_int_equal(smbios_entry(all, &t), SL_BADVAL);
}

static char line[JSONL_LINE + 1];

static void take(void *ctx, const char *text, size_t n)
{
	(void)ctx;
	assert_true(n < sizeof line);
	memcpy(line, text, n);
	line[n] = 0;
}

static void test_words(void **state)
{
	struct identity id = {
		.zone = IDENTITY_NO_ZONE, .build = "v1-2-gabc", .built = "2026-01-02T03:04:05Z"};
	struct jsonl j = {.put = take};
	(void)state;
	assert_string_equal(identity_time(&id).s, "");
	assert_string_equal(identity_text(&id, SMBIOS_MAKER), "none");
	assert_string_equal(identity_uuid(&id), "none");
	identity_report(&j, &id);
	assert_string_equal(
		line, "{\"t\":\"machine\",\"build\":\"v1-2-gabc\",\"built\":\"2026-01-02T03:04:05Z\"}\n");
	id.year = 2020;
	id.month = id.day = 1;
	id.minute = 59;
	assert_string_equal(identity_time(&id).s, "2020-01-01T00:59:00");
	id.zone = -90; /* UEFI §8.3: local time = UTC - zone */
	assert_string_equal(identity_time(&id).s, "2020-01-01T00:59:00+01:30");
	id.zone = 0;
	assert_string_equal(identity_time(&id).s, "2020-01-01T00:59:00+00:00");
	id.zone = 1;
	assert_string_equal(identity_time(&id).s, "2020-01-01T00:59:00-00:01");
	id.zone = 300;
	assert_string_equal(identity_time(&id).s, "2020-01-01T00:59:00-05:00");
	for (unsigned i = 0; i < SMBIOS_FIELD_COUNT; i++)
		memset(id.smbios.text[i], 'x', SMBIOS_TEXT - 1);
	memset(id.build, 'x', sizeof id.build - 1);
	memset(id.smbios.uuid, 'u', sizeof id.smbios.uuid - 1);
	identity_report(&j, &id);
	assert_non_null(strstr(line, "uuu\"}\n")); /* even the longest fits a line */
	assert_string_equal(identity_text(&id, SMBIOS_SERIAL), id.smbios.text[SMBIOS_SERIAL]);
	assert_string_equal(identity_uuid(&id), id.smbios.uuid);
	id.privacy = true;
	smbios_make_private(&id.smbios);
	assert_string_equal(identity_text(&id, SMBIOS_SERIAL), "left out");
	assert_string_equal(identity_text(&id, SMBIOS_MAKER), id.smbios.text[SMBIOS_MAKER]);
	assert_string_equal(identity_uuid(&id), "left out");
	identity_report(&j, &id);
	assert_non_null(strstr(line, ",\"privacy\":1}\n"));
	assert_null(strstr(line, "serial"));
	assert_null(strstr(line, "uuid"));
}

static uint32_t space[1024];

static uint32_t read_space(void *ctx, unsigned off)
{
	(void)ctx;
	assert_true(off < sizeof space && off % 4 == 0);
	return space[off / 4];
}

static void test_device_serial(void **state)
{
	(void)state;
	memset(space, 0, sizeof space);
	assert_int_equal(report_serial_at(read_space, NULL), 0);
	space[0x40] = 0x14010001; /* AER, then 140h */
	space[0x50] = 0xff410003; /* the serial number, and a next that nobody follows */
	assert_int_equal(report_serial_at(read_space, NULL), 0x144);
	space[0x50] = 0x10010004; /* a loop */
	assert_int_equal(report_serial_at(read_space, NULL), 0);
	space[0x50] = 0xffc1000f; /* to the last dword, where there is no room for one */
	space[0x3ff] = 0x00010003;
	assert_int_equal(report_serial_at(read_space, NULL), 0);
	memset(space, 0xff, sizeof space);
	assert_int_equal(report_serial_at(read_space, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_all, start),
					   cmocka_unit_test_setup(test_ends, start),
					   cmocka_unit_test_setup(test_texts, start),
					   cmocka_unit_test(test_entry),
					   cmocka_unit_test(test_words),
					   cmocka_unit_test(test_device_serial)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
