/* The cases of stage isolate as tables. To add one: a row in apps/proof/cases.def, of which tools/mkdocs
 * makes a paragraph of docs/attacks.md too, and its make() in case_memory.c, case_interrupt.c or
 * case_detached.c. */
#pragma once
#include "apps/proof/ledger.h"

enum case_does {
	CASE_READS,
	CASE_WRITES,
	CASE_DOES_EITHER, /* writes if it can without a domain, else reads */
};

/* The state in which the attack is made. */
enum case_when {
	WHEN_ATTACHED,  /* to its domain, with its pages mapped */
	WHEN_INTERRUPT, /* the same; what it sends is an interrupt */
	WHEN_UNMAPPING, /* the same, and a mapping that ends, or comes to an end */
	WHEN_DETACHED,  /* taken out of its domain, with bus mastering on */
	WHEN_ON_AGAIN,  /* VFs disabled and enabled again: in no domain yet */
};

enum step {
	STEP_DONE,
	STEP_NO_EFFECT, /* it was not tried: its control had no effect */
	STEP_BROKEN,    /* it could not be set up; trial_broken() is still to be called */
};

struct attack_case {
	const char *name; /* as printed; of several victims its first words */
	enum case_does does;
	enum case_when when;
	/* Makes the case, by trial_run(): not at all where there is nothing to attack, and once for each
	 * victim where there are several. */
	enum step (*make)(const struct trial *t, const struct attack_case *c);
};

/* A row of apps/proof/cases.def. */
#define CASE_ROW(name, does, when, make, what, why, vulnerable) {name, CASE_##does, WHEN_##when, make},
/* The tables, each ended by a row without a name. */
extern const struct attack_case cases_memory[], cases_interrupt[], cases_detached[];

/* What is the same in every attack of a case. */
static inline struct attack case_attack(const struct attack_case *c)
{
	return (struct attack){.name = c->name, .write = c->does == CASE_WRITES};
}

/* All cases of a table that are made in that state, in its order. */
void cases_run(const struct trial *t, const struct attack_case *table, enum case_when when);

/* All cases of interrupts, with a vector and entries of the remapping table for them. */
void case_interrupt_run(const struct trial *t);

/* The cases without a domain of an attacker that can be released (struct strike_ops); it is as before when
 * this returns SL_OK. */
enum sl_err case_detached_run(const struct trial *t) MUST_CHECK;
/* With no attacker set up: VFs off; the cases without a domain of the PF; VFs on again, each attacking before
 * it is given a domain. The PF is open again then, and VFs are on but in no domain. */
enum sl_err case_functions_run(struct machine *m, struct attackers *all) MUST_CHECK;
