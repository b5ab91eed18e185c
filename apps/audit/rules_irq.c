/* Interrupt remapping: can it be on, is it whole, does it hold. */
#include "apps/audit/finding.h"
#include "apps/audit/look.h"
#include "apps/audit/rules.h"
#include "kernel/fmt.h"
#include "pci/quirk.h"

#define IRTA_EIME_BIT BIT(11)
#define APIC_REACH    254u /* highest id of an 8-bit destination: 255 is all processors */

static void judge_units(struct judge *j, bool promised, unsigned *units, unsigned *able)
{
	*units = *able = 0;
	for (unsigned i = 0; i < j->in->units; i++) {
		const struct audit_unit *u = &j->in->unit[i];
		struct vtd_ability a = unit_ability(u);
		char name[16];
		if (a.unusable && !a.irq_only)
			continue;
		(*units)++;
		*able += a.remaps;
		ull ecap = unit_regs(u)->ecap;
		fmt_print(name, sizeof name, "iommu%u", i);
		if (!a.remaps)
			finding_of(j, promised ? RULE_IR_FLAG_FALSE : RULE_IR_UNIT, name,
				   "ECAP.IR is 0 at 0x%llx (ECAP=0x%llx); DMAR flags 0x%x at 0x25",
				   (ull)u->base + 0x10, ecap, j->look->dmar.flags);
		if (a.remaps && !a.x2apic &&
		    (j->in->apic == AUDIT_APIC_X2APIC || j->in->apicid_max > APIC_REACH))
			finding_of(
				j, RULE_IR_EIM, name,
				"ECAP.EIM is 0 at 0x%llx (ECAP=0x%llx); local APIC in %s mode, highest APIC id %u",
				(ull)u->base + 0x10, ecap, audit_apic_name(j->in->apic), j->in->apicid_max);
	}
}

static void judge_compat(struct judge *j)
{
	for (unsigned i = 0; i < j->in->units; i++) {
		const struct vtd_regs_seen *r = &j->in->unit[i].at[AUDIT_NOW];
		struct vtd_state s = vtd_state_of(r->gsts, r->pmen, r->fsts);
		char name[16];
		if (!r->read || unit_ability(&j->in->unit[i]).unusable || !s.remaps || !s.compat_passes ||
		    (r->irta & IRTA_EIME_BIT)) /* then it is blocked whatever CFIS says: VT-d §5.1.4 */
			continue;
		fmt_print(name, sizeof name, "iommu%u", i);
		finding_of(j, RULE_IR_COMPAT, name,
			   "GSTS=0x%x at 0x%llx: IRES and CFIS are 1 although CFI was cleared", r->gsts,
			   (ull)j->in->unit[i].base + 0x1c);
	}
}

static bool has_scope(const struct judge *j, uint8_t type, uint8_t id)
{
	struct dmar_entry e = {0};
	struct dmar_drhd d;
	while (dmar_next(&j->look->dmar, &e) == SL_OK) {
		struct dmar_scope s = {0};
		if (e.type != DMAR_DRHD || dmar_drhd(&e, &d) != SL_OK)
			continue;
		while (dmar_scope_next(d.scopes, &s) == SL_OK)
			if (s.type == type && s.enum_id == id)
				return true;
	}
	return false;
}

/* HPET Number: IA-PC HPET specification §3.2.4. */
#define HPET_NUMBER 52u

static void judge_hpet(struct judge *j)
{
	const struct audit_table *hpet = audit_table(j->in, "HPET");
	if (!hpet || !span_has(hpet->data, HPET_NUMBER, 1))
		return;
	uint8_t number = span_u8(hpet->data, HPET_NUMBER);
	if (!has_scope(j, DMAR_SCOPE_HPET, number))
		finding_of(j, RULE_IR_HPET, "DMAR",
			   "HPET table: number %u at 0x34; no scope of type 4 with it", number);
}

void rules_irq(struct judge *j)
{
	unsigned units, able;
	bool promised = j->look->has_dmar && (j->look->dmar.flags & DMAR_INTR_REMAP);
	judge_units(j, promised, &units, &able);
	if (j->look->has_dmar && !promised && units && able == units)
		finding_of(j, RULE_IR_FLAG_MISSING, "DMAR+0x25",
			   "DMAR flags 0x%x at 0x25: INTR_REMAP is 0; ECAP.IR is 1 in all %u units",
			   j->look->dmar.flags, units);
	if (promised)
		judge_hpet(j);
	judge_compat(j);
	PCI_EACH(f, j->in->pci)
		if (pci_quirk_find(f, QUIRK_NO_REMAPPING))
			finding_fn(j, RULE_IR_ERRATA, f->bdf, "%04x:%04x revision 0x%x", f->vendor, f->device,
				   f->revision);
}
