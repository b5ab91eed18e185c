/* Long work of a command: VFs up and down again. */
#pragma once
#include "apps/machine.h"

/* False, and a sentence, when there is something that work on VFs would get in the way of: translation is
 * off, VFs are on, load runs. */
bool work_possible(const struct machine *m);
/* False, and a sentence, while load runs. */
bool work_idle(void);
/* The scratch controller and vfs= of its VFs, each in its domain, with rings. SL_STOPPED after Ctrl-C.
 * Whatever it says, work_end() puts back what it did. */
enum sl_err work_begin(struct machine *m) MUST_CHECK;
void work_end(struct machine *m);
/* Load that still runs ends. */
void work_leave(struct machine *m);
