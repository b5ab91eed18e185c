/* A machine out of recorded bytes: its functions as Sluice's own bus walk finds them. */
#pragma once
#include "kernel/err.h"
#include "kernel/span.h"
#include "pci/groups.h"
#include "pci/pci.h"
#include "replay.h"

/* What the walk complains about on the way, one line each: "pci: 0000:00:1c.0: capability list is broken". */
#define MACHINE_COMPLAINTS 64
struct machine_complaints {
	char line[MACHINE_COMPLAINTS][256];
	unsigned n; /* how many there were, the lost ones too */
};

/* Scans the windows of a MCFG table; without one (mcfg.n 0) every segment that the recorded bytes have a
 * function in, all buses. Then VFs: those of PFs that have VF Enable set, where there are bytes of the VFs;
 * they are added as sriov_enable() adds them. pci is zeroed the first time; another walk ends what the one
 * before found. It is valid as long as cfg. Errors are those of pci_scan() and sriov_enable(), or SL_NOTFOUND
 * when there is no window. */
enum sl_err machine_scan(struct pci *pci, struct replay *cfg, struct span mcfg,
			 struct machine_complaints *out) MUST_CHECK;

/* Whether the bytes that r has of a function end before its extended capabilities: nothing is known of its
 * ACS, ARI, ATS and SR-IOV then. With 64 bytes nothing is known of any capability. */
bool machine_is_cut(const struct replay *r, const struct pci_func *f);
/* Whether a reason for a group rests on ACS that r does not have. */
bool machine_is_guess(const struct replay *r, const struct pci *pci, const struct group_reason *why);

unsigned machine_functions(const struct pci *pci);
/* How many functions a group has. */
unsigned machine_members(const struct pci *pci, unsigned group);
