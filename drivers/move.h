/* Devices that work on memory by themselves: they copy, fill, compare and sum. The queue is that of
 * drivers/queue.h. */
#pragma once
#include "drivers/queue.h"

enum move_op {
	MOVE_COPY,    /* src to dst */
	MOVE_FILL,    /* the 8 bytes of value to dst, again and again */
	MOVE_COMPARE, /* src with dst; the result is 0 when they are equal, else 1 */
	MOVE_CRC, /* CRC-32C (RFC 3720) of src, that goes on from value, 0 at the start; the result is it */
	MOVE_OPS
};

struct move_job {
	uint8_t op;   /* enum move_op */
	uint32_t tag; /* any value below queue.depth that is not in flight; comes back in queue_done */
	uint32_t len; /* bytes, from 1 on */
	iova_t src, dst;
	uint64_t value;
};

struct mover;

struct mover_ops {
	/* Puts up to n jobs in the queue and returns how many went in; fewer only when a job is refused, and
	 * queue.refused then says why: SL_BUSY the tag is in flight or the queue is full, SL_RANGE no such
	 * tag or operation, SL_BADVAL len. */
	unsigned (*submit)(struct mover *m, const struct move_job *job, unsigned n);
	/* The result of the job that came back last with this tag; until the next submit(). */
	uint32_t (*result)(const struct mover *m, uint32_t tag);
};

struct mover {
	struct queue q; /* first: what the queue's functions get */
	const struct mover_ops *ops;
};
