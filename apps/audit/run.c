/* audit_run(): all rules in order, and what they share. */
#include <stdarg.h>
#include "apps/audit/rules.h"
#include "apps/bringup/topology.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "pci/groups.h"

struct finding *finding_new(struct judge *j, enum audit_rule rule, const char *who, ...)
{
	const struct rule_text *t = &rule_texts[rule];
	struct finding *f = &j->f;
	va_list ap;
	f->severity = t->severity;
	f->kind = t->kind;
	fmt_print(f->id, sizeof f->id, "%s", t->id);
	va_start(ap, who);
	fmt_vprint(f->who, sizeof f->who, who, ap);
	va_end(ap);
	fmt_print(f->means, sizeof f->means, "%s", t->means);
	fmt_print(f->os, sizeof f->os, "%s", t->os);
	fmt_print(f->remedy, sizeof f->remedy, "%s", t->remedy);
	f->read[0] = 0;
	return f;
}

void finding_tell(struct judge *j)
{
	j->n++;
	if (j->each)
		j->each(j->ctx, &j->f);
}

void finding_fn(struct judge *j, enum audit_rule rule, bdf_t fn, const char *read, ...)
{
	struct finding *f = finding_new(j, rule, BDF_FMT, BDF_ARG(fn));
	va_list ap;
	va_start(ap, read);
	fmt_vprint(f->read, sizeof f->read, read, ap);
	va_end(ap);
	finding_tell(j);
}

void finding_of(struct judge *j, enum audit_rule rule, const char *who, const char *read, ...)
{
	struct finding *f = finding_new(j, rule, "%s", who);
	va_list ap;
	va_start(ap, read);
	fmt_vprint(f->read, sizeof f->read, read, ap);
	va_end(ap);
	finding_tell(j);
}

#define LISTED 6u /* functions that a list names */

unsigned function_list(const struct pci *pci, bool (*want)(const void *ctx, const struct pci_func *f),
		       const void *ctx, char *buf, size_t n)
{
	unsigned count = 0;
	size_t at = 0;
	buf[0] = 0;
	PCI_EACH(f, pci) {
		if (!want(ctx, f))
			continue;
		if (count++ < LISTED && at < n)
			at += (size_t)fmt_print(buf + at, n - at, "%s" BDF_FMT, at ? " " : "",
						BDF_ARG(f->bdf));
	}
	if (count > LISTED && at < n)
		fmt_print(buf + at, n - at, " and %u more", count - LISTED);
	return count;
}

/* Of two entries with the same registers the first counts, as in Linux and in iommu/units.c: what the second
 * alone names has no unit. */
bool unit_of(struct judge *j, bdf_t fn, unsigned *unit)
{
	struct dmar_drhd d, at;
	struct dmar_entry e = {0};
	*unit = 0;
	if (!j->has_dmar || dmar_unit_of(&j->dmar, &j->topo, fn, &d) != SL_OK)
		return false;
	for (unsigned i = 0; dmar_next(&j->dmar, &e) == SL_OK;) {
		if (e.type != DMAR_DRHD || dmar_drhd(&e, &at) != SL_OK)
			continue;
		if (at.off == d.off) {
			*unit = i;
			return true;
		}
		if (at.base == d.base)
			return false;
		i++;
	}
	return false;
}

const struct audit_regs *unit_regs(const struct audit_unit *u)
{
	for (unsigned i = AUDIT_PHASES; i-- > 0;)
		if (u->at[i].read)
			return &u->at[i];
	return NULL;
}

struct vtd_ability unit_ability(const struct audit_unit *u)
{
	const struct audit_regs *r = unit_regs(u);
	return r ? vtd_ability_of(r->ver, r->cap, r->ecap)
		 : (struct vtd_ability){.unusable = "its registers were not read"};
}

bool does_dma(const struct pci_func *f)
{
	return !f->is_bridge && f->class >> 16 != 0x06;
}

const struct audit_table *audit_table(const struct audit_in *in, const char *sig)
{
	for (unsigned i = 0; i < in->tables; i++)
		if (strcmp(in->table[i].sig, sig) == 0)
			return &in->table[i];
	return NULL;
}

unsigned audit_run(struct audit_in *in, audit_each_fn *each, void *ctx)
{
	static struct judge j;
	const struct audit_table *dmar = audit_table(in, "DMAR");
	j = (struct judge){.in = in,
			   .each = each,
			   .ctx = ctx,
			   .topo = topo_of(in->pci),
			   .functions = topo_functions(in->pci)};
	j.has_dmar = dmar && dmar_open(dmar->data, &j.dmar) == SL_OK;
	j.groups = groups_compute(in->pci);
	rules_iommu(&j);
	rules_coverage(&j);
	rules_state(&j);
	rules_groups(&j);
	rules_rmrr(&j);
	rules_sriov(&j);
	rules_irq(&j);
	rules_ports(&j);
	rules_firmware(&j);
	rules_proof(&j);
	return j.n;
}

static const char *name_in(const char *const *names, unsigned n, unsigned i)
{
	return i < n ? names[i] : "?";
}

const char *audit_severity_name(enum audit_severity s)
{
	static const char *const names[] = {"info", "warning", "error"};
	return name_in(names, ARRAY_LEN(names), s);
}

const char *audit_kind_name(enum audit_kind k)
{
	static const char *const names[] = {"firmware bug", "setup choice", "hardware limit", "note"};
	return name_in(names, ARRAY_LEN(names), k);
}

const char *audit_proof_name(unsigned proof)
{
	static const char *const names[] = {"done",      "no unit", "off",       "no device",
					    "not named", "broken",  "not asked", "read only"};
	return name_in(names, ARRAY_LEN(names), proof);
}

const char *audit_outcome_name(unsigned outcome)
{
	static const char *const names[] = {"refused", "SUCCEEDED", "not enforced", "not proved",
					    "not tried"};
	return name_in(names, ARRAY_LEN(names), outcome);
}

const char *audit_source_name(unsigned source)
{
	static const char *const names[AUDIT_SOURCES] = {"NMI", "MCE", "AER"};
	return name_in(names, AUDIT_SOURCES, source);
}

const char *audit_grade_name(unsigned grade)
{
	static const char *const names[AUDIT_GRADES] = {"uncorrected", "corrected", "refused", "before"};
	return name_in(names, AUDIT_GRADES, grade);
}

const char *audit_apic_name(unsigned apic)
{
	static const char *const names[] = {"unknown", "off", "xAPIC", "x2APIC"};
	return name_in(names, ARRAY_LEN(names), apic);
}

const char *audit_secure_name(unsigned secure)
{
	static const char *const names[] = {"off", "on", "unknown", "setup"};
	return name_in(names, ARRAY_LEN(names), secure);
}

const char *audit_id(unsigned i)
{
	if (i >= RULE_DMAR) /* which has the ids of iommu/dmar/lint.h */
		i++;
	return i < RULE_COUNT ? rule_texts[i].id : NULL;
}
