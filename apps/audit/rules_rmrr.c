/* Memory that the firmware shares with functions: the ledger of iommu/dmar/rmrr.h, judged. */
#include "apps/audit/finding.h"
#include "apps/audit/rules.h"
#include "apps/bringup/topology.h"
#include "iommu/dmar/rmrr.h"
#include "kernel/fmt.h"

void rules_rmrr(struct judge *j)
{
	struct rmrr_owner *ledger = j->out->rmrr;
	static const struct {
		enum rmrr_verdict verdict;
		enum audit_rule rule;
	} rules[] = {{RMRR_KEPT, RULE_RMRR_KEPT},
		     {RMRR_EMPTY, RULE_RMRR_EMPTY},
		     {RMRR_SYSTEM_RAM, RULE_RMRR_RAM},
		     {RMRR_RELAXED, RULE_RMRR_RELAXED}};
	struct rmrr_context known = {
		&j->look->topo, &j->look->functions, {j->in->mem, j->in->mems}, topology_name, j->in->pci};
	unsigned n = j->look->has_dmar ? rmrr_ledger(&j->look->dmar, &known, ledger, AUDIT_RMRRS) : 0;
	j->out->rmrrs = n;
	if (n > AUDIT_RMRRS)
		finding_of(j, RULE_LIMIT, "machine",
			   "RMRRs and functions make %u pairs; the first %u are judged", n, AUDIT_RMRRS);
	for (unsigned i = 0; i < n && i < AUDIT_RMRRS; i++)
		for (unsigned k = 0; k < ARRAY_LEN(rules); k++) {
			if (ledger[i].verdict != rules[k].verdict)
				continue;
			struct draft *f = finding_new(j, rules[k].rule, BDF_FMT, BDF_ARG(ledger[i].fn));
			int at = fmt_print(f->read, sizeof f->read, "DMAR+0x%zx: ", ledger[i].off);
			rmrr_text(&ledger[i], f->read + at, sizeof f->read - (size_t)at);
			finding_add(j);
		}
}
