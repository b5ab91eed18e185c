/* Slots and contexts. All input contexts are made from what is known here; nothing is copied from the output
 * contexts, which the controller writes. */
#include "drivers/xhci/slot.h"
#include "drivers/xhci/transfer.h"
#include "drivers/xhci/regs.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define SLOT_EP0        0x800u /* in a slot's page, behind its output context */
#define SLOT_IN         0xc00u
#define SLOT_REPORT     0xe00u
#define EP0_ENTRIES     64u
#define IN_ENTRIES      16u
#define ERRORS_IN_A_ROW 3u     /* CErr */
#define SETTLE_US       10000u /* after Set Address: USB 2.0 §9.2.6.3 has 2 ms, Linux waits this long */

_Static_assert(SLOT_EP0 + EP0_ENTRIES * sizeof(struct xhci_trb) <= SLOT_IN, "slot page");
_Static_assert(SLOT_IN + IN_ENTRIES * sizeof(struct xhci_trb) <= SLOT_REPORT, "slot page");
_Static_assert(SLOT_REPORT + XHCI_REPORT_MAX <= PAGE_SIZE, "slot page");

static uint32_t page(unsigned slot)
{
	return XHCI_MEM_SLOT + (slot - 1) * (uint32_t)PAGE_SIZE;
}

/* Context i of the input context: 0 is the control context, 1 the slot's, 1 + DCI an endpoint's: §6.2.5. */
static uint32_t *context(const struct xhci *x, unsigned i)
{
	return xhci_va(x, XHCI_MEM_INPUT + i * x->context);
}

static void begin_input(struct xhci *x, uint64_t add)
{
	memset(xhci_va(x, XHCI_MEM_INPUT), 0, PAGE_SIZE);
	context(x, 0)[1] = (uint32_t)add;
}

static void put_slot(struct xhci *x, const struct xhci_slot *s, unsigned entries)
{
	uint32_t *c = context(x, 1);
	const struct xhci_place *at = &s->at;
	c[0] = (uint32_t)(FPUT(SLOT0_ROUTE, at->route) | FPUT(SLOT0_SPEED, at->speed) |
			  (s->ports ? SLOT0_HUB : 0) | FPUT(SLOT0_ENTRIES, entries));
	c[1] = (uint32_t)(FPUT(SLOT1_ROOT, at->root) | FPUT(SLOT1_PORTS, s->ports));
	c[2] = (uint32_t)(FPUT(SLOT2_TT_SLOT, at->tt_slot) | FPUT(SLOT2_TT_PORT, at->tt_port) |
			  FPUT(SLOT2_TTT, s->ttt));
}

static void put_endpoint(struct xhci *x, unsigned dci, unsigned type, unsigned mps, const struct xhci_ring *r)
{
	uint32_t *c = context(x, 1 + dci);
	uint64_t at = xhci_ring_dequeue(r);
	c[1] = (uint32_t)(FPUT(EP1_CERR, ERRORS_IN_A_ROW) | FPUT(EP1_TYPE, type) | FPUT(EP1_MPS, mps));
	c[2] = (uint32_t)at;
	c[3] = (uint32_t)(at >> 32);
	c[4] = (uint32_t)FPUT(EP4_AVERAGE, 8);
}

static enum sl_err context_command(struct xhci *x, unsigned type, unsigned slot)
{
	return xhci_command(x, xhci_iova(x, XHCI_MEM_INPUT), FPUT(TRB_TYPE, type) | FPUT(TRB_SLOT, slot),
			    NULL);
}

/* Default packet size of endpoint 0: USB 2.0 §5.5.3. */
static uint16_t first_mps(uint8_t speed)
{
	return speed == XHCI_HIGH ? 64 : 8;
}

static enum sl_err address(struct xhci *x, unsigned slot)
{
	struct xhci_slot *s = &x->slot[slot];
	uint64_t *dcbaa = xhci_va(x, XHCI_MEM_DCBAA);
	uint32_t at = page(slot);
	memset(xhci_va(x, at), 0, PAGE_SIZE);
	xhci_ring_init(&s->ep0, xhci_va(x, at + SLOT_EP0), xhci_iova(x, at + SLOT_EP0), EP0_ENTRIES);
	xhci_ring_init(&s->in, xhci_va(x, at + SLOT_IN), xhci_iova(x, at + SLOT_IN), IN_ENTRIES);
	dcbaa[slot] = xhci_iova(x, at);
	begin_input(x, BIT(0) | BIT(1));
	put_slot(x, s, 1);
	put_endpoint(x, 1, EP_CONTROL, s->mps0, &s->ep0);
	return context_command(x, TRB_ADDRESS, slot);
}

enum sl_err xhci_slot_open(struct xhci *x, const struct xhci_place *at, unsigned *slot)
{
	unsigned n = 0;
	enum sl_err e = xhci_command(x, 0, FPUT(TRB_TYPE, TRB_ENABLE_SLOT), &n);
	if (e)
		return e == SL_DEVICE && !x->dead ? SL_NOSPACE : e;
	if (!n || n > x->slots || x->slot[n].on) {
		xhci_lost(x, "it names a slot that cannot be");
		return SL_DEVICE;
	}
	x->slot[n] = (struct xhci_slot){.on = true, .at = *at, .mps0 = first_mps(at->speed)};
	e = address(x, n);
	delay_us(SETTLE_US);
	if (e)
		xhci_slot_close(x, n);
	*slot = n;
	return e;
}

/* A slot whose Disable Slot command fails is never given out again by a controller that counts right; its
 * memory stays mapped until the controller is closed, so nothing else lies there. */
void xhci_slot_close(struct xhci *x, unsigned slot)
{
	uint64_t *dcbaa = xhci_va(x, XHCI_MEM_DCBAA);
	if (xhci_command(x, 0, FPUT(TRB_TYPE, TRB_DISABLE_SLOT) | FPUT(TRB_SLOT, slot), NULL) == SL_OK)
		dcbaa[slot] = 0;
	x->slot[slot].on = false;
}

enum sl_err xhci_slot_packet(struct xhci *x, unsigned slot, unsigned mps0)
{
	struct xhci_slot *s = &x->slot[slot];
	if (mps0 != 8 && mps0 != 16 && mps0 != 32 && mps0 != 64)
		return SL_BADVAL;
	if (mps0 == s->mps0)
		return SL_OK;
	s->mps0 = (uint16_t)mps0;
	begin_input(x, BIT(1));
	put_endpoint(x, 1, EP_CONTROL, mps0, &s->ep0);
	return context_command(x, TRB_EVALUATE, slot);
}

/* Interval as a power of two of 125 us: §6.2.3.6. */
static unsigned interval(const struct xhci_slot *s, unsigned b)
{
	unsigned i = 3;
	b = b ? b : 1;
	if (s->at.speed == XHCI_HIGH)
		return b > 16 ? 15 : b - 1;
	while (i < 10 && (2u << (i - 3)) <= b)
		i++;
	return i;
}

enum sl_err xhci_slot_configure(struct xhci *x, unsigned slot, const struct xhci_endpoint *ep, unsigned ports,
				unsigned ttt)
{
	struct xhci_slot *s = &x->slot[slot];
	if (!ep->number || ep->number > 15 || !ep->max || ep->max > XHCI_REPORT_MAX)
		return SL_BADVAL;
	s->dci = (uint8_t)(2 * ep->number + 1);
	s->in_len = ep->max;
	s->ports = (uint8_t)ports;
	s->ttt = (uint8_t)ttt;
	begin_input(x, BIT(0) | BIT(s->dci));
	put_slot(x, s, s->dci);
	put_endpoint(x, s->dci, EP_INTR_IN, ep->max, &s->in);
	context(x, 1 + s->dci)[0] = (uint32_t)FPUT(EP0_INTERVAL, interval(s, ep->b_interval));
	context(x, 1 + s->dci)[4] |= (uint32_t)FPUT(EP4_ESIT, ep->max);
	return context_command(x, TRB_CONFIGURE, slot);
}

void xhci_report_ask(struct xhci *x, unsigned slot)
{
	struct xhci_slot *s = &x->slot[slot];
	s->reported = false;
	s->posted = xhci_ring_push(&s->in, xhci_iova(x, page(slot) + SLOT_REPORT), s->in_len,
				   FPUT(TRB_TYPE, TRB_NORMAL) | TRB_IOC | TRB_ISP);
	xhci_ring_bell(x, slot, s->dci);
}

enum sl_err xhci_report_take(struct xhci *x, unsigned slot, uint8_t *buf, unsigned max, unsigned *got)
{
	struct xhci_slot *s = &x->slot[slot];
	if (!s->reported)
		return SL_END;
	s->reported = false;
	*got = s->got < max ? s->got : max;
	memcpy(buf, xhci_va(x, page(slot) + SLOT_REPORT), *got);
	if (s->code == CODE_SUCCESS || s->code == CODE_SHORT)
		return SL_OK;
	if (xhci_endpoint_restart(x, slot, s->dci))
		s->dci = 0; /* it sends nothing any more */
	return SL_DEVICE;
}
