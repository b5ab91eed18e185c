/* What Sluice looks for in a configuration: USB 2.0 §9.6 and HID 1.11 §7.1. A device's descriptors are
 * untrusted bytes. */
#pragma once
#include "kernel/bits.h"
#include "kernel/err.h"
#include "kernel/span.h"

#define USB_DEVICE_SIZE 18u /* of a device descriptor */
#define USB_CONFIG_SIZE 9u  /* of a configuration descriptor without what follows it */
#define USB_CONFIG_MAX  1024u

enum usb_kind {
	USB_OTHER,
	USB_HUB,
	USB_KEYBOARD, /* of the boot interface */
};

struct usb_interface {
	enum usb_kind kind;
	uint8_t configuration, number;
	uint8_t endpoint; /* interrupt IN, 1 to 15 */
	uint16_t max;     /* its wMaxPacketSize */
	uint8_t interval;
};

/* Bytes of the whole configuration, from its first USB_CONFIG_SIZE: at most USB_CONFIG_MAX. SL_BADVAL when
 * they are not a configuration descriptor. */
enum sl_err usb_config_length(struct span d, unsigned *length) MUST_CHECK;

/* The first hub or boot keyboard in a whole configuration that has an interrupt IN endpoint; kind is
 * USB_OTHER when there is none. The walk ends at a descriptor of less than 2 bytes or one that runs past the
 * end. */
enum sl_err usb_find_interface(struct span d, struct usb_interface *out) MUST_CHECK;
