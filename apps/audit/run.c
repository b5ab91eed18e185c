/* audit_run(): all rules in order, then what they come to. */
#include "apps/audit/rules.h"

void audit_run(struct audit_in *in, struct audit_result *out)
{
	static struct judge j;
	out->in = in;
	out->findings = out->lost = 0;
	out->used = 0;
	out->verdict = (struct audit_verdict){0};
	look_at(in, &out->look);
	for (unsigned i = 0; i < in->pfs; i++)
		audit_room(in, &in->pf[i], &out->room[i]);
	audit_unjudged(in, &out->unjudged);
	j = (struct judge){.in = in, .look = &out->look, .out = out};
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
	j.last = true;
	if (out->lost)
		finding_of(&j, RULE_LIMIT, "machine", "%u findings; the first %u are in the report",
			   out->findings + out->lost, out->findings);
	summary_make(in, out, &out->summary);
	verdict_make(in, &out->verdict);
}
