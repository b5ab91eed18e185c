/* The MSI-X capability: PCIe §7.7.2. */
#pragma once
#include "pci/pci.h"

struct msix {
	uint16_t vectors;            /* 1..2048 */
	uint8_t table_bar, pba_bar;  /* indices into bar[] */
	uint32_t table_off, pba_off; /* bytes into that BAR */
};

/* SL_NOTFOUND without the capability; SL_BADVAL when table or Pending Bit Array lie in no memory BAR or past
 * its end. */
enum sl_err msix_read(const struct pci_func *fn, struct msix *out) MUST_CHECK;
