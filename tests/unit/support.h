#pragma once
#include "kernel/addr.h"

/* Makes an arena of RAM that phys_va() reaches at physical address phys_base (a multiple of 2 MiB). The
 * caller gives it to pmm_add(). Once in a test program. */
phys_t support_ram(uint64_t bytes, uint64_t phys_base);

/* By how many microseconds the clock moves each time that it is asked, and what happens meanwhile; NULL. */
extern uint64_t support_clock_step;
extern void (*support_meanwhile)(void);

/* What core_index() says. */
extern unsigned support_core;

/* Recorded tables of real machines, which are not part of the source: $SLUICE_DATA/folder, else
 * ../shared/data/folder as seen from the top of the source. Where it is not there, the test ends here as
 * skipped. */
const char *support_data(const char *folder);
/* The names of the files in a folder, one a call; NULL at the end, and the next call starts again. */
const char *support_next(const char *dir);
/* The path of one recorded file; where it is not there, the test ends here as skipped. */
void support_file(const char *folder, const char *name, char *path, size_t n);
/* True when name ends with end. */
bool support_ends(const char *name, const char *end);
