/* Interrupts of units, and of functions through them. */
#pragma once
#include "apps/machine.h"

#define IRQ_ENTRIES 1024u /* of a unit's interrupt remapping table: 16 for each of 64 VFs */

/* Stage iommu: faults are reported by interrupt, and interrupts are remapped where a unit can. */
enum sl_err irqs_start(struct machine *m) MUST_CHECK;
