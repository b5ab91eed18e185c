/* A submission and a completion queue, polled: NVMe §3.3.
 *
 * Fill slots and push them, ring once, take completions, release their room. Ring sizes are powers of two.
 * The controller's writes are not trusted: a completion with an impossible queue, head or command id is
 * counted in bad and dropped.
 *
 * Room. A command that has not completed holds one entry of each ring, so depth commands in flight fit into a
 * submission ring of more than depth entries, whatever head the controller reports. The completion ring also
 * holds entries that were taken but not released: its doorbell may wait until their number and depth together
 * would fill it. So nvme_queue_release() is due after at most depth takes.
 *
 * Shadow doorbells (NVMe §5.8): a doorbell is written to memory, and the register only where the controller's
 * event index shows that it would not poll the memory. */
#pragma once
#include "drivers/nvme/desc.h"
#include "kernel/addr.h"
#include "kernel/err.h"
#include "kernel/mmio.h"

#define NVME_DEPTH_MAX 1023u

struct nvme_bell {
	volatile uint32_t *reg;
	uint32_t *shadow;      /* NULL: only the register */
	const uint32_t *event; /* the controller wants the register written when shadow passes it */
};

struct nvme_queue {
	struct nvme_sqe *sq;
	uint32_t sq_mask, sq_tail, sq_rung; /* entries; sq_rung: the tail that the controller knows */
	uint32_t depth;                     /* command ids are below it; at most that many in flight */
	const struct nvme_cqe *cq_at;       /* the next completion will be here, */
	uint32_t cq_flip;                   /* with this phase bit (CQE_PHASE or 0) */
	uint32_t sqid;                      /* as in CQE_SQID */
	const struct nvme_cqe *cq_end;
	struct nvme_cqe *cq;
	uint32_t cq_mask, cq_rung; /* cq_rung: the head that the controller knows */
	uint32_t cq_late;          /* taken entries that make the completion doorbell due */
	struct nvme_bell sq_bell, cq_bell;
	bool busy[NVME_DEPTH_MAX + 1]; /* by command id: in flight */
	uint64_t doorbells;            /* MMIO writes, both rings */
	uint64_t bad;                  /* impossible completions */
};

/* The memory of a pair, which the controller reaches, and its two doorbells. */
struct nvme_queue_mem {
	struct nvme_sqe *sq;
	struct nvme_cqe *cq;
	struct nvme_bell sq_bell, cq_bell;
};

/* A pair with id qid for depth commands in flight. Both entry counts are powers of two above depth (SL_RANGE
 * otherwise); depth is at most NVME_DEPTH_MAX. Zeroes the completion ring, so that no old phase bit is taken
 * for a completion. The caller owns the memory. */
enum sl_err nvme_queue_init(struct nvme_queue *q, uint16_t qid, uint32_t depth,
			    const struct nvme_queue_mem *mem, uint32_t sq_entries,
			    uint32_t cq_entries) MUST_CHECK;

/* True when a command with this id may be pushed. */
static inline bool nvme_queue_idle(const struct nvme_queue *q, uint32_t cid)
{
	return cid < q->depth && !q->busy[cid];
}

/* The entry that the next push gives to the controller. It holds an old command: fill all of it, before
 * nvme_queue_ring(). */
static inline struct nvme_sqe *nvme_queue_slot(struct nvme_queue *q)
{
	return &q->sq[q->sq_tail];
}

/* Queues the entry of nvme_queue_slot(), whose cid is idle. nvme_queue_ring() notifies the controller. */
static inline void nvme_queue_push(struct nvme_queue *q, uint32_t cid)
{
	q->busy[cid] = true;
	q->sq_tail = (q->sq_tail + 1) & q->sq_mask;
}

/* Puts a new index, old before, into a shadow doorbell; true when the register has to be written too. */
bool nvme_bell_due(const struct nvme_bell *b, uint32_t old, uint32_t index);

static inline void nvme_queue_tell(struct nvme_queue *q, const struct nvme_bell *b, uint32_t old,
				   uint32_t index)
{
	if (UNLIKELY(b->shadow) && !nvme_bell_due(b, old, index))
		return;
	mmio_doorbell32(b->reg, index);
	q->doorbells++;
}

/* One doorbell for everything pushed since the last; none when there is nothing. */
static inline void nvme_queue_ring(struct nvme_queue *q)
{
	if (q->sq_tail == q->sq_rung)
		return;
	nvme_queue_tell(q, &q->sq_bell, q->sq_rung, q->sq_tail);
	q->sq_rung = q->sq_tail;
}

/* True when there is a completion to take: reads only memory. */
static inline bool nvme_queue_ready(const struct nvme_queue *q)
{
	return !((__atomic_load_n(&q->cq_at->dw3, __ATOMIC_ACQUIRE) ^ q->cq_flip) & CQE_PHASE);
}

/* Polls until there is one, at most max (not 0) times. Returns the number of polls left, 0 when none was
 * found. */
static inline uint32_t nvme_queue_spin(const struct nvme_queue *q, uint32_t max)
{
	const uint32_t *dw3 = &q->cq_at->dw3;
	uint32_t flip = q->cq_flip;
	while ((__atomic_load_n(dw3, __ATOMIC_ACQUIRE) ^ flip) & CQE_PHASE)
		if (--max == 0)
			break;
	return max;
}

enum nvme_took { NVME_NONE, NVME_TOOK, NVME_BAD };

/* Takes the next completion: NVME_TOOK with its command id, status and result (DW0; dw0 may be NULL),
 * NVME_NONE when there is none, NVME_BAD for one that was counted and dropped. */
FAST_INLINE enum nvme_took nvme_queue_take(struct nvme_queue *q, uint32_t *cid, uint16_t *status,
					   uint32_t *dw0)
{
	const struct nvme_cqe *c = q->cq_at;
	/* The rest of the entry is read after its phase. */
	uint32_t dw3 = __atomic_load_n(&c->dw3, __ATOMIC_ACQUIRE) ^ q->cq_flip;
	if (dw3 & CQE_PHASE)
		return NVME_NONE;
	q->cq_at = c + 1;
	/* The phase bit is 1 on the first pass, then flips with each: NVMe §3.3.3.2.2 */
	if (UNLIKELY(c + 1 == q->cq_end)) {
		q->cq_at = q->cq;
		q->cq_flip ^= (uint32_t)CQE_PHASE;
	}
	uint32_t id = dw3 & CQE_CID;
	/* One comparison for both: another queue's id is far outside. */
	uint32_t sqhd = __atomic_load_n(&c->dw2, __ATOMIC_RELAXED) - q->sqid;
	if (UNLIKELY(sqhd > q->sq_mask || !(id < q->depth) || !q->busy[id])) {
		q->bad++;
		return NVME_BAD;
	}
	q->busy[id] = false;
	*cid = id;
	*status = (uint16_t)(dw3 >> 17);
	if (dw0)
		*dw0 = __atomic_load_n(&c->dw0, __ATOMIC_RELAXED);
	return NVME_TOOK;
}

/* Reports all taken completions to the controller. Some controllers raise an interrupt for a completion only
 * after the earlier ones have been reported as taken. */
static inline void nvme_queue_ack(struct nvme_queue *q)
{
	uint32_t head = (uint32_t)(q->cq_at - q->cq);
	if (head == q->cq_rung)
		return;
	nvme_queue_tell(q, &q->cq_bell, q->cq_rung, head);
	q->cq_rung = head;
}

/* Returns the room of taken completions when due: their number and depth together would fill the ring. */
static inline void nvme_queue_release(struct nvme_queue *q)
{
	uint32_t head = (uint32_t)(q->cq_at - q->cq);
	if (LIKELY(((head - q->cq_rung) & q->cq_mask) < q->cq_late))
		return;
	nvme_queue_tell(q, &q->cq_bell, q->cq_rung, head);
	q->cq_rung = head;
}
