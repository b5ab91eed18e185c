#include <stdlib.h>
#include <string.h>
#include "pci/names.h"
#include "tests/unit/test.h"

extern const char pci_ids[], pci_ids_end[];

static void test_known(void **state)
{
	(void)state;
	assert_string_equal(pci_vendor_name(0x8086), "Intel Corporation");
	assert_string_equal(pci_vendor_name(0x1b36), "Red Hat, Inc.");
	assert_string_equal(pci_device_name(0x1b36, 0x0010), "QEMU NVM Express Controller");
	assert_string_equal(pci_device_name(0x8086, 0x10c9), "82576 Gigabit Network Connection");
	assert_string_equal(pci_device_name(0x8086, 0x10ca), "82576 Virtual Function");
	assert_string_equal(pci_class_name(0x060400), "PCI bridge");
	assert_string_equal(pci_class_name(0x010802), "Non-Volatile memory controller");
	assert_string_equal(pci_class_name(0x0200ff), "Ethernet controller");
	assert_string_equal(pci_class_name(0x01ff00), "Mass storage controller");
	assert_null(pci_class_name(0x7f0000));
	assert_string_equal(pci_interface_name(0x010802), "NVM Express");
	assert_string_equal(pci_interface_name(0x060400), "Normal decode");
	assert_null(pci_interface_name(0x0108ff));
	assert_string_equal(pci_subsystem_name(0x8086, 0x2918, 0x1af4, 0x1100), "QEMU Virtual Machine");
	assert_null(pci_subsystem_name(0x8086, 0x2918, 0x1af4, 0x1101));
	assert_null(pci_vendor_name(0xfff9));
	assert_null(pci_vendor_name(0x0000));
	assert_null(pci_device_name(0x8086, 0xfffe));
	assert_null(pci_device_name(0xffff, 0xffff));
}

static const char *look_up(char kind, unsigned digits, uint64_t key)
{
	if (kind == 'v')
		return pci_vendor_name((uint16_t)key);
	if (kind == 'd')
		return pci_device_name((uint16_t)(key >> 16), (uint16_t)key);
	if (kind == 's')
		return pci_subsystem_name((uint16_t)(key >> 48), (uint16_t)(key >> 32), (uint16_t)(key >> 16),
					  (uint16_t)key);
	if (digits == 6)
		return pci_interface_name((uint32_t)key);
	return pci_class_name(digits == 4 ? (uint32_t)key << 8 | 0xfd : (uint32_t)key << 16 | 0xfdfd);
}

/* The last name of a record that is found, and what lies between its names, which is not. */
static const char *check_record(const char *p, unsigned *n)
{
	char *end;
	uint64_t key = strtoull(p + 1, &end, 16);
	unsigned digits = (unsigned)(end - p - 1);
	assert_int_equal(*end, ' ');
	for (const char *e = end; *e >= ' '; e += strlen(e) + 1, ++*n) {
		for (int i = 1; *p != 'c' && i < *e - ' '; i++)
			assert_null(look_up(*p, digits, key + (unsigned)i));
		key += (unsigned)(*e - ' ');
		assert_ptr_equal(look_up(*p, digits, key), e + 1);
		assert_int_not_equal(e[1], 0);
		end = (char *)e + strlen(e) + 1;
	}
	if (*p != 'c' && *p != 's' && *end == '\n' && end[1] == *p &&
	    strtoull(end + 2, NULL, 16) > key + 1) { /* the step over the end of the record */
		assert_null(look_up(*p, digits, key + 1));
		assert_null(look_up(*p, digits, strtoull(end + 2, NULL, 16) - 1));
	}
	return end;
}

/* Every entry is in order and is found again, and nothing else is: the search and the packing agree. */
static void test_all(void **state)
{
	(void)state;
	const char *before = NULL, *p = pci_ids;
	unsigned n = 0;
	while (p < pci_ids_end) {
		assert_int_equal(*p++, '\n');
		assert_true(!before || strcmp(before, p) < 0);
		before = p;
		p = check_record(p, &n);
	}
	assert_ptr_equal(p, pci_ids_end);
	assert_true(n > 8000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_known), cmocka_unit_test(test_all)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
