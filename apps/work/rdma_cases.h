/* What one VF's end point may do to another's memory, through the card's switch. */
#pragma once
#include "apps/work/rdma_end.h"
#include "iommu/fault_log.h"

enum rdma_case {
	RDMA_MAY_WRITE, /* with right keys: done, and the controls of the others */
	RDMA_MAY_READ,
	RDMA_WRONG_WRITE, /* a key that is none */
	RDMA_WRONG_READ,
	RDMA_OUTSIDE,        /* the region ends a byte before the access does */
	RDMA_REVOKED,        /* a key that was one */
	RDMA_READ_ONLY,      /* of a region without the right to write */
	RDMA_OTHERS,         /* a key of another end point's */
	RDMA_UNMAPPED_WRITE, /* the region is not in the domain any more */
	RDMA_UNMAPPED_READ,
	RDMA_MAPPED_AGAIN, /* done */
	RDMA_CASES
};

/* How an access ended. */
struct rdma_ended {
	enum rdma_case which;
	const char *what; /* in words: "WRITE with a wrong key" */
	bool write;
	bool allowed;   /* it had to be done */
	bool by_iommu;  /* it had to be refused by the IOMMU, else by the end point's answer */
	bool right;     /* memory, answer and fault record are as they have to be */
	bool reached;   /* memory is not */
	uint8_t answer; /* syndrome, or ROCE_NO_ANSWER; 0: done */
	bool recorded;
	struct iommu_fault fault;
};

struct rdma_pair {
	struct machine *m;
	struct rdma_end *server, *client;
	enum sl_err (*turn)(struct vf *vf); /* takes and sends: rdma_turn() */
	void (*ended)(void *ctx, const struct rdma_ended *e);
	void *ctx;
};

/* The client writes and reads with right keys, and with what must be refused: a wrong, a revoked, another
 * tenant's key, out of bounds, without the right, and a region that is not in the server's domain any more,
 * which the IOMMU refuses. Each is told by ended(), in the order of enum rdma_case. Memory, the answer and
 * the fault record decide. SL_VERIFY: one is not right; SL_NOSPACE: an end point has no room for the regions.
 */
enum sl_err rdma_cases(const struct rdma_pair *p) MUST_CHECK;
