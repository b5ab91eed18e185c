#pragma once
#include "kernel/addr.h"

/* Makes an arena of RAM that phys_va() reaches at physical address phys_base (a multiple of 2 MiB). The caller gives it to
 * pmm_add(). Once in a test program. */
phys_t support_ram(uint64_t bytes, uint64_t phys_base);
