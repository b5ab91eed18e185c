/* How a run ends. */
#pragma once
#include "boot/boot_info.h"

void power_init(const struct boot_info *bi);

/* From now on this is how a run ends, whatever end= says. */
void power_choose(enum config_end end);

/* Ends the run as end= in the configuration says: halt, reboot and shutdown through UEFI runtime services, or
 * QEMU's isa-debug-exit device with a status that tells whether ok (that port is not touched otherwise). */
_Noreturn void power_end(bool ok);

/* After a panic, an exception or a machine check: prints the RESULT line with these words and ends the run.
 */
_Noreturn void power_crash(const char *stage, const char *err);
