/* Devices: USB 2.0 §9. */
#include "drivers/usb/device.h"
#include "kernel/fmt.h"
#include "kernel/log.h"

#define GET_DESCRIPTOR 6u
#define SET_CONFIG     9u
#define FROM_DEVICE    0x80u /* bmRequestType */
#define TO_INTERFACE   0x21u
#define DEVICE         1u
#define CONFIGURATION  2u
#define FIRST_BYTES    8u  /* up to bMaxPacketSize0, which is needed for the rest */
#define SET_IDLE       10u /* HID §7.2.4 */
#define SET_PROTOCOL   11u /* HID §7.2.6; 0: boot */
#define FAILURE_COSTS  8u

const char *usb_path(const struct xhci_place *at, char *out)
{
	unsigned n = (unsigned)fmt_print(out, USB_PATH, "port %u", at->root);
	for (unsigned i = 0; i < at->depth && n < USB_PATH; i++)
		n += (unsigned)fmt_print(out + n, USB_PATH - n, ".%u", at->route >> 4 * i & 0xf);
	return out;
}

bool usb_patience(struct usb *u)
{
	if (!u->patience)
		return false;
	if (!--u->patience)
		log_warn("usb",
			 BDF_FMT ": too many devices have come and gone or failed; no more are looked at",
			 BDF_ARG(u->x.fn));
	return true;
}

void usb_failed(struct usb *u, const struct xhci_place *at, enum sl_err e)
{
	char path[USB_PATH];
	log_line("usb", BDF_FMT " %s: the device is left out: %s", BDF_ARG(u->x.fn), usb_path(at, path),
		 sl_err_text(e));
	u->patience = u->patience > FAILURE_COSTS ? (uint16_t)(u->patience - FAILURE_COSTS) : 1;
	if (u->patience == 1)
		usb_patience(u);
}

void usb_detach(struct usb *u, const struct xhci_place *at)
{
	char path[USB_PATH];
	uint64_t mask = BIT(4 * at->depth) - 1;
	for (unsigned i = 1; i <= XHCI_SLOTS; i++) {
		const struct xhci_slot *s = &u->x.slot[i];
		if (!s->on || s->at.root != at->root || s->at.depth < at->depth ||
		    (s->at.route & mask) != at->route)
			continue;
		if (u->dev[i].kind == USB_KEYBOARD)
			log_line("usb", BDF_FMT " %s: the keyboard is gone", BDF_ARG(u->x.fn),
				 usb_path(&s->at, path));
		u->dev[i] = (struct usb_device){0};
		xhci_slot_close(&u->x, i);
	}
}

static enum sl_err describe(struct usb *u, unsigned slot, unsigned type, void *buf, unsigned length)
{
	const struct xhci_request r = {FROM_DEVICE, GET_DESCRIPTOR, (uint16_t)(type << 8), 0,
				       (uint16_t)length};
	return xhci_control(&u->x, slot, &r, buf);
}

/* The device's ids and its first configuration. */
static enum sl_err examine(struct usb *u, unsigned slot, struct usb_interface *out, uint32_t *ids)
{
	uint8_t *d = u->descriptor;
	struct span s = {d, USB_CONFIG_SIZE};
	unsigned length = 0;
	enum sl_err e = describe(u, slot, DEVICE, d, FIRST_BYTES);
	if (!e)
		e = xhci_slot_packet(&u->x, slot, d[7]);
	if (!e)
		e = describe(u, slot, DEVICE, d, USB_DEVICE_SIZE);
	*ids = (uint32_t)d[9] << 24 | (uint32_t)d[8] << 16 | (uint32_t)d[11] << 8 | d[10];
	if (!e)
		e = describe(u, slot, CONFIGURATION, d, USB_CONFIG_SIZE);
	if (!e)
		e = usb_config_length(s, &length);
	s.n = length;
	if (!e)
		e = describe(u, slot, CONFIGURATION, d, length);
	return e ? e : usb_find_interface(s, out);
}

/* A keyboard that knows no Set Idle stalls it, and sends its state again and again, which does no harm. */
static enum sl_err keyboard_start(struct usb *u, unsigned slot, const struct usb_interface *i)
{
	const struct xhci_endpoint ep = {i->endpoint, i->max, i->interval};
	const struct xhci_request configure = {0, SET_CONFIG, i->configuration, 0, 0};
	const struct xhci_request protocol = {TO_INTERFACE, SET_PROTOCOL, 0, i->number, 0};
	const struct xhci_request idle = {TO_INTERFACE, SET_IDLE, 0, i->number, 0};
	enum sl_err e = xhci_slot_configure(&u->x, slot, &ep, 0, 0);
	if (!e)
		e = xhci_control(&u->x, slot, &configure, NULL);
	if (!e)
		e = xhci_control(&u->x, slot, &protocol, NULL);
	if (!e)
		e = xhci_control(&u->x, slot, &idle, NULL);
	return e == SL_UNSUPPORTED ? SL_OK : e;
}

static enum sl_err start(struct usb *u, unsigned slot, const struct xhci_place *at)
{
	struct usb_interface i;
	uint32_t ids;
	char path[USB_PATH];
	enum sl_err e = examine(u, slot, &i, &ids);
	if (e)
		return e;
	if (i.kind == USB_HUB)
		e = at->depth < USB_DEPTH_MAX ? usb_hub_start(u, slot, &i) : SL_RANGE;
	if (i.kind == USB_KEYBOARD)
		e = keyboard_start(u, slot, &i);
	if (e)
		return e;
	if (i.kind == USB_KEYBOARD)
		log_line("usb", BDF_FMT " %s: a keyboard, %04x:%04x", BDF_ARG(u->x.fn), usb_path(at, path),
			 ids >> 16, ids & 0xffff);
	u->dev[slot].kind = (uint8_t)i.kind;
	return SL_OK;
}

void usb_attach(struct usb *u, const struct xhci_place *at)
{
	unsigned slot;
	enum sl_err e = xhci_slot_open(&u->x, at, &slot);
	if (e) {
		usb_failed(u, at, e);
		return;
	}
	u->dev[slot] = (struct usb_device){0};
	e = start(u, slot, at);
	if (!e && u->dev[slot].kind != USB_OTHER) {
		xhci_report_ask(&u->x, slot);
		return;
	}
	xhci_slot_close(&u->x, slot);
	if (e)
		usb_failed(u, at, e);
}
