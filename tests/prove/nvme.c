/* clang-format off */
/* NVMe: one completion of any content, in every state of a queue pair of ENTRIES entries
 * CHECKS: nothing outside is read or written; only a command in flight completes, and once; the head stays in the ring; room is counted right
 * SOURCES:
 * UNWIND: 10
 * SEED: drivers/nvme/queue.h | || !(id < q->depth) || | || | a command id that no command has is looked up
 * SEED: drivers/nvme/queue.h | q->busy[id] = false; | ; | a command may complete twice
 * SEED: drivers/nvme/queue.h | UNLIKELY(c + 1 == q->cq_end) | UNLIKELY(c == q->cq_end) | the head leaves the ring
 */
/* clang-format on */
#include "tests/prove/prove.h"
#include "drivers/nvme/queue.h"

#define ENTRIES 8

/* What nvme_queue_init() makes and every call keeps. */
static bool sound(const struct nvme_queue *q, const struct nvme_cqe *cq)
{
	return q->cq == cq && q->cq_end == cq + ENTRIES && q->cq_at >= cq && q->cq_at < q->cq_end &&
	       (size_t)((const char *)q->cq_at - (const char *)cq) % sizeof *cq == 0 &&
	       q->cq_mask == ENTRIES - 1 && q->cq_rung < ENTRIES &&
	       (q->cq_flip == 0 || q->cq_flip == CQE_PHASE) && q->depth >= 1 && q->depth < ENTRIES &&
	       q->cq_late == ENTRIES - q->depth && q->sq_mask == ENTRIES - 1;
}

int main(void)
{
	struct nvme_queue q;
	struct nvme_cqe cq[ENTRIES]; /* whatever the device writes */
	uint32_t reg, cid, dw0, at = any_u32();
	uint16_t status;
	q.cq = cq;
	q.cq_end = cq + ENTRIES;
	assume(at < ENTRIES);
	q.cq_at = cq + at;
	q.cq_bell = (struct nvme_bell){.reg = &reg};
	assume(sound(&q, cq));
	uint32_t any = any_u32();
	assume(any <= NVME_DEPTH_MAX);
	bool busy = q.busy[any];
	uint64_t bad = q.bad;
	enum nvme_took took = nvme_queue_take(&q, &cid, &status, &dw0);
	assert(sound(&q, cq));
	if (took == NVME_NONE)
		assert(q.cq_at == cq + at);
	else
		assert(q.cq_at == cq + (at + 1) % ENTRIES);
	assert(q.bad - bad == (took == NVME_BAD));
	if (took == NVME_TOOK)
		assert(cid < q.depth && !q.busy[cid] && (any != cid || busy));
	if (took != NVME_TOOK || any != cid)
		assert(q.busy[any] == busy);
	nvme_queue_release(&q);
	assert(sound(&q, cq));
	assert((((uint32_t)(q.cq_at - cq) - q.cq_rung) & q.cq_mask) < q.cq_late);
	return 0;
}
