/* Everything that the audit judges, as read from a machine: by apps/audit/take.c on the machine itself, from
 * a recorded report on a host. The rules (audit.h) depend only on this, so both give the same findings. The
 * caller that fills it zeroes it first; what was not read stays 0 (or says that it was not read), and the
 * rules then report nothing about it.
 *
 * Where it stands in a report (json=1): table, mem, unit and fn lines are the arrays of the same name; pci is
 * made from cfg, bar and window lines; the rest stands in run ("apic", "phys_bits", "proof"), sriov
 * ("offset", "stride", "ari_offset", "ari_stride", "backed") and case. */
#pragma once
#include "apps/bringup/hardware_errors.h"
#include "apps/proof/cases.h"
#include "boot/boot_info.h"
#include "kernel/span.h"
#include "pci/pci.h"

#define AUDIT_TABLES 16u
#define AUDIT_UNITS  BOOT_MAX_UNITS
#define AUDIT_FUNCS  2048u
#define AUDIT_PFS    64u
#define AUDIT_MISSED 64u

enum audit_phase {
	AUDIT_ENTRY, /* as UEFI had it when it started the loader */
	AUDIT_LEFT,  /* right after ExitBootServices */
	AUDIT_NOW,   /* when the report was made: Sluice's own settings */
	AUDIT_PHASES
};

struct audit_unit { /* in the order of the table: iommu0, iommu1, ... */
	uint64_t base;
	uint16_t seg;
	struct vtd_regs_seen at[AUDIT_PHASES];
};

struct audit_amd { /* in the order of ivrs_units(): amd0, amd1, ... */
	uint64_t base;
	bdf_t unit; /* its own function */
	struct amdvi_regs_seen at[AUDIT_PHASES];
};

struct audit_table { /* DMAR (each of them), MCFG, APIC, IVRS, SRAT, HPET, SPCR, VIOT */
	char sig[5];
	uint64_t addr;
	struct span data; /* the whole table */
};

struct audit_master { /* Bus Master Enable of a function: 0, 1, or -1 where it was not read */
	bdf_t bdf;
	int8_t entry, left;
	uint8_t found; /* PCI_FOUND_ bits: what else the firmware had left enabled */
};

/* Routing of VFs: First VF Offset and VF Stride, which may differ with ARI Capable Hierarchy. */
struct audit_routing {
	bool known;
	uint16_t offset, stride;
};

struct audit_sriov { /* of a PF; VF BARs stand in its struct pci_func */
	bdf_t pf;
	uint16_t total, initial, num;    /* TotalVFs, InitialVFs, NumVFs */
	bool enabled;                    /* VF Enable */
	bool ari;                        /* ARI Capable Hierarchy as it is */
	bool ari_forwards;               /* the port above can forward ARI requests */
	uint32_t page_sizes;             /* Supported Page Sizes */
	struct audit_routing routing[2]; /* [0] with ARI Capable Hierarchy off, [1] on */
	int32_t backed;                  /* VFs that the controller has queues for; -1: not asked */
};

enum audit_proof {                        /* names in "run": */
		   AUDIT_PROOF_DONE,      /* "done": the cases have the result */
		   AUDIT_PROOF_NO_UNIT,   /* "no unit": nothing translates */
		   AUDIT_PROOF_OFF,       /* "off": iommu=off or iommu=pt */
		   AUDIT_PROOF_NO_DEVICE, /* "no device": none that can be made to access a chosen address */
		   AUDIT_PROOF_NOT_NAMED, /* "not named": a controller is there; scratch= does not name it */
		   AUDIT_PROOF_BROKEN, /* "broken": the device could not be set up, or the run did not end */
		   AUDIT_PROOF_NOT_ASKED, /* "not asked": the console's audit does not attack; isolate does */
		   AUDIT_PROOF_READ_ONLY, /* "read only": access=read */
		   AUDIT_PROOFS
};

enum audit_apic { AUDIT_APIC_UNKNOWN, AUDIT_APIC_OFF, AUDIT_APIC_XAPIC, AUDIT_APIC_X2APIC };

struct audit_in {
#define TEXT(key, member, room, needed)        char member[room];
#define COUNT(key, member, type, most, needed) type member;
#define NAME(key, member, names, n, needed)    uint8_t member;
#include "apps/audit/record.def"
#undef TEXT
#undef COUNT
#undef NAME

	const struct identity *identity; /* of machine and run; NULL: not known */
	const struct boot_nvme *nvme;    /* as the firmware has named them; none with privacy=1 */
	uint32_t nvmes;
	struct audit_table table[AUDIT_TABLES];
	unsigned tables;
	const struct boot_region *mem; /* UEFI's memory map, sorted; may be NULL */
	uint32_t mems;
	struct audit_unit unit[AUDIT_UNITS];
	struct audit_amd amd[AUDIT_UNITS]; /* of a machine without a DMAR table */
	unsigned amds;
	unsigned units;
	struct audit_master fn[AUDIT_FUNCS];
	unsigned fns;
	struct pci_missed missed[AUDIT_MISSED]; /* the first places that were not examined */
	unsigned n_missed;                      /* all of them */
	char failed[16];                        /* the stage that failed, or printed FAIL; "" */
	struct pci *pci;                        /* all functions; audit_run() numbers its groups anew */
	struct audit_sriov pf[AUDIT_PFS];
	unsigned pfs;
	uint8_t proof; /* enum audit_proof */
	struct proof_cases cases;
	struct hardware_errors errors;
};

/* What cannot be judged without writing (pci_cfg.read_only of in->pci); all 0 otherwise. */
struct audit_unjudged {
	unsigned bars;    /* functions whose BARs are not sized */
	unsigned vf_bars; /* PFs whose VF BARs are not */
	unsigned acs;     /* functions with ACS off that counts as on: its effect is unknown */
	unsigned routes;  /* PFs whose First VF Offset and VF Stride were read in only one ARI state */
	unsigned asleep;  /* bridges not in D0 */
	unsigned all;     /* the sum, and one for the DMA that was not tried */
};
void audit_unjudged(const struct audit_in *in, struct audit_unjudged *out);
/* The places that a scan did not examine. */
void audit_take_missed(struct audit_in *in, const struct pci *pci);
/* The table with that signature; NULL when there is none. */
const struct audit_table *audit_table(const struct audit_in *in, const char *sig);
/* "no device" of enum audit_proof, as it stands in the report; "?" outside it. */
const char *audit_proof_name(unsigned proof);
/* "not enforced" of enum case_outcome. */
const char *audit_outcome_name(unsigned outcome);
/* "x2APIC" */
const char *audit_apic_name(unsigned apic);
