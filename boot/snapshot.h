/* What firmware left: VT-d registers of every unit and bus mastering of every function. Reads only. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/acpi.h"

void snapshot_take(const struct acpi *acpi, struct boot_snapshot *out);
