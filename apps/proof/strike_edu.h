/* QEMU's edu as an attacker: apps/proof/strike_edu.c. */
#pragma once
#include "drivers/dma.h"
#include "drivers/edu/edu.h"

struct edu_attacker {
	struct edu edu;
	struct pci_func *fn;
	struct domain *dom;
	struct dma_buf page; /* of its own: to look into its buffer through */
};
