/* Commands of one unit, each waited for with a deadline: what the files for its tables, its queue and its
 * interrupts stand on. */
#pragma once
#include "iommu/vtd/unit.h"

#define vtd_trouble(u, ...) iommu_trouble((u)->name, (u)->starting, __VA_ARGS__)

/* One command bit of GCMD (VT-d §11.4.4), waited for; what names it in the message. SL_TIMEOUT with a logged
 * line. */
enum sl_err vtd_command(struct vtd_unit *u, uint64_t bit, bool set, const char *what) MUST_CHECK;

/* Makes table changes visible that no invalidation follows, where CAP.RWBF asks for it. VT-d §6.8 */
enum sl_err vtd_write_flush(struct vtd_unit *u) MUST_CHECK;

/* Polls r until the bits of mask read want; what names it in the message. SL_TIMEOUT with a logged line. */
enum sl_err vtd_wait32(struct vtd_unit *u, reg32_t r, uint32_t mask, uint32_t want,
		       const char *what) MUST_CHECK;
