/* Interrupts that must arrive, and that must not. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_irqs(struct machine *m) MUST_CHECK;
void undo_irqs(struct machine *m);
