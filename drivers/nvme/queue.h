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

enum nvme_id_state { NVME_ID_IDLE, NVME_ID_BUSY, NVME_ID_NONE }; /* NONE: not below the depth */

struct nvme_queue {
	struct nvme_sqe *sq_at;       /* the next command goes here */
	const struct nvme_cqe *cq_at; /* the next completion will be here; */
	uint64_t cq_like;             /* its DW3 and DW2 are like this, */
	uint64_t cq_odd;              /* unless one of these bits differs */
	const struct nvme_sqe *sq_end;
	const struct nvme_cqe *cq_end;
	struct nvme_sqe *sq;
	const struct nvme_sqe *sq_rung; /* up to where the controller knows of commands */
	struct nvme_cqe *cq;
	const struct nvme_cqe *cq_rung; /* up to where the controller knows that completions were taken */
	uint32_t cq_bytes_mask;
	uint32_t cq_late_bytes; /* of taken entries that make the completion doorbell due */
	uint32_t depth;         /* command ids are below it; at most that many in flight */
	struct nvme_bell sq_bell, cq_bell;
	uint64_t doorbells; /* MMIO writes, both rings */
	uint64_t bad;       /* impossible completions */
	/* By command id: enum nvme_id_state. (Not in bytes: to the compiler, a store to one may change all.)
	 */
	uint16_t state[NVME_DEPTH_MAX + 1];
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

/* What no completion of a command without an error differs from cq_like in: all but the head, which is inside
 * the submission ring of so many entries, and the command id, which is at most NVME_DEPTH_MAX. */
static inline uint64_t nvme_cq_odd(uint32_t sq_entries)
{
	return CQE_PHASE | CQE_STATUS | CQE_SQID | FPUT(CQE_CID, ~NVME_DEPTH_MAX) |
	       FPUT(CQE_SQHD, ~(sq_entries - 1));
}

/* The entries of the submission ring. */
static inline uint32_t nvme_queue_entries(const struct nvme_queue *q)
{
	return (uint32_t)(q->sq_end - q->sq);
}

/* True when a command with this id may be pushed. */
static inline bool nvme_queue_idle(const struct nvme_queue *q, uint32_t cid)
{
	return cid <= NVME_DEPTH_MAX && q->state[cid] == NVME_ID_IDLE;
}

/* True for a command in flight. cid is at most NVME_DEPTH_MAX. */
static inline bool nvme_queue_busy(const struct nvme_queue *q, uint32_t cid)
{
	ASSUME(cid <= NVME_DEPTH_MAX);
	return q->state[cid] == NVME_ID_BUSY;
}

/* The entry that the next push gives to the controller. It holds the command that was there a round ago: fill
 * in what differs from that, before nvme_queue_ring(). */
static inline struct nvme_sqe *nvme_queue_slot(struct nvme_queue *q)
{
	return q->sq_at;
}

/* Queues the entry of nvme_queue_slot(), which it returns, for the idle cid. nvme_queue_ring() notifies the
 * controller. */
static inline struct nvme_sqe *nvme_queue_push(struct nvme_queue *q, uint32_t cid)
{
	struct nvme_sqe *e = q->sq_at;
	q->state[cid] = NVME_ID_BUSY;
	q->sq_at = UNLIKELY(e + 1 == q->sq_end) ? q->sq : e + 1;
	return e;
}

/* Puts the submission ring's index into its shadow doorbell; true when the register has to be written too. */
COLD bool nvme_queue_ring_due(const struct nvme_queue *q);

/* One doorbell for everything pushed since the last; none when there is nothing. */
static inline void nvme_queue_ring(struct nvme_queue *q)
{
	const struct nvme_sqe *at = q->sq_at;
	if (at == q->sq_rung)
		return;
	bool due = LIKELY(!q->sq_bell.shadow) || nvme_queue_ring_due(q);
	q->sq_rung = at;
	if (due) {
		q->doorbells++;
		mmio_doorbell32(q->sq_bell.reg, (uint32_t)(at - q->sq));
	}
}

/* True when there is a completion to take: reads only memory. */
static inline bool nvme_queue_ready(const struct nvme_queue *q)
{
	return !((__atomic_load_n(&q->cq_at->dw2_3, __ATOMIC_ACQUIRE) ^ q->cq_like) & CQE_PHASE);
}

/* Polls until there is one, at most max (not 0) times. Returns the number of polls left, 0 when none was
 * found. */
static inline uint32_t nvme_queue_spin(const struct nvme_queue *q, uint32_t max)
{
	const uint64_t *dw2_3 = &q->cq_at->dw2_3;
	uint64_t like = q->cq_like;
	while ((__atomic_load_n(dw2_3, __ATOMIC_ACQUIRE) ^ like) & CQE_PHASE)
		if (--max == 0)
			break;
	return max;
}

enum nvme_took { NVME_NONE, NVME_TOOK, NVME_BAD };

/* In one register, so that what the caller keeps it in need not be memory. */
struct nvme_taken {
	uint16_t took; /* enum nvme_took */
	uint16_t status;
	uint32_t cid;
};

/* The slow part of nvme_queue_take(): takes the completion at cq_at, which differs from cq_like in these
 * bits. It is there, and is an error or cannot be. */
COLD struct nvme_taken nvme_queue_take_odd(struct nvme_queue *q, uint64_t differs);

/* The entry c at cq_at is taken. */
static inline void nvme_queue_next(struct nvme_queue *q, const struct nvme_cqe *c)
{
	q->cq_at = c + 1;
	if (UNLIKELY(c + 1 == q->cq_end)) {
		q->cq_at = q->cq;
		/* The phase bit is 1 on the first pass, then flips with each: NVMe §3.3.3.2.2. (Volatile:
		 * read here, it need not stay in a register from where each completion is compared with it.)
		 */
		*(volatile uint64_t *)&q->cq_like ^= CQE_PHASE;
	}
}

/* Takes the next completion: NVME_TOOK with its command id, status and result (DW0; dw0 may be NULL),
 * NVME_NONE when there is none, NVME_BAD for one that was counted and dropped.
 *
 * One load has phase, status, command id, queue and head, all of the same moment. One comparison tells that
 * the phase is of this pass, the status 0, the id below that of any queue, and the queue and its head are
 * possible; then the command has to be in flight. */
FAST_INLINE enum nvme_took nvme_queue_take(struct nvme_queue *q, uint32_t *cid, uint16_t *status,
					   uint32_t *dw0)
{
	const struct nvme_cqe *c = q->cq_at;
	uint64_t differs = __atomic_load_n(&c->dw2_3, __ATOMIC_ACQUIRE) ^ q->cq_like;
	uint32_t id = (uint32_t)(differs >> 32);
	if (LIKELY(!(differs & q->cq_odd) && nvme_queue_busy(q, id))) {
		nvme_queue_next(q, c);
		q->state[id] = NVME_ID_IDLE;
		*cid = id;
		*status = 0;
	} else {
		if (differs & CQE_PHASE)
			return NVME_NONE;
		struct nvme_taken taken = nvme_queue_take_odd(q, differs);
		if (taken.took == NVME_BAD)
			return NVME_BAD;
		ASSUME(taken.status);
		*cid = taken.cid;
		*status = taken.status;
	}
	if (dw0)
		*dw0 = __atomic_load_n(&c->dw0, __ATOMIC_RELAXED);
	return NVME_TOOK;
}

/* Reports all taken completions to the controller. Some controllers raise an interrupt for a completion only
 * after the earlier ones have been reported as taken. */
void nvme_queue_ack(struct nvme_queue *q);

/* Returns the room of taken completions when due: their number and depth together would fill the ring. */
static inline void nvme_queue_release(struct nvme_queue *q)
{
	uint32_t taken = (uint32_t)((uintptr_t)q->cq_at - (uintptr_t)q->cq_rung) & q->cq_bytes_mask;
	if (UNLIKELY(taken >= q->cq_late_bytes))
		nvme_queue_ack(q);
}
