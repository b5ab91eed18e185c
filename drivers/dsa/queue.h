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

/* DSA §8.2: a completion record. */
struct dsa_record {
	uint8_t status, result, unused[2];
	uint32_t bytes;
	uint64_t fault;
	uint32_t crc, more[3];
};
_Static_assert(sizeof(struct dsa_record) == 32, "DSA 8.2");

struct dsa_queue {
	struct mover m; /* first */
	const struct dsa *d;
	struct strike_io portal;
	uint64_t (*desc)[8]; /* by slot */
	volatile struct dsa_record *record;
	iova_t descs, records;
	uint32_t made, sent, taken; /* free-running counts of jobs; a slot is one modulo depth */
	uint32_t out,
		ended; /* submissions that the device has not ended; free-running count of those that are */
	uint32_t end[DSA_DEPTH]; /* of a submission: sent after it; by number */
	uint32_t tag[DSA_DEPTH]; /* by slot */
	uint8_t slot[DSA_DEPTH]; /* of the last job with a tag, and DSA_FLYING while it is under way */
};

/* Queue n of a device that runs. mem: DSA_QUEUE_BYTES, which the device may read and write; the caller's,
 * until dsa_stop(). depth: a power of two, at most DSA_DEPTH. */
void dsa_queue_open(struct dsa_queue *q, const struct dsa *d, unsigned n, const struct dma_buf *mem,
		    uint32_t depth);

/* The job that was submitted last waits for a page that is not there, which the device asks for. Before
 * ring(); d->blocks. */
void dsa_queue_block(struct dsa_queue *q);

/* Jobs that differ in their addresses alone: dsa_queue_plan() writes the descriptors of the whole ring, and
 * from then on each job writes its two addresses and clears its record. In rounds: dsa_puts(), dsa_put() up
 * to depth times, dsa_puts_done(); then dsa_takes(), dsa_take() until all are through, dsa_takes_done().
 * Meanwhile neither submit() nor poll(). Job n of a round has slot n. like: a copy, its tag and addresses
 * ignored; nothing is in flight. */
void dsa_queue_plan(struct dsa_queue *q, const struct move_job *like);

struct dsa_cursor { /* local to a round, so that it stays in registers */
	uint64_t (*desc)[8];
	volatile struct dsa_record *record;
};

FAST_INLINE struct dsa_cursor dsa_puts(const struct dsa_queue *q)
{
	return (struct dsa_cursor){q->desc, q->record};
}

FAST_INLINE void dsa_put(struct dsa_cursor *c, iova_t src, iova_t dst)
{
	(*c->desc)[2] = src.v;
	(*c->desc)[3] = dst.v;
	c->record->status = 0;
	c->desc++;
	c->record++;
}

/* Submits them, as one batch where the device's limit allows. */
void dsa_puts_done(struct dsa_queue *q, const struct dsa_cursor *c);

FAST_INLINE struct dsa_cursor dsa_takes(const struct dsa_queue *q)
{
	return dsa_puts(q);
}

/* The status of the next job's record, DSA_SUCCESS or an error; 0: it is not there yet. */
#define DSA_SUCCESS 1u
FAST_INLINE uint8_t dsa_take(struct dsa_cursor *c)
{
	uint8_t status = __atomic_load_n(&c->record->status, __ATOMIC_ACQUIRE);
	c->record += status != 0;
	return status;
}

/* All of the round are through. */
void dsa_takes_done(struct dsa_queue *q);
