#include "drivers/nvme/queue.h"
#include "kernel/str.h"

static bool good_size(uint32_t entries, uint32_t depth)
{
	return entries > depth && entries <= 0x10000 && (entries & (entries - 1)) == 0;
}

enum sl_err nvme_queue_init(struct nvme_queue *q, uint16_t qid, uint32_t depth,
			    const struct nvme_queue_mem *mem, uint32_t sq_entries, uint32_t cq_entries)
{
	if (!depth || depth > NVME_DEPTH_MAX || !good_size(sq_entries, depth) ||
	    !good_size(cq_entries, depth))
		return SL_RANGE;
	memset(q, 0, sizeof *q);
	memset(mem->cq, 0, cq_entries * sizeof *mem->cq);
	q->sq = mem->sq;
	q->cq = mem->cq;
	q->cq_at = mem->cq;
	q->cq_end = mem->cq + cq_entries;
	q->cq_flip = (uint32_t)CQE_PHASE;
	q->sq_bell = mem->sq_bell;
	q->cq_bell = mem->cq_bell;
	q->sq_mask = sq_entries - 1;
	q->cq_mask = cq_entries - 1;
	q->cq_late = cq_entries - depth;
	q->depth = depth;
	q->sqid = (uint32_t)qid << 16;
	return SL_OK;
}

/* The index must be visible before the event index is read: the controller does it the other way round, so
 * one of the two sees the other's. Indexes are compared as 16-bit numbers on a circle, as it does. NVMe
 * §5.8 */
bool nvme_bell_due(const struct nvme_bell *b, uint32_t old, uint32_t index)
{
	__atomic_store_n(b->shadow, index, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	uint32_t event = __atomic_load_n(b->event, __ATOMIC_RELAXED);
	return (uint16_t)(index - event - 1) < (uint16_t)(index - old);
}
