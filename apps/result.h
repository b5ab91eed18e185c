/* The last line, for machines: key=value. An app (and device=) always has the same keys: docs/options.md. */
#pragma once
#include "apps/machine.h"

/* The final result of a run whose stages ended with e: an error, and another stage's name in *failed, when a
 * case of the proof was not refused and no stage has reported it. */
enum sl_err report_verdict(const struct machine *m, const char **failed, enum sl_err e) MUST_CHECK;

/* verdict= of the line: what the run showed of the machine. none: nothing, because it went wrong or tried
 * nothing. */
enum result_verdict { RESULT_NONE, RESULT_PASS, RESULT_FAIL };

/* failed and e as report_verdict() and hardware_verdict() left them. */
enum result_verdict result_verdict(const struct machine *m, const char *failed, enum sl_err e);

/* failed: the stage that failed, NULL on success. */
void report_result(struct machine *m, const char *failed, enum sl_err e);
