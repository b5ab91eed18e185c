/* The capability lists of a function: pci/show.h. */
#pragma once
#include "pci/show.h"

/* Both lists; deep: decoded, else one line each. */
void show_capabilities(const struct pci_func *f, const struct show *how, bool deep);
/* An extended capability, its whole line first. */
void show_extended(const struct pci_func *f, const struct pci_cap *cap, const struct show *how);
