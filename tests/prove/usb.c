/* clang-format off */
/* USB descriptors: a whole configuration of up to SIZE bytes
 * CHECKS: nothing outside is read; the walk ends; an endpoint is one that the descriptors have
 * SOURCES: drivers/usb/descriptor.c
 * UNWIND: 24
 * SEED: drivers/usb/descriptor.c | p[0] < 2 || | false || | a descriptor of length 0 is accepted: the walk does not end
 * SEED: drivers/usb/descriptor.c | p[0] > d.n - i | p[0] > d.n | a descriptor runs past the end
 * SEED: drivers/usb/descriptor.c | & 0xf; | & 0xff; | the direction stays in the endpoint's number
 */
/* clang-format on */
#include "drivers/usb/descriptor.h"
#include "tests/prove/prove.h"

#define SIZE 40

int main(void)
{
	ANY_SPAN(d, SIZE);
	struct usb_interface i;
	unsigned length;
	if (usb_config_length(d, &length) == SL_OK)
		assert(length >= USB_CONFIG_SIZE && length <= USB_CONFIG_MAX && d.n >= USB_CONFIG_SIZE);
	enum sl_err e = usb_find_interface(d, &i);
	assert(!e || i.kind == USB_OTHER);
	assert(i.endpoint <= 15 && i.max <= 0x7ff);
	if (i.kind != USB_OTHER)
		assert(!e && i.configuration == d.p[5]);
	return 0;
}
