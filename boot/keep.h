/* The facts known before the hand-over, written to the volume of sluice.cfg (keep=1): those lines of the
 * audit's report that can be filled in while the firmware runs. Pure; put() writes the lines. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/acpi.h"
#include "kernel/jsonl.h"

struct keep {
	const char *cpu, *vendor; /* brand string, CPUID 0 */
	const struct boot_info *boot;
	const struct acpi *acpi;
	const struct boot_region *region; /* boot->region_count of them */
	const struct boot_snapshot *entry;
	/* A dword of a function's configuration space. */
	uint32_t (*read)(const struct acpi *acpi, uint16_t seg, uint16_t rid, unsigned off);
};

/* Writes the whole file, with the markers around the lines, to put; returns the number of lines between them,
 * and their CRC-32 in *crc. */
unsigned keep_report(const struct keep *k, jsonl_put *put, void *ctx, uint32_t *crc);
