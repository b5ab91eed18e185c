/* How a run ends. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/acpi.h"

void power_init(const struct boot_info *bi);

/* Sets the FADT's reset register, for machines whose firmware does not reset on request. */
void power_reset_register(const struct acpi *acpi);

/* Overrides end=. */
void power_choose(enum config_end end);

/* Ends the run as end= in the configuration says: halt, reboot and shutdown through UEFI runtime services, or
 * QEMU's isa-debug-exit device with a status that encodes ok (that port is not touched otherwise). A reset
 * that the firmware does not perform is tried by the FADT's reset register (ACPI §4.8.3.6), port CF9h and the
 * keyboard controller. The RESULT line has been printed: nothing prints another from here on. */
_Noreturn void power_end(bool ok);

/* The same after RESULT and what is remembered of it: halts, resets or switches off. */
_Noreturn void power_leave(void);

/* After a panic, an exception or a machine check: prints the RESULT line with these words and ends the run.
 */
_Noreturn void power_crash(const char *stage, const char *err);
