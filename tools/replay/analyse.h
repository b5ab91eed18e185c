/* What can be said of a machine from a dump, a table or registers alone; printed. */
#pragma once
#include "kernel/err.h"
#include "kernel/span.h"
#include "pci/pci.h"
#include "replay.h"

/* machine_scan(), with how many functions there are and what it complained about. */
enum sl_err analyse_scan(struct pci *pci, struct replay *cfg, struct span mcfg) MUST_CHECK;
/* A configuration space dump: functions, SR-IOV, groups. Errors as analyse_scan(). */
enum sl_err analyse_dump(struct pci *pci, struct replay *dump, struct span mcfg) MUST_CHECK;
/* Computes the groups; those of more than one are printed with reasons and remedies. Where cfg does not have
 * the ACS of a function, that is the reason. */
void analyse_groups(struct pci *pci, const struct replay *cfg);
/* The structures of a DMAR table and the findings of it by itself. madt.n may be 0. */
void analyse_dmar(struct span table, struct span madt);
/* The same of an IVRS table. */
void analyse_ivrs(struct span table, struct span madt);
/* Of either table: who keeps memory by it on that machine, and how many functions each unit covers. */
void analyse_units(struct pci *pci, struct span table);
/* What a unit at base can do: VT-d §11.4.2, §11.4.3. */
void analyse_unit(uint64_t base, uint64_t cap, uint64_t ecap);
