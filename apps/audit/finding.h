/* Private to apps/audit/: how a rule makes a finding. */
#pragma once
#include "apps/audit/rules.h"

/* A finding in preparation, with its rule's texts, each of which may be replaced. */
struct draft {
	enum audit_rule rule;
	enum audit_severity severity;
	enum audit_kind kind;
	char id[48];
	char who[40];
	char read[200];
	char means[240];
	char os[200];
	char remedy[520];
};

struct judge {
	struct audit_in *in;
	struct audit_look *look; /* out->look */
	struct audit_result *out;
	struct draft draft;
	bool last; /* no more findings come: the reserved room may be used */
};

/* A finding with the words of its rule; who as printf. The caller fills read, may change the rest, and then
 * files it with finding_add(). */
struct draft *finding_new(struct judge *j, enum audit_rule rule, const char *who, ...) PRINTF_LIKE(3, 4);
/* Adds the draft to the result. A finding that does not fit is counted in out->lost. */
void finding_add(struct judge *j);
/* Both, with read as printf. */
void finding_fn(struct judge *j, enum audit_rule rule, bdf_t fn, const char *read, ...) PRINTF_LIKE(4, 5);
void finding_of(struct judge *j, enum audit_rule rule, const char *who, const char *read, ...)
	PRINTF_LIKE(4, 5);
/* "0000:01:00.0 0000:01:00.1 and 3 more", of the functions selected by want(). Returns how many. */
unsigned function_list(const struct pci *pci, bool (*want)(const void *ctx, const struct pci_func *f),
		       const void *ctx, char *buf, size_t n);
