/* Stage isolate, in four files: apps/isolate.c who attacks and how often, apps/attempts.c attacks on
 * addresses, apps/forged.c interrupts, apps/gone.c attacks by functions that have lost their domain. */
#pragma once
#include "apps/attack.h"
#include "drivers/edu/edu.h"

/* Fault reasons in legacy mode: VT-d §7.1.3 */
#define REASON_CONTEXT 2
#define REASON_WIDTH   4
#define REASON_WRITE   5
#define REASON_READ    6
/* and of interrupts: VT-d §5.1.4.1 */
#define REASON_INDEX   0x21
#define REASON_COMPAT  0x25
#define REASON_SOURCE  0x26

/* Pages of each attacker, in its own domain; between any two nothing is mapped. */
#define PAGE_TARGET    WINDOW_HOLE
#define PAGE_READONLY  (WINDOW_HOLE + 2 * PAGE_SIZE)
#define PAGE_WRITEONLY (WINDOW_HOLE + 4 * PAGE_SIZE)
#define PAGE_PASSING   (WINDOW_HOLE + 6 * PAGE_SIZE) /* two that come and go */
#define PAGE_EMPTY     (WINDOW_HOLE + 9 * PAGE_SIZE)

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

/* Guards what no attack may change: all parties' pages, the kernel's stand-ins, the registers of each
 * controller that is open. */
void parties_guard(struct machine *m, const struct parties *all);

/* Runs one case, prints its line and counts it. enforceable: the platform is able to refuse it; when it is
 * known not to be and does not, that is said and counted apart. */
void party_try(struct machine *m, struct party *p, struct attack a, bool enforceable);
/* A case that could not be set up proves nothing: it counts as one that was not refused. */
void party_not_tried(struct machine *m, const struct party *p, const char *what);

/* All cases of addresses. */
void attempts_run(struct machine *m, struct parties *all, struct party *p);

/* Interrupts that the function must not send. */
void forged_run(struct machine *m, const struct parties *all, struct party *p);

/* After detach and after the domain is gone, of edu and of VFs; they are as before when it returns SL_OK. */
enum sl_err gone_run(struct machine *m, struct parties *all, struct party *p) MUST_CHECK;
/* With no party set up: VFs off; the same of the PF; VFs on again, each attacking before it is given a
 * domain. The PF is open again then, and VFs are on but in no domain. */
enum sl_err gone_functions(struct machine *m, phys_t decoy) MUST_CHECK;
