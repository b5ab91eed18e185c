/* What the proof has tried and what came of it: kept by the ledger (apps/proof/ledger.c), read by the audit.
 */
#pragma once
#include "kernel/bdf.h"

#define CASES_MAX 1024u

/* In a report (docs/audit.md) the "verdict" of a case line: "refused", "SUCCEEDED", "not enforced", "not
 * proved" where it had no effect but was not refused as it should be (no record, a wrong one, or somebody was
 * disturbed), and "not tried" where the same access had no effect where it is allowed, so that nothing is
 * known of it. */
enum case_outcome {
	CASE_REFUSED,
	CASE_SUCCEEDED,
	CASE_NOT_ENFORCED,
	CASE_NOT_PROVED,
	CASE_NOT_TRIED,
	CASE_OUTCOMES
};

struct proof_case { /* one forbidden access that was tried */
	char who[12], what[24];
	bool write;
	uint8_t outcome;  /* enum case_outcome */
	uint8_t recorded; /* the IOMMU made a fault record */
	uint8_t reason;   /* of it */
	bdf_t bdf;
	uint64_t iova;
};

struct proof_cases {
	struct proof_case tried[CASES_MAX];
	unsigned n;
	unsigned left_out[CASE_OUTCOMES]; /* cases of that outcome that have no room in tried[] */
};

/* The cases of the last run of the proof in this boot, or of the one that runs. */
struct proof_cases *proof_cases(void);

void cases_clear(struct proof_cases *all);
/* Takes a case in. When there is no room, a refused case gives way to one that was not refused: failing cases
 * are in tried[] as long as there is room for them, and all of them are counted. */
void cases_add(struct proof_cases *all, const struct proof_case *c);
/* Cases of that outcome, in tried[] and left out. */
unsigned cases_count(const struct proof_cases *all, enum case_outcome outcome);
