/* Long work of a command: bringing VFs up and down. */
#pragma once
#include "apps/machine.h"

/* False, and a sentence, when VFs cannot be used now: translation is off, VFs are enabled, load runs. */
bool work_possible(const struct machine *m);
/* False, and a sentence, while load runs. */
bool work_idle(void);
/* The scratch controller and vfs= of its VFs, each in its domain, with rings. SL_STOPPED after Ctrl-C. On any
 * result, call work_end() to undo it. */
enum sl_err work_begin(struct machine *m) MUST_CHECK;
void work_end(struct machine *m);
/* Ends load that still runs. */
void work_leave(struct machine *m);
