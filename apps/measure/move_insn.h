/* Stage insn for the queues of a DSA. */
#pragma once
#include "apps/machine.h"

/* Copies of 4 KiB on the first queue, counted by tools/insncount; SL_DEVICE, SL_VERIFY: a copy failed. */
enum sl_err move_insn(struct machine *m) MUST_CHECK;
