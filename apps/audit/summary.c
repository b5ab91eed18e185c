/* The counts of the verdict page. */
#include "apps/audit/look.h"
#include "apps/audit/rules.h"
#include "pci/groups.h"
#include "pci/posture.h"

static void count_units(const struct audit_in *in, struct audit_summary *s)
{
	s->width = 64;
	for (unsigned i = 0; i < in->units; i++) {
		struct vtd_ability a = unit_ability(&in->unit[i]);
		s->units_usable += !a.unusable;
		s->units_remap += (!a.unusable || a.irq_only) && a.remaps;
		if (!a.unusable && a.width < s->width)
			s->width = a.width;
	}
}

/* While firmware ran, and as it left it: units that protect memory, functions that may do DMA. */
static void count_state(const struct audit_in *in, enum audit_phase p, struct audit_summary *s)
{
	for (unsigned i = 0; i < in->units; i++) {
		const struct vtd_regs_seen *r = &in->unit[i].at[p];
		struct vtd_state now = vtd_state_of(r->gsts, r->pmen, r->fsts);
		s->state[p].units += r->read;
		s->state[p].protecting += r->read && (now.translates || now.regions);
	}
	for (unsigned i = 0; i < in->amds; i++) {
		s->state[p].units += in->amd[i].at[p].read;
		s->state[p].protecting += (in->amd[i].at[p].control & CTL_IOMMU) != 0;
	}
	for (unsigned i = 0; i < in->fns; i++) {
		int8_t v = p == AUDIT_ENTRY ? in->fn[i].entry : in->fn[i].left;
		s->state[p].known += v >= 0;
		s->state[p].masters += v == 1;
	}
}

static void count_functions(const struct audit_in *in, struct audit_summary *s)
{
	for (unsigned id = 1; id <= s->groups; id++) {
		const struct pci_func *f = groups_next(in->pci, id, NULL);
		s->several += f && groups_next(in->pci, id, f);
	}
	PCI_EACH(f, in->pci) {
		struct pci_slot slot;
		s->functions++;
		s->ats += f->cap_ats != 0;
		if (!pci_slot_read(f, &slot))
			continue;
		s->thunderbolt += slot.thunderbolt;
		s->hotplug += slot.hotplug;
	}
}

void summary_make(const struct audit_in *in, const struct audit_result *r, struct audit_summary *out)
{
	*out = (struct audit_summary){.groups = r->look.groups};
	out->remap_flag = r->look.has_dmar && (r->look.dmar.flags & DMAR_INTR_REMAP);
	count_units(in, out);
	count_state(in, AUDIT_ENTRY, out);
	count_state(in, AUDIT_LEFT, out);
	count_functions(in, out);
	for (unsigned i = 0; i < r->unities && i < AUDIT_RMRRS; i++)
		out->rmrrs_kept += unity_is_kept(&r->unity[i]);
	for (unsigned i = 0; i < r->rmrrs && i < AUDIT_RMRRS; i++)
		out->rmrrs_kept += r->rmrr[i].verdict == RMRR_KEPT || r->rmrr[i].verdict == RMRR_SYSTEM_RAM;
}
