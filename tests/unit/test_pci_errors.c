#include <string.h>
#include "kernel/pmm.h"
#include "pci/errors.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"
#include "tests/unit/test.h"

static struct cm_fn *port, *end, *plain;

/* A root port and, below it, a function with AER; beside it one without. */
static void machine(void)
{
	port = cm_bridge(&m, NULL, 0, 0, 0x08, 1, 1, 4);
	cm_aer(port, 0x100);
	end = cm_add(&m, port, 0, 1, 0, 0x00101b36, 0x010802);
	cm_pcie(end, 0x60, 0);
	cm_aer(end, 0x100);
	plain = cm_add(&m, NULL, 0, 0, 0x10, 0x12348086, 0x020000);
	cm_pcie(plain, 0x60, 9);
	cm_add(&m, NULL, 0, 0, 0x18, 0x11118086, 0x060100); /* conventional */
	scan_all();
}

static enum pci_error_class take(const struct cm_fn *f, struct pci_errors *e)
{
	unsigned bus = f == end ? 1 : 0;
	pci_errors_take(pci_find(&pci, (bdf_t){0, (uint16_t)(bus << 8 | f->devfn)}), e);
	return e->class;
}

static void says(const struct pci_errors *e, const char *want)
{
	char text[400];
	assert_int_equal(pci_errors_text(e, text, sizeof text), strlen(want));
	assert_string_equal(text, want);
}

static void test_none(void **state)
{
	struct pci_errors e;
	(void)state;
	machine();
	unsigned writes = m.writes;
	cm_put(end, 0x60 + 0xa, 2, 0x30); /* AUX power, transactions pending: no errors */
	assert_int_equal(take(end, &e), PCI_ERROR_NONE);
	assert_int_equal(take(port, &e), PCI_ERROR_NONE);
	pci_errors_take(pci_find(&pci, (bdf_t){0, 0x18}), &e);
	assert_int_equal(e.class, PCI_ERROR_NONE);
	assert_int_equal(m.writes, writes);
}

/* Shown once, cleared, and shown again when it comes again. */
static void test_cleared(void **state)
{
	struct pci_errors e;
	(void)state;
	machine();
	for (unsigned round = 0; round < 2; round++) {
		cm_put(end, 0x100 + 4, 4, 1u << 5);
		cm_put(end, 0x100 + 0xc, 4, 1u << 5);
		for (unsigned i = 0; i < 4; i++)
			cm_put(end, 0x100 + 0x1c + 4 * i, 4, 0x10 + i);
		cm_put(end, 0x60 + 0xa, 2, 4);
		assert_int_equal(take(end, &e), PCI_ERROR_LOST);
		says(&e, "Surprise Down Error (fatal), header 00000010 00000011 00000012 00000013; "
			 "Device Status: fatal error");
		assert_int_equal(cm_get(end, 0x100 + 4, 4), 0);
		assert_int_equal(cm_get(end, 0x60 + 0xa, 2), 0);
		assert_int_equal(take(end, &e), PCI_ERROR_NONE);
	}
}

/* A bit that does not clear is shown once; others beside it are, each time. */
static void test_stuck(void **state)
{
	struct pci_errors e;
	(void)state;
	machine();
	memset(port->clear, 0, sizeof port->clear);
	cm_put(port, 0x100 + 4, 4, 1u << 14);
	cm_put(port, 0x100 + 0x10, 4, 1);
	cm_put(port, 0x100 + 0x30, 4, 0x28000004);
	cm_put(port, 0x40 + 0xa, 2, 2);
	assert_int_equal(take(port, &e), PCI_ERROR_LOST);
	says(&e, "Completion Timeout (non-fatal), header 00000000 00000000 00000000 00000000; Receiver "
		 "Error; Device "
		 "Status: non-fatal error; Root Error Status 0x4, sources 0000 (ERR_COR) and 0000");
	assert_int_equal(take(port, &e), PCI_ERROR_NONE);
	memset(port->clear + 0x100, 0xff, 0x40);
	cm_put(port, 0x100 + 0x10, 4, 0x41);
	assert_int_equal(take(port, &e), PCI_ERROR_CORRECTED);
	says(&e, "Bad TLP");
	assert_int_equal(cm_get(port, 0x100 + 0x10, 4), 0);
	cm_put(port, 0x100 + 0x10, 4, 1);
	assert_int_equal(take(port, &e), PCI_ERROR_CORRECTED);
}

static void test_classes(void **state)
{
	static const struct {
		uint32_t uncor, cor;
		uint16_t sta;
		enum pci_error_class class;
	} cases[] = {
		{1u << 4, 0, 4, PCI_ERROR_LOST},
		{1u << 12 | 1u << 20, 0, 10, PCI_ERROR_LOST},
		{1u << 22, 1u << 13, 1, PCI_ERROR_LOST},
		{1u << 20, 0, 10, PCI_ERROR_REFUSED},
		{1u << 15, 0, 2, PCI_ERROR_REFUSED},
		{1u << 21, 0, 2, PCI_ERROR_REFUSED},
		{1u << 20, 1u << 13, 9, PCI_ERROR_CORRECTED}, /* advisory */
		{0, 1u << 6, 1, PCI_ERROR_CORRECTED},
		{0, 0, 1, PCI_ERROR_CORRECTED},
		{0, 0, 8, PCI_ERROR_REFUSED},
		{0, 0, 2, PCI_ERROR_REFUSED}, /* AER says nothing of it: masked */
	};
	struct pci_errors e;
	(void)state;
	machine();
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		cm_put(end, 0x100 + 4, 4, cases[i].uncor);
		cm_put(end, 0x100 + 0x10, 4, cases[i].cor);
		cm_put(end, 0x60 + 0xa, 2, cases[i].sta);
		assert_int_equal(take(end, &e), cases[i].class);
	}
}

/* Device Status is all there is. */
static void test_without_aer(void **state)
{
	static const enum pci_error_class class[16] = {
		PCI_ERROR_NONE,    PCI_ERROR_CORRECTED, PCI_ERROR_LOST,    PCI_ERROR_LOST,
		PCI_ERROR_LOST,    PCI_ERROR_LOST,      PCI_ERROR_LOST,    PCI_ERROR_LOST,
		PCI_ERROR_REFUSED, PCI_ERROR_CORRECTED, PCI_ERROR_REFUSED, PCI_ERROR_REFUSED,
		PCI_ERROR_LOST,    PCI_ERROR_LOST,      PCI_ERROR_LOST,    PCI_ERROR_LOST};
	struct pci_errors e;
	(void)state;
	machine();
	for (unsigned sta = 0; sta < 16; sta++) {
		cm_put(plain, 0x60 + 0xa, 2, sta);
		assert_int_equal(take(plain, &e), class[sta]);
		assert_int_equal(cm_get(plain, 0x60 + 0xa, 2), 0);
	}
	says(&e, "Device Status: correctable error, non-fatal error, fatal error, unsupported request");
}

/* What a root port has received from below: its own bits, and who sent the messages. */
static void test_root(void **state)
{
	struct pci_errors e;
	(void)state;
	machine();
	cm_put(port, 0x100 + 0x34, 4, 0x01010203);
	cm_put(port, 0x100 + 0x30, 4, 0x01);
	assert_int_equal(take(port, &e), PCI_ERROR_CORRECTED);
	says(&e, "Root Error Status 0x1, sources 0203 (ERR_COR) and 0101");
	assert_int_equal(cm_get(port, 0x100 + 0x30, 4), 0);
	cm_put(port, 0x100 + 0x30, 4, 0x24);
	assert_int_equal(take(port, &e), PCI_ERROR_REFUSED);
	cm_put(port, 0x100 + 0x30, 4, 0x54);
	assert_int_equal(take(port, &e), PCI_ERROR_LOST);
	cm_put(end, 0x100 + 0x30, 4, 0x54); /* no endpoint has these registers */
	assert_int_equal(take(end, &e), PCI_ERROR_NONE);
}

static void test_gone(void **state)
{
	struct pci_errors e;
	(void)state;
	machine();
	end->absent = true;
	assert_int_equal(take(end, &e), PCI_ERROR_LOST);
	says(&e, "its configuration space reads all ones: it is gone from the bus");
	assert_int_equal(take(end, &e), PCI_ERROR_NONE);
	end->absent = false;
	assert_int_equal(take(end, &e), PCI_ERROR_NONE);
	end->absent = true;
	assert_int_equal(take(end, &e), PCI_ERROR_LOST);
}

/* Bits of later revisions, and a buffer that is too small. */
static void test_text(void **state)
{
	struct pci_errors e = {.uncor = 1u << 31 | 1u << 26, .cor = 1u << 30, .devsta = 1};
	char text[24];
	(void)state;
	says(&e, "Poisoned TLP Egress Blocked, 0x80000000 (non-fatal), header 00000000 00000000 00000000 "
		 "00000000; "
		 "0x40000000; Device Status: correctable error");
	pci_errors_text(&e, text, sizeof text);
	assert_string_equal(text, "Poisoned TLP Egress Blo");
	memset(&e, 0, sizeof e);
	says(&e, "");
	text[0] = 'x';
	assert_int_equal(pci_errors_text(&e, text, 0), 0);
	assert_int_equal(text[0], 'x');
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, pci_setup, pci_teardown)

int main(void)
{
	phys_t ram = support_ram(32 * PAGE_2M, 0);
	if (pmm_add(ram, 32 * 512))
		return 1;
	const struct CMUnitTest tests[] = {CASE(test_none),    CASE(test_cleared),     CASE(test_stuck),
					   CASE(test_classes), CASE(test_without_aer), CASE(test_root),
					   CASE(test_gone),    CASE(test_text)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
