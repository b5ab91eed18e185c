/* Private to apps/audit/: shared by the rules. Each rules_*.c examines one topic of struct audit_in and adds
 * its findings; texts.c has the texts. */
#pragma once
#include "apps/audit/audit.h"
#include "iommu/dmar/dmar.h"
#include "iommu/vtd/state.h"

enum audit_rule {
#define SECTION(name)
#define RULE(name, id, severity, kind, read, means, os, remedy) RULE_##name,
#include "apps/audit/rules.def"
	RULE_COUNT
};

struct rule_text {
	const char *id;
	enum audit_severity severity;
	enum audit_kind kind;
	const char *means, *os, *remedy;
};
extern const struct rule_text rule_texts[RULE_COUNT];

/* rules_SECTION() of each section: its rules, in rules_SECTION.c. */
struct judge;
#define SECTION(name) void rules_##name(struct judge *j);
#define RULE(name, id, severity, kind, read, means, os, remedy)
#include "apps/audit/rules.def"

/* The counts of the page, from the record and the findings. */
void summary_make(const struct audit_in *in, const struct audit_result *r, struct audit_summary *out);
/* The verdict, from the cases and the numbers of findings in out. */
void verdict_make(const struct audit_in *in, struct audit_verdict *out);
