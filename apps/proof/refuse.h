/* Stage refuse: DMA that must not happen. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_refuse(struct machine *m) MUST_CHECK;
/* The same for VFs that compute: apps/proof/compute_refuse.c. */
enum sl_err compute_refuse(struct machine *m) MUST_CHECK;
