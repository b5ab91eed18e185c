/* Records each case of stage isolate: its line, its count, its entry for the audit, and the sentences at the
 * end, which state only what was counted. */
#pragma once
#include "apps/proof/attackers.h"

struct interrupts;

/* One attacker's turn. */
struct trial {
	struct machine *m;
	struct attackers *all;
	struct attacker *by;
	struct domain *from;          /* cases without a domain: the one that it was attached to */
	const struct interrupts *irq; /* cases of interrupts: apps/proof/case_interrupt.c */
};

/* Runs one case, prints its line and counts it; leaves out what the attacker cannot do. Where a->fault_at or
 * a->why is 0 it is a->to, or that of a page that may not be written or read, or beyond the width.
 * enforceable: the platform is able to refuse it; a case that it is known not to refuse is printed as such
 * and counted apart. */
void trial_run(const struct trial *t, const struct attack *a, bool enforceable);
/* A case that its caller has made and judged: prints it and counts it. */
void trial_judged(const struct trial *t, const struct attack *a, const struct attack_result *r);
/* A case whose control, made by the caller, had no effect: printed and counted as not tried. */
void trial_no_effect(const struct trial *t, const struct attack *a);
/* A case that could not be set up proves nothing, and something is broken: it counts as one that was not
 * refused. */
void trial_broken(const struct trial *t, const char *what);

/* Resets the counts; prints the head of the table; prints the sentences at the end, from m->tally and the
 * other counts. */
void ledger_clear(void);
/* From now on only cases that fail have a line: many passes would repeat the same table. */
void ledger_brief(bool on);
void ledger_print_head(void);
void ledger_print_sum(const struct machine *m);
