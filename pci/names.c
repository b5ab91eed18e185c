#include "pci/names.h"
#include "kernel/str.h"

/* Written by tools/pciids: sorted records, each "\n", a key, and up to 8 names, each a character and a text
 * with a NUL behind it. The character less ' ' is what is added to the number that the key ends in: 0 for the
 * first name of a record. Keys: c and 2, 4 or 6 digits of the class code; v and 4 digits; d and vendor and
 * device, 8 digits; s and those of device and subsystem, 16 digits. The assembler finds the file through -I.
 */
__asm__(".pushsection .rodata.pci_ids,\"a\",@progbits\n"
	".globl pci_ids, pci_ids_end\n"
	"pci_ids: .incbin \"pci.ids.packed\"\n"
	"pci_ids_end: .byte 0\n"
	".popsection\n");
extern const char pci_ids[], pci_ids_end[];

#define MAX_DIGITS 16

/* As strcmp of the key, which is not followed by a NUL, with the record's, which is followed by a space. */
static int key_cmp(const char *key, unsigned len, const char *record)
{
	for (unsigned i = 0; i < len; i++)
		if (key[i] != record[i])
			return (unsigned char)key[i] - (unsigned char)record[i];
	return record[len] == ' ' ? 0 : -1;
}

/* The last record whose key is not above this one, else the first record, else (no record at all) NULL. */
static const char *find_record(const char *key, unsigned len)
{
	const char *lo = pci_ids, *hi = pci_ids_end;
	while (lo < hi) {
		const char *mid = lo + (hi - lo) / 2;
		while (*mid != '\n')
			mid--;
		if (mid == lo) /* none begins in the first half: the next one, if there is one */
			do
				mid++;
			while (mid < hi && *mid != '\n');
		if (mid == hi)
			return lo + 1;
		if (key_cmp(key, len, mid + 1) < 0)
			hi = mid;
		else
			lo = mid;
	}
	return NULL;
}

/* The name in that record, whose key has the same length, of a key that ends in the same digits plus `step`.
 */
static const char *find_step(const char *entry, uint64_t step)
{
	while (*entry >= ' ') {
		if (step == (uint64_t)(*entry - ' '))
			return entry + 1;
		step -= (uint64_t)(*entry - ' ');
		entry += strlen(entry) + 1;
	}
	return NULL;
}

/* The digits of a record's key; false when it has another count of them. */
static bool record_number(const char *digit, unsigned digits, uint64_t *number)
{
	*number = 0;
	for (; digits > 0; digits--, digit++) {
		if (*digit <= ' ')
			return false;
		*number = *number << 4 | (uint64_t)(*digit <= '9' ? *digit - '0' : *digit - 'a' + 10);
	}
	return *digit == ' ';
}

static const char *find_number(char kind, uint64_t number, unsigned digits)
{
	char key[1 + MAX_DIGITS] = {kind};
	uint64_t first;
	for (unsigned i = 0; i < digits; i++)
		key[1 + i] = "0123456789abcdef"[number >> 4 * (digits - 1 - i) & 0xf];
	const char *record = find_record(key, 1 + digits);
	if (!record || *record != kind || !record_number(record + 1, digits, &first) || first > number)
		return NULL;
	return find_step(record + 1 + digits, number - first);
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
