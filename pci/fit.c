#include "pci/ari.h"
#include "pci/fit.h"
#include "kernel/str.h"
#include "pci/priv.h"
#include "pci/regs.h"
#include "pci/sriov_priv.h"

static bool all_placed(const struct pci *pci, struct pci_func *pf, uint16_t n)
{
	struct pci_bar was[PCI_BARS];
	uint16_t room = pf->vf_room;
	bool ok = true;
	memcpy(was, pf->vf_bar, sizeof was);
	pf->vf_room = n;
	for (unsigned i = 0; i < PCI_BARS && ok; i++)
		ok = !pf->vf_bar[i].size || vf_bar_place(pci, pf, &pf->vf_bar[i], n);
	memcpy(pf->vf_bar, was, sizeof was);
	pf->vf_room = room;
	return ok;
}

/* The most VFs with addresses: if n fit, so do fewer. */
static uint16_t most_placed(const struct pci *pci, struct pci_func *pf, uint16_t total)
{
	uint16_t low = 0, high = total; /* low fit */
	while (low < high) {
		uint16_t n = (uint16_t)(low + (high - low + 1) / 2);
		if (all_placed(pci, pf, n))
			low = n;
		else
			high = (uint16_t)(n - 1);
	}
	return low;
}

void sriov_fit(const struct pci *pci, struct pci_func *pf, uint16_t total, struct sriov_route route,
	       struct sriov_fit *out)
{
	*out = (struct sriov_fit){
		.last_bus = sriov_last_bus(pci, pf), .unsized = pf->cfg->read_only, .no_window = !pf->parent};
	if (!total)
		return;
	out->by_bus = sriov_reach(pci, pf, total, route.offset, route.stride);
	uint32_t last = pf->bdf.rid + (uint32_t)route.offset + (total - 1u) * (uint32_t)route.stride;
	if (last >> 8 > out->last_bus)
		out->missing_buses = (last >> 8) - out->last_bus;
	out->by_bars = most_placed(pci, pf, total);
	for (unsigned i = 0; i < PCI_BARS; i++)
		out->each += pf->vf_bar[i].size;
	out->missing_bytes = out->each * (uint64_t)(total - out->by_bars);
}

/* The lowest-numbered PF of the device: the only one whose ARI Capable Hierarchy can be written (PCIe
 * §9.3.3.3.5). NULL when VFs of the device are on. */
static struct pci_func *first_pf(const struct pci *pci, const struct pci_func *pf)
{
	struct pci_func *first = NULL;
	PCI_EACH(f, pci) {
		if (f->pf || !f->cap_sriov || f->bdf.seg != pf->bdf.seg ||
		    bdf_bus(f->bdf) != bdf_bus(pf->bdf) ||
		    (!pf->parent && bdf_dev(f->bdf) != bdf_dev(pf->bdf)))
			continue;
		if (fn_rd16(f, f->cap_sriov + SRIOV_CTL) & SRIOV_CTL_VFE)
			return NULL;
		if (!first)
			first = f;
	}
	return first;
}

static struct sriov_route route_now(const struct pci_func *pf)
{
	return (struct sriov_route){fn_rd16(pf, pf->cap_sriov + SRIOV_OFFSET),
				    fn_rd16(pf, pf->cap_sriov + SRIOV_STRIDE)};
}

void sriov_routes(const struct pci *pci, struct pci_func *pf, struct sriov_route route[2], bool known[2])
{
	struct pci_func *first = first_pf(pci, pf);
	uint16_t own = fn_rd16(pf, pf->cap_sriov + SRIOV_CTL);
	unsigned is = (own & SRIOV_CTL_ARI) != 0;
	known[0] = known[1] = false;
	if (first) {
		unsigned at = first->cap_sriov + SRIOV_CTL;
		uint16_t was = fn_rd16(first, at);
		is = (was & SRIOV_CTL_ARI) != 0;
		fn_wr16(first, at, was ^ SRIOV_CTL_ARI);
		known[!is] = ((fn_rd16(first, at) ^ was) & SRIOV_CTL_ARI) != 0;
		if (known[!is])
			route[!is] = route_now(pf);
		fn_wr16(first, at, was);
	}
	known[is] = true;
	route[is] = route_now(pf);
}

bool sriov_ari_forwards(const struct pci_func *pf)
{
	return ari_can_forward(pf->parent);
}
