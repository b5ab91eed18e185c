/* IOMMU groups, with the reasons. */
#pragma once
#include "apps/machine.h"

/* Which functions belong together, and why: once before VFs exist, and once with them. */
enum sl_err stage_groups(struct machine *m) MUST_CHECK;

/* Recomputes the groups and prints all of them, or that of one function. */
void groups_print(struct machine *m);
void groups_print_of(struct machine *m, const struct pci_func *fn);
