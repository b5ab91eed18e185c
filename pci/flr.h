/* Function Level Reset. */
#pragma once
#include "pci/pci.h"

/* Function Level Reset: PCIe §6.6.2. Bus mastering is stopped first and stays off; BARs and Memory Space
 * Enable are restored. Takes at least 100 ms. SL_UNSUPPORTED without FLR, SL_BUSY for a PF with VFs enabled
 * (they would be lost), SL_TIMEOUT when transactions stay pending (the reset is done nevertheless) or the
 * function does not come back. */
enum sl_err pci_flr(const struct pci *pci, struct pci_func *fn) MUST_CHECK;
