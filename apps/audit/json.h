/* The audit's report as JSON lines for programs: made from a result of audit_run(). docs/audit.md has the
 * format. */
#pragma once
#include "apps/audit/audit.h"
#include "kernel/jsonl.h"

#define REPORT_LINE JSONL_LINE

/* The units' tables at one moment: shown, not judged. */
#define LIVE_DOMAINS 80u
#define LIVE_RUNS    512u
#define LIVE_NONE    UINT16_MAX
enum live_mode { LIVE_DOMAIN, LIVE_PASS_THROUGH, LIVE_OFF, LIVE_BLOCKED };
struct audit_live {
	unsigned attached;
	struct {
		bdf_t bdf;
		uint16_t unit, domain; /* LIVE_NONE: no unit; domain 0: none */
		uint8_t mode;
	} attach[AUDIT_FUNCS];
	unsigned domains;
	struct {
		unsigned id, first, runs; /* of run[] */
		char name[24];
	} domain[LIVE_DOMAINS];
	unsigned runs;
	struct {
		uint64_t iova, len;
		bool read, write;
	} run[LIVE_RUNS];
};

/* All lines of the report, without the markers; live and put may be NULL. Returns how many there are; *crc is
 * the CRC-32 (IEEE 802.3) of all of them. Reads the configuration space of every function. */
unsigned report_json(const struct audit_result *r, const struct audit_live *live, jsonl_put *put, void *ctx,
		     uint32_t *crc);
