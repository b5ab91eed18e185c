#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "iommu/dmar/lint.h"
#include "tests/unit/support.h"
#include "tests/unit/support_tables.h"
#include "tests/unit/test.h"

#define DATA "tests/data/dmar"

static struct span linted; /* findings must lie in it */

static void collect(void *ctx, const struct table_finding *f)
{
	char key[96], text[512], report[1024];
	const struct table_rule_text *t = table_finding_words(f);
	table_finding_key(f, key, sizeof(key));
	assert_true(table_finding_text(f, text, sizeof(text)) < (int)sizeof(text));
	assert_true(table_finding_report(linted, f, report, sizeof(report)) < (int)sizeof(report));
	assert_non_null(strstr(text, key));
	assert_non_null(strstr(report, key));
	assert_non_null(strstr(report, t->ask));
	assert_true(f->off + f->bytes.n <= linted.n);
	for (size_t i = 0; i < f->bytes.n; i++)
		assert_int_equal(f->bytes.p[i], linted.p[f->off + i]);
	if (ctx)
		keys_add(ctx, key);
}

/* On a copy that ends where the table ends. */
static void lint(const uint8_t *p, size_t n, const struct table_facts *known, struct keys *out)
{
	uint8_t *copy = malloc(n ? n : 1);
	memcpy(copy, p, n);
	linted = (struct span){copy, n};
	unsigned count = dmar_lint(linted, known, collect, out);
	if (out)
		assert_int_equal(count, out->n);
	assert_int_equal(dmar_lint(linted, known, NULL, NULL), count);
	free(copy);
}

/* ---- our own tables: the text that made them says what is to be found ---- */

static void test_own_tables(void **state)
{
	(void)state;
	static struct own o;
	static bool seen[DMAR_RULE_COUNT];
	unsigned tables = 0;
	for (const char *name; (name = support_next(DATA));) {
		struct keys got = {0};
		if (!support_ends(name, ".txt"))
			continue;
		own_read(DATA, &o, name);
		lint(o.bytes, o.n, &o.known, &got);
		keys_same(name, &o.want, &got);
		for (unsigned i = 0; i < got.n; i++)
			for (unsigned r = 0; r < DMAR_RULE_COUNT; r++) {
				size_t len = strcspn(got.key[i], "@:");
				seen[r] |= strlen(dmar_rules.names[r]) == len &&
					   !strncmp(got.key[i], dmar_rules.names[r], len);
			}
		tables++;
	}
	assert_true(tables >= 10);
	seen[DMAR_RULE_TABLE_HUGE] = true; /* below */
	for (unsigned r = 0; r < DMAR_RULE_COUNT; r++)
		if (!seen[r])
			fail_msg("no table shows %s", dmar_rules.names[r]);
}

static void test_huge_table(void **state)
{
	(void)state;
	static uint8_t big[70000];
	struct table_facts known = {0};
	struct keys got = {0}, want = {0};
	memcpy(big, "DMAR", 4);
	big[4] = 0x70, big[5] = 0x11, big[6] = 1; /* 70000 */
	big[36] = 38, big[37] = 1;
	big[48] = 0x43, big[49] = 0x43, big[50] = 0xd0, big[51] = 0xff; /* all the rest */
	for (unsigned i = 65536; i < sizeof(big); i++)
		big[i] = 0;
	for (unsigned i = 0, sum = 0; i < sizeof(big); i++)
		if (i == sizeof(big) - 1)
			big[i] = (uint8_t)(0 - sum);
		else
			sum += big[i];
	lint(big, sizeof(big), &known, &got);
	got = (struct keys){0};
	uint8_t last = big[sizeof(big) - 1];
	for (unsigned haw = 31; haw <= 53; haw++) { /* widths that there are: 32 to 52 */
		if (haw != 31 && haw != 32 && haw != 52 && haw != 53)
			continue;
		struct keys widths = {0};
		big[36] = (uint8_t)(haw - 1);
		big[sizeof(big) - 1] = (uint8_t)(last + 39 - haw);
		lint(big, sizeof(big), &known, &widths);
		char key[64];
		snprintf(key, sizeof key, "haw-invalid:%u", haw);
		bool bad = false;
		for (unsigned i = 0; i < widths.n; i++)
			bad |= strcmp(widths.key[i], key) == 0;
		assert_int_equal(bad, haw < 32 || haw > 52);
	}
	big[36] = 38;
	big[sizeof(big) - 1] = last;
	lint(big, sizeof(big), &known, &got);
	keys_add(&want, "table-huge:70000");
	keys_add(&want, "struct-unknown@0x30:type17219:len65488");
	keys_same("huge", &want, &got);
}

/* Cut, with each length that the header may state, and every byte changed: nothing is read outside (the
 * sanitizer sees it), every walk ends, findings lie inside. */
static void test_damage(void **state)
{
	(void)state;
	static struct own o;
	for (const char *name; (name = support_next(DATA));) {
		static uint8_t bad[2048];
		if (!support_ends(name, ".txt"))
			continue;
		own_read(DATA, &o, name);
		for (size_t n = 0; n <= o.n; n++) {
			lint(o.bytes, n, &o.known, NULL);
			memcpy(bad, o.bytes, o.n);
			if (n >= 8)
				bad[4] = (uint8_t)n, bad[5] = (uint8_t)(n >> 8);
			lint(bad, n, &o.known, NULL);
		}
		for (size_t i = 0; i < o.n; i++) {
			static const uint8_t with[] = {0, 1, 2, 3, 4, 6, 8, 0x7f, 0x80, 0xff};
			for (size_t k = 0; k < ARRAY_LEN(with); k++) {
				memcpy(bad, o.bytes, o.n);
				bad[i] = with[k];
				lint(bad, o.n, &o.known, NULL);
			}
		}
	}
}

static void test_texts(void **state)
{
	(void)state;
	for (unsigned r = 0; r < DMAR_RULE_COUNT; r++) {
		const struct table_rule_text *t = &dmar_rules.texts[r];
		assert_non_null(dmar_rules.names[r]);
		assert_true(strlen(t->what) > 10 && strlen(t->os) > 10 && strlen(t->ask) > 20);
		assert_int_equal(t->ask[strlen(t->ask) - 1], '.');
	}
	char buf[400];
	assert_string_equal(table_severity_name((enum table_severity)7), "note");
	struct table_finding f = {.rules = &dmar_rules,
				  .rule = DMAR_RULE_RMRR_ZERO,
				  .off = 0x78,
				  .has_fn = true,
				  .fn = {0, 0x00e8}};
	table_finding_text(&f, buf, sizeof(buf));
	assert_string_equal(buf, "firmware bug rmrr-zero@0x78: an RMRR from 0 to 0: it describes no memory "
				 "(0000:00:1d.0)");
	static const uint8_t head[48] = "DMAR....\1.INTEL\033EDK2\0\0\0\0";
	table_finding_report((struct span){head, sizeof(head)}, &f, buf, sizeof(buf));
	assert_non_null(strstr(buf, "OEM \"INTEL.\", table \"EDK2....\""));
}

/* docs/dmar.md has a paragraph for each rule, with its severity. */
static void test_documented(void **state)
{
	(void)state;
	static char doc[65536];
	char head[128];
	doc[tables_read_file("docs/dmar.md", (uint8_t *)doc, sizeof(doc) - 1)] = 0;
	for (unsigned r = 0; r < DMAR_RULE_COUNT; r++) {
		snprintf(head, sizeof(head), "### `%s` (%s)\n", dmar_rules.names[r],
			 table_severity_name((enum table_severity)dmar_rules.severities[r]));
		if (!strstr(doc, head))
			fail_msg("docs/dmar.md does not have: %s", head);
	}
}

static void test_memory(void **state)
{
	(void)state;
	static const struct boot_region r[] = {
		{.base = 0x1000, .pages = 2, .type = MEM_FREE},
		{.base = 0x8000, .pages = 1, .type = MEM_RESERVED},
	};
	struct table_memory_map map = {r, ARRAY_LEN(r)};
	static const struct {
		uint64_t at, last;
		uint32_t type;
	} want[] = {{0, 0xfff, TABLE_MEM_HOLE},     {0x1000, 0x2fff, MEM_FREE},
		    {0x2fff, 0x2fff, MEM_FREE},     {0x3000, 0x7fff, TABLE_MEM_HOLE},
		    {0x8000, 0x8fff, MEM_RESERVED}, {0x9000, UINT64_MAX, TABLE_MEM_HOLE}};
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		uint64_t last;
		assert_int_equal(table_memory_at(&map, want[i].at, &last), want[i].type);
		assert_int_equal(last, want[i].last);
	}
	assert_string_equal(table_memory_name(MEM_ACPI_NVS), "ACPI NVS");
	assert_string_equal(table_memory_name(13), "unknown type");
	assert_string_equal(table_memory_name(TABLE_MEM_HOLE), "not in the map");
	static const bool ram[] = {0, 1, 1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0};
	static const bool reserved[] = {1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1};
	for (unsigned t = 0; t < ARRAY_LEN(ram); t++) {
		assert_int_equal(table_memory_is_ram(t), ram[t]);
		assert_int_equal(table_memory_is_reserved(t), reserved[t]);
	}
}

static void test_madt(void **state)
{
	(void)state;
	uint8_t m[80] = {0};
	struct table_facts known = {0};
	m[44] = 0, m[45] = 8;                /* a processor */
	m[52] = 1, m[53] = 12, m[54] = 5;    /* I/O APIC 5 */
	m[64] = 1, m[65] = 4, m[66] = 6;     /* too short */
	m[68] = 1, m[69] = 12, m[70] = 0xff; /* the last */
	table_facts_madt(&known, (struct span){m, sizeof(m)});
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(known.ioapic[i], i == 5 || i == 0xff);
	memset(&known, 0, sizeof(known));
	m[53] = 1, m[54] = 12, m[55] = 9; /* shorter than its own header: the walk ends */
	table_facts_madt(&known, (struct span){m, sizeof(m)});
	assert_true(known.ioapics_known && !known.ioapic[5] && !known.ioapic[9]);
	m[53] = 12, m[54] = 5;
	table_facts_madt(&known, (struct span){m, 60});
	assert_false(known.ioapic[5]);
}

/* ---- tables of real machines ---- */

/* Reads the findings that others made, and adds what only this tree looks for and the decoding says. */
static void real_read(const char *path, struct table_facts *known, struct keys *want)
{
	char line[512], list[40] = "", text[96], key[96];
	unsigned long flags = 0;
	unsigned long long off = 0, v;
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, " \"flags_raw\": %lu", &flags);
		if (!strncmp(line, "   \"", 4))
			sscanf(line, " \"offset\": %llu", &off);
		if (!strncmp(line, "   \"size\"", 9) && sscanf(line, " \"size\": %llu", &v) == 1 &&
		    v >= 512 << 20) {
			snprintf(key, sizeof(key), "rmrr-huge@0x%llx:0x%llx", off, v);
			keys_add(want, key);
		}
		if (strstr(line, "\": ") && sscanf(line, " \"%39[a-z_]", list) == 1 && !strchr(line, '['))
			list[0] = 0;
		if (!strcmp(list, "findings") && !strstr(line, "\": ") &&
		    sscanf(line, "  \"%95[^\"]\"", text) == 1 && !strchr(line, '['))
			keys_add(want, text);
		if (strstr(line, "\"ioapics\": ["))
			known->ioapics_known = true;
		if (known->ioapics_known && strstr(line, "\"id\": ")) {
			sscanf(line, " \"id\": %llu", &v);
			known->ioapic[v & 255] = true;
		}
		if (!strcmp(list, "dmar_scope_without_ioapic") && sscanf(line, " %llu", &v) == 1) {
			snprintf(key, sizeof(key), "scope-without-ioapic:%llu", v);
			keys_add(want, key);
		}
	}
	fclose(f);
	if (!(flags & 1))
		keys_add(want, "intr-remap-off");
	if ((flags & 3) == 3)
		keys_add(want, "x2apic-opt-out");
}

static void real_table(const char *dir, const char *name, unsigned *findings)
{
	static uint8_t bytes[65536];
	char path[1024];
	struct table_facts known = {0};
	struct keys want = {0}, got = {0};
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	size_t n = tables_read_file(path, bytes, sizeof(bytes));
	snprintf(path, sizeof(path), "%s/%.*s.expect.json", dir, (int)(strlen(name) - 4), name);
	real_read(path, &known, &want);
	lint(bytes, n, &known, &got);
	for (unsigned i = 0; i < got.n; i++) { /* the decoding has no offset there */
		char *at = strchr(got.key[i], '@'), *colon = strchr(got.key[i], ':');
		if (!strncmp(got.key[i], "scope-without-ioapic", 20) && at && colon)
			memmove(at, colon, strlen(colon) + 1);
	}
	*findings += got.n;
	keys_same(name, &want, &got);
	for (size_t cut = 0; cut < n; cut += 3)
		lint(bytes, cut, &known, NULL);
}

static void test_real_tables(void **state)
{
	(void)state;
	const char *dir = support_data("dmar");
	unsigned tables = 0, findings = 0;
	for (const char *name; (name = support_next(dir));)
		if (support_ends(name, ".dat")) {
			real_table(dir, name, &findings);
			tables++;
		}
	printf("real DMAR tables: %u looked through, %u findings\n", tables, findings);
	assert_true(tables > 0 && findings > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_tables),  cmocka_unit_test(test_huge_table),
		cmocka_unit_test(test_damage),      cmocka_unit_test(test_texts),
		cmocka_unit_test(test_memory),      cmocka_unit_test(test_madt),
		cmocka_unit_test(test_real_tables), cmocka_unit_test(test_documented),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
