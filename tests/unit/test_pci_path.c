/* Power of a function, and the bridges above it: pci/path.h. */
#include <string.h>
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/time.h"
#include "pci/path.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"
#include "tests/unit/test.h"

#define NVME 0x00101b36

static struct cm_fn *root, *up, *down, *dev;

/* A drive behind a switch: 00:03.0, 01:00.0, 02:00.0, 03:00.0. */
static void behind_a_switch(void)
{
	root = cm_bridge(&m, NULL, 0, 0, 0x18, 1, 3, 4);
	up = cm_bridge(&m, root, 0, 0, 0, 2, 3, 5);
	down = cm_bridge(&m, up, 0, 0, 0, 3, 3, 6);
	dev = cm_add(&m, down, 0, 0, 0, NVME, 0x010802);
	cm_pcie(dev, 0x80, 0);
	cm_bar(dev, 0x10, 0x4000, 4, 0x80000000);
	cm_window(root, 0x80000000, 0x803fffff);
	cm_window(up, 0x80000000, 0x802fffff);
	cm_window(down, 0x80000000, 0x800fffff);
}

static struct pci_func *scanned(void)
{
	scan_all();
	struct pci_func *f = pci_find(&pci, bdf_make(0, 3, 0, 0));
	assert_non_null(f);
	return f;
}

static unsigned command(const struct cm_fn *f)
{
	return cm_get(f, 4, 2);
}

static void test_ports_above(void **state)
{
	(void)state;
	behind_a_switch();
	struct cm_fn *other = cm_bridge(&m, up, 0, 0, 0x08, 0, 0, 6);
	cm_put(root, 4, 2, 0x0406);
	cm_put(up, 4, 2, 0x0002);
	struct pci_func *f = scanned();
	logged[0] = 0;
	assert_int_equal(pci_path_open(f), SL_OK);
	assert_int_equal(command(root), 0x0406);
	assert_int_equal(command(up), 0x0006);
	assert_int_equal(command(down), 0x0006);
	assert_int_equal(command(other), 0);
	assert_int_equal(command(dev), 2); /* its Bus Master Enable is the caller's */
	assert_null(strstr(logged, "0000:00:03.0"));
	assert_non_null(strstr(
		logged,
		"0000:01:00.0 had bus mastering off (Command 0002): on until the end of the run, for 0000:03:00.0 below it\n"));
	assert_non_null(
		strstr(logged, "0000:02:00.0 had memory decoding and bus mastering off (Command 0000)"));
	logged[0] = 0;
	assert_int_equal(pci_path_open(f), SL_OK); /* again: nothing left to say */
	assert_string_equal(logged, "");
	pci_paths_restore(&pci);
	assert_int_equal(command(root), 0x0406);
	assert_int_equal(command(up), 0x0002);
	assert_int_equal(command(down), 0);
	assert_int_equal(command(dev), 0);
	assert_non_null(strstr(logged, "put back as found: Command registers: 3, power states: 0\n"));
	logged[0] = 0;
	pci_paths_restore(&pci);
	assert_string_equal(logged, "");
}

/* What firmware left is noted before anything is opened: bridges with something below them, functions not in
 * D0. */
static void test_found_as_firmware_left_it(void **state)
{
	(void)state;
	behind_a_switch();
	cm_bridge(&m, up, 0, 0, 0x08, 4, 4, 6); /* nothing below it */
	up->data[0x1a] = root->data[0x1a] = 4;
	cm_put(root, 4, 2, 6);
	cm_put(up, 4, 2, 2);
	cm_pm(down, 0x90, 3, true);
	cm_pm(dev, 0x60, 3, true);
	struct pci_func *f = scanned();
	(void)pci_quiesce(&pci);
	assert_int_equal(f->found, PCI_FOUND_ASLEEP);
	assert_int_equal(f->parent->found, PCI_FOUND_ASLEEP | PCI_FOUND_CLOSED);
	assert_int_equal(f->parent->parent->found, PCI_FOUND_CLOSED);
	assert_int_equal(f->parent->parent->parent->found, 0);
	assert_int_equal(pci_find(&pci, bdf_make(0, 2, 1, 0))->found, 0);
}

static void test_port_that_does_not_take_it(void **state)
{
	(void)state;
	behind_a_switch();
	down->mask[4] &= 0xfb;
	struct pci_func *f = scanned();
	assert_int_equal(pci_path_open(f), SL_OK);
	assert_non_null(strstr(
		logged,
		"0000:02:00.0 does not take them (Command 0002): 0000:03:00.0 may not answer, or its DMA may end there\n"));
}

/* Everything that the function had is there again, and the event that woke it is not acknowledged. */
static void test_device_in_d3hot(void **state)
{
	(void)state;
	uint8_t before[0x1000];
	behind_a_switch();
	cm_pm(dev, 0x60, 3, false);
	cm_put(dev, 0x64, 2, 0x8103);
	cm_put(dev, 0x88, 2, 0x283f); /* Device Control */
	cm_ecap(dev, 0x100, 0x0d);
	cm_put(dev, 0x104, 2, 0x001d);
	cm_put(dev, 0x106, 2, 0x001d);
	dev->mask[0x106] = 0x1d;
	cm_sriov(&m, dev, 0x200, 4, 1, 1);
	cm_bar(dev, 0x224, 0x4000, 4, 0x80010000);
	cm_put(dev, 0x220, 4, 0x10);
	cm_put(dev, 0x3c, 1, 11);
	struct pci_func *f = scanned();
	assert_int_equal(pci_power_state(f), 3); /* no driver uses it yet */
	memcpy(before, dev->data, sizeof before);
	assert_int_equal(pci_path_open(f), SL_OK);
	before[4] = 2;
	before[0x64] = 0;
	assert_memory_equal(dev->data, before, sizeof before);
	assert_non_null(strstr(
		logged,
		"0000:03:00.0 was in D3hot: it is in D0 until the end of the run; it was reset on the way, and its registers are restored\n"));
	pci_paths_restore(&pci);
	assert_int_equal(cm_get(dev, 0x64, 2), 0x8103);
	assert_int_equal(command(dev), 0);
	assert_non_null(strstr(logged, "power states: 1\n"));
}

static void test_device_that_keeps_its_registers(void **state)
{
	(void)state;
	behind_a_switch();
	cm_pm(dev, 0x60, 3, true);
	struct pci_func *f = scanned();
	unsigned writes = m.writes;
	assert_int_equal(pci_power_on(f), SL_OK);
	assert_int_equal(m.writes - writes, 1);
	assert_non_null(strstr(logged, "0000:03:00.0 was in D3hot: it is in D0 until the end of the run\n"));
}

/* What is below is found, and not before its link may be used. */
static void test_port_in_d3hot(void **state)
{
	(void)state;
	behind_a_switch();
	cm_pm(root, 0x90, 3, false);
	cm_pm(down, 0x90, 2, true);
	struct pci_func *f = scanned();
	assert_int_equal(root->data[0x1a], 3);
	assert_non_null(strstr(logged, "0000:00:03.0 was in D3hot: it is in D0 until"));
	assert_non_null(strstr(logged, "0000:02:00.0 was in D2: it is in D0 until the end of the run\n"));
	assert_null(pci_path_stop(f, &f->bar[0]));
	assert_int_equal(cm_get(root, 0x20, 4), 0x80308000);
	pci_paths_restore(&pci);
	assert_int_equal(root->data[0x94] & 3, 3);
	assert_int_equal(down->data[0x94] & 3, 2);
}

/* A register that is alone in having been lost is put back, the first as well. */
static void test_one_register_lost(void **state)
{
	(void)state;
	struct cm_fn *f = cm_add(&m, NULL, 0, 0, 0x20, NVME, 0x010802);
	cm_pm(f, 0x60, 3, false);
	cm_put(f, 0x0c, 1, 0x10);
	f->mask[0x0c] = 0xff;
	scan_all();
	assert_int_equal(pci_power_on(pci_find(&pci, bdf_make(0, 0, 4, 0))), SL_OK);
	assert_int_equal(cm_get(f, 0x0c, 1), 0x10);
	assert_non_null(strstr(logged, "its registers are restored"));
}

/* A port that says whether its link is up is waited for until it is, and not much longer than a second. */
static void test_link(void **state)
{
	(void)state;
	for (unsigned is_up = 0; is_up < 2; is_up++) {
		assert_int_equal(pci_teardown(state), 0);
		pci_setup(state);
		behind_a_switch();
		cm_pm(root, 0x90, 3, false);
		cm_put(root, 0x4c, 4, 1u << 20);
		cm_put(root, 0x52, 2, is_up << 13);
		uint64_t start = now_us();
		scan_all();
		assert_true(is_up == (now_us() - start < 600000));
		assert_true(now_us() - start < 2000000);
	}
}

static void test_asleep_for_good(void **state)
{
	(void)state;
	behind_a_switch();
	cm_pm(dev, 0x60, 3, true);
	struct pci_func *f = scanned();
	dev->power_stuck = true;
	assert_int_equal(pci_path_open(f), SL_DEVICE);
	assert_non_null(strstr(
		logged, "FAIL pci: 0000:03:00.0 stays in D3hot (PMCSR 000b): its registers do not answer\n"));
	assert_int_equal(command(dev), 0);
}

static void test_port_asleep_for_good(void **state)
{
	(void)state;
	behind_a_switch();
	cm_pm(root, 0x90, 3, true);
	root->power_stuck = true;
	cm_put(root, 4, 2, 6);
	scan_all();
	assert_null(pci_find(&pci, bdf_make(0, 3, 0, 0)));
	assert_int_equal(pci.n_missed, 1);
	assert_int_equal(pci.missed[0].why, PCI_MISS_ASLEEP);
	assert_non_null(strstr(
		logged,
		"0000:00:03.0, a bridge to buses 01-03, is not followed: it is not in D0 and forwards no configuration requests\n"));
	(void)pci_quiesce(&pci);
	assert_int_equal(command(root), 2);
}

static void test_windows(void **state)
{
	(void)state;
	behind_a_switch();
	struct pci_func *f = scanned();
	struct pci_bar bar = {.addr = 0x80000000, .size = 0x100000};
	const struct pci_func *r = pci_find(&pci, bdf_make(0, 0, 3, 0)),
			      *u = pci_find(&pci, bdf_make(0, 1, 0, 0));
	assert_null(pci_path_stop(f, &bar));
	assert_null(pci_path_stop(r, &bar)); /* on a root bus */
	bar.size = 0x100001;
	assert_ptr_equal(pci_path_stop(f, &bar), f->parent);
	bar = (struct pci_bar){.addr = 0x7ffff000, .size = 0x4000};
	assert_ptr_equal(pci_path_stop(f, &bar), f->parent);
	f->parent->pref = (struct pci_window){0x4000000000, 0x4000};
	bar.addr = 0x4000000000;
	assert_ptr_equal(pci_path_stop(f, &bar), u);
	f->parent->parent->class |= 1; /* subtractive decode */
	assert_ptr_equal(pci_path_stop(f, &bar), r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ports_above, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_found_as_firmware_left_it, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_port_that_does_not_take_it, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_device_in_d3hot, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_device_that_keeps_its_registers, pci_setup,
						pci_teardown),
		cmocka_unit_test_setup_teardown(test_port_in_d3hot, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_one_register_lost, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_link, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_asleep_for_good, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_port_asleep_for_good, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_windows, pci_setup, pci_teardown),
	};
	return cmocka_run_group_tests(tests, pci_group_setup, NULL);
}
