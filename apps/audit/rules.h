/* Inside apps/audit/: what the rules share. Each rules_*.c looks at one topic of struct audit_in and tells
 * what it finds; texts.c has the words. */
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

/* A finding that is being made: the words of its rule, of which a rule may replace any. */
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
	bool last; /* no more findings come: the room that was left may be used */
};

/* A finding with the words of its rule; who as printf. The caller fills read, may change the rest, and then
 * files it with finding_add(). */
struct draft *finding_new(struct judge *j, enum audit_rule rule, const char *who, ...) PRINTF_LIKE(3, 4);
/* Takes the draft into the result. Where there is no room, the finding is counted in out->lost. */
void finding_add(struct judge *j);
/* Both, with read as printf. */
void finding_fn(struct judge *j, enum audit_rule rule, bdf_t fn, const char *read, ...) PRINTF_LIKE(4, 5);
void finding_of(struct judge *j, enum audit_rule rule, const char *who, const char *read, ...)
	PRINTF_LIKE(4, 5);
/* "0000:01:00.0 0000:01:00.1 and 3 more", of those functions of which want says so. Returns how many. */
unsigned function_list(const struct pci *pci, bool (*want)(const void *ctx, const struct pci_func *f),
		       const void *ctx, char *buf, size_t n);

/* What the table says of units, functions and groups, once for all rules: ACS is not touched. */
void look_at(struct audit_in *in, struct audit_look *out);
struct vtd_ability unit_ability(const struct audit_unit *u);
/* The registers of the latest phase in which they were read; NULL when never. */
const struct vtd_regs_seen *unit_regs(const struct audit_unit *u);
/* A function that could do DMA: no bridge, no host bridge. */
bool does_dma(const struct pci_func *f);

void rules_coverage(struct judge *j); /* what was not looked at */
void rules_iommu(struct judge *j);    /* is there one, the table, the units, who has none */
void rules_state(struct judge *j);    /* what firmware left */
void rules_groups(struct judge *j);   /* who cannot be held apart */
void rules_rmrr(struct judge *j);
void rules_sriov(struct judge *j);
void rules_irq(struct judge *j);
void rules_ports(struct judge *j);    /* ATS, slots, VMD */
void rules_firmware(struct judge *j); /* Secure Boot */
void rules_proof(struct judge *j);

/* The counts of the page, from the record and what the rules found. */
void summary_make(const struct audit_in *in, const struct audit_result *r, struct audit_summary *out);
/* The verdict, from the cases and the numbers of findings in out. */
void verdict_make(const struct audit_in *in, struct audit_verdict *out);
