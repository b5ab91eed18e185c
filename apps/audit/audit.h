/* The audit: problems that matter if you want to pass this machine's devices through to guests or users.
 * audit_run() needs only the record (struct audit_in). It reads configuration spaces through in->pci, numbers
 * the groups there, and writes nothing to the machine, so it finds the same on the machine and on a recorded
 * report. The result is a struct audit_result; the text for people, the JSON lines and tools/replay are made
 * from it and judge nothing themselves. docs/audit.md has a paragraph for each id. */
#pragma once
#include "apps/audit/room.h"
#include "iommu/dmar/rmrr.h"
#include "iommu/ivrs/unity.h"
#include "kernel/err.h"

enum audit_severity { AUDIT_INFO, AUDIT_WARNING, AUDIT_ERROR };
enum audit_kind { AUDIT_FIRMWARE_BUG, AUDIT_SETUP_CHOICE, AUDIT_HARDWARE_LIMIT, AUDIT_NOTE };

/* Texts are those of the rule, or stand in the result. */
struct finding {
	enum audit_severity severity;
	enum audit_kind kind;
	const char *id;   /* stable: "STATE-BME" */
	const char *who;  /* "0000:00:1c.0", "iommu0", "DMAR+0x48", "machine" */
	const char *read; /* what was read, where, and its value */
	const char *means;
	const char *os; /* how an operating system reacts */
	const char *remedy;
};

/* What the tables say of units and functions. */
struct audit_look {
	bool has_dmar; /* dmar is valid */
	struct dmar dmar;
	bool has_ivrs; /* ivrs is valid, and there is no DMAR table */
	struct ivrs ivrs;
	struct ivrs_ivhd amd[IVRS_UNITS]; /* its units: amd0, amd1, ... */
	unsigned amds;
	struct dmar_topo topo;
	struct table_functions functions;
	unsigned groups; /* IOMMU groups; their numbers are in the functions (pci/groups.h) */
};

struct audit_summary {
	unsigned units_usable, units_remap; /* that can translate; that can remap interrupts */
	unsigned width;                     /* least address width of the usable units, bits */
	bool remap_flag;                    /* the table allows interrupt remapping */
	struct {
		unsigned units, protecting;  /* units that were read, and those that protected memory */
		unsigned known, masters;     /* functions that were read, and those that could do DMA */
	} state[2];                          /* AUDIT_ENTRY, AUDIT_LEFT */
	unsigned functions, groups, several; /* several: groups of more than one function */
	unsigned hotplug, thunderbolt, ats;  /* ports; functions */
	unsigned
		rmrrs_kept; /* functions that keep their RMRR and cannot be assigned; of AMD: IVMDs of such */
};

struct audit_verdict {
	bool ok;                          /* no error, and the proof neither failed nor broke */
	bool proved;                      /* and it was done, which PASS needs */
	unsigned errors, warnings, infos; /* each at one place */
	unsigned against; /* of the errors: those that speak against the machine, and not of what was not
			     judged */
	unsigned tried, refused; /* cases of the proof: those that had to be refused; those that were */
	unsigned not_enforced, not_tried; /* the others */
	const char *proof;                /* "pass", "fail", "broken", "not run" */
	char text[160];                   /* one sentence */
};

#define AUDIT_FINDINGS 2048u
#define AUDIT_RMRRS    64u
#define AUDIT_TEXT     (512u << 10)

/* One run of the rules over one record. About 700 KiB; valid as long as the record and its pci. */
struct audit_result {
	const struct audit_in *in;
	struct audit_look look;
	struct finding finding[AUDIT_FINDINGS];
	unsigned findings, lost; /* lost: found too, but there was no room for them; a LIMIT says so */
	struct rmrr_owner rmrr[AUDIT_RMRRS];
	unsigned rmrrs; /* all of them, also those that did not fit into rmrr[] */
	struct unity_range unity[AUDIT_RMRRS];
	unsigned unities;                  /* the same of an AMD machine's IVMDs */
	struct audit_room room[AUDIT_PFS]; /* of in->pf[] */
	struct audit_unjudged unjudged;
	struct audit_summary summary;
	struct audit_verdict verdict;
	size_t used; /* bytes of text[] */
	char text[AUDIT_TEXT];
};

/* Judges the record. The same record gives the same result. */
void audit_run(struct audit_in *in, struct audit_result *out);

/* True when a unit translates for the function; *unit is then its number. */
bool audit_unit_of(const struct audit_look *look, bdf_t fn, unsigned *unit);

/* "warning"; "setup choice". */
const char *audit_severity_name(enum audit_severity s);
const char *audit_kind_name(enum audit_kind k);
