/* The audit: what is wrong with a machine for whoever wants to give its devices away. audit_run() is pure: it
 * needs struct audit_in alone, writes nothing but pci's numbers of groups (and ACS Control, where pci's
 * configuration space takes it: groups_compute()), and finds the same on the machine and on a recorded
 * report. docs/audit.md has a paragraph for each id. */
#pragma once
#include "apps/audit/record.h"
#include "kernel/err.h"

enum audit_severity { AUDIT_INFO, AUDIT_WARNING, AUDIT_ERROR };
enum audit_kind { AUDIT_FIRMWARE_BUG, AUDIT_SETUP_CHOICE, AUDIT_HARDWARE_LIMIT, AUDIT_NOTE };

struct finding {
	char id[48]; /* stable: "STATE-BME" */
	enum audit_severity severity;
	enum audit_kind kind;
	char who[40];    /* "0000:00:1c.0", "iommu0", "DMAR+0x48", "machine" */
	char read[200];  /* what was read, where, and its value */
	char means[240]; /* what that means */
	char os[200];    /* what an operating system does with it */
	char remedy[520];
};

/* f is valid until it returns. */
typedef void audit_each_fn(void *ctx, const struct finding *f);

/* Calls each (may be NULL) for every finding, in one and the same order for the same input; returns how many
 * there are. Not for two cores, and not from within each. */
unsigned audit_run(struct audit_in *in, audit_each_fn *each, void *ctx);

struct audit_verdict {
	bool ok;     /* no error, and the proof neither failed nor broke */
	bool proved; /* and it was done, which PASS needs */
	unsigned errors, warnings, infos;
	unsigned tried, refused; /* cases of the proof: those that had to be refused; those that were */
	unsigned not_enforced, not_tried; /* the others */
	char text[160];                   /* one sentence */
};
void audit_verdict(struct audit_in *in, struct audit_verdict *out);
/* "pass", "fail", "broken", "not run". */
const char *audit_proof_verdict(const struct audit_in *in);

/* "warning"; "setup choice". */
const char *audit_severity_name(enum audit_severity s);
const char *audit_kind_name(enum audit_kind k);

/* The ids that rules have, without those of DMAR-..., which are iommu/dmar/lint.h's in capital letters; NULL
 * past the last. */
const char *audit_id(unsigned i);
