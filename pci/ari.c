#include "pci/ari.h"
#include "pci/priv.h"
#include "pci/regs.h"

bool ari_can_forward(const struct pci_func *port)
{
	return caps_is_downstream(port) && caps_has_devctl2(port) &&
	       (fn_rd32(port, port->cap_pcie + PCIE_DEVCAP2) & DEVCAP2_ARI);
}

/* ARI Forwarding may only be on above a device whose functions all have the ARI capability. *pf becomes the
 * lowest-numbered PF, the only one whose ARI Capable Hierarchy bit is writable. */
static bool device_ready(const struct pci *pci, const struct pci_func *port, struct pci_func **pf)
{
	*pf = NULL;
	PCI_EACH(f, pci) {
		if (f->parent != port || f->pf)
			continue;
		if (!f->cap_ari)
			return false;
		if (f->cap_sriov && (fn_rd16(f, f->cap_sriov + SRIOV_CTL) & SRIOV_CTL_VFE))
			return false; /* neither bit may change under VFs */
		if (f->cap_sriov && !*pf)
			*pf = f;
	}
	return *pf != NULL;
}

static void ari_write(const struct pci_func *port, const struct pci_func *pf, bool port_bit, bool pf_bit,
		      bool on)
{
	unsigned devctl2 = port->cap_pcie + PCIE_DEVCTL2, ctl = pf->cap_sriov + SRIOV_CTL;
	uint64_t v = fn_rd16(port, devctl2);
	if (port_bit)
		fn_wr16(port, devctl2, on ? v | DEVCTL2_ARI : v & ~DEVCTL2_ARI);
	v = fn_rd16(pf, ctl);
	if (pf_bit)
		fn_wr16(pf, ctl, on ? v | SRIOV_CTL_ARI : v & ~SRIOV_CTL_ARI);
}

void ari_on(const struct pci *pci, struct pci_func *pf)
{
	struct pci_func *port = pf->parent, *first;
	if (!ari_can_forward(port) || !device_ready(pci, port, &first))
		return;
	bool port_bit = !(fn_rd16(port, port->cap_pcie + PCIE_DEVCTL2) & DEVCTL2_ARI);
	bool pf_bit = !(fn_rd16(first, first->cap_sriov + SRIOV_CTL) & SRIOV_CTL_ARI);
	ari_write(port, first, port_bit, pf_bit, true);
	port->ari_forward_set |= port_bit;
	first->ari_hierarchy_set |= pf_bit;
}

void ari_off(const struct pci *pci, struct pci_func *pf)
{
	struct pci_func *port = pf->parent, *first;
	if (!ari_can_forward(port) || !device_ready(pci, port, &first))
		return;
	ari_write(port, first, port->ari_forward_set, first->ari_hierarchy_set, false);
	port->ari_forward_set = first->ari_hierarchy_set = false;
}
