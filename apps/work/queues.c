#include "apps/work/queues.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/time.h"

_Static_assert(QUEUES_SPARE + 2 * PAGE_SIZE <= QUEUES_BYTES && MOVE_TAGS <= DSA_DEPTH, "memory of a queue");

static enum sl_err domain_for(struct queues *q, struct iommu *mmu, struct tenant *t)
{
	enum sl_err e = domain_create_for(mmu, t->name, q->fn, &t->dom);
	return e ? e : domain_attach_pasid(t->dom, q->fn, q->limit, &t->pasid);
}

enum sl_err queues_domains(struct queues *q, struct iommu *mmu)
{
	enum sl_err e = SL_OK;
	q->n = q->dev.queues < DSA_QUEUES ? q->dev.queues : DSA_QUEUES;
	q->apart = q->dom && !domain_passes(q->dom) && q->limit > q->n && iommu_pasids(mmu, q->fn) > q->n;
	for (unsigned i = 0; i < q->n && !e; i++) {
		struct tenant *t = &q->tenant[i];
		t->index = i;
		fmt_print(t->name, sizeof t->name, "queue%u", i);
		if (q->apart)
			e = domain_for(q, mmu, t);
		else
			t->dom = q->dom;
		if (e)
			log_fail("dsa", "report this with the lines above",
				 "queue %u gets no domain of its own: %s", i, sl_err_text(e));
	}
	return e;
}

const uint32_t *queues_pasids(const struct queues *q, uint32_t pasid[DSA_QUEUES])
{
	for (unsigned i = 0; i < q->n; i++)
		pasid[i] = q->tenant[i].pasid;
	return q->apart ? pasid : NULL;
}

void queues_reopen(struct queues *q, struct tenant *t)
{
	dsa_queue_open(&t->queue, &q->dev, t->index, &t->mem, MOVE_TAGS);
}

static enum sl_err memory_of(struct queues *q, struct tenant *t)
{
	uint64_t at = q->window.v + (q->apart ? 0 : t->index * (uint64_t)QUEUES_BYTES);
	enum sl_err e = dma_get(t->dom, IOVA(at), QUEUES_BYTES, DOMAIN_RW, &t->mem);
	if (!e && q->apart)
		e = dma_get(t->dom, IOVA(q->window.v + QUEUES_READONLY), PAGE_SIZE, DOMAIN_R, &t->readonly);
	if (!e && q->apart)
		e = dma_get(t->dom, IOVA(q->window.v + QUEUES_OWN(t->index)), PAGE_SIZE, DOMAIN_RW, &t->own);
	if (e)
		return e;
	queues_reopen(q, t);
	t->moves = (struct moves){.mover = &t->queue.m,
				  .va = (uint8_t *)t->mem.va + DSA_QUEUE_BYTES,
				  .iova = IOVA(t->mem.iova.v + DSA_QUEUE_BYTES),
				  .seed = 0x9e3779b97f4a7c15ull * (t->index + 1)};
	return SL_OK;
}

enum sl_err queues_memory(struct queues *q, unsigned *failed)
{
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < q->n && !e; i++) {
		*failed = i;
		e = memory_of(q, &q->tenant[i]);
	}
	return e;
}

static enum sl_err close_tenant(struct queues *q, struct tenant *t)
{
	enum sl_err e = t->pasid ? domain_detach_pasid(t->dom) : SL_OK;
	struct dma_buf *const bufs[] = {&t->mem, &t->readonly, &t->own};
	if (e && e != SL_NOTFOUND)
		return e; /* the unit may still use its tables */
	e = SL_OK;
	for (unsigned i = 0; i < ARRAY_LEN(bufs) && !e; i++)
		e = dma_put(bufs[i]);
	if (!e && q->apart && t->dom)
		e = domain_destroy(t->dom);
	return e;
}

void queues_close(struct queues *q)
{
	for (unsigned i = 0; i < q->n; i++) {
		struct tenant *t = &q->tenant[i];
		enum sl_err e = close_tenant(q, t);
		if (e)
			log_warn("dsa", "memory of queue %u could not be taken back: %s", i, sl_err_text(e));
		t->dom = NULL;
		t->pasid = 0;
	}
	q->n = 0;
}

struct dma_buf queues_spare(const struct tenant *t, unsigned i)
{
	return dma_part(&t->mem, QUEUES_SPARE + i * PAGE_SIZE, PAGE_SIZE);
}

enum sl_err queues_job(struct tenant *t, const struct move_job *job, uint32_t us, uint16_t *status)
{
	struct queue *queue = &t->queue.m.q;
	struct queue_done done;
	if (t->queue.m.ops->submit(&t->queue.m, job, 1) != 1)
		return SL_BUSY;
	queue->ops->ring(queue);
	struct deadline d = deadline_in(us);
	while (deadline_look(&d))
		if (queue->ops->poll(queue, &done, 1)) {
			*status = done.status;
			return SL_OK;
		}
	return SL_TIMEOUT;
}

struct queues *queues_of_machine(void)
{
	static struct queues queues;
	return &queues;
}
