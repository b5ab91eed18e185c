/* keep=1: the file that the loader writes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "boot/keep.h"
#include "tests/unit/test.h"

static char text[65536];
static size_t len;

static void take(void *ctx, const char *line, size_t n)
{
	(void)ctx;
	assert_true(n <= JSONL_LINE && len + n < sizeof text);
	memcpy(text + len, line, n);
	text[len += n] = 0;
}

static uint32_t space[1024]; /* of 00:1f.2; nothing else answers */
static unsigned extended;    /* reads from 100h on */

static uint32_t read(const struct acpi *acpi, uint16_t seg, uint16_t rid, unsigned off)
{
	(void)acpi;
	if (seg != 0 || rid != 0xfa)
		return UINT32_MAX;
	extended += off >= 0x100;
	return space[off / 4];
}

/* A machine with a table, a unit, two functions and two drives. */
static void make_machine(struct acpi *acpi, struct boot_snapshot *entry, struct boot_info *boot)
{
	static uint8_t dmar[1000] = "DMAR";
	space[0] = 0x29228086;
	space[1] = 1u << 20;
	space[0x34 / 4] = 0x41; /* bits 1:0 do not count */
	space[0x40 / 4] = 0x5005;
	space[0x50 / 4] = 0x10;
	space[0x3c / 4] = 0x010a;
	space[0x100 / 4] = 0x00010001;
	boot->region_count = 1;
	boot->secure_boot = SECURE_SETUP;
	strcpy(boot->firmware, "Maker");
	strcpy(boot->identity.build, "b1");
	strcpy(boot->identity.smbios.text[SMBIOS_MAKER], "Frame");
	acpi->count = 1;
	acpi->table[0] = (struct acpi_table){"DMAR", true, 0x7f000000, {dmar, sizeof dmar}};
	entry->units = 1;
	entry->unit[0] = (struct boot_unit){
		.base = 0xfed90000, .seg = 3, .regs.ver = 0x10, .regs.gsts = 0x80000000, .regs.frcds = 1};
	entry->unit[0].regs.frcd[0].hi = 5;
	entry->funcs = 2;
	entry->func[0] = (struct boot_func){.rid = 0xfa, .command = 7};
	entry->func[1] = (struct boot_func){.rid = 0x100, .command = 3};
	boot->nvmes = 2;
	boot->nvme[0] = (struct boot_nvme){.rid = 0xfb, .serial = "other", .model = "Other"};
	boot->nvme[1] = (struct boot_nvme){.rid = 0x100, .serial = "S \"7\"", .model = "Drive"};
	boot->nvme[2] = (struct boot_nvme){.rid = 0xfa, .serial = "behind the last", .model = "none"};
}

static void test_report(void **state)
{
	static struct acpi acpi;
	static struct boot_snapshot entry;
	static struct boot_info boot;
	static const struct boot_region map[] = {{.base = 0x1000, .pages = 3, .attr = 0xf, .type = MEM_FREE}};
	struct keep k = {"Brand \"x\"", "GenuineIntel", &boot, &acpi, map, &entry, read};
	uint32_t crc;
	(void)state;
	make_machine(&acpi, &entry, &boot);
	len = 0;
	unsigned lines = keep_report(&k, take, NULL, &crc);
	static const char *const want[] = {
		"BEGIN SLUICE REPORT v=1\n{\"t\":\"run\",\"v\":1,\"app\":\"keep\",\"cpu\":\"Brand "
		"'x'\",\"vendor\":\"GenuineIntel\",\"secure_boot\":\"setup\",\"firmware\":\"Maker\"}\n"
		"{\"t\":\"machine\",\"build\":\"b1\",\"built\":\"\",\"maker\":\"Frame\"}\n",
		"{\"t\":\"table\",\"sig\":\"DMAR\",\"addr\":\"0x7f000000\",\"len\":1000,\"off\":0,\"hex\":"
		"\"444d4152",
		"\"len\":1000,\"off\":960,\"hex\":\"",
		"{\"t\":\"mem\",\"start\":\"0x1000\",\"pages\":3,\"type\":7,\"attr\":\"0xf\"}\n",
		"\"base\":\"0xfed90000\",\"seg\":3,\"phase\":\"entry\",\"ver\":\"0x10\",\"cap\":\"0x0\",\"ecap\":\"0x0\",\"gsts\":"
		"\"0x80000000\"",
		"\"frcd\":[\"0x5:0x0\"]}\n",
		"{\"t\":\"fn\",\"bdf\":\"0000:00:1f.2\",\"bme_entry\":1}\n{\"t\":\"cfg\",\"bdf\":\"0000:00:"
		"1f.2\",\"off\":0,\"hex\":\"86802229",
		"{\"t\":\"cfg\",\"bdf\":\"0000:00:1f.2\",\"off\":256,\"hex\":\"010001\"}\n",
		"{\"t\":\"fn\",\"bdf\":\"0000:01:00.0\",\"bme_entry\":0,\"serial\":\"S '7'\",\"model\":\"Drive\"}\nEND SLUICE REPORT lines=11 crc32=",
	};
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
		if (!strstr(text, want[i]))
			fail_msg("no %s in\n%s", want[i], text);
	assert_int_equal(lines, 11);
	assert_int_equal(strtoul(strstr(text, "crc32=") + 6, NULL, 16), crc);
	boot.identity.privacy = 1; /* by the menu, after they were read */
	len = 0;
	keep_report(&k, take, NULL, &crc);
	assert_null(strstr(text, "serial"));
}

/* privacy=1: a Device Serial Number is zeros. */
static void test_privacy(void **state)
{
	static struct acpi acpi;
	static struct boot_snapshot entry = {.funcs = 1, .func = {{.rid = 0xfa}}};
	static struct boot_info boot;
	static const struct boot_region map[1];
	struct keep k = {"", "", &boot, &acpi, map, &entry, read};
	uint32_t crc;
	(void)state;
	memset(space, 0, sizeof space);
	space[1] = 1u << 20;
	space[0x34 / 4] = 0x40;
	space[0x40 / 4] = 0x10;
	space[0x100 / 4] = 0x00010003;
	space[0x104 / 4] = space[0x108 / 4] = 0x5eca1234;
	len = 0;
	(void)keep_report(&k, take, NULL, &crc);
	assert_non_null(strstr(text, "\"off\":256,\"hex\":\"030001003412ca5e3412ca5e\"}"));
	boot.identity.privacy = true;
	len = 0;
	(void)keep_report(&k, take, NULL, &crc);
	assert_non_null(strstr(text, "\"off\":256,\"hex\":\"030001\"}"));
	assert_null(strstr(text, "3412ca5e"));
}

/* A function without a PCI Express capability has 256 bytes, and is asked for no more. */
static void test_space(void **state)
{
	static struct acpi acpi;
	static struct boot_snapshot entry = {.funcs = 1, .func = {{.rid = 0xfa}}};
	static struct boot_info boot;
	static const struct boot_region map[1];
	struct keep k = {"", "", &boot, &acpi, map, &entry, read};
	static const struct {
		uint32_t status, layout, at, first,
			second; /* capability pointers and the capabilities at 40h and 48h */
		bool express;
	} row[] = {
		{1, 0, 0x34, 0x10, 0, true},         {0, 0, 0x34, 0x10, 0, false},
		{1, 0, 0x34, 0x4801, 0x10, true},    {1, 0, 0x34, 0x4801, 0x11, false},
		{1, 0, 0x34, 0x4801, 0x4001, false}, {1, 2, 0x14, 0x10, 0, true},
		{1, 2, 0x34, 0x10, 0, false},        {1, 1, 0x34, 0x10, 0, true},
		{1, 0, 0x34, 0x0010, 0, true},       {1, 0, 0x34, 0x3c01, 0x10, false},
	};
	uint32_t crc;
	(void)state;
	for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
		memset(space, 0, sizeof space);
		space[1] = row[i].status << 20;
		space[3] = 0x800000 | row[i].layout << 16;
		space[row[i].at / 4] = 0x40;
		space[0x40 / 4] = row[i].first;
		space[0x48 / 4] = row[i].second;
		extended = 0;
		len = 0;
		(void)keep_report(&k, take, NULL, &crc);
		if ((extended != 0) != row[i].express)
			fail_msg("row %u: %u reads behind 256 bytes", i, extended);
	}
}

/* What goes beyond a line is left out of the text, and the line stays whole. */
static void test_long_text(void **state)
{
	static struct jsonl j;
	char much[3000];
	(void)state;
	memset(much, 'a', sizeof much - 1);
	much[sizeof much - 1] = 0;
	j.put = take;
	len = 0;
	jsonl_start(&j, "x");
	jsonl_text(&j, "k", much);
	jsonl_end(&j);
	assert_between(len, JSONL_LINE - 8, JSONL_LINE);
	assert_string_equal(text + len - 5, "aa\"}\n");
	len = 0;
	jsonl_start(&j, "x");
	jsonl_bytes(&j, (const uint8_t *)much, sizeof much);
	jsonl_end(&j);
	assert_between(len, JSONL_LINE - 8, JSONL_LINE);
	assert_string_equal(text + len - 5, "61\"}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_report), cmocka_unit_test(test_privacy),
					   cmocka_unit_test(test_space), cmocka_unit_test(test_long_text)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
