/* Refused requests, kept apart from saying so: a poll point copies the units' records to a ring and counts,
 * in bounded time and without formatting; a slow path prints. One log for all units of a machine. Its struct
 * is the caller's. Not for several cores at once. */
#pragma once
#include "iommu/vtd_fault.h"

struct iommu;

#define FAULT_RING      256u /* records kept, a power of two */
#define FAULT_FUNCTIONS 64u  /* counted one by one; further ones together */
#define FAULT_POLL_MAX  64u  /* records that one poll takes at most */

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

struct fault_log {
	/* To be set by the caller; 0 takes the default in brackets. */
	uint32_t full;        /* lines in full for each function (4) */
	uint64_t interval_us; /* between two lines with a count for one function (10 s) */
	uint32_t flood;       /* records of one function in one second that are a flood (1000) */
	/* Called once for a function that floods, from iommu_fault_poll(): clear bus mastering, detach. May
	 * be NULL. */
	void (*on_flood)(void *ctx, bdf_t fn);
	void *ctx;

	struct iommu_fault ring[FAULT_RING];
	uint32_t head, tail; /* free-running: put at head, printed from tail */
	uint64_t lost_units; /* times that a unit had no record free: faults that nobody has seen */
	uint64_t lost_ring;  /* records that the ring had no room for; they are counted */
	uint64_t said_units, said_ring;
	struct fault_function fn[FAULT_FUNCTIONS + 1]; /* the last: all others */
	unsigned functions;
};

/* Sets where iommu_fault_poll() copies to; NULL ends it. Whoever calls iommu_fault_next() instead takes
 * records away from the log. */
void iommu_fault_log(struct iommu *mmu, struct fault_log *log);

/* The poll point: at most FAULT_POLL_MAX records are taken. How many there were. */
unsigned iommu_fault_poll(struct iommu *mmu);

/* Prints what came since the last call: the first records of each function in full, with the walk as the
 * tables are now; then one line with a count for each interval; and what was lost. */
void iommu_fault_report(struct iommu *mmu);

/* What is known of a function; NULL when it never had a record (or was one too many). */
const struct fault_function *iommu_fault_count(const struct iommu *mmu, bdf_t fn);

/* The function may flood again: it will be reported again. */
void iommu_fault_rearm(struct iommu *mmu, bdf_t fn);
