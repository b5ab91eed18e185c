/* Is there an IOMMU, is its table sound, do its units work, and who is left without one. */
#include "apps/audit/finding.h"
#include "apps/audit/look.h"
#include "apps/audit/rules.h"
#include "iommu/dmar/lint.h"
#include "iommu/ivrs/lint.h"
#include "kernel/fmt.h"
#include "kernel/srat.h"
#include "kernel/str.h"

/* Of the DMAR table and of IVRS: no IOMMU at all, or memory that firmware and system share. */
static bool is_grave(const struct table_finding *f)
{
	static const uint8_t dmar[] = {DMAR_RULE_TABLE_HEADER, DMAR_RULE_STRUCT_LENGTH,
				       DMAR_RULE_NO_DRHD,      DMAR_RULE_DRHD_BASE_INVALID,
				       DMAR_RULE_DRHD_OVERLAP, DMAR_RULE_DRHD_IN_RAM,
				       DMAR_RULE_RMRR_IN_RAM};
	static const uint8_t ivrs[] = {IVRS_RULE_TABLE_HEADER, IVRS_RULE_BLOCK_LENGTH, IVRS_RULE_NO_UNIT,
				       IVRS_RULE_BASE_INVALID, IVRS_RULE_UNIT_OVERLAP, IVRS_RULE_BASE_IN_RAM,
				       IVRS_RULE_IVMD_IN_RAM};
	bool amd = f->rules == &ivrs_rules;
	_Static_assert(sizeof dmar == sizeof ivrs, "one loop for both");
	for (size_t i = 0; i < ARRAY_LEN(dmar); i++)
		if (f->rule == (amd ? ivrs[i] : dmar[i]))
			return true;
	return false;
}

static enum audit_severity lint_severity(const struct table_finding *f)
{
	if (is_grave(f))
		return AUDIT_ERROR;
	return table_finding_severity(f) == TABLE_NOTE ? AUDIT_INFO : AUDIT_WARNING;
}

static void upper(char *s)
{
	for (; *s; s++)
		if (*s >= 'a' && *s <= 'z')
			*s = (char)(*s - 'a' + 'A');
}

static void on_lint(void *ctx, const struct table_finding *d)
{
	static const enum audit_kind kinds[] = {AUDIT_FIRMWARE_BUG, AUDIT_SETUP_CHOICE, AUDIT_NOTE};
	struct judge *j = ctx;
	const struct table_rule_text *t = table_finding_words(d);
	const char *sig = d->rules->table;
	struct draft *f =
		finding_new(j, d->rules == &ivrs_rules ? RULE_IVRS : RULE_DMAR, "%s+0x%zx", sig, d->off);
	char key[96];
	f->severity = lint_severity(d);
	f->kind = kinds[table_finding_severity(d)];
	fmt_print(f->id, sizeof f->id, "%s-%s", sig, table_finding_name(d));
	upper(f->id);
	table_finding_key(d, key, sizeof key);
	size_t n = (size_t)fmt_print(f->read, sizeof f->read, "%s: bytes", key);
	for (size_t i = 0; i < d->bytes.n && i < 16 && n < sizeof f->read; i++)
		n += (size_t)fmt_print(f->read + n, sizeof f->read - n, " %02x", d->bytes.p[i]);
	if (d->has_fn && n < sizeof f->read)
		fmt_print(f->read + n, sizeof f->read - n, " (" BDF_FMT ")", BDF_ARG(d->fn));
	fmt_print(f->means, sizeof f->means, "%s", t->what);
	fmt_print(f->os, sizeof f->os, "%s", t->os);
	if (f->kind == AUDIT_FIRMWARE_BUG) {
		int at = fmt_print(f->remedy, sizeof f->remedy,
				   "Update the firmware, else send to its maker: ");
		table_finding_report(audit_table(j->in, sig)->data, d, f->remedy + at,
				     sizeof f->remedy - (size_t)at);
	} else
		fmt_print(f->remedy, sizeof f->remedy, "%s", t->ask);
	finding_add(j);
}

/* As the firmware left the unit: what Sluice set later says nothing of the table's promises. */
static bool recorded(void *ctx, const struct ivrs_ivhd *unit, struct ivrs_live *out)
{
	const struct audit_in *in = ctx;
	for (unsigned i = 0; i < in->amds; i++) {
		const struct audit_amd *u = &in->amd[i];
		const struct amdvi_regs_seen *r = &u->at[u->at[AUDIT_ENTRY].read ? AUDIT_ENTRY : AUDIT_LEFT];
		if (!bdf_eq(u->unit, unit->unit) || !r->read)
			continue;
		*out = (struct ivrs_live){.cap_base = r->cap_base, .control = r->control, .efr = r->efr};
		return true;
	}
	return false;
}

static void lint(struct judge *j, const struct audit_table *table)
{
	const struct ivrs_live_source live = {j->in, recorded};
	static struct table_facts known;
	const struct audit_table *madt = audit_table(j->in, "APIC");
	struct table_memory_map map = {j->in->mem, j->in->mems};
	known = (struct table_facts){.topo = &j->look->topo, .functions = &j->look->functions};
	known.phys_bits = j->in->phys_bits;
	if (map.count) {
		known.memory = table_memory_at;
		known.memory_ctx = &map;
	}
	if (madt)
		table_facts_madt(&known, madt->data);
	if (strcmp(table->sig, "IVRS") == 0)
		(void)ivrs_lint(table->data, &known, &live, on_lint, j);
	else
		dmar_lint(table->data, &known, on_lint, j);
}

static uint64_t highest_ram(const struct audit_in *in)
{
	uint64_t end = 0;
	for (uint32_t i = 0; i < in->mems; i++) { /* in a recorded map they may stand in any order */
		uint64_t to = in->mem[i].base + in->mem[i].pages * 4096;
		if (table_memory_is_ram(in->mem[i].type) && to > end)
			end = to;
	}
	return end;
}

static void judge_ability(struct judge *j, const struct audit_unit *u, const struct vtd_regs_seen *r,
			  const char *name)
{
	struct vtd_ability a = vtd_ability_of(r->ver, r->cap, r->ecap);
	uint64_t ram = highest_ram(j->in);
	if (a.width < 64 && ram > BIT(a.width))
		finding_of(j, RULE_UNIT_WIDTH, name,
			   "CAP.MGAW at 0x%llx: %u bits (CAP=0x%llx); memory ends at 0x%llx",
			   (ull)u->base + 8, a.width, (ull)r->cap, (ull)ram);
	if (!a.pages_2m)
		finding_of(j, RULE_UNIT_NO_SUPERPAGES, name, "CAP.SSLPS is 0 at 0x%llx (CAP=0x%llx)",
			   (ull)u->base + 8, (ull)r->cap);
	if (a.caching_mode)
		finding_of(j, RULE_UNIT_VIRTUAL, name, "CAP.CM is 1 at 0x%llx (CAP=0x%llx)", (ull)u->base + 8,
			   (ull)r->cap);
	if (!a.pass_through)
		finding_of(j, RULE_UNIT_NO_PASS_THROUGH, name, "ECAP.PT is 0 at 0x%llx (ECAP=0x%llx)",
			   (ull)u->base + 0x10, (ull)r->ecap);
}

static void judge_unit(struct judge *j, unsigned i)
{
	const struct audit_unit *u = &j->in->unit[i];
	const struct vtd_regs_seen *r = unit_regs(u);
	char name[16];
	if (!r)
		return; /* a base that cannot be: dmar_lint has said so */
	fmt_print(name, sizeof name, "iommu%u", i);
	struct vtd_ability a = unit_ability(u);
	bool answers =
		r->ver && r->ver != UINT32_MAX && r->cap && r->cap != UINT64_MAX && r->ecap != UINT64_MAX;
	if (a.unusable)
		finding_of(j, answers ? RULE_UNIT_NO_TABLES : RULE_UNIT_DEAD, name,
			   "VER=0x%x CAP=0x%llx ECAP=0x%llx at 0x%llx: %s", r->ver, (ull)r->cap, (ull)r->ecap,
			   (ull)u->base, a.unusable);
	else
		judge_ability(j, u, r, name);
}

/* ---- memory nodes ---- */

static bool has_rhsa(const struct judge *j, uint64_t base)
{
	struct dmar_entry e = {0};
	struct dmar_rhsa r;
	while (dmar_next(&j->look->dmar, &e) == SL_OK)
		if (e.type == DMAR_RHSA && dmar_rhsa(&e, &r) == SL_OK && r.base == base)
			return true;
	return false;
}

static void judge_nodes(struct judge *j)
{
	const struct audit_table *srat = audit_table(j->in, "SRAT");
	if (!srat || !srat_several_nodes(srat->data))
		return;
	for (unsigned i = 0; i < j->in->units; i++) {
		char name[16];
		if (has_rhsa(j, j->in->unit[i].base))
			continue;
		fmt_print(name, sizeof name, "iommu%u", i);
		finding_of(j, RULE_UNIT_NO_RHSA, name,
			   "SRAT: more than one proximity domain; no RHSA for 0x%llx",
			   (ull)j->in->unit[i].base);
	}
}

/* ---- who has no unit ---- */

struct bus {
	struct judge *j;
	uint16_t seg;
	uint8_t top; /* the root bus */
};

static uint8_t root_bus(const struct pci_func *f)
{
	if (f->pf)
		f = f->pf;
	while (f->parent)
		f = f->parent;
	return bdf_bus(f->bdf);
}

static bool is_bypassed(const void *ctx, const struct pci_func *f)
{
	const struct bus *b = ctx;
	unsigned unit;
	return f->bdf.seg == b->seg && root_bus(f) == b->top && does_dma(f) &&
	       !audit_unit_of(b->j->look, f->bdf, &unit);
}

static void judge_bypass(struct judge *j)
{
	const struct pci *pci = j->in->pci;
	PCI_EACH(f, pci) {
		struct bus b = {j, f->bdf.seg, root_bus(f)};
		bool first = true;
		char list[140];
		PCI_EACH(o, pci) {
			if (o == f)
				break;
			first &= o->bdf.seg != b.seg || root_bus(o) != b.top;
		}
		if (first && function_list(pci, is_bypassed, &b, list, sizeof list))
			finding_of(
				j, RULE_BYPASS, "machine",
				"not covered by any DMAR scope or valid INCLUDE_PCI_ALL unit, below root bus %02x: %s",
				b.top, list);
	}
}

static void judge_second(struct judge *j)
{
	char where[100] = "";
	size_t n = 0;
	unsigned tables = 0;
	for (unsigned i = 0; i < j->in->tables; i++) {
		const struct audit_table *t = &j->in->table[i];
		if (strcmp(t->sig, "DMAR") != 0)
			continue;
		tables++;
		if (n < sizeof where)
			n += (size_t)fmt_print(where + n, sizeof where - n, "%s0x%llx", n ? ", " : "",
					       (ull)t->addr);
	}
	if (tables > 1)
		finding_of(j, RULE_DMAR_SECOND, "machine", "%u DMAR tables, at %s", tables, where);
}

/* Units that have no room in the record, and functions whose state in firmware has none. */
static void judge_limits(struct judge *j)
{
	struct dmar_entry e = {0};
	struct dmar_drhd d;
	unsigned units = 0, functions = 0;
	while (j->look->has_dmar && dmar_next(&j->look->dmar, &e) == SL_OK)
		units += e.type == DMAR_DRHD && dmar_drhd(&e, &d) == SL_OK;
	PCI_EACH(f, j->in->pci)
		functions += !f->pf;
	if (units > AUDIT_UNITS)
		finding_of(j, RULE_LIMIT, "machine", "DMAR has %u units; registers of the first %u are kept",
			   units, AUDIT_UNITS);
	if (functions > BOOT_MAX_FUNCS)
		finding_of(j, RULE_LIMIT, "machine",
			   "%u functions; what firmware left of the first %u is kept", functions,
			   BOOT_MAX_FUNCS);
}

/* What the units refuse is known only from the proof. */
static void judge_amd(struct judge *j, const struct audit_table *ivrs)
{
	struct draft *f = finding_new(j, RULE_IOMMU_AMD, "machine");
	if (j->in->proof == AUDIT_PROOF_DONE)
		f->severity = AUDIT_INFO;
	fmt_print(f->read, sizeof f->read, "IVRS at 0x%llx, no DMAR; CPUID vendor \"%s\"", (ull)ivrs->addr,
		  j->in->vendor);
	finding_add(j);
}

void rules_iommu(struct judge *j)
{
	const struct audit_table *dmar = audit_table(j->in, "DMAR"), *ivrs = audit_table(j->in, "IVRS"),
				 *viot = audit_table(j->in, "VIOT");
	if (!TAILQ_FIRST(&j->in->pci->funcs))
		finding_of(j, RULE_NO_ECAM, "machine", "%s",
			   audit_table(j->in, "MCFG")
				   ? "MCFG: 0 functions answer in the windows that it describes"
				   : "no MCFG among the ACPI tables");
	if (!dmar && ivrs)
		judge_amd(j, ivrs);
	else if (!dmar && viot)
		finding_of(j, RULE_IOMMU_VIRTIO, "machine", "VIOT at 0x%llx, neither DMAR nor IVRS",
			   (ull)viot->addr);
	else if (!dmar)
		finding_of(j, RULE_IOMMU_NONE, "machine",
			   "neither DMAR nor IVRS among the ACPI tables; CPUID vendor \"%s\"", j->in->vendor);
	if (!dmar && ivrs)
		lint(j, ivrs);
	if (!dmar)
		return;
	judge_second(j);
	judge_limits(j);
	lint(j, dmar);
	for (unsigned i = 0; i < j->in->units; i++)
		judge_unit(j, i);
	if (!j->look->has_dmar)
		return;
	judge_nodes(j);
	judge_bypass(j);
}
