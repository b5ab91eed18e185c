/* Which machine, when, and which Sluice: what tells one run's log and report from another's. */
#pragma once
#include "kernel/jsonl.h"
#include "kernel/smbios.h"

struct identity {
	struct smbios smbios;
	bool smbios_there; /* firmware has a table that can be read */
	bool privacy;      /* privacy=1: what names this one machine is not in smbios */
	/* Firmware's clock when the loader was started (EFI_TIME); year 0: not told. */
	uint16_t year;
	uint8_t month, day, hour, minute, second;
	int16_t zone;   /* minutes that UTC is ahead of it; IDENTITY_NO_ZONE: not told */
	char build[48]; /* `git describe` of the sources */
	char built[24]; /* time of their last commit, UTC: 2026-11-28T16:20:37Z */
};
#define IDENTITY_NO_ZONE 2047 /* EFI_UNSPECIFIED_TIMEZONE: UEFI §8.3 */

/* "2026-11-28T16:20:37", with the offset from UTC where firmware tells its zone: "...+01:00"; "": not told.
 */
struct identity_time {
	char s[32];
};
struct identity_time identity_time(const struct identity *id);

/* A text of SMBIOS for a reader: "none" where there is none, "left out" by privacy=1. */
const char *identity_text(const struct identity *id, enum smbios_field field);
const char *identity_uuid(const struct identity *id);

/* The "machine" line of a report: docs/audit.md. What there is none of is left out. */
void identity_report(struct jsonl *j, const struct identity *id);
