/* What is known before the hand-over, kept on the volume that sluice.cfg was read from (keep=1): the lines of
 * the audit's report that firmware's time has an answer to. Pure; who writes the file gives the lines away.
 */
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

/* The whole file, with the markers around the lines, to put; returns how many lines there are between them,
 * and *crc is their CRC-32. */
unsigned keep_report(const struct keep *k, jsonl_put *put, void *ctx, uint32_t *crc);
