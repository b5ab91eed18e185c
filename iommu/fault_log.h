/* Collects and reports refused requests: a poll point copies the units' records to a ring and counts them, in
 * bounded time and without formatting; a slow path prints. One log for all units of a machine. The caller
 * owns the struct. Not for several cores at once. */
#pragma once
#include "iommu/fault.h"

struct iommu;

#define FAULT_RING      256u /* records kept, a power of two */
#define FAULT_FUNCTIONS 64u  /* counted one by one; further ones together */
#define FAULT_POLL_MAX  64u  /* records that one poll takes at most */

/* Requester id that QEMU's unit records for an interrupt that came as a DMA write: it does not know the
 * sender. */
#define FAULT_NAMELESS 0xffffu

struct fault_function {
	bdf_t fn;
	uint64_t count;       /* all records of it */
	uint64_t window_from; /* start of the time that flood counts in; us */
	uint32_t in_window;
	uint32_t printed;        /* in full */
	uint64_t unprinted;      /* since the last line */
	uint64_t line_at;        /* when that was; us */
	struct iommu_fault last; /* of the unprinted */
	bool flooding;           /* has been reported */
};

struct fault_lost {
	uint64_t count, said; /* all, and those already printed */
	uint64_t line_at;     /* when that was; us */
};

struct fault_log {
	/* To be set by the caller; 0 takes the default in brackets. */
	uint32_t full;        /* lines in full for each function (4) */
	uint64_t interval_us; /* between two lines with a count for one function (10 s) */
	uint32_t flood;       /* records of one function in one second that are a flood (1000) */
	bool provoked;        /* refused requests are provoked at present: their lines are no warnings */
	/* Called for each record that comes into the log, from iommu_fault_poll(): for counting, not for
	 * printing. May be NULL. */
	void (*on_fault)(void *ctx, const struct iommu_fault *f);
	/* Called once for a function that floods, from iommu_fault_poll(), to clear bus mastering and detach.
	 * May be NULL. */
	void (*on_flood)(void *ctx, bdf_t fn);
	void *ctx;

	struct iommu_fault ring[FAULT_RING];
	uint32_t head, tail;          /* free-running: put at head, printed from tail */
	struct fault_lost lost_units; /* times a unit had no free record: unrecorded faults */
	struct fault_lost lost_ring;  /* records that did not fit into the ring; they are counted */
	struct fault_function fn[FAULT_FUNCTIONS + 1]; /* the last: all others */
	unsigned functions;

	bool claiming;               /* iommu_fault_claim() is in force, */
	bdf_t claim;                 /* for this function, */
	bool claim_nameless;         /* and for interrupts without a sender, */
	bool claimed;                /* which has been refused: */
	struct iommu_fault of_claim; /* the first time */
};

/* Sets where iommu_fault_poll() copies to; NULL ends it. A caller of iommu_fault_next() or
 * iommu_fault_clear() takes records away from the log: see iommu_fault_claim(). */
void iommu_fault_log(struct iommu *mmu, struct fault_log *log);

/* The poll point: takes at most FAULT_POLL_MAX records; returns how many. */
unsigned iommu_fault_poll(struct iommu *mmu);

/* Prints the records since the last call: the first of each function in full, with a walk of the present
 * tables; then one line with a count per interval. Lost records likewise. */
void iommu_fault_report(struct iommu *mmu);

/* The same, without waiting for the interval: at the end, or before a function's tables are removed. */
void iommu_fault_report_all(struct iommu *mmu);

/* For a caller that provokes faults of fn and wants to read them. Pending records go to the log; from then on
 * records of fn do not, until iommu_fault_unclaim(), while those of all others still do, on whichever core
 * polls. One claim at a time. Without a log, pending records are dropped and all records go to the
 * claimer. */
void iommu_fault_claim(struct iommu *mmu, bdf_t fn);
/* The same for a function that will forge interrupts: also claims records with FAULT_NAMELESS. */
void iommu_fault_claim_interrupts(struct iommu *mmu, bdf_t fn);
/* The first record of the claimed function since the claim or the last call; SL_END when there is none. */
enum sl_err iommu_fault_claimed(struct iommu *mmu, struct iommu_fault *out) MUST_CHECK;
/* True when iommu_fault_claimed() would return one; it stays. False without a claim, or without a log. */
bool iommu_fault_waits(struct iommu *mmu);
/* Ends the claim; pending records of the function are dropped. */
void iommu_fault_unclaim(struct iommu *mmu);

/* The counts of a function; NULL when it never had a record (or did not fit). */
const struct fault_function *iommu_fault_count(const struct iommu *mmu, bdf_t fn);

/* From now on a new flood of the function is reported again. */
void iommu_fault_rearm(struct iommu *mmu, bdf_t fn);
