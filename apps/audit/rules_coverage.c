/* What was not looked at, and so is not judged: a verdict must not be about it. */
#include "apps/audit/finding.h"
#include "apps/audit/rules.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "pci/acs.h"

void audit_take_missed(struct audit_in *in, const struct pci *pci)
{
	_Static_assert(sizeof in->missed == sizeof pci->missed, "the same number of them");
	memcpy(in->missed, pci->missed, sizeof in->missed);
	in->n_missed = pci->n_missed;
}

/* Refusals come from the proof or from functions that Sluice does not drive. */
static void judge_errors(struct judge *j)
{
	for (unsigned i = 0; i < j->in->errors.n; i++) {
		const struct hardware_error *e = &j->in->errors.error[i];
		if (e->grade == HARDWARE_REFUSED)
			continue;
		struct draft *f = finding_new(j, RULE_HARDWARE_ERROR, "%s", e->who);
		fmt_print(f->read, sizeof f->read, "%s, %s, count %u: %s", hardware_source_name(e->source),
			  hardware_grade_name(e->grade), e->count, e->text);
		finding_add(j);
	}
}

static void judge_missed(struct judge *j, const struct pci_missed *m)
{
	char text[160];
	pci_missed_text(m, text, sizeof text);
	struct draft *f =
		finding_new(j, pci_miss_is_bridge(m->why) ? RULE_PCI_NOT_FOLLOWED : RULE_PCI_NOT_READ,
			    BDF_FMT, BDF_ARG(m->bdf));
	if (pci_miss_is_bridge(m->why) && j->in->pci->cfg && j->in->pci->cfg->read_only)
		fmt_print(
			f->means, sizeof f->means,
			"what is below this bridge was not found and is not judged; its requests pass the bridge if its Bus Master Enable is on");
	if (m->why ==
	    PCI_MISS_NO_NUMBERS) /* firmware could not address what is below, so it left nothing on */
		f->severity = AUDIT_WARNING;
	fmt_print(f->read, sizeof f->read, "%s", text);
	finding_add(j);
}

void audit_unjudged(const struct audit_in *in, struct audit_unjudged *out)
{
	*out = (struct audit_unjudged){0};
	if (!in->pci->cfg || !in->pci->cfg->read_only)
		return;
	PCI_EACH(f, in->pci) {
		out->bars += f->hdr_type < 2 && f->class >> 8 != 0x0600;
		out->vf_bars += f->cap_sriov != 0;
		out->acs += acs_off(f) != 0;
	}
	for (unsigned i = 0; i < in->pfs; i++)
		out->routes += !in->pf[i].routing[0].known || !in->pf[i].routing[1].known;
	for (unsigned i = 0; i < in->n_missed && i < AUDIT_MISSED; i++)
		out->asleep += in->missed[i].why == PCI_MISS_ASLEEP;
	out->all = out->bars + out->vf_bars + out->acs + out->routes + out->asleep + 1;
}

static void judge_look(struct judge *j)
{
	const struct audit_unjudged *u = &j->out->unjudged;
	if (u->all)
		finding_of(
			j, RULE_LOOK_ONLY, "machine",
			"access=read. BARs not sized: %u functions; VF BARs not sized: %u; ACS off, taken as on: %u; VF routing in one ARI state: %u; bridges not woken: %u; DMA not tried",
			u->bars, u->vf_bars, u->acs, u->routes, u->asleep);
}

void rules_coverage(struct judge *j)
{
	const struct audit_in *in = j->in;
	judge_look(j);
	for (unsigned i = 0; i < in->n_missed && i < AUDIT_MISSED; i++)
		judge_missed(j, &in->missed[i]);
	if (in->n_missed > AUDIT_MISSED)
		finding_of(j, RULE_PCI_NOT_READ, "machine", "%u more that were not examined",
			   in->n_missed - AUDIT_MISSED);
	if (in->failed[0])
		finding_of(j, RULE_RUN_FAILED, "machine", "stage %s", in->failed);
	judge_errors(j);
}
