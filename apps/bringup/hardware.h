/* Errors that the hardware reports: NMIs that no core sent, machine checks, error bits of PCI Express
 * functions and ports. Checked before and after each stage, never during timing. A run with an uncorrected
 * one ends with stage=hardware. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_hardware(struct machine *m) MUST_CHECK;

/* Prints what is new, on core 0. provoked: by requests that must be refused, so a refusal is no error. */
void hardware_say(struct machine *m, bool provoked);

/* The same at the prompt: functions at most once a second, the rest at every call. */
void hardware_tick(struct machine *m);

/* After a run that ended with e in stage *failed (SL_OK, NULL): has every idle core check once more, and
 * attributes the run's failure to the hardware when an error came and the only other finding, if any, is that
 * a device failed or did not answer. */
enum sl_err hardware_verdict(struct machine *m, const char **failed, enum sl_err e) MUST_CHECK;
