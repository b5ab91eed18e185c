/* Devices as they come and go: what drivers/usb/ shares. */
#pragma once
#include "drivers/usb/usb.h"
#include "drivers/xhci/slot.h"

#define USB_PATH 32u

/* "port 5.2.1": the controller's port, then those of hubs. */
const char *usb_path(const struct xhci_place *at, char *out);

/* The device at that place, whose port was reset: a hub and its ports, or a keyboard, is watched from now on;
 * anything else loses its slot again. A device that does not do what USB 2.0 says is left out, with a line.
 */
void usb_attach(struct usb *u, const struct xhci_place *at);

/* What is plugged in at that place, and below it, is gone. */
void usb_detach(struct usb *u, const struct xhci_place *at);

/* True while new devices are looked at; each costs some of the controller's patience, so that a port that
 * flaps does not keep the console busy. */
bool usb_patience(struct usb *u);
/* Says that the device at that place is left out, which costs more of it. */
void usb_failed(struct usb *u, const struct xhci_place *at, enum sl_err e);

/* Sets up a hub that is addressed: xHCI §4.6.6. Marks all its ports as changed. */
enum sl_err usb_hub_start(struct usb *u, unsigned slot, const struct usb_interface *i) MUST_CHECK;
/* Looks at one port that has changed. An error: the hub does not answer. */
enum sl_err usb_hub_port(struct usb *u, unsigned slot, unsigned port) MUST_CHECK;
