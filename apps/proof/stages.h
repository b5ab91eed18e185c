/* Stages that attempt forbidden accesses. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_isolate(struct machine *m) MUST_CHECK; /* every attack by every function */
enum sl_err stage_flood(struct machine *m) MUST_CHECK;   /* VFs that flood are cut off */
