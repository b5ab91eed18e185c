/* Hubs: USB 2.0 §11. */
#include "drivers/usb/device.h"
#include "kernel/time.h"

#define HUB_DESCRIPTOR 0x29u
#define HUB_DESC_SIZE  7u    /* without the bits for ports, which follow */
#define TO_HUB         0xa0u /* bmRequestType */
#define PORT_IN        0xa3u
#define PORT_OUT       0x23u
#define GET_STATUS     0u
#define CLEAR_FEATURE  1u
#define SET_FEATURE    3u
#define GET_DESCRIPTOR 6u
#define SET_CONFIG     9u
#define PORT_RESET     4u
#define PORT_POWER     8u
#define C_FIRST        16u /* C_PORT_CONNECTION; the other changes follow: §11.24.2, as bits of the status */
#define C_LAST         20u /* C_PORT_RESET */
#define CONNECTION     BIT(0)
#define ENABLE         BIT(1)
#define LOW_SPEED      BIT(9)
#define HIGH_SPEED     BIT(10)
#define C_CONNECTION   BIT(16)
#define C_RESET        BIT(20)
#define RESET_US       500000u
#define RESET_LOOK_US  10000u
#define RECOVER_US     10000u  /* §7.1.7.5 */
#define DEBOUNCE_US    100000u /* §7.1.7.3 */

static enum sl_err to_port(struct usb *u, unsigned slot, unsigned port, unsigned request, unsigned feature)
{
	const struct xhci_request r = {PORT_OUT, (uint8_t)request, (uint16_t)feature, (uint16_t)port, 0};
	return xhci_control(&u->x, slot, &r, NULL);
}

/* wPortStatus, with wPortChange above it. */
static enum sl_err status(struct usb *u, unsigned slot, unsigned port, uint32_t *out)
{
	const struct xhci_request r = {PORT_IN, GET_STATUS, 0, (uint16_t)port, 4};
	uint8_t d[4] = {0};
	enum sl_err e = xhci_control(&u->x, slot, &r, d);
	*out = span_u32((struct span){d, sizeof d}, 0);
	return e;
}

static enum sl_err clear_changes(struct usb *u, unsigned slot, unsigned port, uint32_t st)
{
	enum sl_err e = SL_OK;
	for (unsigned bit = C_FIRST; bit <= C_LAST && !e; bit++)
		if (st & BIT(bit))
			e = to_port(u, slot, port, CLEAR_FEATURE, bit);
	return e;
}

enum sl_err usb_hub_start(struct usb *u, unsigned slot, const struct usb_interface *i)
{
	const struct xhci_request describe = {TO_HUB, GET_DESCRIPTOR, HUB_DESCRIPTOR << 8, 0, HUB_DESC_SIZE};
	const struct xhci_request configure = {0, SET_CONFIG, i->configuration, 0, 0};
	struct usb_device *dev = &u->dev[slot];
	uint8_t d[HUB_DESC_SIZE];
	enum sl_err e = xhci_control(&u->x, slot, &describe, d);
	if (e)
		return e;
	if (d[1] != HUB_DESCRIPTOR || !d[2])
		return SL_BADVAL;
	unsigned ports = d[2] < USB_PORTS_MAX ? d[2] : USB_PORTS_MAX;
	unsigned power_us = d[5] * 2000u, ttt = d[3] >> 5 & 3;
	const struct xhci_endpoint ep = {i->endpoint, i->max, i->interval};
	e = xhci_slot_configure(&u->x, slot, &ep, ports, ttt);
	if (!e)
		e = xhci_control(&u->x, slot, &configure, NULL);
	for (unsigned p = 1; p <= ports && !e; p++)
		e = to_port(u, slot, p, SET_FEATURE, PORT_POWER);
	delay_us(power_us);
	dev->ports = (uint8_t)ports;
	dev->changed = (uint16_t)(BIT(ports + 1) - 2);
	return e;
}

/* Until the reset is over. SL_NOTFOUND when the port is not enabled then. */
static enum sl_err reset(struct usb *u, unsigned slot, unsigned port, uint32_t *st)
{
	enum sl_err e = to_port(u, slot, port, SET_FEATURE, PORT_RESET);
	struct deadline d = deadline_in(RESET_US);
	*st = 0;
	while (!e && !(*st & C_RESET)) {
		if (!deadline_look(&d))
			return SL_TIMEOUT;
		delay_us(RESET_LOOK_US);
		e = status(u, slot, port, st);
	}
	if (!e)
		e = clear_changes(u, slot, port, *st);
	delay_us(RECOVER_US);
	return e || *st & ENABLE ? e : SL_NOTFOUND;
}

static struct xhci_place below(const struct usb *u, unsigned slot, unsigned port)
{
	struct xhci_place at = u->x.slot[slot].at;
	at.route |= (uint32_t)port << 4 * at.depth;
	at.depth++;
	return at;
}

/* A high-speed hub translates for slower devices below it: the closest one counts, §11.14. */
static void set_speed(struct xhci_place *at, uint32_t st, unsigned slot, unsigned port)
{
	bool hub_is_high = at->speed == XHCI_HIGH;
	at->speed = st & LOW_SPEED ? XHCI_LOW : st & HIGH_SPEED ? XHCI_HIGH : XHCI_FULL;
	if (hub_is_high && at->speed != XHCI_HIGH) {
		at->tt_slot = (uint8_t)slot;
		at->tt_port = (uint8_t)port;
	}
}

enum sl_err usb_hub_port(struct usb *u, unsigned slot, unsigned port)
{
	struct xhci_place at = below(u, slot, port);
	uint16_t *tried = &u->dev[slot].tried;
	uint32_t st;
	enum sl_err e = status(u, slot, port, &st);
	if (!e)
		e = clear_changes(u, slot, port, st);
	if (e)
		return e;
	if (st & C_CONNECTION || !(st & CONNECTION)) {
		usb_detach(u, &at);
		*tried &= (uint16_t)~BIT(port);
	}
	if (!(st & CONNECTION) || *tried & BIT(port) || !usb_patience(u))
		return SL_OK;
	*tried |= (uint16_t)BIT(port);
	delay_us(DEBOUNCE_US);
	e = reset(u, slot, port, &st);
	if (e == SL_NOTFOUND || e == SL_TIMEOUT) {
		usb_failed(u, &at, e);
		return SL_OK;
	}
	if (e)
		return e;
	set_speed(&at, st, slot, port);
	usb_attach(u, &at);
	return SL_OK;
}
