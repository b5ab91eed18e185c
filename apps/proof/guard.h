/* Memory that no device may change in any attack: copied before each one and compared after it, byte by byte.
 * The copies take a page each, which are kept until guard_free(). */
#pragma once
#include "kernel/addr.h"

struct machine;

/* Starts a new list. */
void guard_none(void);
/* Adds a range; one that is in the list already is not added again. */
void guard_add(const void *va, size_t len);
/* Registers of a device that are not written meanwhile: sum(of) reads them, which changes nothing. */
void guard_regs(uint64_t (*sum)(const void *of), const void *of);
/* The units' tables: every root table and context table, every level of every second-stage table that a
 * context entry leads to, and the interrupt tables, as the units' registers name them. Of AMD units the
 * entries of the functions that were found, and what these lead to. */
void guard_tables(struct machine *m);
/* False when something did not fit into the list or memory ran out: then changes may go unnoticed. */
bool guard_whole(void);

void guard_take(void);
/* True when anything differs from guard_take()'s copy. */
bool guard_changed(void);
/* The same, half a millisecond later: for a loop that waits for it. */
bool guard_changed_soon(void);
/* Frees the copies. */
void guard_free(void);
