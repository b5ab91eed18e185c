/* The DMAR table as firmware could have damaged it: every walk ends, every read is inside, a unit is found
 * only where there is one; findings and the RMRR ledger point into the table, and the ledger says the same of
 * a function as the list of what is reserved for it. */
#include "iommu/iommu.h"
#include "iommu/dmar/rmrr.h"
#include "iommu/vtd/backend.h"
#include "kernel/msi.h"

/* The input's first bytes decide which functions are bridges. */
struct bridges {
	const uint8_t *p;
	size_t n;
};

static bool bridge(void *ctx, bdf_t fn, uint8_t *sec, uint8_t *sub)
{
	const struct bridges *b = ctx;
	uint8_t v = b->n ? b->p[fn.rid % b->n] : 0;
	*sec = (uint8_t)(v + fn.rid);
	*sub = (uint8_t)(*sec + v % 8);
	return v & 1;
}

static bdf_t pf_of(void *ctx, bdf_t fn)
{
	(void)ctx;
	return fn;
}

static void walk_scopes(const struct dmar_topo *topo, struct span scopes)
{
	struct dmar_scope s = {0};
	for (size_t seen = 0; dmar_scope_next(scopes, &s) == SL_OK; seen++) {
		bdf_t at;
		if (seen > scopes.n)
			__builtin_trap(); /* every step must make progress */
		if (dmar_scope_resolve(topo, 0, &s, &at) == SL_OK && !dmar_scope_hops(&s))
			__builtin_trap();
	}
}

/* And which functions there are: two in three of those on the first buses. */
static bool get(void *ctx, unsigned i, bdf_t *fn, uint32_t *class)
{
	const struct bridges *b = ctx;
	*fn = (bdf_t){0, (uint16_t)(i * 3 / 2)};
	*class = b->n ? (uint32_t)b->p[i % b->n] << 16 : 0;
	return i < 48;
}

/* Memory in runs of 16 MiB up to 4 GiB. */
static uint32_t memory(void *ctx, uint64_t addr, uint64_t *last)
{
	(void)ctx;
	*last = addr < BIT(32) ? addr | 0xffffff : UINT64_MAX;
	return addr < BIT(32) ? (uint32_t)(addr >> 24) % 16 : TABLE_MEM_HOLE;
}

static void finding(void *ctx, const struct table_finding *f)
{
	const struct span *table = ctx;
	char text[256], report[512];
	if (f->off > table->n || !span_has(*table, f->off, f->bytes.n) || f->rule >= DMAR_RULE_COUNT)
		__builtin_trap();
	table_finding_text(f, text, sizeof(text));
	table_finding_report(*table, f, report, sizeof(report));
}

/* How many RMRRs that can be mapped the ledger has for a function. */
static unsigned in_ledger(const struct iommu *mmu, const struct rmrr_owner *o, unsigned n, bdf_t fn)
{
	unsigned found = 0;
	for (unsigned i = 0, last = ~0u; i < n; i++) {
		struct dmar_rmrr r = {.base = o[i].base, .limit = o[i].limit};
		uint64_t base, len;
		if (!o[i].resolved || !bdf_eq(o[i].fn, fn) || o[i].number == last ||
		    !rmrr_can_map(mmu, fn, &r, &base, &len))
			continue;
		last = o[i].number;
		found++;
	}
	return found;
}

static void reserved(const struct dmar *t, const struct dmar_topo *topo,
		     const struct table_functions *functions, const struct rmrr_owner *o, unsigned n)
{
	struct vtd vtd = {.table = *t, .topo = *topo};
	struct iommu mmu = {.hw = &vtd_backend, .vtd = &vtd, .width = 39 + 9 * (t->haw % 3)};
	bdf_t fn;
	uint32_t class;
	for (unsigned i = 0; functions->get(functions->ctx, i, &fn, &class); i += 5) {
		struct iommu_reserved r = {0};
		unsigned found = 0;
		for (; iommu_reserved_next(&mmu, fn, &r) == SL_OK; found += !r.interrupts)
			if (!r.len || r.base + r.len > BIT(mmu.width) || found > t->bytes.n ||
			    (!r.interrupts && r.base < MSI_WINDOW_END && r.base + r.len > MSI_WINDOW))
				__builtin_trap();
		if (found != in_ledger(&mmu, o, n, fn))
			__builtin_trap();
	}
}

static void lint(const struct dmar_topo *topo, struct bridges *b, struct span table)
{
	static const struct boot_region region[] = {{.base = 0x1000, .pages = 0x100000, .type = MEM_FREE}};
	const struct table_functions functions = {b, get};
	struct table_facts known = {.topo = topo, .functions = &functions, .memory = memory};
	const struct rmrr_context ledger = {topo, &functions, {region, 1}, NULL, NULL};
	static struct rmrr_owner o[256];
	struct dmar t;
	char text[256];
	if (b->n > 40 && b->p[40] & 1)
		table_facts_madt(&known, table);
	if (b->n > 40 && b->p[40] & 2)
		known.phys_bits = 39;
	dmar_lint(table, &known, finding, &table);
	if (dmar_open(table, &t) != SL_OK)
		return;
	unsigned owners = rmrr_ledger(&t, &ledger, o, ARRAY_LEN(o));
	for (unsigned i = 0; i < owners && i < 8; i++) {
		if (o[i].off >= t.bytes.n)
			__builtin_trap();
		rmrr_text(&o[i], text, sizeof(text));
	}
	if (owners <= ARRAY_LEN(o))
		reserved(&t, topo, &functions, o, owners);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct bridges b = {p, n < 48 ? n : 48};
	struct dmar_topo topo = {&b, bridge, pf_of};
	struct dmar t;
	struct dmar_entry e = {0};
	struct dmar_drhd d, found;
	struct dmar_rmrr r;
	lint(&topo, &b, (struct span){p, n});
	if (dmar_open((struct span){p, n}, &t) != SL_OK)
		return 0;
	for (size_t seen = 0; dmar_next(&t, &e) == SL_OK; seen++) {
		if (seen > n)
			__builtin_trap();
		if (e.type == DMAR_DRHD && dmar_drhd(&e, &d) == SL_OK)
			walk_scopes(&topo, d.scopes);
		if (e.type == DMAR_RMRR && dmar_rmrr(&e, &r) == SL_OK)
			walk_scopes(&topo, r.scopes);
		uint16_t seg;
		struct span scopes;
		if (dmar_scopes(&e, &seg, &scopes) == SL_OK)
			walk_scopes(&topo, scopes);
	}
	for (unsigned rid = 0; rid < 0x10000; rid += 0x1111)
		if (dmar_unit_of(&t, &topo, (bdf_t){0, (uint16_t)rid}, &found) == SL_OK &&
		    found.off >= t.bytes.n)
			__builtin_trap();
	return 0;
}
