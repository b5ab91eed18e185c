/* A report (json=1) read back from a serial log: docs/replay.md. The log is foreign: every length, number and
 * type is checked, and errors are reported with their line. */
#pragma once
#include <jansson.h>
#include "apps/audit/audit.h"
#include "apps/audit/json.h"
#include "replay.h"

#define RECORD_TABLE (1u << 20) /* the longest ACPI table */
#define RECORD_MEMS  4096u

/* Lines that say what was found, and not what was read. */
enum record_said { RECORD_GROUP, RECORD_SRIOV, RECORD_FINDING, RECORD_VERDICT, RECORD_SAID };

struct record_fn {
	bdf_t bdf;
	bool cfg; /* its configuration space is there */
};

/* One report. in has what the audit judges, but for its pci: machine.h makes that from cfg. */
struct record {
	char error[512];                /* why it cannot be used; "" */
	unsigned at;                    /* line of the log that is being read, from 1 */
	unsigned reports;               /* in the log */
	unsigned lines, noise, unknown; /* of JSON; others between them; of unknown kinds */
	bool prefixed;                  /* a collector put something before each line; it was left out */
	bool kept;                      /* by the loader (keep=1): nothing in it was judged */
	bool run;                       /* there was a "run" line, */
	bool missed_known;              /* which says how much was not looked at */
	unsigned missed;                /* lines of it */
	struct audit_in *in;
	struct boot_region *mem;
	size_t have[AUDIT_TABLES]; /* bytes of each table that came */
	struct replay *cfg;
	struct record_fn fn[AUDIT_FUNCS]; /* as in->fn */
	json_t *said[RECORD_SAID];        /* arrays of these lines */
};

/* Reads the last whole report of a log of n bytes. False when there is none that can be used; r->error then
 * says why. Whatever it says, the caller ends r with record_free(). */
bool record_read(struct record *r, const char *log, size_t n);
void record_free(struct record *r);

/* A JSON line into one of said's arrays, if it is of such a kind. False when out of memory. */
bool record_keep(json_t *said[RECORD_SAID], json_t *line);
/* CRC-32 of IEEE 802.3, as zlib's crc32(); crc is 0 at the start. */
uint32_t record_crc32(uint32_t crc, const void *p, size_t n);
