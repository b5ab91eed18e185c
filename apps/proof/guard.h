/* Memory that no device may change in any attack: copied before each one and compared after it, byte by byte.
 * The copies take a page each, which are kept until guard_free(). */
#pragma once
#include "kernel/addr.h"

struct machine;

/* Starts a new list. */
void guard_none(void);
/* Adds a range; one that is in the list already is not added again. */
void guard_add(const void *va, size_t len);
/* Registers of a device that nobody writes to meanwhile: sum(of) reads them, which changes nothing. */
void guard_regs(uint64_t (*sum)(const void *of), const void *of);
/* What the units read: every root table and context table, every level of every second-stage table that a
 * context entry leads to, and the interrupt tables, as the units' registers name them. */
void guard_tables(struct machine *m);
/* False when something is not in the list for want of memory or room: nothing can be said of changes then. */
bool guard_whole(void);

void guard_take(void);
/* True when anything is not as guard_take() copied it. */
bool guard_changed(void);
/* Gives the copies back. */
void guard_free(void);
