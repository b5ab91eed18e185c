#include "drivers/usb/descriptor.h"

#define TYPE_CONFIGURATION 2u
#define TYPE_INTERFACE     4u
#define TYPE_ENDPOINT      5u
#define CLASS_HID          3u
#define CLASS_HUB          9u
#define BOOT               1u /* bInterfaceSubClass: HID §4.2 */
#define KEYBOARD           1u /* bInterfaceProtocol: HID §4.3 */
#define ENDPOINT_IN        0x80u
#define ENDPOINT_TRANSFER  3u
#define INTERRUPT          3u

static unsigned word(const uint8_t *p)
{
	return p[0] | (unsigned)p[1] << 8;
}

enum sl_err usb_config_length(struct span d, unsigned *length)
{
	if (d.n < USB_CONFIG_SIZE || d.p[0] < USB_CONFIG_SIZE || d.p[1] != TYPE_CONFIGURATION)
		return SL_BADVAL;
	*length = word(d.p + 2) < USB_CONFIG_MAX ? word(d.p + 2) : USB_CONFIG_MAX;
	return *length >= USB_CONFIG_SIZE ? SL_OK : SL_BADVAL;
}

/* bInterfaceClass, bInterfaceSubClass, bInterfaceProtocol; only the setting that is there without asking. */
static enum usb_kind kind_of(const uint8_t *d)
{
	if (d[3])
		return USB_OTHER;
	if (d[5] == CLASS_HUB)
		return USB_HUB;
	return d[5] == CLASS_HID && d[6] == BOOT && d[7] == KEYBOARD ? USB_KEYBOARD : USB_OTHER;
}

enum sl_err usb_find_interface(struct span d, struct usb_interface *out)
{
	unsigned length;
	*out = (struct usb_interface){0};
	if (usb_config_length(d, &length))
		return SL_BADVAL;
	struct usb_interface at = {.configuration = d.p[5]};
	for (size_t i = 0; i + 2 <= d.n; i += d.p[i]) {
		const uint8_t *p = d.p + i;
		if (p[0] < 2 || p[0] > d.n - i)
			return SL_TRUNC;
		if (p[1] == TYPE_INTERFACE && p[0] >= 9) {
			at.kind = kind_of(p);
			at.number = p[2];
		} else if (p[1] == TYPE_ENDPOINT && p[0] >= 7 && at.kind != USB_OTHER && p[2] & ENDPOINT_IN &&
			   (p[3] & ENDPOINT_TRANSFER) == INTERRUPT) {
			at.endpoint = p[2] & 0xf;
			at.max = word(p + 4) & 0x7ff;
			at.interval = p[6];
			*out = at;
			return SL_OK;
		}
	}
	return SL_OK;
}
