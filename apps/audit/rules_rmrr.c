/* Memory that the firmware shares with functions: the ledgers of iommu/dmar/rmrr.h and iommu/ivrs/unity.h,
 * judged. */
#include "apps/audit/finding.h"
#include "apps/audit/rules.h"
#include "apps/bringup/topology.h"
#include "iommu/dmar/rmrr.h"
#include "kernel/fmt.h"

static void judge_unity(struct judge *j)
{
	const struct unity_context known = {
		&j->look->functions, {j->in->mem, j->in->mems}, topology_name, j->in->pci};
	struct unity_range *ledger = j->out->unity;
	unsigned n = unity_ledger(&j->look->ivrs, &known, ledger, AUDIT_RMRRS);
	j->out->unities = n;
	if (n > AUDIT_RMRRS)
		finding_of(j, RULE_LIMIT, "machine", "IVRS has %u IVMDs; the first %u are judged", n,
			   AUDIT_RMRRS);
	for (unsigned i = 0; i < n && i < AUDIT_RMRRS; i++) {
		if (!unity_is_kept(&ledger[i]))
			continue;
		enum audit_rule rule = ledger[i].verdict == UNITY_KEPT ? RULE_IVMD_KEPT : RULE_IVMD_RAM;
		struct draft *f = finding_new(j, rule, "IVRS+0x%zx", ledger[i].ivmd.off);
		unity_text(&ledger[i], f->read, sizeof f->read);
		finding_add(j);
	}
}

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
	j->out->unities = 0;
	if (j->look->has_ivrs)
		judge_unity(j);
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
