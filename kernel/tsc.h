/* Time from the TSC. */
#pragma once
#include "kernel/acpi.h"

struct tsc_info {
	uint64_t hz;
	const char *source; /* the source of the rate; NULL before tsc_init() */
};

/* Finds the TSC's rate: CPUID 15h when it is complete, else measured against the HPET or the ACPI timer.
 * start is the TSC at time zero. SL_NOTFOUND when there is nothing to measure against: now_us() then assumes
 * 1 GHz, and hz says so. */
enum sl_err tsc_init(const struct acpi *acpi, uint64_t start) MUST_CHECK;
const struct tsc_info *tsc_info(void);
