#pragma once
#include "kernel/addr.h"

/* Makes an arena of RAM that phys_va() reaches at physical address phys_base (a multiple of 2 MiB). The
 * caller gives it to pmm_add(). Once in a test program. */
phys_t support_ram(uint64_t bytes, uint64_t phys_base);

/* The folder of recorded tables of real machines, which is not part of the source: $SLUICE_DATA/name, else
 * ../shared/data/name as seen from the top of the source. NULL when it is not there; the test then prints a
 * line that begins with SKIP. */
const char *support_data(const char *name);
/* The names of the files in a folder, one a call; NULL at the end, and the next call starts again. */
const char *support_next(const char *dir);
