/* The texts of each rule; rules.def has the words. */
#include "apps/audit/rules.h"
#include "kernel/doc.h"

const struct rule_text rule_texts[RULE_COUNT] = {
#define SECTION(name)
#define RULE(name, id, severity, kind, read, means, os, remedy)                                              \
	[RULE_##name] = {id, AUDIT_##severity, AUDIT_##kind, means, os, remedy},
#include "apps/audit/rules.def"
};
