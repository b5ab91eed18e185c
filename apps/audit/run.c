/* audit_run(): all rules in order, then what they come to. */
#include "apps/audit/finding.h"
#include "apps/audit/look.h"
#include "apps/audit/rules.h"

static void (*const sections[])(struct judge *) = {
#define SECTION(name) rules_##name,
#define RULE(name, id, severity, kind, read, means, os, remedy)
#include "apps/audit/rules.def"
};

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
	for (unsigned i = 0; i < ARRAY_LEN(sections); i++)
		sections[i](&j);
	j.last = true;
	if (out->lost)
		finding_of(&j, RULE_LIMIT, "machine", "%u findings; the first %u are in the report",
			   out->findings + out->lost, out->findings);
	summary_make(in, out, &out->summary);
	verdict_make(in, &out->verdict);
}
