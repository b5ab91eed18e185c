/* Every processor that the firmware names. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_cores(struct machine *m) MUST_CHECK;
void undo_cores(struct machine *m);
/* Their time stamp counters, before they work. */
enum sl_err stage_clocks(struct machine *m) MUST_CHECK;
