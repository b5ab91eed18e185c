/* One forbidden DMA and what came of it. The verdict is memory, medium and fault record; what the device says
 * is shown and not believed.
 *
 * Every case has a positive control: the same access is first made where it is allowed, and has to be seen to
 * work. Without that its refusal would prove nothing, and the case counts as not tried.
 *
 * Three files: apps/proof/attack.c the order of a case and its verdict, apps/proof/strike.c how each kind of
 * function does it, apps/proof/guard.c the memory that must not change. */
#pragma once
#include "apps/proof/guard.h"
#include "apps/machine.h"

#define ALLOWED_PAGES 2u /* of struct attacker.allowed */

struct attack_way;

/* A function that can be told to access an address of our choice. */
struct attacker {
	char name[16];
	bdf_t fn;
	struct domain **dom;          /* its domain; *dom is NULL while there is none */
	const struct attack_way *way; /* how it does it; NULL: as strike.c has it, by the fields below */
	/* ALLOWED_PAGES pages that it may read and write, and where nothing else is: for the control. */
	struct dma_buf allowed;
	uint8_t worked;       /* kinds of access that a control has seen to work: BIT(enum attack_kind) */
	struct vf *vf;        /* NVMe VF: Read and Write with any address; or a VF that computes */
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
	bool write; /* the device writes to memory; else it reads */
	/* Whoever calls has just seen it work where it is allowed, with the function made ready for it: no
	 * control, and ready() may not be possible any more. */
	bool seen;
	bool own_control;   /* its way has one, where another address alone would not do */
	uint8_t part;       /* of a job of a VF that computes: apps/proof/compute_refuse.c */
	uint64_t to;        /* device address */
	uint32_t len;       /* CHUNK, or 2 * CHUNK for an NVMe VF, or 4; anything up to CHUNK for edu */
	uint64_t fault_at;  /* page at which it has to be refused */
	enum iommu_why why; /* reason that a fault record has to have */
	const void *secret; /* CHUNK bytes that a read must not get; NULL when there is no memory there */
	/* An interrupt: to is where its message goes. */
	bool interrupt;
	bool msix;               /* sent as MSI-X vector 0 of a VF; else a DMA write of four bytes, */
	bool unseen;             /* nobody would see it arrive */
	uint32_t data;           /* which these are, by who can choose them */
	uint16_t index;          /* entry that a record has to name, where iommu_why_has_index() */
	const uint64_t *arrived; /* counts what gets through */
	/* The control: a message that the function is entitled to, and that is counted in *arrived. addr 0:
	 * there is none. */
	struct iommu_msi own;
};

/* Kinds of access that are done in different ways. */
enum attack_kind { ATTACK_READ, ATTACK_WRITE, ATTACK_WRITE_FEW, ATTACK_MESSAGE, ATTACK_MSIX };

enum attack_outcome {
	/* no effect, recorded rightly, everyone works on; of an interrupt that would be seen if it arrived a
	 * unit may keep no record */
	ATTACK_REFUSED,
	ATTACK_SUCCEEDED, /* memory was changed, or a word of what must not be read came back */
	ATTACK_FOREIGN,   /* a read brought data that is neither what was there before nor empty */
	ATTACK_ARRIVED,   /* an interrupt got through */
	ATTACK_SILENT,    /* no effect seen, and no fault recorded */
	ATTACK_MISTOLD,   /* no effect, but the fault record is wrong */
	ATTACK_OTHERWISE, /* refused, but the tables in memory, walked from the root, say something else */
	ATTACK_HARMED, /* refused, but somebody does not work as before, or the device could not be driven */
	ATTACK_NOT_TRIED, /* the control had no effect */
	ATTACK_OUTCOMES
};

struct attack_result {
	enum attack_outcome outcome;
	bool recorded;
	struct iommu_fault fault;
	char said[48]; /* by the device */
};

/* How a kind of function does what it is told. Errors: the device could not be driven. */
struct attack_way {
	/* True when this attacker can do it at all. */
	bool (*possible)(const struct attacker *by, const struct attack *a);
	/* Before each access: nothing of an earlier case is left in the function or on its medium. Where a
	 * read leaves what it gets stands attack_old(). */
	enum sl_err (*ready)(struct machine *m, struct attacker *by, const struct attack *a);
	enum sl_err (*strike)(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			      size_t n);
	/* What a read brought: n words, those that it did not touch as attack_old() has them. Returns how
	 * many bytes of the secret all of it would be; 0: could not be looked at. */
	uint32_t (*got)(struct machine *m, struct attacker *by, const struct attack *a, uint64_t *words);
	/* It does what it is allowed as before. */
	bool (*works)(struct machine *m, struct attacker *by);
	/* All others have work in flight from begin to end; end() is true when all of it was right. */
	void (*others_begin)(struct machine *m, struct attacker *by);
	bool (*others_end)(struct machine *m, struct attacker *by);
	/* The control of an attack with own_control: true when it worked where it is allowed. */
	bool (*control)(struct machine *m, struct attacker *by, const struct attack *a);
};

/* The way of NVMe functions and of edu. */
extern const struct attack_way strike_way;

/* Word i of what stands where a read will leave what it gets. */
uint64_t attack_old(unsigned i);

/* Pages of the kernel that stand for the rest of it: a success is seen and not felt. */
uint8_t *attack_kernel_data(void);
const uint8_t *attack_kernel_text(void);
/* The first gets its pattern, which is a secret, again. */
void attack_kernel_fill(void);

/* True when this attacker can do it at all. */
bool attack_possible(const struct attacker *by, const struct attack *a);

/* One case. First the control; then drops cached translations and fault records (a refusal out of the IOTLB
 * may leave none), copies what is guarded, and strikes while all other open VFs have work in flight, whose
 * data is checked; then looks, and lets the attacker do what it is allowed. For NVMe stage_timed or
 * timed_prepare() has written the media. */
void attack_run(struct machine *m, struct attacker *by, const struct attack *a, struct attack_result *out);

/* Operations that VFs have done during attacks, each of which was right. */
uint64_t attack_verified(void);

/* The attacker's first fault since iommu_fault_claim(); waits a fifth of a second for it. */
bool attack_fault(struct machine *m, struct iommu_fault *f);

/* Ready alone. */
enum sl_err attack_ready(struct machine *m, struct attacker *by, const struct attack *a) MUST_CHECK;
/* Ready, but for a->seen, and the strike, for accesses that are allowed. */
enum sl_err attack_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			  size_t n) MUST_CHECK;

/* "refused", "SUCCEEDED", ... */
const char *attack_outcome_text(enum attack_outcome o);
