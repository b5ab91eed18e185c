#include "pci/posture.h"
#include "pci/acs.h"
#include "pci/priv.h"
#include "pci/quirk.h"
#include "pci/regs.h"

/* Intel's Thunderbolt controllers have a vendor-specific capability with this id in each function. */
static bool is_thunderbolt(const struct pci_func *f)
{
	struct pci_cap cap = {0};
	while (f->vendor == PCI_VENDOR_INTEL && pci_ecap_next(f, &cap) == SL_OK)
		if (cap.id == ECAP_ID_VSEC && cap.off + VSEC_HEADER + 4 <= 0x1000 &&
		    FGET(fn_rd32(f, cap.off + VSEC_HEADER), VSEC_ID) == VSEC_ID_THUNDERBOLT)
			return true;
	return false;
}

bool pci_slot_read(const struct pci_func *fn, struct pci_slot *out)
{
	*out = (struct pci_slot){0};
	if (!caps_is_downstream(fn))
		return false;
	out->thunderbolt = is_thunderbolt(fn);
	for (const struct pci_func *f = fn->parent; f; f = f->parent)
		out->thunderbolt |= is_thunderbolt(f);
	if (fn->cap_pcie + PCIE_SLTCAP + 4 > 0x100 || !(fn_rd16(fn, fn->cap_pcie + PCIE_CAP) & PCIE_SLOT))
		return true;
	out->at = (uint16_t)(fn->cap_pcie + PCIE_SLTCAP);
	out->slot_cap = fn_rd32(fn, out->at);
	out->hotplug = (out->slot_cap & SLTCAP_HPC) != 0;
	return true;
}

static struct pci_switch read_switch(const struct pci_func *fn, uint16_t cap, unsigned reg, uint64_t enable)
{
	struct pci_switch s = {0};
	if (!cap)
		return s;
	s.at = (uint16_t)(cap + reg);
	s.control = fn_rd16(fn, s.at);
	s.on = (s.control & enable) != 0;
	return s;
}

bool pci_caches_read(const struct pci_func *fn, struct pci_caches *out)
{
	out->ats = read_switch(fn, fn->cap_ats, ATS_CTL, ATS_CTL_EN);
	out->pri = read_switch(fn, fn->cap_pri, PRI_CTL, PRI_CTL_EN);
	out->pasid = read_switch(fn, fn->cap_pasid, PASID_CTL, PASID_CTL_EN);
	out->pasid_bits = fn->cap_pasid ? fn_rd16(fn, fn->cap_pasid + PASID_CAP) >> 8 & 0x1f : 0;
	return fn->cap_ats || fn->cap_pri || fn->cap_pasid;
}

bool pci_acs_read(const struct pci_func *fn, uint16_t *at, uint16_t *cap, uint16_t *control)
{
	if (!fn->cap_acs)
		return false;
	*at = (uint16_t)acs_control(fn);
	*cap = fn_rd16(fn, fn->cap_acs + ACS_CAP);
	*control = fn_rd16(fn, *at);
	return true;
}

bool pci_is_vmd(const struct pci_func *fn)
{
	return pci_quirk_find(fn, QUIRK_VMD) != NULL;
}
