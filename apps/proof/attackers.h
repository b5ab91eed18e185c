/* The attackers of stage isolate: every function of a class (apps/proof/strike.h) that can attack, each with
 * separate pages in its own domain. */
#pragma once
#include "apps/proof/guard.h"
#include "apps/proof/strike.h"

/* Pages of each attacker, in its own domain; between any two nothing is mapped. */
#define PAGE_TARGET    WINDOW_HOLE
#define PAGE_READONLY  (WINDOW_HOLE + 2 * PAGE_SIZE)
#define PAGE_WRITEONLY (WINDOW_HOLE + 4 * PAGE_SIZE)
#define PAGE_PASSING   (WINDOW_HOLE + 6 * PAGE_SIZE) /* two that come and go */
#define PAGE_EMPTY     (WINDOW_HOLE + 9 * PAGE_SIZE)
#define PAGE_ALLOWED   (WINDOW_HOLE + 11 * PAGE_SIZE) /* ALLOWED_PAGES of them */

#define CONTROLLERS_MAX 16u /* of drivers/strike */
#define DRIVES_MAX      8u  /* NVMe controllers that scratch= does not name */
#define ATTACKERS_MAX   (VFS_MAX + 2 + CONTROLLERS_MAX + DRIVES_MAX)

struct attackers {
	struct attacker one[ATTACKERS_MAX];
	unsigned n;
	phys_t decoy;          /* a page table of the kernel's that maps an unused page */
	bool fetched[VFS_MAX]; /* VFs that were seen to fetch without a controller open, in this pass */
	bool again;            /* not the first pass: who does not attack, and why, was printed */
};

/* True when some function may attack on this machine without scratch= naming it. */
bool attackers_there(const struct machine *m);
/* Before the first pass: functions that the console uses, and that are going to attack, are lent; after the
 * last they are given back. */
void attackers_borrow(struct machine *m);
void attackers_return(struct machine *m);
/* Why that function, whose registers are in that BAR, does not attack; NULL: it may. prove= decides first.
 * takes: its class can take it over from the firmware, so that an RMRR is no reason. */
const char *attackers_barred(struct machine *m, const struct pci_func *fn, unsigned bar, bool takes);
/* Says that a function of a class does not attack, and why; once in a run. */
void attackers_leave_out(const struct attackers *all, const struct pci_func *fn, const char *class,
			 const char *why);
/* Prints the functions that no class drives, and how many functions attack of how many. */
void attackers_print_rest(const struct machine *m, const struct attackers *all);
/* Finds them all and maps each its pages. After an error attackers_close() undoes it. */
enum sl_err attackers_open(struct machine *m, struct attackers *all) MUST_CHECK;
void attackers_close(struct attackers *all);

/* For open() of a class: *by without its pages, which it is given here. SL_NOSPACE. */
enum sl_err attackers_add(struct machine *m, struct attackers *all, const struct attacker *by) MUST_CHECK;

/* Verifies that each attacker's tables, walked from the root, lead only to its memory. SL_VERIFY. */
enum sl_err attackers_check(struct machine *m, const struct attackers *all) MUST_CHECK;

/* Guards the memory that no attack may change: all attackers' pages, the units' tables (of every kind and
 * level), the kernel's stand-ins, the registers of each controller that is open. */
void attackers_guard(struct machine *m, const struct attackers *all);

/* An attacker's pages as they are before a case: what lies in them is secret. */
void attacker_fill(const struct attacker *by);
