/* Who can come in from outside, and which functions translate for themselves. */
#include "apps/audit/finding.h"
#include "apps/audit/look.h"
#include "apps/audit/rules.h"
#include "kernel/fmt.h"
#include "pci/posture.h"

/* An ATSR or a SATC of the table is for this function: VT-d §8.5, §8.8. */
static bool ats_covered(const struct judge *j, const struct pci_func *f)
{
	struct dmar_entry e = {0};
	while (j->look->has_dmar && dmar_next(&j->look->dmar, &e) == SL_OK) {
		struct dmar_atsr atsr;
		struct dmar_scope s = {0};
		struct span scopes;
		uint16_t seg;
		if ((e.type != DMAR_ATSR && e.type != DMAR_SATC) || dmar_scopes(&e, &seg, &scopes) ||
		    seg != f->bdf.seg)
			continue;
		if (e.type == DMAR_ATSR && f->parent && dmar_atsr(&e, &atsr) == SL_OK && atsr.all_ports)
			return true;
		while (dmar_scope_next(scopes, &s) == SL_OK)
			if (dmar_scope_covers(&j->look->topo, seg, &s, f->bdf))
				return true;
	}
	return false;
}

/* The nearest port above through which a stranger's device could come; NULL. */
static const struct pci_func *outside_port(const struct pci_func *f, struct pci_slot *slot)
{
	for (const struct pci_func *up = f->parent; up; up = up->parent)
		if (pci_slot_read(up, slot) && slot->thunderbolt)
			return up;
	return NULL;
}

static void caches_text(const struct pci_caches *c, char *buf, size_t n)
{
	size_t at = (size_t)fmt_print(buf, n, "ATS Control 0x%x at 0x%x", c->ats.control, c->ats.at);
	if (c->pri.at && at < n)
		at += (size_t)fmt_print(buf + at, n - at, ", PRI Control 0x%x at 0x%x", c->pri.control,
					c->pri.at);
	if (c->pasid.at && at < n)
		fmt_print(buf + at, n - at, ", PASID Control 0x%x at 0x%x", c->pasid.control, c->pasid.at);
}

static uint8_t found_on(const struct judge *j, bdf_t fn)
{
	for (unsigned i = 0; i < j->in->fns; i++)
		if (bdf_eq(j->in->fn[i].bdf, fn))
			return j->in->fn[i].found;
	return 0;
}

static void judge_caches(struct judge *j, const struct pci_func *f)
{
	struct pci_caches c;
	struct pci_slot slot;
	char text[100];
	unsigned unit;
	if (!pci_caches_read(f, &c) || !c.ats.at)
		return;
	if (found_on(j, f->bdf) & PCI_FOUND_ATS) { /* and it was switched off since */
		c.ats.on = true;
		c.ats.control |= 0x8000;
	}
	caches_text(&c, text, sizeof text);
	const struct pci_func *port = outside_port(f, &slot);
	if (c.ats.on)
		finding_fn(j, RULE_ATS_ON, f->bdf, "%s", text);
	if (port)
		finding_fn(j, RULE_ATS_OUTSIDE, f->bdf, "%s; below port " BDF_FMT, text, BDF_ARG(port->bdf));
	else if (j->look->has_dmar && !ats_covered(j, f))
		finding_fn(j, RULE_ATS_UNCOVERED, f->bdf, "%s; no ATSR or SATC for it", text);
	else if (audit_unit_of(j->look, f->bdf, &unit) && unit < j->in->units)
		finding_fn(j, RULE_ATS_CAPABLE, f->bdf, "%s; ECAP.DT of iommu%u is %u", text, unit,
			   unit_ability(&j->in->unit[unit]).device_tlb);
	else
		finding_fn(j, RULE_ATS_CAPABLE, f->bdf, "%s; no unit", text);
}

static void judge_slot(struct judge *j, const struct pci_func *f)
{
	struct pci_slot slot;
	unsigned unit;
	char cover[24] = "no unit";
	if (!pci_slot_read(f, &slot))
		return;
	if (audit_unit_of(j->look, f->bdf, &unit))
		fmt_print(cover, sizeof cover, "iommu%u translates", unit);
	if (slot.thunderbolt)
		finding_fn(j, RULE_PORT_THUNDERBOLT, f->bdf,
			   "Intel's Thunderbolt capability (VSEC 0x1234) here or above; %s; DMAR opt-in %s",
			   cover,
			   j->look->has_dmar && (j->look->dmar.flags & DMAR_DMA_OPT_IN) ? "set" : "not set");
	else if (slot.hotplug)
		finding_fn(j, RULE_PORT_HOTPLUG, f->bdf, "Slot Capabilities 0x%x at 0x%x: bit 6 is 1; %s",
			   slot.slot_cap, slot.at, cover);
}

void rules_ports(struct judge *j)
{
	PCI_EACH(f, j->in->pci) {
		judge_caches(j, f);
		judge_slot(j, f);
		if (pci_is_vmd(f))
			finding_fn(j, RULE_VMD, f->bdf, "%04x:%04x, class %06x", f->vendor, f->device,
				   f->class);
	}
}
