#include "drivers/nvme/reset.h"
#include "drivers/nvme/ctrl.h"
#include "kernel/log.h"
#include "pci/flr.h"

enum sl_err nvme_fatal_reset(const struct pci *pci, struct pci_func *fn, const struct nvme_io *io, bool *done)
{
	*done = false;
	if (!nvme_ctrl_stays_fatal(io))
		return SL_OK;
	uint32_t csts = nvme_ctrl_csts(io);
	enum sl_err e = pci_flr(pci, fn);
	if (e) {
		log_fail(
			"nvme", "power the machine off and on; if this persists, the controller is broken",
			BDF_FMT
			": fatal status stays through a controller reset (CSTS 0x%x); function level reset: %s",
			BDF_ARG(fn->bdf), csts, sl_err_text(e));
		return e == SL_UNSUPPORTED ? SL_DEVICE : e;
	}
	log_line("nvme",
		 BDF_FMT
		 ": fatal status stayed through a controller reset (CSTS 0x%x): function level reset made",
		 BDF_ARG(fn->bdf), csts);
	pci_bus_master(fn, true);
	*done = true;
	return SL_OK;
}
