#include "drivers/dsa/queue.h"
#include "drivers/dsa/regs.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

#define RECORDS_AT PAGE_SIZE /* in the queue's memory; the record of batches is the last one */
#define BATCHES    DSA_DEPTH

_Static_assert(RECORDS_AT + (DSA_DEPTH + 1) * sizeof(struct dsa_record) <= DSA_QUEUE_BYTES, "layout");

#define WORD0(op) ((uint64_t)((op) | WITH_RECORD) << 32)
static const uint64_t first_word[MOVE_OPS] = {WORD0(MEMMOVE), WORD0(MEMFILL), WORD0(COMPARE), WORD0(CRCGEN)};
_Static_assert(DSA_DEPTH <= DSA_FLYING, "a slot and a bit in a byte");

static uint64_t record_at(const struct dsa_queue *q, uint32_t slot)
{
	return q->records.v + slot * sizeof(struct dsa_record);
}

/* §8.3.5 to 8.3.12; word 1 has been there since dsa_queue_open(). */
static inline void describe(uint64_t *w, const struct move_job *job)
{
	w[0] = first_word[job->op];
	w[2] = job->src.v;
	w[3] = job->dst.v;
	w[4] = job->len;
	w[5] = 0;
	if (job->op == MOVE_FILL) {
		w[2] = job->value;
	} else if (job->op == MOVE_CRC) {
		w[3] = 0;
		w[5] = job->value;
	}
}

static enum sl_err refusal(const struct dsa_queue *q, const struct move_job *job)
{
	if (q->made - q->taken >= q->m.q.depth)
		return SL_BUSY;
	if (job->tag >= q->m.q.depth || job->op >= MOVE_OPS)
		return SL_RANGE;
	return q->slot[job->tag] & DSA_FLYING ? SL_BUSY : SL_BADVAL;
}

static unsigned submit(struct mover *m, const struct move_job *job, unsigned n)
{
	struct dsa_queue *q = (struct dsa_queue *)m;
	uint32_t mask = m->q.depth - 1, most = 1u << q->d->transfer, room = m->q.depth - (q->made - q->taken),
		 i;
	uint32_t fits = n < room ? n : room, slot = q->made & mask; /* in registers, like these: */
	uint64_t(*desc)[8] = q->desc;
	volatile struct dsa_record *record = q->record;
	for (i = 0; i < fits; i++, slot = (slot + 1) & mask) {
		const struct move_job *j = &job[i];
		uint32_t tag = j->tag;
		if (tag > mask || j->op >= MOVE_OPS || q->slot[tag] & DSA_FLYING || j->len - 1 >= most)
			break;
		describe(desc[slot], j);
		record[slot].status = 0;
		q->tag[slot] = tag;
		q->slot[tag] = (uint8_t)(slot | DSA_FLYING);
	}
	q->made += i;
	m->q.stats.ops += i;
	m->q.refused = i < n ? refusal(q, &job[i]) : SL_OK;
	return i;
}

/* §8.3.2: n descriptors that lie one after the other, from slot on. */
static void submit_batch(struct dsa_queue *q, uint32_t slot, uint32_t n)
{
	uint64_t w[8] = {(uint64_t)(BATCH | ON_FAILURE) << 32, record_at(q, BATCHES),
			 q->descs.v + slot * sizeof q->desc[0], 0, n};
	q->portal.submit(&q->portal, w);
}

/* A dedicated queue that is full drops what comes (§3.3): no more submissions than it has entries. */
static void ring(struct queue *queue)
{
	struct dsa_queue *q = (struct dsa_queue *)queue;
	uint32_t depth = queue->depth, most = 1u << q->d->batch;
	while (q->sent != q->made && q->out < q->d->size) {
		uint32_t slot = q->sent & (depth - 1), n = q->made - q->sent;
		n = n < depth - slot ? n : depth - slot;
		n = n < most ? n : most;
		if (n == 1)
			q->portal.submit(&q->portal, q->desc[slot]);
		else
			submit_batch(q, slot, n);
		q->sent += n;
		q->end[(q->ended + q->out++) % DSA_DEPTH] = q->sent;
		queue->stats.doorbells++;
	}
}

static uint8_t status_of(const volatile struct dsa_record *record)
{
	return __atomic_load_n(&record->status, __ATOMIC_ACQUIRE);
}

static bool ready(const struct queue *queue)
{
	const struct dsa_queue *q = (const struct dsa_queue *)queue;
	return q->taken != q->sent && status_of(&q->record[q->taken & (queue->depth - 1)]);
}

/* In the order of submitting. */
static unsigned poll(struct queue *queue, struct queue_done *done, unsigned max)
{
	struct dsa_queue *q = (struct dsa_queue *)queue;
	uint32_t there = q->sent - q->taken, n, mask = queue->depth - 1, slot = q->taken & mask;
	const volatile struct dsa_record *record = q->record;
	if (there > max)
		there = max;
	for (n = 0; n < there; n++, slot = (slot + 1) & mask) {
		uint8_t status = status_of(&record[slot]);
		if (!status)
			break;
		uint32_t tag = q->tag[slot];
		done[n] = (struct queue_done){tag, status == DSA_SUCCESS ? 0 : status};
		q->slot[tag] &= (uint8_t)~DSA_FLYING;
	}
	q->taken += n;
	for (; q->out && q->taken - q->end[q->ended % DSA_DEPTH] < BIT(31); q->out--)
		q->ended++;
	queue->stats.polls++;
	queue->stats.empty_polls += !n;
	if (n && q->sent != q->made) /* the queue was full */
		ring(queue);
	return n;
}

static uint32_t result(const struct mover *m, uint32_t tag)
{
	const struct dsa_queue *q = (const struct dsa_queue *)m;
	uint32_t slot = q->slot[tag] & ~DSA_FLYING;
	return q->desc[slot][0] == first_word[MOVE_CRC] ? q->record[slot].crc : q->record[slot].result;
}

/* §8.2.2 */
static const char *status_text(uint16_t status, char *buf, size_t n)
{
	uint32_t code = status & RECORD_STATUS;
	const char *what = code == 3 || code == 4   ? "page fault"
			   : code == 5 || code == 6 ? "batch failed"
			   : code == 0x13           ? "invalid size"
			   : code >= 0x10           ? "invalid descriptor"
						    : "no success";
	fmt_print(buf, n, "%s (%02x)", what, status);
	return buf;
}

static enum sl_err health(struct queue *queue)
{
	const struct dsa_queue *q = (const struct dsa_queue *)queue;
	bool failed = q->record[BATCHES].status == 6; /* its descriptors could not be read */
	uint32_t state = strike_rd(&q->d->io, GENSTS, 4) & GENSTS_STATE;
	return failed || state == GENSTS_HALT || strike_rd(&q->d->io, SWERR, 4) & SWERR_VALID ? SL_DEVICE
											      : SL_OK;
}

static const char *explain(struct queue *queue, char *buf, size_t n)
{
	const struct dsa_queue *q = (const struct dsa_queue *)queue;
	fmt_print(buf, n, "GENSTS %x, SWERR %08x, its batch ended with %02x", strike_rd(&q->d->io, GENSTS, 4),
		  strike_rd(&q->d->io, SWERR, 4), q->record[BATCHES].status);
	return buf;
}

void dsa_queue_block(struct dsa_queue *q)
{
	q->desc[(q->made - 1) & (q->m.q.depth - 1)][0] |= (uint64_t)BLOCKS << 32;
}

void dsa_queue_plan(struct dsa_queue *q, const struct move_job *like)
{
	for (uint32_t slot = 0; slot < q->m.q.depth; slot++)
		describe(q->desc[slot], like);
	q->made = q->sent = q->taken = 0;
}

void dsa_puts_done(struct dsa_queue *q, const struct dsa_cursor *c)
{
	q->made = (uint32_t)(c->desc - q->desc);
	q->m.q.stats.ops += q->made;
	ring(&q->m.q);
}

void dsa_takes_done(struct dsa_queue *q)
{
	q->made = q->sent = q->taken = q->out = q->ended = 0;
}

static const struct queue_ops queue_ops = {.name = "DSA",
					   .ring = ring,
					   .poll = poll,
					   .ready = ready,
					   .status_text = status_text,
					   .health = health,
					   .explain = explain};
static const struct mover_ops mover_ops = {.submit = submit, .result = result};

void dsa_queue_open(struct dsa_queue *q, const struct dsa *d, unsigned n, const struct dma_buf *mem,
		    uint32_t depth)
{
	memset(q, 0, sizeof *q);
	memset(mem->va, 0, DSA_QUEUE_BYTES);
	q->m.q.ops = &queue_ops;
	q->m.q.depth = depth;
	q->m.ops = &mover_ops;
	q->d = d;
	q->portal = d->portals;
	q->portal.regs += (uint64_t)n * PORTAL_BYTES;
	q->portal.len = PORTAL_BYTES;
	q->desc = mem->va;
	q->record = (volatile struct dsa_record *)((uint8_t *)mem->va + RECORDS_AT);
	q->descs = mem->iova;
	q->records = IOVA(mem->iova.v + RECORDS_AT);
	for (uint32_t slot = 0; slot < depth; slot++)
		q->desc[slot][1] = record_at(q, slot);
}
