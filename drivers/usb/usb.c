/* What happens on the ports and endpoints of one controller. */
#include "drivers/usb/device.h"
#include "drivers/xhci/port.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define PATIENCE    512u
#define ERRORS_MAX  3u
#define DEBOUNCE_US 100000u /* USB 2.0 §7.1.7.3 */
#define CONNECTED   BIT(0)  /* PORTSC.CCS */
#define CHANGED     BIT(17) /* PORTSC.CSC */

void usb_start(struct usb *u)
{
	for (unsigned i = 0; i <= XHCI_SLOTS; i++)
		u->dev[i] = (struct usb_device){0};
	u->patience = PATIENCE;
	memset(u->tried, 0, sizeof u->tried);
	u->keys = (struct usb_keys){0};
}

/* The hub's bitmap: bit 0 is the hub itself. USB 2.0 §11.12.4. */
static void hub_report(struct usb_device *dev, const uint8_t *bits, unsigned n)
{
	for (unsigned p = 1; p <= dev->ports && p / 8 < n; p++)
		if (bits[p / 8] & BIT(p % 8))
			dev->changed |= (uint16_t)BIT(p);
}

static void give_up(struct usb *u, unsigned slot)
{
	struct xhci_place at = u->x.slot[slot].at;
	char path[USB_PATH];
	log_line("usb", BDF_FMT " %s: the device does not answer any more", BDF_ARG(u->x.fn),
		 usb_path(&at, path));
	usb_detach(u, &at);
}

static void take_report(struct usb *u, unsigned slot)
{
	struct usb_device *dev = &u->dev[slot];
	uint8_t buf[USB_BOOT_SIZE];
	unsigned got;
	enum sl_err e = xhci_report_take(&u->x, slot, buf, sizeof buf, &got);
	if (e == SL_END)
		return;
	dev->errors = e ? (uint8_t)(dev->errors + 1) : 0;
	if (dev->errors >= ERRORS_MAX) {
		give_up(u, slot);
		return;
	}
	if (!e && dev->kind == USB_KEYBOARD)
		usb_keyboard_report(&dev->keyboard, buf, got, &u->keys);
	if (!e && dev->kind == USB_HUB)
		hub_report(dev, buf, got);
	xhci_report_ask(&u->x, slot);
}

static void root_port(struct usb *u, unsigned port)
{
	struct xhci_place at = {.root = (uint8_t)port};
	uint32_t sc = xhci_port_read(&u->x, port);
	if (sc & CHANGED || !(sc & CONNECTED)) {
		usb_detach(u, &at);
		u->tried[port / 8] &= (uint8_t)~BIT(port % 8);
	}
	if (!(sc & CONNECTED) || u->tried[port / 8] & BIT(port % 8) || !usb_patience(u))
		return;
	u->tried[port / 8] |= (uint8_t)BIT(port % 8);
	delay_us(DEBOUNCE_US);
	enum sl_err e = xhci_port_enable(&u->x, port, &at.speed);
	if (e)
		usb_failed(u, &at, e);
	else if (at.speed && at.speed < XHCI_SUPER)
		usb_attach(u, &at);
}

/* The next hub's port that has changed. */
static bool hub_port(struct usb *u)
{
	for (unsigned slot = 1; slot <= XHCI_SLOTS; slot++) {
		struct usb_device *dev = &u->dev[slot];
		if (dev->kind != USB_HUB || !dev->changed)
			continue;
		unsigned port = (unsigned)__builtin_ctz(dev->changed);
		dev->changed &= (uint16_t)~BIT(port);
		if (usb_hub_port(u, slot, port) && !u->x.dead)
			give_up(u, slot);
		return true;
	}
	return false;
}

static void look_at_devices(struct usb *u)
{
	u->x.any_report = u->held = false;
	for (unsigned slot = 1; slot <= XHCI_SLOTS && !u->x.dead; slot++) {
		struct usb_device *dev = &u->dev[slot];
		if (dev->kind == USB_OTHER)
			continue;
		take_report(u, slot);
		if (dev->kind != USB_KEYBOARD)
			continue;
		usb_keyboard_repeat(&dev->keyboard, &u->keys);
		u->held |= dev->keyboard.held != KEY_NONE;
	}
}

bool usb_poll(struct usb *u)
{
	if (u->x.dead)
		return false;
	xhci_poll(&u->x);
	if (u->x.any_report || u->held)
		look_at_devices(u);
	if (u->x.dead)
		return false;
	unsigned port = xhci_port_changed(&u->x);
	if (!port)
		return hub_port(u);
	root_port(u, port);
	return true;
}

int usb_read(struct usb *u)
{
	struct usb_keys *k = &u->keys;
	usb_poll(u);
	return k->head == k->tail ? -1 : (uint8_t)k->byte[k->tail++ % USB_KEYS_MAX];
}

unsigned usb_keyboards(const struct usb *u)
{
	unsigned n = 0;
	for (unsigned i = 1; i <= XHCI_SLOTS; i++)
		n += !u->x.dead && u->dev[i].kind == USB_KEYBOARD;
	return n;
}
