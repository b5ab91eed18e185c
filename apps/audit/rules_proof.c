/* What trying it gave. */
#include "apps/audit/finding.h"
#include "apps/audit/rules.h"
#include "kernel/fmt.h"

static unsigned all_cases(const struct audit_in *in)
{
	unsigned n = 0;
	for (unsigned o = 0; o < CASE_OUTCOMES; o++)
		n += cases_count(&in->cases, (enum case_outcome)o);
	return n;
}

/* The cases with one of two outcomes, by the first of them that is in the table. */
static void judge_cases(struct judge *j, enum case_outcome one, enum case_outcome two, enum audit_rule rule)
{
	static const struct proof_case unknown = {.who = "?", .what = "?"};
	const struct proof_case *first = NULL;
	unsigned n = cases_count(&j->in->cases, one) + (two != one ? cases_count(&j->in->cases, two) : 0);
	for (unsigned i = 0; i < j->in->cases.n && !first; i++)
		if (j->in->cases.tried[i].outcome == one || j->in->cases.tried[i].outcome == two)
			first = &j->in->cases.tried[i];
	if (!first)
		first = &unknown;
	if (n)
		finding_of(j, rule, "machine", "%u of %u: the first was %s, %s %s: %s", n, all_cases(j->in),
			   first->who, first->write ? "write" : "read", first->what,
			   audit_outcome_name(first == &unknown ? one : first->outcome));
}

static const char *why_not(unsigned proof)
{
	switch (proof) {
	case AUDIT_PROOF_NO_UNIT:
		return "Not before there is a unit that translates: see the findings above.";
	case AUDIT_PROOF_OFF:
		return "Leave out iommu=off or iommu=pt.";
	case AUDIT_PROOF_NO_DEVICE:
		return "It needs a function of a class in docs/attacks.md that prove= lets attack.";
	case AUDIT_PROOF_NOT_NAMED:
		return "Set scratch= to the serial number of an NVMe controller whose contents may be overwritten, or leave out prove=none.";
	case AUDIT_PROOF_READ_ONLY:
		return "Leave out access=read.";
	case AUDIT_PROOF_NOT_ASKED:
		return "Run app=audit, or isolate in the console.";
	default:
		return "See the FAIL lines before this report.";
	}
}

void rules_proof(struct judge *j)
{
	unsigned n = all_cases(j->in);
	judge_cases(j, CASE_SUCCEEDED, CASE_NOT_PROVED, RULE_PROOF_FAILED);
	judge_cases(j, CASE_NOT_ENFORCED, CASE_NOT_ENFORCED, RULE_PROOF_NOT_ENFORCED);
	judge_cases(j, CASE_NOT_TRIED, CASE_NOT_TRIED, RULE_PROOF_NOT_TRIED);
	if (j->in->proof == AUDIT_PROOF_BROKEN)
		finding_of(j, RULE_PROOF_BROKEN, "machine",
			   "proof: broken, after %u cases, of which %u refused", n,
			   cases_count(&j->in->cases, CASE_REFUSED));
	if (j->in->proof == AUDIT_PROOF_BROKEN || (j->in->proof == AUDIT_PROOF_DONE && n))
		return;
	struct draft *f = finding_new(j, RULE_PROOF_NOT_RUN, "machine");
	fmt_print(f->read, sizeof f->read, "proof: %s", audit_proof_name(j->in->proof));
	fmt_print(f->remedy, sizeof f->remedy, "%s", why_not(j->in->proof));
	finding_add(j);
}
