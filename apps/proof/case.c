#include "apps/proof/case.h"

void cases_run(const struct trial *t, const struct attack_case *table, enum case_when when)
{
	for (const struct attack_case *c = table; c->name; c++)
		if (c->when == when && c->make(t, c) == STEP_BROKEN)
			trial_broken(t, c->name);
}
