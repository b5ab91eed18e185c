/* IOMMU groups: functions that can reach each other, or be mistaken for each other, without the IOMMU
 * noticing. A group belongs to one domain. The rules are Linux's, but stricter for ports: docs/groups.md. */
#pragma once
#include "pci/pci.h"

/* Numbers the groups of all functions from 1, in the order of their lowest functions; asks pci->table_id()
 * for each. Call again after VFs
 * came or went: numbers change. Reads registers and writes none: functions that ACS does not isolate now are
 * together, so acs_enable_all() comes first. Allocates no memory. Returns the number of groups. */
unsigned groups_compute(struct pci *pci);

/* The group of a function, 0 for one that came after groups_compute(). */
static inline unsigned groups_of(const struct pci_func *fn)
{
	return fn->group;
}

/* The members of a group in order: the one after prev, the first for NULL; NULL at the end. */
struct pci_func *groups_next(const struct pci *pci, unsigned id, const struct pci_func *prev);

enum group_why {
	GROUP_PORT,   /* at: a port that lets requests across below it */
	GROUP_SWITCH, /* at: the first downstream port without all of ACS, of a switch that has several ports
		       */
	GROUP_BRIDGE, /* at: a bridge to or from a conventional bus, where requests do not carry their
			 sender's id */
	GROUP_MULTI,  /* at: the first of the functions of one device that have no ACS between them */
	GROUP_ALIAS,  /* at: a function that also sends requests with the requester id of another */
	GROUP_TABLE,  /* at: the first function whose requests arrive with an id that the firmware's table
			 names, and that another function has too */
};

/* Why functions are together. */
struct group_reason {
	enum group_why why;
	const struct pci_func *at;
	const struct pci_func *other; /* ALIAS, TABLE: that other function */
	unsigned missing;             /* PORT, SWITCH, MULTI: ACS_ bits (pci/acs.h) */
	unsigned count, of; /* SWITCH: number of its downstream ports without ACS, of all; MULTI: functions */
	bool stricter;      /* PORT, SWITCH, TABLE: Linux has some of these in different groups */
};

/* Reason number n (from 0) of a group; SL_END after the last. A group of more than one has at least one. */
enum sl_err groups_reason(const struct pci *pci, unsigned id, unsigned n,
			  struct group_reason *out) MUST_CHECK;

/* The reason as a sentence. As snprintf. */
void groups_reason_text(const struct group_reason *r, char *buf, size_t n);
/* The remedy. */
const char *groups_remedy(const struct group_reason *r);

/* The vendor quirk by which a function counts as isolated although its registers do not show it; NULL:
 * none. */
const char *groups_quirk(const struct pci_func *fn);

/* Root ports of Intel's PCHs before the 100 series (5 to 9 series, X79, X99) have their own registers instead
 * of ACS, UPDCR and BSPR in the chipset's register block (Red Hat bugzilla 1037684). */
bool groups_old_pch_port(const struct pci_func *f);

/* VT-d §3.17: integrated endpoints of a machine with VT-d send untranslated requests only to the IOMMU. */
bool groups_is_intel_integrated(const struct pci_func *f);
/* True when the function isolates, or when Linux takes a port's missing ACS bits as set. */
bool groups_isolates_in_linux(const struct pci_func *f);

/* The requester ids that the IOMMU sees in a function's DMA, the usual one first; returns how many. More than
 * one where a bridge may substitute its own, with phantom functions (PCIe §2.2.6.2), and, after
 * groups_compute(), where the firmware's table names one: the last. */
#define GROUPS_ALIASES 12
size_t groups_alias(const struct pci_func *fn, bdf_t out[GROUPS_ALIASES]);
