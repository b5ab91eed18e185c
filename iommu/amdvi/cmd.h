/* The command buffer of a unit. */
#pragma once
#include "iommu/amdvi/unit.h"

/* Empties it; the unit must not be fetching commands. */
void amdvi_cmd_reset(struct amdvi_unit *u);

/* Puts n commands into the buffer, in order, and waits until all are done. SL_TIMEOUT or SL_DEVICE with a
 * logged line: some may not be, and later calls fail too (SL_DEVICE). */
enum sl_err amdvi_cmd_run(struct amdvi_unit *u, const struct amdvi_cmd *c, unsigned n) MUST_CHECK;
