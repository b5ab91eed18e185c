/* The work queues of one Data Streaming Accelerator as tenants. Each has a portal; where function and unit
 * have PASIDs, each has a PASID and a domain of its own. Every domain maps the same device addresses, from
 * window on:
 *
 *	0                 descriptors, completion records, data of its jobs, two spare pages
 *	QUEUES_READONLY   a page that the device may only read
 *	QUEUES_HOLE       nothing
 *	QUEUES_LENT       nothing, but for a page that is lent and taken back
 *	QUEUES_ASKED      nothing, but for a page that is mapped when the device asks for it
 *	QUEUES_OWN(i)     a page, in the domain of tenant i alone
 *
 * Without PASIDs all queues share the function's domain, and only the first of these is there, one after the
 * other. The caller sets the fields up to limit and attaches the function to dom; then queues_domains(),
 * dsa_start(), queues_memory(); at the end dsa_stop(), queues_close(). */
#pragma once
#include "apps/work/move.h"
#include "drivers/dsa/queue.h"
#include "iommu/pasid.h"

#define QUEUES_BYTES    (512u << 10)
#define QUEUES_SPARE    (DSA_QUEUE_BYTES + MOVE_BYTES)
#define QUEUES_READONLY (1ull << 20)
#define QUEUES_HOLE     (2ull << 20)
#define QUEUES_LENT     (3ull << 20)
#define QUEUES_ASKED    (7ull << 19)
#define QUEUES_OWN(i)   ((4ull << 20) + (i)*0x10000ull)

struct tenant { /* written only by the core that works it */
	unsigned index;
	char name[8];
	struct domain *dom; /* the function's, where it has no PASID */
	uint32_t pasid;     /* 0: none */
	struct dma_buf mem, readonly, own;
	struct dsa_queue queue;
	struct moves moves;
	uint64_t ops;  /* timed */
	char why[128]; /* its core's error, as text */
} __attribute__((aligned(64)));

struct queues {
	bdf_t fn;
	struct domain *dom; /* of its requests without PASID; NULL: translation is off */
	struct dsa dev;     /* open */
	iova_t window;
	uint32_t limit; /* PASIDs that the function can send; 0: none */
	unsigned n;
	bool ats, pages; /* the device keeps translations itself; it can ask for pages */
	bool apart;      /* each has a PASID and a domain of its own */
	struct tenant tenant[DSA_QUEUES];
};

/* The queues that are used, a domain for each: SL_UNSUPPORTED and others as domain_attach_pasid(), printed.
 */
enum sl_err queues_domains(struct queues *q, struct iommu *mmu) MUST_CHECK;
/* PASIDs for dsa_start(); NULL: none. */
const uint32_t *queues_pasids(const struct queues *q, uint32_t pasid[DSA_QUEUES]);
/* Memory and open queues. *failed is the queue for which it went wrong. */
enum sl_err queues_memory(struct queues *q, unsigned *failed) MUST_CHECK;
/* A tenant's queue as after queues_memory(): nothing in flight. */
void queues_reopen(struct queues *q, struct tenant *t);
/* Takes domains and memory back. What cannot be is leaked, with a WARN line. */
void queues_close(struct queues *q);

/* A page of its spare ones, 0 or 1. */
struct dma_buf queues_spare(const struct tenant *t, unsigned i);
/* One job, alone: *status as of its completion record. SL_TIMEOUT: none came within us microseconds; SL_BUSY:
 * the queue takes no job. */
enum sl_err queues_job(struct tenant *t, const struct move_job *job, uint32_t us,
		       uint16_t *status) MUST_CHECK;

/* Those of the machine, while stage move holds. */
struct queues *queues_of_machine(void);
