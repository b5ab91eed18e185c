/* Units that the options leave as the firmware left them: iommu=off, and igfx_off and skip= of iommu=on. */
#pragma once
#include "boot/config.h"
#include "iommu/iommu.h"
#include "iommu/vtd/backend.h"

/* After vtd_init(): leaves the units alone that the options name, and says which options name none. */
void leave_alone(struct iommu *mmu, const struct config *cfg, const struct table_functions *functions);

/* iommu=off: names each unit in which the firmware left translation or interrupt remapping on, and explains
 * the effect on DMA and interrupts of the functions below it. Returns how many. */
unsigned say_left_on(const struct iommu *mmu);
