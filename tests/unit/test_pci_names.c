#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "pci/names.h"

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

/* Every entry is in order and is found again: the search and the sorting agree. */
static void test_all(void **state)
{
	(void)state;
	const char *before = NULL;
	unsigned n = 0;
	for (const char *p = pci_ids; p < pci_ids_end; p += strlen(p) + 1, n++) {
		uint64_t key = strtoull(p + 1, NULL, 16);
		const char *name = strchr(p, ' ') + 1, *got = NULL;
		if (*p == 'v')
			got = pci_vendor_name((uint16_t)key);
		else if (*p == 'd')
			got = pci_device_name((uint16_t)(key >> 16), (uint16_t)key);
		else if (*p == 's')
			got = pci_subsystem_name((uint16_t)(key >> 48), (uint16_t)(key >> 32),
						 (uint16_t)(key >> 16), (uint16_t)key);
		else if (name - p == 8)
			got = pci_interface_name((uint32_t)key);
		else if (name - p == 6)
			got = pci_class_name((uint32_t)key << 8 | 0xfd);
		else
			got = pci_class_name((uint32_t)key << 16 | 0xfdfd);
		assert_ptr_equal(got, name);
		assert_true(!before || strcmp(before, p) < 0);
		assert_int_not_equal(*name, 0);
		before = p;
	}
	assert_true(n > 15000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_known), cmocka_unit_test(test_all)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
