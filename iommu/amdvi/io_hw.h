#pragma once
#include "iommu/amdvi/io.h"

/* Registers mapped at regs. */
struct amdvi_io amdvi_io_hw(volatile void *regs);
