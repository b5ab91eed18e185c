/* The state the firmware left: registers of every unit and bus mastering of every function. Reads only,
 * and only at addresses that have passed a check. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/acpi.h"
#include "kernel/phys.h"

struct snapshot_access {
	/* May registers of that kind be read there? */
	enum phys_fault (*check)(uint64_t addr, uint64_t len, enum phys_kind kind);
	/* One load of 1, 2, 4 or 8 bytes; only where check() said PHYS_OK. */
	uint64_t (*rd)(uint64_t addr, unsigned bytes);
	/* Reports what is left out, and why; NULL: no report. */
	void (*left_out)(const char *what, uint64_t addr, enum phys_fault why);
};

void snapshot_take(const struct snapshot_access *a, const struct acpi *acpi, struct boot_snapshot *out);

/* The ith window of configuration space as acpi_mcfg() gives it; SL_RANGE when it cannot be read there. */
enum sl_err snapshot_window(const struct snapshot_access *a, struct span mcfg, unsigned i,
			    struct acpi_ecam *w) MUST_CHECK;
