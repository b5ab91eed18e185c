/* Private to apps/audit/: queries on the record shared by rules and printers. */
#pragma once
#include "apps/audit/audit.h"
#include "iommu/vtd/state.h"

/* Evaluates units, functions and groups once for all rules; does not touch ACS. */
void look_at(struct audit_in *in, struct audit_look *out);
struct vtd_ability unit_ability(const struct audit_unit *u);
/* The registers of the latest phase in which they were read; NULL when never. */
const struct vtd_regs_seen *unit_regs(const struct audit_unit *u);
/* A function that could do DMA: neither a bridge nor a host bridge. */
bool does_dma(const struct pci_func *f);
