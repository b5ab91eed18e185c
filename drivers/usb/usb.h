/* Keyboards on the USB ports of one xHCI controller, hubs included: found, watched, and read by the boot
 * protocol of HID. USB 2.0 devices only: a keyboard has no SuperSpeed, and a USB 3 hub has a USB 2 hub in it.
 *
 * Everything happens in usb_poll(), which may be called at any time and returns at once when nothing has
 * happened. A device that is plugged in costs one call some 200 ms; one that does not answer, a few seconds,
 * and after a number of these no new device is looked at any more. */
#pragma once
#include "drivers/usb/descriptor.h"
#include "drivers/usb/keyboard.h"
#include "drivers/xhci/xhci.h"

#define USB_DEPTH_MAX 5u  /* hubs in a row: USB 2.0 §4.1.1 */
#define USB_PORTS_MAX 15u /* of a hub: four bits each in a route string */

struct usb_device {
	uint8_t kind;            /* enum usb_kind; USB_OTHER: no device in this slot */
	uint8_t errors;          /* of its interrupt endpoint, in a row */
	uint8_t ports;           /* of a hub: */
	uint16_t changed, tried; /* BIT(port); tried: what is plugged in was looked at */
	struct usb_keyboard keyboard;
};

struct usb {
	struct xhci x;
	struct usb_device dev[XHCI_SLOTS + 1]; /* by slot */
	uint8_t tried[256 / 8];                /* by root port: what is plugged in was looked at */
	uint16_t patience;                     /* for devices that come; 0: none is looked at any more */
	bool held;                             /* some key is held down */
	struct usb_keys keys;
	uint8_t descriptor[USB_CONFIG_MAX]; /* of the device that is looked at */
};

/* A controller that xhci_start() has started. */
void usb_start(struct usb *u);

/* Takes reports and looks at no more than one port that has changed. True when another one waits. */
bool usb_poll(struct usb *u);

/* The next byte typed on any keyboard, as a serial terminal sends it; -1 when there is none. Polls. */
int usb_read(struct usb *u);

/* How many keyboards there are. */
unsigned usb_keyboards(const struct usb *u);
