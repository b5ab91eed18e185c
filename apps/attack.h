/* One forbidden DMA and what came of it. The verdict is memory, medium and fault record; what the device says
 * is shown and not believed. */
#pragma once
#include "apps/machine.h"

/* A function that can be told to access an address of our choice. */
struct attacker {
	char name[16];
	bdf_t fn;
	struct domain **dom;  /* its domain; *dom is NULL while there is none */
	struct vf *vf;        /* NVMe VF: Read and Write with any address */
	struct nvme_ctrl *pf; /* NVMe PF: Identify to any address, which writes nothing to the medium */
	/* NVMe controller that nobody has open: fetches a command from any address, and would put a
	 * completion into the page after it. */
	const struct nvme_io *fetch;
	struct edu *edu;
	uint64_t edu_page; /* device address of a page of its own, to look into its buffer through */
	uint8_t *edu_va;
};

struct attack {
	const char *name;
	bool write;        /* the device writes to memory; else it reads */
	uint64_t to;       /* device address */
	uint32_t len;      /* CHUNK, or 2 * CHUNK for an NVMe VF, or 4; anything up to CHUNK for edu */
	uint64_t fault_at; /* page at which it has to be refused */
	uint8_t reason;    /* fault reason that is right */
	/* An interrupt: to is where its message goes. */
	bool interrupt;
	bool msix;               /* sent as MSI-X vector 0 of a VF; else a DMA write of four bytes, */
	uint32_t data;           /* which these are, by who can choose them */
	uint16_t index;          /* entry that a record has to name; not by REASON_COMPAT */
	const uint64_t *arrived; /* counts what gets through; NULL: nobody would see it */
	const void *secret; /* CHUNK bytes that a read must not get; NULL when there is no memory there */
};

enum attack_outcome {
	/* no effect, recorded rightly, everyone works on; of an interrupt that would be seen if it arrived a
	 * unit may keep no record */
	ATTACK_REFUSED,
	ATTACK_SUCCEEDED, /* memory was changed, or what must not be read was */
	ATTACK_ARRIVED,   /* an interrupt got through */
	ATTACK_SILENT,    /* no effect seen, and no fault recorded */
	ATTACK_MISTOLD,   /* no effect, but the fault record is wrong */
	ATTACK_OTHERWISE, /* refused, but the tables in memory, walked from the root, say something else */
	ATTACK_HARMED, /* refused, but somebody does not work as before, or the device could not be driven */
};

struct attack_result {
	enum attack_outcome outcome;
	bool recorded;
	struct iommu_fault fault;
	char said[48]; /* by the device */
};

/* Memory that no device may change in any attack: summed before and after each. */
void attack_guard(const void *va, size_t len);
/* Registers of an NVMe controller that is not told anything meanwhile: the same. */
void attack_guard_regs(const struct nvme_io *io);
void attack_guard_none(void);
/* Pages of the kernel that stand for the rest of it: a success is seen and not felt. */
uint8_t *attack_kernel_data(void);
const uint8_t *attack_kernel_text(void);

/* True when this attacker can do it at all. */
bool attack_possible(const struct attacker *by, const struct attack *a);

/* Drops cached translations and fault records (a refusal out of the IOTLB may leave none) and strikes while
 * all other open VFs have reads and writes in flight, whose data is checked (stage_timed or timed_prepare()
 * wrote it); then looks, and lets the attacker do a read that is allowed. */
void attack_run(struct machine *m, struct attacker *by, const struct attack *a, struct attack_result *out);

/* Operations that VFs have done during attacks, each of which was right. */
uint64_t attack_verified(void);

/* The attacker's first fault since iommu_fault_claim(); waits a fifth of a second for it. */
bool attack_fault(struct machine *m, struct iommu_fault *f);

/* The strike alone, for accesses that are allowed. */
enum sl_err attack_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			  size_t n) MUST_CHECK;

/* "refused", "SUCCEEDED", ... */
const char *attack_outcome_text(enum attack_outcome o);
