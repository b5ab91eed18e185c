/* A keyboard's reports in the boot protocol: HID 1.11 §B.1. */
#pragma once
#include "kernel/keys.h"

#define USB_KEYS_MAX  64u
#define USB_BOOT_SIZE 8u /* bytes of a report */

/* Bytes that were typed and not read yet; what does not fit is lost. */
struct usb_keys {
	char byte[USB_KEYS_MAX];
	unsigned head, tail; /* free-running */
};

struct usb_keyboard {
	uint8_t last[USB_BOOT_SIZE];
	bool caps;
	uint8_t held;       /* the key that repeats; KEY_NONE: none */
	uint64_t repeat_at; /* us */
};

/* A report of n bytes: keys that were not in the report before have been pressed. One with a key of 01h to
 * 03h says that the keyboard cannot tell which keys are down (Table 12, Keyboard ErrorRollOver), and counts
 * for nothing. */
void usb_keyboard_report(struct usb_keyboard *k, const uint8_t *report, unsigned n, struct usb_keys *out);

/* The key that is held down, again, once it is time. */
void usb_keyboard_repeat(struct usb_keyboard *k, struct usb_keys *out);
