/* The console. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_keyboards(struct machine *m) MUST_CHECK; /* USB keyboards */
void undo_keyboards(struct machine *m);
enum sl_err stage_shell(struct machine *m) MUST_CHECK;
void undo_shell(struct machine *m);
