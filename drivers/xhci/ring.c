#include "drivers/xhci/ring.h"
#include "drivers/xhci/regs.h"

/* The cycle bit gives the TRB to the controller, so its dword is stored last. */
static void put(volatile struct xhci_trb *trb, uint64_t param, uint32_t status, uint64_t control)
{
	trb->param = param;
	trb->status = status;
	__atomic_store_n(&trb->control, (uint32_t)control, __ATOMIC_RELEASE);
}

void xhci_ring_init(struct xhci_ring *r, volatile void *trb, uint64_t iova, uint16_t entries)
{
	*r = (struct xhci_ring){.trb = trb, .iova = iova, .entries = entries, .cycle = true};
	for (unsigned i = 0; i < entries; i++)
		put(&r->trb[i], 0, 0, 0);
}

uint64_t xhci_ring_push(struct xhci_ring *r, uint64_t param, uint32_t status, uint64_t control)
{
	uint64_t where = r->iova + sizeof *r->trb * r->at;
	put(&r->trb[r->at], param, status, control | r->cycle);
	if (++r->at == r->entries - 1) {
		put(&r->trb[r->at], r->iova, 0, FPUT(TRB_TYPE, TRB_LINK) | TRB_TC | r->cycle);
		r->at = 0;
		r->cycle = !r->cycle;
	}
	return where;
}

uint64_t xhci_ring_dequeue(const struct xhci_ring *r)
{
	return (r->iova + sizeof *r->trb * r->at) | r->cycle;
}

bool xhci_ring_take(struct xhci_ring *r, struct xhci_trb *out)
{
	volatile struct xhci_trb *trb = &r->trb[r->at];
	out->control = __atomic_load_n(&trb->control, __ATOMIC_ACQUIRE);
	if ((out->control & TRB_CYCLE) != r->cycle)
		return false;
	out->param = trb->param;
	out->status = trb->status;
	if (++r->at == r->entries) {
		r->at = 0;
		r->cycle = !r->cycle;
	}
	return true;
}
