/* What was not looked at, and so is not judged: a verdict must not be about it. */
#include "apps/audit/rules.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

void audit_take_missed(struct audit_in *in, const struct pci *pci)
{
	_Static_assert(sizeof in->missed == sizeof pci->missed, "the same number of them");
	memcpy(in->missed, pci->missed, sizeof in->missed);
	in->n_missed = pci->n_missed;
}

static void judge_missed(struct judge *j, const struct pci_missed *m)
{
	char text[160];
	pci_missed_text(m, text, sizeof text);
	struct finding *f =
		finding_new(j, pci_miss_is_bridge(m->why) ? RULE_PCI_NOT_FOLLOWED : RULE_PCI_NOT_READ,
			    BDF_FMT, BDF_ARG(m->bdf));
	if (m->why ==
	    PCI_MISS_NO_NUMBERS) /* firmware could not address what is below, so it left nothing on */
		f->severity = AUDIT_WARNING;
	fmt_print(f->read, sizeof f->read, "%s", text);
	finding_tell(j);
}

void rules_coverage(struct judge *j)
{
	const struct audit_in *in = j->in;
	for (unsigned i = 0; i < in->n_missed && i < AUDIT_MISSED; i++)
		judge_missed(j, &in->missed[i]);
	if (in->n_missed > AUDIT_MISSED)
		finding_of(j, RULE_PCI_NOT_READ, "machine", "%u more that were not looked at",
			   in->n_missed - AUDIT_MISSED);
	if (in->failed[0])
		finding_of(j, RULE_RUN_FAILED, "machine", "stage %s", in->failed);
}
