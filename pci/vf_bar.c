/* Addresses for VF BARs: the firmware's where they are valid, else free ones below the bridge above. */
#include "kernel/addr.h"
#include "kernel/log.h"
#include "pci/priv.h"
#include "pci/regs.h"
#include "pci/sriov_priv.h"
#include "pci/window.h"

/* A 64-bit prefetchable one prefers the prefetchable window; everything may go to the 32-bit one. */
static bool find_gap(const struct pci *pci, const struct pci_func *pf, struct pci_bar *b, uint64_t need)
{
	uint64_t align = b->size > PAGE_SIZE ? b->size : PAGE_SIZE;
	if (!pf->parent)
		return false;
	if (b->prefetch && pci_gap_find(pci, pf->parent, true, need, align, &b->addr) == SL_OK &&
	    (b->mem64 || b->addr + need <= 1ull << 32))
		return true;
	return pci_gap_find(pci, pf->parent, false, need, align, &b->addr) == SL_OK;
}

bool vf_bar_place(const struct pci *pci, const struct pci_func *pf, struct pci_bar *b, uint16_t n)
{
	uint64_t was = b->addr, need = b->size * n;
	b->addr = 0; /* so that it does not collide with itself */
	if (b->size > UINT64_MAX >> 16)
		return false;
	if (!range_free(pci, pf->parent, was, need))
		return find_gap(pci, pf, b, need);
	b->addr = was;
	return true;
}

/* With vf_low, the address is one that fits into 32 bits, if there is any. */
static void lower(const struct pci *pci, const struct pci_func *pf, struct pci_bar *b, uint16_t n)
{
	uint64_t was = b->addr, align = b->size > PAGE_SIZE ? b->size : PAGE_SIZE;
	if (!pf->vf_low || !pf->parent || b->addr + b->size * n <= 1ull << 32)
		return;
	b->addr = 0; /* so that it does not collide with itself */
	if (pci_gap_find(pci, pf->parent, false, b->size * n, align, &b->addr))
		b->addr = was;
}

static enum sl_err vf_bar_settle(const struct pci *pci, struct pci_func *pf, unsigned i, uint16_t n)
{
	struct pci_bar *b = &pf->vf_bar[i];
	unsigned off = pf->cap_sriov + SRIOV_BAR + 4 * i;
	uint64_t was = b->addr;
	if (!vf_bar_place(pci, pf, b, n)) {
		log_fail("sriov", "turn on SR-IOV and above-4G decoding in firmware setup, or set vfs= lower",
			 BDF_FMT ": VF BAR%u has no %s: %u VFs need %llu KiB %s", BDF_ARG(pf->bdf), i,
			 was ? "usable address" : "address", n, (ull)(b->size * n >> 10),
			 pf->parent ? "in the window of the bridge above"
				    : "and there is no bridge above to take them from");
		return SL_NOSPACE;
	}
	lower(pci, pf, b, n);
	if (b->addr != was) {
		fn_wr32(pf, off, b->addr);
		if (b->mem64)
			fn_wr32(pf, off + 4, b->addr >> 32);
	}
	return SL_OK;
}

enum sl_err vf_bars_set(const struct pci *pci, struct pci_func *pf, uint16_t n)
{
	vf_bars_read(pf); /* again: sizes may follow System Page Size */
	pf->vf_room = n;
	for (unsigned i = 0; i < PCI_BARS; i++) {
		enum sl_err e = pf->vf_bar[i].size ? vf_bar_settle(pci, pf, i, n) : SL_OK;
		if (e != SL_OK)
			return e;
	}
	return SL_OK;
}
