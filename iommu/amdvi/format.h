/* What units read: host page tables of version 1. */
#pragma once
#include "iommu/iommu.h"

#define AMDVI_LEVELS 3u
#define AMDVI_WIDTH  39u /* of AMDVI_LEVELS */

extern const struct pt_format amdvi_pt_format;

/* Every unit reads this form. Three levels: their 512 GiB end below the HyperTransport range, which no domain
 * may map, and each walk is one step shorter than with four. */
struct iommu_form amdvi_form(void);
