/* The IVRS table as firmware could have damaged it: every walk ends, every read is inside, findings point
 * into the table, a function has a unit only where an entry covers it, and blocks and entries have words. */
#include "iommu/ivrs/lint.h"
#include "iommu/ivrs/unity.h"

/* Some functions on the first buses. */
static bool get(void *ctx, unsigned i, bdf_t *fn, uint32_t *class)
{
	const struct span *in = ctx;
	*fn = (bdf_t){0, (uint16_t)(i * 5)};
	*class = (uint32_t)span_u8(*in, i) << 16;
	return i < 48;
}

/* Memory in runs of 16 MiB up to 4 GiB. */
static uint32_t memory(void *ctx, uint64_t addr, uint64_t *last)
{
	(void)ctx;
	*last = addr < BIT(32) ? addr | 0xffffff : UINT64_MAX;
	return addr < BIT(32) ? (uint32_t)(addr >> 24) % 16 : TABLE_MEM_HOLE;
}

static bool live(void *ctx, const struct ivrs_ivhd *unit, struct ivrs_live *out)
{
	(void)ctx;
	*out = (struct ivrs_live){unit->base, unit->flags, unit->efr ^ unit->flags};
	return unit->flags & 1;
}

static void finding(void *ctx, const struct table_finding *f)
{
	const struct span *table = ctx;
	char text[256], report[512];
	if (f->off > table->n || !span_has(*table, f->off, f->bytes.n) || f->rule >= IVRS_RULE_COUNT)
		__builtin_trap();
	table_finding_text(f, text, sizeof(text));
	table_finding_report(*table, f, report, sizeof(report));
}

static void walk_entries(struct span entries)
{
	struct ivrs_entry e = {0};
	char text[128];
	for (size_t seen = 0; ivrs_entry_next(entries, &e) == SL_OK; seen++) {
		if (seen > entries.n || e.next <= e.off || e.next > entries.n)
			__builtin_trap(); /* every step must make progress */
		ivrs_entry_text(&e, text, sizeof(text));
	}
}

static void walk_units(const struct ivrs *t)
{
	static struct ivrs_ivhd unit[IVRS_UNITS];
	unsigned n = ivrs_units(t, unit, ARRAY_LEN(unit)), at;
	struct ivrs_cover c;
	for (unsigned rid = 0; rid < 0x10000; rid += 0x1111)
		if (ivrs_unit_of(unit, n, (bdf_t){0, (uint16_t)rid}, &at, &c) == SL_OK &&
		    (at >= n || unit[at].unit.seg || !c.fit))
			__builtin_trap();
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < i; k++)
			if (bdf_eq(unit[i].unit, unit[k].unit))
				__builtin_trap();
}

static void ledger(const struct ivrs *t, const struct table_functions *functions)
{
	static const struct boot_region region[] = {{.base = 0x1000, .pages = 0x100000, .type = MEM_FREE}};
	const struct unity_context known = {functions, {region, 1}, NULL, NULL};
	static struct unity_range r[16];
	unsigned n = unity_ledger(t, &known, r, ARRAY_LEN(r));
	char text[300];
	for (unsigned i = 0; i < n && i < ARRAY_LEN(r); i++) {
		if (r[i].base + r[i].bytes > BIT(52) || (unity_is_kept(&r[i]) && !r[i].bytes))
			__builtin_trap();
		unity_text(&r[i], text, sizeof(text));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span in = {p, n};
	const struct table_functions functions = {&in, get};
	struct table_facts known = {.functions = &functions, .memory = memory};
	const struct ivrs_live_source source = {NULL, live};
	struct ivrs t;
	struct ivrs_block b = {0};
	struct ivrs_ivhd h;
	char text[256];
	if (span_u8(in, 40) & 1)
		table_facts_madt(&known, in);
	ivrs_lint(in, &known, span_u8(in, 40) & 2 ? &source : NULL, finding, &in);
	if (ivrs_open(in, &t) != SL_OK)
		return 0;
	for (size_t seen = 0; ivrs_next(&t, &b) == SL_OK; seen++) {
		if (seen > n)
			__builtin_trap();
		ivrs_block_text(&b, text, sizeof(text));
		if (ivrs_is_ivhd(b.type) && ivrs_ivhd(&b, &h) == SL_OK)
			walk_entries(h.entries);
	}
	walk_units(&t);
	ledger(&t, &functions);
	return 0;
}
