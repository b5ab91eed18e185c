/* Stage refuse: DMA that must not happen. */
#pragma once
#include "apps/proof/attack.h"

enum sl_err stage_refuse(struct machine *m) MUST_CHECK;
/* The same for VFs that compute: apps/proof/compute_refuse.c. */
enum sl_err compute_refuse(struct machine *m) MUST_CHECK;

/* apps/proof/refuse_sum.c: counts the outcome of an attack by vf; one that was not refused is a FAIL line. */
void refuse_count(struct machine *m, const struct vf *vf, const struct attack *a,
		  const struct attack_result *r);
/* "0000:01:00.1 write 0x1000, reason 5": what was recorded. */
const char *refuse_fault(const struct attack_result *r, char *buf, size_t n);
/* Prints the sum, with more after it, and returns the verdict of the stage: SL_VERIFY if a case was not
 * refused, or if there was none. */
enum sl_err refuse_sum(const struct machine *m, const char *more) MUST_CHECK;
