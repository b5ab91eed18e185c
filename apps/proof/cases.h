/* The proof's cases and their outcomes: written by the ledger (apps/proof/ledger.c), read by the audit. */
#pragma once
#include "kernel/bdf.h"

#define CASES_MAX 1024u

/* In a report (docs/audit.md) the "verdict" of a case line: "refused", "SUCCEEDED", "not enforced", "not
 * proved" where it had no effect but was not refused as it should be (no record, a wrong one, or another
 * function was disturbed), and "not tried" where the same access had no effect where it is allowed, so that
 * the result is unknown. */
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
	unsigned left_out[CASE_OUTCOMES]; /* cases of that outcome that did not fit into tried[] */
};

/* The cases of the current or last run of the proof in this boot. */
struct proof_cases *proof_cases(void);

void cases_clear(struct proof_cases *all);
/* Adds a case. In a full list a case that was not refused replaces a refused one, so that failing cases are
 * kept as long as they fit; all cases are counted. */
void cases_add(struct proof_cases *all, const struct proof_case *c);
/* The classes of attackers in tried[]: "VF, PF, AHCI"; whole names, and "..." for those that do not fit. */
void cases_classes(const struct proof_cases *all, char *buf, size_t n);
/* Cases of that outcome, in tried[] and left out. */
unsigned cases_count(const struct proof_cases *all, enum case_outcome outcome);
