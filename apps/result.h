/* The last line, for machines: key=value, stable keys. */
#pragma once
#include "apps/machine.h"

/* The final result of a run whose stages ended with e: an error, and another stage's name in *failed, when a
 * case of the proof was not refused and no stage has reported it. */
enum sl_err report_verdict(const struct machine *m, const char **failed, enum sl_err e) MUST_CHECK;

/* failed: the stage that failed, NULL on success. */
void report_result(struct machine *m, const char *failed, enum sl_err e);
