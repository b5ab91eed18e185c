/* Recovery of a controller that its own reset does not recover. */
#pragma once
#include "drivers/nvme/io.h"

/* A controller whose fatal status stays through a reset by CC.EN gets a function level reset (PCIe §6.6.2),
 * which stops its bus mastering and restores BARs and Memory Space Enable; bus mastering is then enabled
 * again. MSI-X is as after power-on. SL_OK when there was nothing to do or it was done: *done says which.
 * SL_DEVICE when the function has no such reset, SL_BUSY for a PF with VFs enabled, SL_TIMEOUT as pci_flr().
 * Each is logged. */
enum sl_err nvme_fatal_reset(const struct pci *pci, struct pci_func *fn, const struct nvme_io *io,
			     bool *done) MUST_CHECK;
