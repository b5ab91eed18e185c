/* A dedicated work queue of a DSA (drivers/dsa/dsa.h), as a mover: drivers/move.h. Jobs become descriptors in
 * memory; ring() submits those since the last one, as a batch when they are several, and each has a
 * completion record that poll() reads. One core owns it. */
#pragma once
#include "drivers/dma.h"
#include "drivers/dsa/dsa.h"
#include "drivers/move.h"

#define DSA_DEPTH       64u /* jobs in flight, at most */
#define DSA_FLYING      0x80u
#define DSA_QUEUE_BYTES (2 * PAGE_SIZE)

struct dsa_queue {
	struct mover m; /* first */
	const struct dsa *d;
	struct strike_io portal;
	uint64_t (*desc)[8]; /* by slot */
	volatile struct dsa_record *record;
	iova_t descs, records;
	uint32_t made, sent, taken; /* free-running counts of jobs; a slot is one modulo depth */
	uint32_t out, ended; /* submissions that the device has not ended; free-running count of those that are */
	uint32_t end[DSA_DEPTH]; /* of a submission: sent after it; by number */
	uint32_t tag[DSA_DEPTH]; /* by slot */
	uint8_t slot[DSA_DEPTH]; /* of the last job with a tag, and DSA_FLYING while it is under way */
};

/* Queue n of a device that runs. mem: DSA_QUEUE_BYTES, which the device may read and write; the caller's,
 * until dsa_stop(). depth: a power of two, at most DSA_DEPTH. */
void dsa_queue_open(struct dsa_queue *q, const struct dsa *d, unsigned n, const struct dma_buf *mem,
		    uint32_t depth);
