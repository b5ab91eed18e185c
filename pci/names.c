#include "pci/names.h"
#include "kernel/str.h"

/* Sorted entries "key name", a NUL after each. Keys: c and 2, 4 or 6 digits of the class code; v and 4
 * digits; d and vendor and device, 8 digits; s and those of device and subsystem, 16 digits. The assembler
 * finds the file through -I. */
__asm__(".pushsection .rodata.pci_ids,\"a\",@progbits\n"
	".globl pci_ids, pci_ids_end\n"
	"pci_ids: .incbin \"pci.ids.txt\"\n"
	"pci_ids_end: .byte 0\n"
	".popsection\n");
extern const char pci_ids[], pci_ids_end[];

/* As strcmp of the key with the entry's key, which ends at its space. */
static int key_cmp(const char *key, const char *entry)
{
	while (*key && *key == *entry)
		key++, entry++;
	return (*key ? (unsigned char)*key : ' ') - (unsigned char)*entry;
}

static const char *find(const char *key)
{
	const char *lo = pci_ids, *hi = pci_ids_end;
	while (lo < hi) {
		const char *mid = lo + (hi - lo) / 2;
		while (mid > lo && mid[-1])
			mid--;
		int d = key_cmp(key, mid);
		if (d == 0)
			return mid + strlen(key) + 1;
		if (d < 0)
			hi = mid;
		else
			lo = mid + strlen(mid) + 1;
	}
	return NULL;
}

static const char *find_number(char kind, uint64_t number, unsigned digits)
{
	char key[18] = {kind};
	for (unsigned i = 0; i < digits; i++)
		key[1 + i] = "0123456789abcdef"[number >> 4 * (digits - 1 - i) & 0xf];
	return find(key);
}

const char *pci_class_name(uint32_t class)
{
	const char *name = find_number('c', class >> 8 & 0xffff, 4);
	return name ? name : find_number('c', class >> 16 & 0xff, 2);
}

const char *pci_vendor_name(uint16_t vendor)
{
	return find_number('v', vendor, 4);
}

const char *pci_device_name(uint16_t vendor, uint16_t device)
{
	return find_number('d', (uint32_t)vendor << 16 | device, 8);
}

const char *pci_interface_name(uint32_t class)
{
	return find_number('c', class & 0xffffff, 6);
}

const char *pci_subsystem_name(uint16_t vendor, uint16_t device, uint16_t sub_vendor, uint16_t sub_device)
{
	uint64_t key =
		(uint64_t)vendor << 48 | (uint64_t)device << 32 | (uint32_t)sub_vendor << 16 | sub_device;
	return find_number('s', key, 16);
}
