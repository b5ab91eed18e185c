/* Pieces of text that lines of several files have. */
#include "kernel/log.h"
#include "pci/names.h"
#include "pci/show_text.h"

void show_flags(uint32_t v, const char *text)
{
	char out[200];
	size_t n = 0;
	for (; *text && n < sizeof out - 1; text++) {
		if (*text != '#') {
			out[n++] = *text;
			continue;
		}
		char c = *++text;
		out[n++] = v >> (c <= '9' ? c - '0' : c - 'a' + 10) & 1 ? '+' : '-';
	}
	out[n] = 0;
	log_text("%s", out);
}

void show_pair(const char *v, const char *d, uint16_t vendor, uint16_t device, const struct show *how)
{
	if (how->numbers == 1)
		log_text("%04x:%04x", vendor, device);
	else if (how->numbers == 2)
		log_text("%s%s%s [%04x:%04x]", v ? v : "", v ? " " : "", d ? d : "Device", vendor, device);
	else if (d)
		log_text("%s %s", v ? v : "", d);
	else if (v)
		log_text("%s Device %04x", v, device);
	else
		log_text("Device %04x:%04x", vendor, device);
}

void show_names(uint16_t vendor, uint16_t device, const struct show *how)
{
	show_pair(pci_vendor_name(vendor), pci_device_name(vendor, device), vendor, device, how);
}

void show_subsystem(const struct pci_func *f, uint16_t vendor, uint16_t device, const struct show *how)
{
	const char *v = pci_vendor_name(vendor),
		   *d = pci_subsystem_name(f->vendor, f->device, vendor, device);
	if (!d && vendor == f->vendor && device == f->device)
		d = pci_device_name(vendor, device);
	show_pair(v, d, vendor, device, how);
}
