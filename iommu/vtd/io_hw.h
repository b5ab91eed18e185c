#pragma once
#include "iommu/vtd/io.h"

/* Access to the registers mapped uncached at regs, which must stay mapped as long as the result is used. */
struct vtd_io vtd_io_hw(volatile void *regs);
