/* clang-format off */
/* NVMe: one completion of any content, in every state of a queue pair of ENTRIES entries
 * CHECKS: nothing outside is read or written; only a command in flight completes, and once; the head stays in the ring; room is counted right
 * SOURCES: drivers/nvme/queue.c
 * UNWIND: 10
 * EDIT: drivers/nvme/queue.h | NVME_DEPTH_MAX 1023u | NVME_DEPTH_MAX 31u | fewer command ids
 * SEED: drivers/nvme/queue.h | FPUT(CQE_CID, ~NVME_DEPTH_MAX) | 0 | a command id that no command has is looked up
 * SEED: drivers/nvme/queue.h | nvme_queue_next(q, c);\n\t\tq->state[id] = NVME_ID_IDLE; | nvme_queue_next(q, c); | a command may complete twice
 * SEED: drivers/nvme/queue.c | q->state[cid] = NVME_ID_IDLE; | ; | a command may fail twice
 * SEED: drivers/nvme/queue.h | UNLIKELY(c + 1 == q->cq_end) | UNLIKELY(c == q->cq_end) | the head leaves the ring
 */
/* clang-format on */
#include "tests/prove/prove.h"
#include "drivers/nvme/queue.h"

#define ENTRIES 8
#define QID     5u

/* What nvme_queue_init() makes and every call keeps. */
static bool sound(const struct nvme_queue *q, const struct nvme_cqe *cq)
{
	return q->cq == cq && q->cq_end == cq + ENTRIES && q->cq_at >= cq && q->cq_at < q->cq_end &&
	       (size_t)((const char *)q->cq_at - (const char *)cq) % sizeof *cq == 0 && q->cq_rung >= cq &&
	       q->cq_rung < q->cq_end &&
	       (size_t)((const char *)q->cq_rung - (const char *)cq) % sizeof *cq == 0 &&
	       (q->cq_like & ~CQE_PHASE) == FPUT(CQE_SQID, QID) && q->cq_odd == nvme_cq_odd(ENTRIES) &&
	       q->depth >= 1 && q->depth < ENTRIES && q->cq_bytes_mask == ENTRIES * sizeof *cq - 1 &&
	       q->cq_late_bytes == (ENTRIES - q->depth) * sizeof *cq;
}

int main(void)
{
	struct nvme_queue q;
	struct nvme_cqe cq[ENTRIES]; /* whatever the device writes */
	uint32_t reg, cid, dw0, at = any_u32(), rung = any_u32();
	uint16_t status;
	q.cq = cq;
	q.cq_end = cq + ENTRIES;
	assume(at < ENTRIES && rung < ENTRIES);
	q.cq_at = cq + at;
	q.cq_rung = cq + rung;
	q.cq_bell = (struct nvme_bell){.reg = &reg};
	assume(sound(&q, cq));
	uint32_t any = any_u32(), named = (uint32_t)FGET(cq[at].dw2_3, CQE_CID);
	assume(any <= NVME_DEPTH_MAX);
	assume(named > NVME_DEPTH_MAX || named < q.depth || q.state[named] == NVME_ID_NONE);
	uint16_t state = q.state[any];
	uint64_t bad = q.bad;
	enum nvme_took took = nvme_queue_take(&q, &cid, &status, &dw0);
	assert(sound(&q, cq));
	if (took == NVME_NONE)
		assert(q.cq_at == cq + at);
	else
		assert(q.cq_at == cq + (at + 1) % ENTRIES);
	assert(q.bad - bad == (took == NVME_BAD));
	if (took == NVME_TOOK) {
		assert(cid < q.depth && q.state[cid] == NVME_ID_IDLE &&
		       (any != cid || state == NVME_ID_BUSY));
		assert(cid == named && status == cq[at].dw2_3 >> 49 && dw0 == cq[at].dw0);
	}
	if (took != NVME_TOOK || any != cid)
		assert(q.state[any] == state);
	nvme_queue_release(&q);
	assert(sound(&q, cq));
	uint32_t taken = (uint32_t)(q.cq_at - cq) - (uint32_t)(q.cq_rung - cq);
	assert((taken & (ENTRIES - 1)) < ENTRIES - q.depth);
	return 0;
}
