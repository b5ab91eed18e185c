/* What one VF's end point may do to another's memory, through the card's switch. */
#pragma once
#include "apps/work/rdma.h"

struct rdma_cases {
	struct machine *m;
	struct roce *server, *client;
	struct vf *server_vf, *client_vf;
	struct dma_buf *server_memory, *client_memory; /* the open regions begin there */
	enum sl_err (*turn)(struct vf *vf);            /* takes and sends */
};

/* The client writes and reads with right keys, and with what must be refused: a wrong, a revoked, another
 * tenant's key, out of bounds, without the right, and a region that is not in the server's domain any more,
 * which the IOMMU refuses. Memory, the answer and the fault record decide. SL_VERIFY: something is not as it
 * has to be; SL_TIMEOUT: no connection. */
enum sl_err rdma_cases(const struct rdma_cases *c) MUST_CHECK;
