/* Routing ids of VFs, and how far bus numbers reach for them. */
#include "pci/priv.h"
#include "pci/sriov_priv.h"

unsigned sriov_last_bus(const struct pci *pci, const struct pci_func *pf)
{
	if (pf->parent)
		return pf->parent->sub;
	for (size_t i = 0; i < pci->n_ranges; i++)
		if (pci->range[i].seg == pf->bdf.seg && bdf_bus(pf->bdf) >= pci->range[i].bus_start &&
		    bdf_bus(pf->bdf) <= pci->range[i].bus_end)
			return pci->range[i].bus_end;
	return bdf_bus(pf->bdf);
}

/* A bus of another bridge, of which pf is not below. */
static bool bus_is_taken(const struct pci *pci, const struct pci_func *pf, unsigned bus)
{
	PCI_EACH(f, pci) {
		if (!f->is_bridge || f->sec == 0 || f->bdf.seg != pf->bdf.seg || bus < f->sec || bus > f->sub)
			continue;
		const struct pci_func *up = pf->parent;
		while (up && up != f)
			up = up->parent;
		if (!up)
			return true;
	}
	return false;
}

/* Whether a VF with this routing id is the only one with it and is routed to the PF's device: PCIe
 * §9.2.1.2. */
static bool vf_reachable(const struct pci *pci, const struct pci_func *pf, uint32_t rid)
{
	unsigned bus = rid >> 8;
	if (bus > sriov_last_bus(pci, pf))
		return false;
	return bus == bdf_bus(pf->bdf) || !bus_is_taken(pci, pf, bus);
}

uint16_t sriov_reach(const struct pci *pci, const struct pci_func *pf, uint16_t total, uint16_t offset,
		     uint16_t stride)
{
	uint16_t n = 0, most = stride != 0 || total == 0 ? total : 1;
	if (offset == 0)
		return 0;
	while (n < most && vf_reachable(pci, pf, pf->bdf.rid + (uint32_t)offset + n * (uint32_t)stride))
		n++;
	return n;
}
