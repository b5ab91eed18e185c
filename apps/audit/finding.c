/* How a rule makes a finding, and where it is kept. */
#include <stdarg.h>
#include "apps/audit/finding.h"
#include "apps/audit/rules.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

struct draft *finding_new(struct judge *j, enum audit_rule rule, const char *who, ...)
{
	const struct rule_text *t = &rule_texts[rule];
	struct draft *d = &j->draft;
	va_list ap;
	d->rule = rule;
	d->severity = t->severity;
	d->kind = t->kind;
	fmt_print(d->id, sizeof d->id, "%s", t->id);
	va_start(ap, who);
	fmt_vprint(d->who, sizeof d->who, who, ap);
	va_end(ap);
	fmt_print(d->means, sizeof d->means, "%s", t->means);
	fmt_print(d->os, sizeof d->os, "%s", t->os);
	fmt_print(d->remedy, sizeof d->remedy, "%s", t->remedy);
	d->read[0] = 0;
	return d;
}

/* The words of the rule where they are the same, else a copy. The caller has seen to it that there is room.
 */
static const char *keep(struct audit_result *r, const char *text, const char *of_rule)
{
	size_t n = strlen(text) + 1;
	char *copy = r->text + r->used;
	if (strcmp(text, of_rule) == 0)
		return of_rule;
	memcpy(copy, text, n);
	r->used += n;
	return copy;
}

static bool has_room(const struct audit_result *r, unsigned findings)
{
	return r->findings + findings <= AUDIT_FINDINGS &&
	       sizeof r->text - r->used >= findings * sizeof(struct draft);
}

/* An error that says that something could not be examined is no fault of the machine's isolation. */
static bool speaks_against(const struct draft *d)
{
	return d->severity == AUDIT_ERROR && d->rule != RULE_NO_ECAM && d->rule != RULE_IOMMU_AMD &&
	       d->rule != RULE_IOMMU_VIRTIO && d->rule != RULE_PCI_NOT_FOLLOWED &&
	       d->rule != RULE_PCI_NOT_READ && d->rule != RULE_RUN_FAILED && d->rule != RULE_PROOF_BROKEN;
}

/* Room for one is left until the end, for the finding that says how many there was no room for. */
void finding_add(struct judge *j)
{
	struct audit_result *r = j->out;
	const struct draft *d = &j->draft;
	const struct rule_text *t = &rule_texts[d->rule];
	r->verdict.errors += d->severity == AUDIT_ERROR;
	r->verdict.against += speaks_against(d);
	r->verdict.warnings += d->severity == AUDIT_WARNING;
	r->verdict.infos += d->severity == AUDIT_INFO;
	if (!has_room(r, j->last ? 1 : 2)) {
		r->lost++;
		return;
	}
	struct finding *f = &r->finding[r->findings++];
	f->severity = d->severity;
	f->kind = d->kind;
	f->id = keep(r, d->id, t->id);
	f->who = keep(r, d->who, "machine");
	f->read = keep(r, d->read, "");
	f->means = keep(r, d->means, t->means);
	f->os = keep(r, d->os, t->os);
	f->remedy = keep(r, d->remedy, t->remedy);
}

void finding_fn(struct judge *j, enum audit_rule rule, bdf_t fn, const char *read, ...)
{
	struct draft *d = finding_new(j, rule, BDF_FMT, BDF_ARG(fn));
	va_list ap;
	va_start(ap, read);
	fmt_vprint(d->read, sizeof d->read, read, ap);
	va_end(ap);
	finding_add(j);
}

void finding_of(struct judge *j, enum audit_rule rule, const char *who, const char *read, ...)
{
	struct draft *d = finding_new(j, rule, "%s", who);
	va_list ap;
	va_start(ap, read);
	fmt_vprint(d->read, sizeof d->read, read, ap);
	va_end(ap);
	finding_add(j);
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
