#include "drivers/usb/keyboard.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define FIRST_KEY 2u /* byte of a report */
#define ERRORS    3u /* keys up to this are none: ErrorRollOver, POSTFail, ErrorUndefined */
#define HOLD_US   600000u
#define REPEAT_US 40000u

static void send(struct usb_keyboard *k, unsigned key, struct usb_keys *out)
{
	char byte[KEYS_BYTES];
	unsigned n = keys_bytes(key, k->last[0], k->caps, byte);
	for (unsigned i = 0; i < n && out->head - out->tail < USB_KEYS_MAX; i++)
		out->byte[out->head++ % USB_KEYS_MAX] = byte[i];
}

static bool has(const uint8_t *report, uint8_t key)
{
	for (unsigned i = FIRST_KEY; i < USB_BOOT_SIZE; i++)
		if (report[i] == key)
			return true;
	return false;
}

void usb_keyboard_report(struct usb_keyboard *k, const uint8_t *report, unsigned n, struct usb_keys *out)
{
	uint8_t now[USB_BOOT_SIZE] = {0}, last[USB_BOOT_SIZE];
	memcpy(now, report, n < USB_BOOT_SIZE ? n : USB_BOOT_SIZE);
	memcpy(last, k->last, sizeof last);
	for (unsigned i = FIRST_KEY; i < USB_BOOT_SIZE; i++)
		if (now[i] && now[i] <= ERRORS)
			return;
	memcpy(k->last, now, sizeof now);
	if (!has(now, k->held))
		k->held = KEY_NONE;
	for (unsigned i = FIRST_KEY; i < USB_BOOT_SIZE; i++) {
		if (!now[i] || has(last, now[i]))
			continue;
		k->caps ^= now[i] == KEY_CAPS_LOCK;
		k->held = now[i];
		k->repeat_at = now_us() + HOLD_US;
		send(k, now[i], out);
	}
}

void usb_keyboard_repeat(struct usb_keyboard *k, struct usb_keys *out)
{
	uint64_t now = k->held ? now_us() : 0;
	if (!k->held || now < k->repeat_at)
		return;
	k->repeat_at = now + REPEAT_US;
	send(k, k->held, out);
}
