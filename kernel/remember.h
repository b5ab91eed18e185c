/* What this run leaves for the next one: its log in memory that a reset does not clear (kernel/kept_log.h),
 * and how it ended in a UEFI variable (kernel/run_note.h). */
#pragma once
#include "boot/boot_info.h"

/* Begins the log where the loader has taken memory for it; before the first line is printed. */
void remember_init(const struct boot_info *boot);
/* The stage that begins now. */
void remember_stage(const char *stage);
/* The run has ended and RESULT is printed. call: the firmware may be called, once, to write the variable; not
 * after a crash. A call that lasts longer than 10 seconds, or ends in an exception, is left by power_leave().
 */
void remember_end(bool ok, bool call);
/* After an exception: true when it came from that call. The kernel's own page tables are then in force again.
 */
bool remember_abandon(void);
