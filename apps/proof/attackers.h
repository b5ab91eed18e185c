/* Stage isolate, in four files: apps/proof/isolate.c who attacks and how often, apps/proof/case_memory.c
 * attacks on addresses, apps/proof/case_interrupt.c interrupts, apps/proof/case_detached.c attacks by
 * functions that have lost their domain. */
#pragma once
#include "apps/proof/attack.h"
#include "drivers/edu/edu.h"

/* Pages of each attacker, in its own domain; between any two nothing is mapped. */
#define PAGE_TARGET    WINDOW_HOLE
#define PAGE_READONLY  (WINDOW_HOLE + 2 * PAGE_SIZE)
#define PAGE_WRITEONLY (WINDOW_HOLE + 4 * PAGE_SIZE)
#define PAGE_PASSING   (WINDOW_HOLE + 6 * PAGE_SIZE) /* two that come and go */
#define PAGE_EMPTY     (WINDOW_HOLE + 9 * PAGE_SIZE)
#define PAGE_ALLOWED   (WINDOW_HOLE + 11 * PAGE_SIZE) /* ALLOWED_PAGES of them */

#define PARTIES_MAX (VFS_MAX + 2)

struct party {
	struct attacker by;
	struct dma_buf target, readonly, writeonly;
	const void *table, *contexts; /* top of its second-level tables; its bus's context table */
};

struct parties {
	struct party party[PARTIES_MAX];
	unsigned n;
	struct edu edu;
	struct pci_func *edu_fn;
	struct domain *edu_dom;
	struct dma_buf edu_page;
	phys_t decoy;
};

/* Guards what no attack may change: all parties' pages, what the units read (tables of every kind and level),
 * the kernel's stand-ins, the registers of each controller that is open. */
void parties_guard(struct machine *m, const struct parties *all);

/* apps/proof/ledger.c: Runs one case, prints its line and counts it. enforceable: the platform is able to
 * refuse it; when it is known not to be and does not, that is said and counted apart. */
void party_try(struct machine *m, struct party *p, struct attack a, bool enforceable);
/* A case whose positive control, made by whoever calls, had no effect: printed and counted as not tried. */
void party_no_effect(struct machine *m, const struct party *p, const struct attack *a);
/* A case that could not be set up proves nothing, and something is broken: it counts as one that was not
 * refused. */
void party_broken(struct machine *m, const struct party *p, const char *what);
/* Counts of a run anew; the head of the table; the sentences at the end, of what m->tally.cases and the other
 * counts say. */
void party_counts_clear(void);
void party_print_head(void);
void party_print_sum(const struct machine *m);
/* A party's pages as they are before a case: what lies in them is secret. */
void party_fill(const struct party *p);

/* All cases of addresses. */
void attempts_run(struct machine *m, struct parties *all, struct party *p);

/* Interrupts that the function must not send. */
void forged_run(struct machine *m, const struct parties *all, struct party *p);

/* After detach and after the domain is gone, of edu and of VFs; they are as before when it returns SL_OK. */
enum sl_err gone_run(struct machine *m, struct parties *all, struct party *p) MUST_CHECK;
/* With no party set up: VFs off; the same of the PF; VFs on again, each attacking before it is given a
 * domain. The PF is open again then, and VFs are on but in no domain. */
enum sl_err gone_functions(struct machine *m, phys_t decoy) MUST_CHECK;
