#include <string.h>
#include "pci/pci.h"
#include "pci/regs.h"
#include "tests/unit/test.h"
#include "tools/replay/replay.h"

static const bdf_t fn = {0, 0x0100};

static void put(struct replay *r, size_t off, uint64_t v, size_t n)
{
	uint8_t b[8];
	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)(v >> 8 * i);
	assert_true(replay_put(r, fn, off, b, n));
}

/* What is put in is read back; the rest reads as was said; other functions are not there. */
static void test_bytes(void **state)
{
	(void)state;
	struct replay *r = replay_new(0, true);
	const struct pci_cfg *c = replay_cfg(r);
	bdf_t bdf;
	uint8_t bytes[16] = {1, 2, 3};
	assert_false(replay_function(r, 0, &bdf));
	assert_false(replay_bar(r, fn, 0, false, 16)); /* nothing was put in */
	put(r, CFG_ID, 0x12348086, 4);
	assert_int_equal(pci_rd32(c, fn, CFG_ID), 0x12348086);
	assert_int_equal(pci_rd32(c, fn, 0xffc), 0);
	assert_int_equal(pci_rd32(c, (bdf_t){0, 0x0108}, CFG_ID), UINT32_MAX);
	assert_true(replay_put(r, fn, 0xff0, bytes, 16));
	assert_int_equal(replay_bytes(r, 0), 0x1000);
	assert_int_equal(replay_bytes(r, 1), 0);
	assert_false(replay_put(r, fn, 0xff1, bytes, 16));
	assert_false(replay_put(r, fn, SIZE_MAX, bytes, 2));
	assert_true(replay_function(r, 0, &bdf) && bdf_eq(bdf, fn) && !replay_function(r, 1, &bdf));
	replay_ready(r);
	pci_wr32(c, fn, CFG_ID, 0); /* as on a machine: no such write */
	pci_wr16(c, fn, CFG_CMD, 0xffff);
	assert_int_equal(pci_rd32(c, fn, CFG_ID), 0x12348086);
	assert_int_equal(pci_rd16(c, fn, CFG_CMD), CMD_IOSE | CMD_MSE | CMD_BME);
	struct replay *copy = replay_copy(r);
	pci_wr16(c, fn, CFG_CMD, 0);
	assert_int_equal(pci_rd16(replay_cfg(copy), fn, CFG_CMD), CMD_IOSE | CMD_MSE | CMD_BME);
	replay_free(copy);
	replay_free(r);
}

/* BARs have the sizes that were recorded, above 4 GiB too; others are not there. */
static void test_sizes(void **state)
{
	(void)state;
	struct replay *r = replay_new(0, true);
	const struct pci_cfg *c = replay_cfg(r);
	put(r, CFG_ID, 0x12348086, 4);
	put(r, CFG_BAR, 0x2000000000ull | 0xc, 8); /* 64-bit, prefetchable */
	put(r, CFG_BAR + 8, 0xc0000000, 4);        /* 32-bit */
	put(r, CFG_BAR + 12, 0xd001, 4);           /* I/O */
	put(r, CFG_BAR + 16, 0xc0100000, 4);       /* not named */
	assert_true(replay_bar(r, fn, 0, false, 8ull << 30));
	assert_true(replay_bar(r, fn, 2, false, 0x4000));
	assert_true(replay_bar(r, fn, 3, false, 32));
	assert_false(replay_bar(r, fn, 6, false, 32));
	assert_false(replay_bar(r, fn, 5, false, 48));
	assert_false(replay_bar(r, fn, 5, false, 0));
	replay_ready(r);
	static const struct {
		uint16_t off;
		uint32_t ones;
	} want[] = {{0, 0xc}, {4, 0xfffffffe}, {8, 0xffffc000}, {12, 0xffffffe1}, {16, 0xc0100000}};
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		pci_wr32(c, fn, (uint16_t)(CFG_BAR + want[i].off), UINT32_MAX);
		assert_int_equal(pci_rd32(c, fn, (uint16_t)(CFG_BAR + want[i].off)), want[i].ones);
	}
	replay_free(r);
}

/* A PCI Express root port with ACS: Control takes what Capability has; Intel's wide form has it further on.
 */
static void acs_port(uint16_t device, unsigned control, unsigned other)
{
	struct replay *r = replay_new(0, true);
	const struct pci_cfg *c = replay_cfg(r);
	put(r, CFG_ID, 0x8086u | (uint32_t)device << 16, 4);
	put(r, CFG_STATUS, STATUS_CAP, 2);
	put(r, CFG_CAP_PTR, 0x40, 1);
	put(r, 0x40, CAP_ID_PCIE | FPUT(PCIE_TYPE, PCI_PORT_ROOT) << 16, 4);
	put(r, ECAP_FIRST, FPUT(ECAP_ID, ECAP_ID_ACS) | FPUT(ECAP_VER, 1), 4);
	put(r, ECAP_FIRST + ACS_CAP, 0x1d, 2);
	replay_ready(r);
	pci_wr16(c, fn, (uint16_t)(ECAP_FIRST + control), 0xffff);
	assert_int_equal(pci_rd16(c, fn, (uint16_t)(ECAP_FIRST + control)), 0x1d);
	if (other) {
		pci_wr16(c, fn, (uint16_t)(ECAP_FIRST + other), 0xffff);
		assert_int_equal(pci_rd16(c, fn, (uint16_t)(ECAP_FIRST + other)), 0);
	}
	replay_free(r);
}

static void test_acs(void **state)
{
	(void)state;
	acs_port(0x1234, ACS_CTL, ACS_CTL_WIDE);
	acs_port(0xa110, ACS_CTL_WIDE, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_acs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
