/* Control transfers: xHCI §4.11.2.2. */
#include "drivers/xhci/transfer.h"
#include "drivers/xhci/regs.h"
#include "drivers/xhci/slot.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define CONTROL_US 1000000u /* USB 2.0 §9.2.6 allows a device 5 s; keyboards and hubs answer at once */
#define TRIES      3u
#define TRT_IN     3u

enum sl_err xhci_endpoint_restart(struct xhci *x, unsigned slot, unsigned dci)
{
	struct xhci_slot *s = &x->slot[slot];
	uint64_t who = FPUT(TRB_SLOT, slot) | FPUT(TRB_EP, dci);
	enum sl_err e = xhci_command(x, 0, FPUT(TRB_TYPE, TRB_RESET_EP) | who, NULL);
	if (e)
		return e;
	return xhci_command(x, xhci_ring_dequeue(dci == 1 ? &s->ep0 : &s->in),
			    FPUT(TRB_TYPE, TRB_SET_DEQUEUE) | who, NULL);
}

static void push(struct xhci *x, unsigned slot, const struct xhci_request *r)
{
	struct xhci_ring *ring = &x->slot[slot].ep0;
	uint64_t setup = r->type | (uint64_t)r->request << 8 | (uint64_t)r->value << 16 |
			 (uint64_t)r->index << 32 | (uint64_t)r->length << 48;
	x->control_data = 0;
	x->control_short = 0;
	x->control_first = xhci_ring_push(
		ring, setup, 8, FPUT(TRB_TYPE, TRB_SETUP) | TRB_IDT | FPUT(TRB_TRT, r->length ? TRT_IN : 0));
	if (r->length)
		x->control_data = xhci_ring_push(ring, xhci_iova(x, XHCI_MEM_DATA), r->length,
						 FPUT(TRB_TYPE, TRB_DATA) | TRB_DIR_IN | TRB_ISP);
	x->control_last = xhci_ring_push(ring, 0, 0,
					 FPUT(TRB_TYPE, TRB_STATUS) | TRB_IOC | (r->length ? 0 : TRB_DIR_IN));
}

/* Once; the completion code, 0 when there was none in time. */
static unsigned transfer(struct xhci *x, unsigned slot, const struct xhci_request *r)
{
	memset(xhci_va(x, XHCI_MEM_DATA), 0, XHCI_DATA_SIZE);
	push(x, slot, r);
	x->control_slot = (uint8_t)slot;
	xhci_ring_bell(x, slot, 1);
	struct deadline d = deadline_in(CONTROL_US);
	while (x->control_slot && !x->dead && deadline_look(&d))
		xhci_poll(x);
	unsigned code = x->control_slot || x->dead ? 0 : x->control_code;
	x->control_slot = 0;
	return code;
}

/* The data is copied once: the controller may write there at any time. */
enum sl_err xhci_control(struct xhci *x, unsigned slot, const struct xhci_request *r, void *buf)
{
	if (r->length > XHCI_DATA_SIZE)
		return SL_RANGE;
	for (unsigned i = 0; i < TRIES && !x->dead; i++) {
		unsigned code = transfer(x, slot, r);
		if (code == CODE_SUCCESS) {
			if (r->length)
				memcpy(buf, xhci_va(x, XHCI_MEM_DATA), r->length);
			return x->control_short ? SL_TRUNC : SL_OK;
		}
		if (!code)
			return x->dead ? SL_DEVICE : SL_TIMEOUT;
		enum sl_err e = xhci_endpoint_restart(x, slot, 1);
		if (e)
			return e;
		if (code == CODE_STALL)
			return SL_UNSUPPORTED;
	}
	return SL_DEVICE;
}
