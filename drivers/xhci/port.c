#include "drivers/xhci/port.h"
#include "drivers/xhci/regs.h"
#include "kernel/time.h"

#define RESET_US   500000u
#define RECOVER_US 10000u /* USB 2.0 §7.1.7.5: TRSTRCY */
#define POWER_US   20000u /* xHCI §5.4.8: after PP is set */

static uint32_t reg(const struct xhci *x, unsigned port)
{
	return x->op + XHCI_PORTSC + XHCI_PORT * (port - 1);
}

void xhci_ports_start(struct xhci *x)
{
	for (unsigned p = 1; p <= x->ports; p++)
		xhci_wr32(x, reg(x, p), (xhci_rd32(x, reg(x, p)) & PORTSC_KEEP) | PORTSC_PP);
	delay_us(POWER_US);
	for (unsigned p = 1; p <= x->ports; p++)
		if (xhci_rd32(x, reg(x, p)) & PORTSC_CCS) {
			x->port_changed[p / 8] |= (uint8_t)BIT(p % 8);
			x->any_port = true;
		}
}

unsigned xhci_port_changed(struct xhci *x)
{
	for (unsigned p = 1; x->any_port && p <= x->ports; p++)
		if (x->port_changed[p / 8] & BIT(p % 8)) {
			x->port_changed[p / 8] &= (uint8_t)~BIT(p % 8);
			return p;
		}
	x->any_port = false;
	return 0;
}

uint32_t xhci_port_read(struct xhci *x, unsigned port)
{
	uint32_t sc = xhci_rd32(x, reg(x, port));
	if (sc & PORTSC_CHANGE)
		xhci_wr32(x, reg(x, port), sc & (PORTSC_KEEP | PORTSC_CHANGE));
	return sc;
}

enum sl_err xhci_port_enable(struct xhci *x, unsigned port, uint8_t *speed)
{
	uint32_t sc = xhci_port_read(x, port);
	if (!(sc & PORTSC_PED)) {
		xhci_wr32(x, reg(x, port), (sc & PORTSC_KEEP) | PORTSC_PR);
		struct deadline d = deadline_in(RESET_US);
		do {
			if (!deadline_look(&d))
				return SL_TIMEOUT;
			sc = xhci_rd32(x, reg(x, port));
		} while (!(sc & PORTSC_PRC));
		sc = xhci_port_read(x, port);
		delay_us(RECOVER_US);
	}
	*speed = (uint8_t)FGET(sc, PORTSC_SPEED);
	return sc & PORTSC_PED && sc & PORTSC_CCS ? SL_OK : SL_NOTFOUND;
}
