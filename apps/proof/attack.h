/* One forbidden DMA and its outcome. The verdict comes from memory, medium and fault record; the device's own
 * status is shown and not trusted.
 *
 * Every case has a positive control: the same access is first made where it is allowed, and must be seen to
 * work. Otherwise its refusal would prove nothing, and the case counts as not tried.
 *
 * apps/proof/attack.c has the order of a case and its verdict; apps/proof/strike.h how each class of function
 * does it; apps/proof/guard.h the memory that must not change; apps/proof/bystanders.h the functions that
 * work meanwhile. */
#pragma once
#include "apps/machine.h"
#include "apps/vf/own_memory.h"

#define ALLOWED_PAGES 2u /* of struct attacker.allowed */

struct bystanders;
struct strike_ops;

/* A function that can be made to access a chosen address. */
struct attacker {
	char name[16];
	struct pci_func *fn;
	struct domain **dom;             /* its domain; *dom is NULL while there is none */
	iova_t window;                   /* its device addresses begin there; 0: at the machine's window */
	const struct strike_ops *ops;    /* how it does it: apps/proof/strike.h */
	void *dev;                       /* of ops */
	const struct msix_table *msix;   /* NULL: it sends no MSI-X */
	const struct bystanders *others; /* functions that work meanwhile; NULL: none */
	uint16_t worked; /* kinds of access that a control has seen to work: BIT(enum attack_kind) */
	/* ALLOWED_PAGES pages that it may read and write, and where nothing else is: for the control. */
	struct dma_buf allowed;
	/* Stage isolate, a page each: what the others try to reach, what it may only read, only write. */
	struct dma_buf target, readonly, writeonly;
	struct table_range own[VF_RANGES]; /* what else its domain maps; unused: .buf NULL */
	const struct dma_buf *along; /* detached: what it needs besides what it attacks; NULL: nothing */
	struct iommu_walk_table table[WALK_TABLES]; /* what the unit reads for it; without a domain: none */
};

/* Kinds of access that are made in different ways. */
enum attack_kind {
	ATTACK_READ,
	ATTACK_WRITE,
	ATTACK_WRITE_FEW,
	ATTACK_MESSAGE,
	ATTACK_MSIX,
	ATTACK_KINDS /* from here on kinds of one class: struct attack.part */
};

/* Device addresses of its window. */
static inline iova_t attacker_at(const struct machine *m, const struct attacker *by, uint64_t off)
{
	return by->window.v ? IOVA(by->window.v + off) : window_at(m, off);
}

struct attack {
	const char *name;
	bool write; /* the device writes to memory; else it reads */
	/* The caller has just seen it work where it is allowed, with the function made ready for it: there is
	 * no control, and attack_ready() may not be possible any more. */
	bool seen;
	bool by_key; /* what refuses is the answer of a peer, who has looked at a key, and not the IOMMU */
	bool own_control;   /* control() of strike_ops, where another address alone would not do */
	uint8_t part;       /* which of its accesses, where the class has kinds of its own; else 0 */
	uint64_t to;        /* device address */
	uint32_t len;       /* 4, or CHUNK, or what the class can do: can(), most */
	uint64_t fault_at;  /* page at which it has to be refused */
	enum iommu_why why; /* reason that a fault record has to have */
	void *secret;       /* CHUNK bytes that a read must not get; NULL when there is no memory there */
	void *place;        /* what the function reaches at `to`, where that is allowed; NULL: it is not */
	/* An interrupt: to is where its message goes. */
	bool interrupt;
	bool msix;               /* sent as its MSI-X vector 0; else a DMA write of four bytes, */
	bool unseen;             /* its arrival would not be seen */
	uint32_t data;           /* which these are, by who can choose them */
	uint16_t index;          /* entry that a record has to name, where iommu_why_has_index() */
	const uint64_t *arrived; /* counts what gets through */
	/* The control: a message that the function is entitled to, and that is counted in *arrived. addr 0:
	 * there is none. */
	struct iommu_msi own;
};

enum attack_outcome {
	/* no effect, correctly recorded, all other functions work on; for an interrupt whose arrival would be
	 * seen the unit need not keep a record */
	ATTACK_REFUSED,
	ATTACK_SUCCEEDED,   /* memory was changed, or a word of what must not be read came back */
	ATTACK_FOREIGN,     /* a read brought data that is neither what was there before nor empty */
	ATTACK_ARRIVED,     /* an interrupt got through */
	ATTACK_SILENT,      /* no effect seen, and no fault recorded */
	ATTACK_MISTOLD,     /* no effect, but the fault record is wrong */
	ATTACK_OTHERWISE,   /* refused, but the tables in memory, walked from the root, say something else */
	ATTACK_MISANSWERED, /* refused by a peer, whose answer is wrong */
	ATTACK_HARMED,    /* refused, but another function was disturbed, or the device could not be driven */
	ATTACK_NOT_TRIED, /* the control had no effect */
	ATTACK_OUTCOMES
};

struct attack_result {
	enum attack_outcome outcome;
	bool recorded;
	struct iommu_fault fault;
	char said[48]; /* by the device */
};

/* True when this attacker can make that access at all. */
bool attack_possible(const struct attacker *by, const struct attack *a);

/* One case. First the control; then drops cached translations and fault records (a refusal out of the IOTLB
 * may leave none), copies what is guarded, and strikes while all other open VFs have work in flight, whose
 * data is checked; then looks, and lets the attacker do what it is allowed. For NVMe stage_timed or
 * timed_prepare() has written the media. */
void attack_run(struct machine *m, struct attacker *by, const struct attack *a, struct attack_result *out);

/* Lays at place, which the attacker would reach at a->to, what it has to find there for its read to be seen:
 * bait() of strike_ops. Place is memory of Sluice's own. */
void attack_bait(const struct attacker *by, const struct attack *a, void *place);

/* Only prepares the function for an access. */
enum sl_err attack_ready(struct machine *m, struct attacker *by, const struct attack *a) MUST_CHECK;
/* Ready, but for a->seen, and the strike, for accesses that are allowed. */
enum sl_err attack_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			  size_t n) MUST_CHECK;

/* "refused", "SUCCEEDED", ... */
const char *attack_outcome_text(enum attack_outcome o);
