#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "iommu/ivrs/lint.h"
#include "tests/unit/support.h"
#include "tests/unit/support_tables.h"
#include "tests/unit/test.h"

#define DATA "tests/data/ivrs"

static struct span linted; /* findings must lie in it */

static void collect(void *ctx, const struct table_finding *f)
{
	char key[96], text[512], report[1024];
	table_finding_key(f, key, sizeof(key));
	assert_true(table_finding_text(f, text, sizeof(text)) < (int)sizeof(text));
	assert_true(table_finding_report(linted, f, report, sizeof(report)) < (int)sizeof(report));
	assert_non_null(strstr(text, key));
	assert_non_null(strstr(report, key));
	assert_int_equal(strncmp(report, "IVRS table", 10), 0);
	assert_true(f->off + f->bytes.n <= linted.n);
	for (size_t i = 0; i < f->bytes.n; i++)
		assert_int_equal(f->bytes.p[i], linted.p[f->off + i]);
	unsigned kind = ivrs_rules.keys[f->rule];
	if (kind == TABLE_KEY_OFF || (kind == TABLE_KEY_NAME && f->rule != IVRS_RULE_CHECKSUM_BAD))
		assert_int_equal(f->value, 0); /* no number goes with it */
	if (ctx)
		keys_add(ctx, key);
}

/* On a copy that ends where the table ends. */
static void lint(const uint8_t *p, size_t n, const struct table_facts *known,
		 const struct ivrs_live_source *live, struct keys *out)
{
	uint8_t *copy = malloc(n ? n : 1);
	memcpy(copy, p, n);
	linted = (struct span){copy, n};
	unsigned count = ivrs_lint(linted, known, live, collect, out);
	if (out)
		assert_int_equal(count, out->n);
	assert_int_equal(ivrs_lint(linted, known, live, NULL, NULL), count);
	free(copy);
}

/* ---- our own tables: the text that made them says what is to be found ---- */

static bool seen[IVRS_RULE_COUNT];

static void note_seen(const struct keys *got)
{
	for (unsigned i = 0; i < got->n; i++)
		for (unsigned r = 0; r < IVRS_RULE_COUNT; r++) {
			size_t len = strcspn(got->key[i], "@:");
			seen[r] |= strlen(ivrs_rules.names[r]) == len &&
				   !strncmp(got->key[i], ivrs_rules.names[r], len);
		}
}

static void test_own_tables(void **state)
{
	(void)state;
	static struct own o;
	unsigned tables = 0;
	for (const char *name; (name = support_next(DATA));) {
		struct keys got = {0};
		if (!support_ends(name, ".txt"))
			continue;
		own_read(DATA, &o, name);
		lint(o.bytes, o.n, &o.known, NULL, &got);
		keys_same(name, &o.want, &got);
		note_seen(&got);
		tables++;
	}
	assert_true(tables >= 15);
	/* below */
	seen[IVRS_RULE_TABLE_HUGE] = seen[IVRS_RULE_PREBOOT_OFF] = true;
	seen[IVRS_RULE_BASE_LIVE] = seen[IVRS_RULE_EFR_LIVE] = seen[IVRS_RULE_HATS_LIVE] = true;
	for (unsigned r = 0; r < IVRS_RULE_COUNT; r++)
		if (!seen[r])
			fail_msg("no table shows %s", ivrs_rules.names[r]);
}

/* From one damage to the next: SLUICE_PERCENT= makes fewer. */
static unsigned stride(void)
{
	const char *part = getenv("SLUICE_PERCENT");
	unsigned percent = part ? (unsigned)atoi(part) : 100;
	return percent && percent < 100 ? 100 / percent : 1;
}

/* Each block with each length. */
static void cut_blocks(struct own *o)
{
	static uint8_t bad[2048];
	struct ivrs t;
	struct ivrs_block b = {0};
	if (ivrs_open((struct span){o->bytes, o->n}, &t) != SL_OK)
		return;
	while (ivrs_next(&t, &b) == SL_OK)
		for (unsigned len = 0; len <= o->n - b.off + 1; len += stride()) {
			memcpy(bad, o->bytes, o->n);
			bad[b.off + 2] = (uint8_t)len;
			bad[b.off + 3] = (uint8_t)(len >> 8);
			lint(bad, o->n, &o->known, NULL, NULL);
		}
}

/* Cut, with each length that the header and each block may state, and every byte changed: nothing is read
 * outside (the sanitizer sees it), every walk ends, findings lie inside. */
static void test_damage(void **state)
{
	(void)state;
	static struct own o;
	for (const char *name; (name = support_next(DATA));) {
		static uint8_t bad[2048];
		if (!support_ends(name, ".txt"))
			continue;
		own_read(DATA, &o, name);
		for (size_t n = 0; n <= o.n; n += stride()) {
			lint(o.bytes, n, &o.known, NULL, NULL);
			memcpy(bad, o.bytes, o.n);
			if (n >= 8)
				bad[4] = (uint8_t)n, bad[5] = (uint8_t)(n >> 8);
			lint(bad, n, &o.known, NULL, NULL);
		}
		cut_blocks(&o);
		for (size_t i = 0; i < o.n; i += stride()) {
			static const uint8_t with[] = {0,    1,    2,    3,    4,    0x20,
						       0x40, 0x48, 0x7f, 0x80, 0xf0, 0xff};
			for (size_t k = 0; k < ARRAY_LEN(with); k++) {
				memcpy(bad, o.bytes, o.n);
				bad[i] = with[k];
				lint(bad, o.n, &o.known, NULL, NULL);
			}
		}
	}
}

struct counts {
	unsigned of[IVRS_RULE_COUNT];
};

static void count_rules(void *ctx, const struct table_finding *f)
{
	struct counts *c = ctx;
	c->of[f->rule]++;
}

/* 64 KiB of units, and more behind: those that there is room for are judged, and the walk ends soon. */
static void test_huge_table(void **state)
{
	(void)state;
	static uint8_t big[70000];
	struct table_facts known = {0};
	struct ivrs t;
	static struct ivrs_ivhd unit[IVRS_UNITS];
	static const uint8_t head[8] = {'I', 'V', 'R', 'S', 0x70, 0x11, 1, 0}; /* 70000 bytes */
	memcpy(big, head, sizeof(head));
	big[37] = 0x30;
	for (unsigned at = 48, i = 0; at + 24 <= sizeof(big); at += 24, i++) {
		big[at] = 0x10, big[at + 2] = 24;
		big[at + 4] = (uint8_t)i, big[at + 5] = (uint8_t)(i >> 8);
		big[at + 10] = (uint8_t)(i & 0xfc), big[at + 11] = (uint8_t)(i >> 8), big[at + 12] = 1;
	}
	assert_int_equal(ivrs_open((struct span){big, sizeof(big)}, &t), SL_OK);
	assert_int_equal(ivrs_units(&t, unit, ARRAY_LEN(unit)), IVRS_UNITS);
	struct counts c = {0};
	(void)ivrs_lint((struct span){big, sizeof(big)}, &known, NULL, count_rules, &c);
	assert_int_equal(c.of[IVRS_RULE_TABLE_HUGE], 1);
	assert_int_equal(c.of[IVRS_RULE_BASE_UNALIGNED], 0);
}

static void test_texts(void **state)
{
	(void)state;
	for (unsigned r = 0; r < IVRS_RULE_COUNT; r++) {
		const struct table_rule_text *t = &ivrs_rules.texts[r];
		assert_non_null(ivrs_rules.names[r]);
		assert_true(t->what && t->os && t->ask);
		assert_true(strlen(t->what) > 10 && strlen(t->os) > 10);
		if (t->ask[0] || ivrs_rules.severities[r] != TABLE_BUG) {
			assert_true(strlen(t->ask) > 20);
			assert_int_equal(t->ask[strlen(t->ask) - 1], '.');
		}
	}
}

/* docs/amd.md has a paragraph for each rule, with its severity. */
static void test_documented(void **state)
{
	(void)state;
	static char doc[65536];
	char head[128];
	doc[tables_read_file("docs/amd.md", (uint8_t *)doc, sizeof(doc) - 1)] = 0;
	for (unsigned r = 0; r < IVRS_RULE_COUNT; r++) {
		snprintf(head, sizeof(head), "### `%s` (%s)\n", ivrs_rules.names[r],
			 table_severity_name((enum table_severity)ivrs_rules.severities[r]));
		if (!strstr(doc, head))
			fail_msg("docs/amd.md does not have: %s", head);
	}
}

static bool says(void *ctx, const struct ivrs_ivhd *unit, struct ivrs_live *out)
{
	const struct ivrs_live *live = ctx;
	*out = *live;
	return unit->unit.rid == 2; /* the other one cannot be read */
}

/* What the unit says of itself against what the table says of it. */
static void test_live(void **state)
{
	(void)state;
	static struct own o;
	own_read(DATA, &o, "good.txt");
	struct ivrs_live live = {.cap_base = 0xfd300001, .efr = 0x206d73ef22254ade};
	const struct ivrs_live_source source = {&live, says};
	struct keys got = {0}, none = {0}, off = {0}, other = {0};
	lint(o.bytes, o.n, &o.known, &source, &got);
	keys_same("a unit as in the table", &none, &got);
	o.bytes[36] |= IVRS_DMA_REMAP; /* promises to be on */
	o.bytes[9] = (uint8_t)(o.bytes[9] - IVRS_DMA_REMAP);
	live.control = 0x10;
	keys_add(&off, "preboot-protection-off@0x78:0x10");
	lint(o.bytes, o.n, &o.known, &source, &got);
	keys_same("off", &off, &got);
	live = (struct ivrs_live){.cap_base = 0xfd300001, .control = 1, .efr = 0x206d73ef22254adf};
	struct keys efr = {0};
	keys_add(&efr, "efr-not-the-units@0x78:0x206d73ef22254adf");
	got.n = 0;
	lint(o.bytes, o.n, &o.known, &source, &got);
	keys_same("another feature register", &efr, &got);
	struct keys hats = {0};
	live.efr = 0x206d73ef22254ede;
	keys_add(&hats, "efr-not-the-units@0x78:0x206d73ef22254ede");
	keys_add(&hats, "hats-of-the-unit-invalid@0x78:0x206d73ef22254ede");
	got.n = 0;
	lint(o.bytes, o.n, &o.known, &source, &got);
	keys_same("levels that are reserved", &hats, &got);
	live.cap_base = 0xfd380001; /* elsewhere: what is there is not the unit's */
	live.control = 0;
	keys_add(&other, "base-not-the-units@0x78:0xfd380001");
	got.n = 0;
	lint(o.bytes, o.n, &o.known, &source, &got);
	keys_same("another", &other, &got);
}

/* ---- tables of real machines: what is found in each, and nothing else ---- */

static const struct {
	const char *name;
	const char *key[8];
} real[] = {
	{"fwts-", /* made by hand, for the tests of another program */
	 {"range-no-end@0x60", "range-no-end@0x118", "ivmd-unaligned@0x1b0:0xfedc",
	  "ivmd-unaligned@0x1d0:0xfedc", "ivmd-unaligned@0x1f0:0xfedc", "ivmd-range-reversed@0x1f0"}},
	{"desktop-gigabyte-technology-f2a78m-hd2", {"no-ioapic"}},
	{"notebook-mechrevo-wujie14xa",
	 {"ivmd-unaligned@0xc8:0x1", "ivmd-unaligned@0xe8:0x1", "ivmd-unaligned@0x108:0x1",
	  "ivmd-unaligned@0x128:0x1", "ivmd-unaligned@0x148:0x1"}},
};

static void test_real_tables(void **state)
{
	(void)state;
	static uint8_t bytes[4096];
	const char *dir = support_data("acpi");
	unsigned tables = 0;
	for (const char *name; (name = support_next(dir));) {
		char path[1024];
		struct table_facts known = {0};
		struct keys want = {0}, got = {0};
		if (!support_ends(name, ".IVRS.dat"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		size_t n = tables_read_file(path, bytes, sizeof(bytes));
		for (size_t i = 0; i < ARRAY_LEN(real); i++)
			for (size_t k = 0;
			     !strncmp(name, real[i].name, strlen(real[i].name)) && real[i].key[k]; k++)
				keys_add(&want, real[i].key[k]);
		lint(bytes, n, &known, NULL, &got);
		keys_same(name, &want, &got);
		for (size_t cut = 0; cut < n; cut++)
			lint(bytes, cut, &known, NULL, NULL);
		tables++;
	}
	assert_true(tables >= 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_tables),  cmocka_unit_test(test_damage),
		cmocka_unit_test(test_huge_table),  cmocka_unit_test(test_texts),
		cmocka_unit_test(test_real_tables), cmocka_unit_test(test_documented),
		cmocka_unit_test(test_live),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
