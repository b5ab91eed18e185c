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
	for (uint32_t cid = depth; cid < ARRAY_LEN(q->state); cid++)
		q->state[cid] = NVME_ID_NONE;
	q->sq = q->sq_at = mem->sq;
	q->sq_rung = mem->sq;
	q->sq_end = mem->sq + sq_entries;
	q->cq = mem->cq;
	q->cq_at = q->cq_rung = mem->cq;
	q->cq_end = mem->cq + cq_entries;
	q->cq_like = CQE_PHASE | FPUT(CQE_SQID, qid);
	q->cq_odd = nvme_cq_odd(sq_entries);
	q->sq_bell = mem->sq_bell;
	q->cq_bell = mem->cq_bell;
	q->cq_bytes_mask = (uint32_t)(cq_entries * sizeof *mem->cq) - 1;
	q->cq_late_bytes = (uint32_t)((cq_entries - depth) * sizeof *mem->cq);
	q->depth = depth;
	return SL_OK;
}

struct nvme_taken nvme_queue_take_odd(struct nvme_queue *q, uint64_t differs)
{
	uint32_t cid = (uint32_t)FGET(differs, CQE_CID);
	nvme_queue_next(q, q->cq_at);
	if (differs & q->cq_odd & ~CQE_STATUS || !nvme_queue_busy(q, cid)) {
		q->bad++;
		return (struct nvme_taken){.took = NVME_BAD};
	}
	q->state[cid] = NVME_ID_IDLE;
	return (struct nvme_taken){NVME_TOOK, (uint16_t)FGET(differs, CQE_STATUS), cid};
}

/* Puts a new index, old before, into a shadow doorbell; true when the register has to be written too. The
 * index must be visible before the event index is read: the controller does it the other way round, so one of
 * the two sees the other's. Indexes are compared as 16-bit numbers on a circle, as it does. NVMe §5.8 */
static bool bell_due(const struct nvme_bell *b, uint32_t old, uint32_t index)
{
	__atomic_store_n(b->shadow, index, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	uint32_t event = __atomic_load_n(b->event, __ATOMIC_RELAXED);
	return (uint16_t)(index - event - 1) < (uint16_t)(index - old);
}

bool nvme_queue_ring_due(const struct nvme_queue *q)
{
	return bell_due(&q->sq_bell, (uint32_t)(q->sq_rung - q->sq), (uint32_t)(q->sq_at - q->sq));
}

void nvme_queue_ack(struct nvme_queue *q)
{
	uint32_t head = (uint32_t)(q->cq_at - q->cq), told = (uint32_t)(q->cq_rung - q->cq);
	if (head == told)
		return;
	if (!q->cq_bell.shadow || bell_due(&q->cq_bell, told, head)) {
		mmio_doorbell32(q->cq_bell.reg, head);
		q->doorbells++;
	}
	q->cq_rung = q->cq_at;
}
