/* Events and commands. */
#include "drivers/xhci/regs.h"
#include "drivers/xhci/xhci.h"
#include "kernel/time.h"

#define COMMAND_US 2000000u
#define ABORT_US   1000000u
#define LOOK_US    100000u /* between two reads of USBSTS */

static void command_event(struct xhci *x, const struct xhci_trb *ev)
{
	if (!x->command_at || ev->param != x->command_at) {
		x->strays++;
		return;
	}
	x->command_at = 0;
	x->command_code = (uint8_t)FGET(ev->status, TRB_CODE);
	x->command_slot = (uint8_t)FGET(ev->control, TRB_SLOT);
}

/* A short data stage has an event of its own, and the status stage follows: §4.11.2.2. */
static void control_event(struct xhci *x, const struct xhci_trb *ev)
{
	uint8_t code = (uint8_t)FGET(ev->status, TRB_CODE);
	if (code == CODE_SHORT && ev->param == x->control_data) {
		x->control_short = (uint32_t)FGET(ev->status, TRB_RESIDUE);
		return;
	}
	if (code == CODE_SUCCESS && ev->param != x->control_last)
		return;
	x->control_slot = 0;
	x->control_code = code;
}

static void transfer_event(struct xhci *x, const struct xhci_trb *ev)
{
	unsigned number = (unsigned)FGET(ev->control, TRB_SLOT), ep = (unsigned)FGET(ev->control, TRB_EP);
	struct xhci_slot *s = number && number <= x->slots ? &x->slot[number] : NULL;
	uint64_t left = FGET(ev->status, TRB_RESIDUE);
	if (s && s->on && ep == 1 && number == x->control_slot &&
	    (ev->param == x->control_first || ev->param == x->control_data || ev->param == x->control_last)) {
		control_event(x, ev);
	} else if (s && s->on && ep == s->dci && s->posted && ev->param == s->posted) {
		s->posted = 0;
		s->reported = x->any_report = true;
		s->code = (uint8_t)FGET(ev->status, TRB_CODE);
		s->got = left < s->in_len ? (uint16_t)(s->in_len - left) : 0;
	} else {
		x->strays++;
	}
}

static void port_event(struct xhci *x, const struct xhci_trb *ev)
{
	unsigned port = (unsigned)FGET(ev->param, TRB_PORT);
	if (!port || port > x->ports) {
		x->strays++;
		return;
	}
	x->port_changed[port / 8] |= (uint8_t)BIT(port % 8);
	x->any_port = true;
}

static void look_at_status(struct xhci *x)
{
	uint64_t now = now_us();
	if (now - x->looked < LOOK_US)
		return;
	x->looked = now;
	uint32_t sts = xhci_rd32(x, x->op + XHCI_USBSTS);
	if (sts == 0xffffffffu)
		xhci_lost(x, "it is gone from the bus");
	else if (sts & (USBSTS_HSE | USBSTS_HCE))
		xhci_lost(x, "it reports an error of its own or of the bus");
	else if (sts & USBSTS_HCH)
		xhci_lost(x, "it has halted");
}

void xhci_poll(struct xhci *x)
{
	struct xhci_trb ev;
	unsigned n = 0;
	if (x->dead)
		return;
	for (; n < x->events.entries && xhci_ring_take(&x->events, &ev); n++) {
		switch (FGET(ev.control, TRB_TYPE)) {
		case TRB_EV_COMMAND:
			command_event(x, &ev);
			break;
		case TRB_EV_TRANSFER:
			transfer_event(x, &ev);
			break;
		case TRB_EV_PORT:
			port_event(x, &ev);
			break;
		default: /* vendor's, bandwidth, host controller events: the next look at USBSTS tells */
			x->strays++;
		}
	}
	if (n)
		xhci_wr64(x, x->rt + XHCI_ERDP,
			  (x->events.iova + sizeof(struct xhci_trb) * x->events.at) | ERDP_EHB);
	look_at_status(x);
}

/* Command Abort: §4.6.1.2. The ring goes on behind the aborted command with the next doorbell. */
static enum sl_err abort_command(struct xhci *x)
{
	struct deadline d = deadline_in(ABORT_US);
	xhci_wr32(x, x->op + XHCI_CRCR, CRCR_CA); /* the address is not taken while the ring runs: §5.4.5 */
	while (deadline_look(&d) && !x->dead) {
		xhci_poll(x);
		if (!(xhci_rd32(x, x->op + XHCI_CRCR) & CRCR_CRR)) {
			x->command_at = 0;
			return SL_TIMEOUT;
		}
	}
	xhci_lost(x, "it neither completes nor aborts a command");
	return SL_DEVICE;
}

enum sl_err xhci_command(struct xhci *x, uint64_t param, uint64_t control, unsigned *slot)
{
	if (x->dead)
		return SL_DEVICE;
	x->command_at = xhci_ring_push(&x->command, param, 0, control);
	xhci_ring_bell(x, 0, 0);
	struct deadline d = deadline_in(COMMAND_US);
	while (x->command_at && !x->dead && deadline_look(&d))
		xhci_poll(x);
	if (x->dead)
		return SL_DEVICE;
	if (x->command_at)
		return abort_command(x);
	if (slot)
		*slot = x->command_slot;
	return x->command_code == CODE_SUCCESS ? SL_OK : SL_DEVICE;
}
