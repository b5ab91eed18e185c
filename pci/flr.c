#include "kernel/log.h"
#include "kernel/time.h"
#include "pci/flr.h"
#include "pci/pci.h"
#include "pci/regs.h"

#define PENDING_US                                                                                           \
	100000 /* longest usual Completion Timeout (PCIe §2.8); more is a device that has lost track */
#define FLR_US   100000   /* PCIe §6.6.2 */
#define READY_US 10000000 /* may be declared broken after 1 s (PCIe §6.6.1); real SSDs take longer */

static bool transactions_end(const struct pci_func *fn)
{
	struct deadline d = deadline_in(PENDING_US);
	while (deadline_look(&d)) {
		if (!(fn_rd16(fn, fn->cap_pcie + PCIE_DEVSTA) & DEVSTA_TP))
			return true;
		delay_us(1000);
	}
	return false;
}

/* Command and Status, not the Vendor ID, which is all ones in a VF. */
static bool comes_back(const struct pci_func *fn)
{
	struct deadline d = deadline_in(READY_US);
	while (deadline_look(&d)) {
		if (fn_rd32(fn, CFG_CMD) != UINT32_MAX)
			return true;
		delay_us(1000);
	}
	return false;
}

enum sl_err pci_flr(const struct pci *pci, struct pci_func *fn)
{
	if (!fn->cap_pcie || !(fn_rd32(fn, fn->cap_pcie + PCIE_DEVCAP) & DEVCAP_FLR))
		return SL_UNSUPPORTED;
	PCI_EACH(f, pci)
		if (f->pf == fn)
			return SL_BUSY;
	pci_bus_master(fn, false);
	uint64_t cmd = fn_rd16(fn, CFG_CMD);
	uint32_t bar[PCI_BARS];
	for (unsigned i = 0; i < PCI_BARS; i++)
		bar[i] = fn_rd32(fn, CFG_BAR + 4 * i);
	bool quiet = transactions_end(fn);
	unsigned devctl = fn->cap_pcie + PCIE_DEVCTL;
	fn_wr16(fn, devctl, fn_rd16(fn, devctl) | DEVCTL_FLR);
	delay_us(FLR_US);
	if (!comes_back(fn)) {
		log_fail("pci", "power the machine off and on",
			 BDF_FMT " does not come back from a function level reset", BDF_ARG(fn->bdf));
		return SL_TIMEOUT;
	}
	for (unsigned i = 0; i < PCI_BARS; i++)
		fn_wr32(fn, CFG_BAR + 4 * i, bar[i]);
	fn_wr16(fn, CFG_CMD, cmd);
	if (quiet)
		return SL_OK;
	log_warn("pci", BDF_FMT " still had transactions pending when it was reset", BDF_ARG(fn->bdf));
	return SL_TIMEOUT;
}
