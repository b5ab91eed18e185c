/* The event log of a unit. */
#pragma once
#include "iommu/amdvi/unit.h"
#include "iommu/fault.h"

#define AMDVI_LOG_ENTRIES 4096u
#define AMDVI_LOG_BYTES   (AMDVI_LOG_ENTRIES * 16u)

/* Empties it; the unit must not be writing events. */
void amdvi_log_reset(struct amdvi_unit *u);
/* The next refused request; SL_END after the last. Events about the unit itself are reported once each, and
 * skipped. */
enum sl_err amdvi_log_next(struct amdvi_unit *u, struct iommu_fault *out) MUST_CHECK;
/* Drops all pending events and overflows. */
void amdvi_log_clear(struct amdvi_unit *u);
