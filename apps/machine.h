/* The state that the stages build up and pass on. One instance, in apps/main.c; a stage reads the results of
 * earlier ones. */
#pragma once
#include "apps/vf/vf.h"
#include "boot/boot_info.h"
#include "iommu/dmar/lint.h"
#include "iommu/fault_log.h"
#include "iommu/iommu.h"
#include "kernel/acpi.h"
#include "kernel/madt.h"
#include "pci/sriov.h"

/* Errors that the hardware reports: apps/bringup/hardware.h. */
struct hardware {
	bool begun;                                  /* stage hardware has run */
	unsigned nmis;                               /* that no core sent */
	unsigned mces, mces_corrected;               /* machine checks */
	unsigned aers, aers_corrected, aers_refused; /* of PCI Express functions */
};

/* Refused requests: apps/bringup/faults.h. */
struct faults {
	struct fault_log log;
	uint64_t events;            /* interrupts of units: when it moves, there are fault records */
	uint64_t events_seen;       /* of them, when the records were last all taken */
	bdf_t driven[VFS_MAX + 16]; /* functions that Sluice has made do DMA */
	unsigned n_driven;
	uint64_t unprovoked,
		stray; /* refused requests that were not provoked: of those functions; of others */
};

/* Results, for the RESULT line. */
struct tally {
	unsigned vfs;          /* VFs that were brought up last */
	unsigned irqs_checked; /* VFs whose interrupts arrive and are blocked as they should */
	unsigned vf_faults;    /* VFs that failed; */
	unsigned vf_recovered; /* after how many of these faults they worked again */
	uint64_t verified, timed_ops, timed_us;
	bool stopped;                     /* a key ended the timed phase early */
	uint64_t cases, refused;          /* accesses that had to be refused, and those of them that were */
	uint64_t vague;                   /* of those of stage refuse, records without bus and address */
	uint64_t not_enforced, not_tried; /* others: this platform cannot; result unknown */
	bool proof_failed;                /* in some run of the proof a case was not refused */
	unsigned rows, noisy;             /* of the benchmark */
	unsigned fair_permille;           /* operations of the slowest VF against those of the fastest */
	struct hist latency;
};

/* The audit's results: apps/audit/app.h. */
struct audit_state {
	uint8_t proof; /* enum audit_proof: whether isolate has run, and why not */
	bool done;     /* its verdict was printed: */
	bool against;  /* it has errors that speak against the machine, and not of what was not judged */
	unsigned errors, warnings; /* as the page counts them */
	unsigned unjudged;         /* access=read: items that cannot be judged without writing */
	const char *words;         /* of the proof in it: audit_proof_verdict() */
};

struct machine {
	const struct boot_info *boot;
	const struct config *cfg; /* boot->cfg */
	const char *failed_stage; /* the first that failed, or printed FAIL, before stage audit */

	struct acpi acpi;
	struct madt madt;
	struct pci pci;
	bool looked; /* stage pci found functions */
	struct iommu_groups groups;
	struct hardware hw;

	struct iommu iommu;
	struct table_memory_map memory; /* the firmware's, for RMRRs */
	iova_t window;                  /* start of every domain's window */
	bool translating;   /* translation is on, in the usable units: a function under one of them without a
			       domain reaches nothing */
	bool irqs_remapped; /* functions may have interrupts */
	struct faults faults;

	const struct vf_kind *kind; /* of the PF and its VFs, from stage pf on */
	struct pci_func *pf;
	struct domain *pf_dom;
	bool pf_attached, pf_open, sriov_on;
	void *pf_own; /* what its kind keeps for it */
	unsigned vfs;
	unsigned pairs; /* queue pairs of the timed phase: from vf[vfs] on further ones of VFs 0, 1, ... */
	struct vf vf[VFS_MAX];
	bool first_done;                                  /* some VF has completed a request in this run */
	unsigned vfs_most;                                /* limit on VFs, overriding vfs=; 0: no limit */
	bool no_vfs;                                      /* none are */
	bool (*attackers_there)(const struct machine *m); /* apps/proof/attackers.h; NULL: none */
	/* Of the console, for the proof (apps/shell/keyboards.c); NULL: no USB controller is used for
	 * keyboards. lend() ends the use of that function, where it is one, and says so; back() begins it
	 * again. */
	void (*keyboards_lend)(struct machine *m, const struct pci_func *fn);
	void (*keyboards_back)(struct machine *m);
	bool attacking;          /* isolate runs in the console or for the audit */
	struct iommu_irq pf_irq; /* stage irqs */
	uint64_t strays_made;    /* stage irqs: interrupts without a handler, on purpose */

	struct audit_state audit;
	struct pci_func *netlog; /* the card that sends the log: apps/work/netlog.h; NULL: none */
	struct tally tally;
};

/* Devices are confined to their mappings: iommu=on. */
static inline bool translated(const struct machine *m)
{
	return m->cfg->iommu == CONFIG_IOMMU_ON;
}

/* Addresses in the window on this machine. */
static inline iova_t window_at(const struct machine *m, uint64_t off)
{
	return IOVA(m->window.v + off);
}

/* The program, on a guarded stack, from apps/start_hw.c. Does not return. */
void app_main(const struct boot_info *boot);
