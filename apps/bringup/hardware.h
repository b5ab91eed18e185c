/* Errors that the hardware itself reports: NMIs that no core sent, machine checks, error bits of PCI
 * Express functions and ports. They are looked for before and after each stage; nothing is asked while a
 * stage is timed. A run in which one came that is not corrected ends with stage=hardware. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_hardware(struct machine *m) MUST_CHECK;

/* Prints what is new, on core 0. provoked: by requests that must be refused, so a refusal is no error. */
void hardware_say(struct machine *m, bool provoked);

/* The same at the prompt: functions at most once a second, the rest at every call. */
void hardware_tick(struct machine *m);

/* The end of a run that ended with e in stage *failed (SL_OK, NULL): has every idle core look once more, and
 * puts the run down to the hardware when an error came and nothing else is known, or nothing but that a
 * device failed or kept silent. */
enum sl_err hardware_verdict(struct machine *m, const char **failed, enum sl_err e) MUST_CHECK;
