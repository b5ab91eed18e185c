/* Faults to order, as properties of the device: fault=NAME, fault-wq=N (all queues unless given),
 * fault-after=N descriptors of a queue, fault-count=N of them (1 unless given), fault-ms=N for late. A batch
 * counts as its items do. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define FAULT_WQS     8u
#define FAULT_ALL_WQS 0xffffu

enum fault_kind {
	FAULT_NONE,
	FAULT_PASID, /* pasid: the accesses have another PASID than the queue's, the next one */
	FAULT_FLIP,  /* flip: one bit of what is written, or of a result, is wrong, with status success */
	FAULT_STALE, /* stale: no invalidation reaches the device TLB; of the device, whatever fault-after
			says */
	FAULT_LOST,  /* lost: everything is done, but no completion record is written */
	FAULT_LATE,  /* late: the descriptor waits for fault-ms before anything is done */
	FAULT_LIE,   /* lie: addresses are used as if the IOMMU had translated them */
	FAULT_KINDS,
};

struct fault {
	char *name;
	uint32_t wq, after, count, ms;
	enum fault_kind kind;
	uint32_t seen[FAULT_WQS], done[FAULT_WQS];
};

/* Takes the name; false when there is no such fault. */
bool fault_parse(struct fault *f);
/* What is ordered for this descriptor of queue wq; counts it. */
enum fault_kind fault_next(struct fault *f, unsigned wq);
