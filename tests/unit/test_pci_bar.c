#include <string.h>
#include "kernel/pmm.h"
#include "pci/priv.h"
#include "pci/window.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"
#include "tests/unit/test.h"

static struct pci_func *at(unsigned bus, unsigned dev)
{
	struct pci_func *f = pci_find(&pci, bdf_make(0, bus, dev, 0));
	assert_non_null(f);
	return f;
}

static void bar_is(const struct pci_bar *b, uint64_t addr, uint64_t size, const char *flags)
{
	assert_int_equal(b->addr, addr);
	assert_int_equal(b->size, size);
	assert_int_equal(b->io, strchr(flags, 'i') != NULL);
	assert_int_equal(b->mem64, strchr(flags, '6') != NULL);
	assert_int_equal(b->prefetch, strchr(flags, 'p') != NULL);
}

static void test_kinds(void **state)
{
	(void)state;
	struct cm_fn *a = cm_add(&m, NULL, 0, 0, 0x08, 0x00101b36, 0x010802);
	cm_bar(a, 0x10, 0x4000, 0x4, 0x1234560000); /* 64-bit */
	cm_bar(a, 0x18, 0x1000, 0x0, 0xfe000000);   /* 32-bit */
	cm_bar(a, 0x1c, 0x8000000000, 0xc,
	       0x20000000000);                   /* larger than 4 GiB: nothing writable below bit 39 */
	cm_bar(a, 0x24, 32, 0x1, 0xc000);        /* I/O */
	a->mask[0x26] = a->mask[0x27] = 0;       /* without its upper 16 bits */
	cm_bar(a, 0x30, 0x10000, 0, 0xfd000001); /* ROM, enabled */
	a->mask[0x30] = 1;
	cm_put(a, 4, 2, 0x407);
	struct cm_fn *b = cm_add(&m, NULL, 0, 0, 0x10, 0x00101b36, 0x010802);
	cm_bar(b, 0x10, 0x2000, 0x2, 0x000c0000); /* below 1 MiB: 32-bit as any other */
	cm_bar(b, 0x14, 0x1000, 0x6, 0x80000000); /* reserved type */
	cm_bar(b, 0x1c, 0x1000, 0x8, 0);          /* no address */
	cm_put(b, 0x24, 4, 0x80000004);           /* 64-bit in the last register */
	b->mask[0x27] = 0xff;
	struct cm_fn *c = cm_add(&m, NULL, 0, 0, 0x18, 0x00101b36, 0x010802);
	cm_put(c, 0x10, 4, UINT32_MAX); /* a register that reads as if the function were absent */
	cm_bar(c, 0x14, 0x1000, 0, 0xfe100000);
	uint8_t before[2][64];
	memcpy(before[0], a->data, 64);
	memcpy(before[1], b->data, 64);
	scan_all();
	bar_is(&at(0, 1)->bar[0], 0x1234560000, 0x4000, "6");
	bar_is(&at(0, 1)->bar[1], 0, 0, "");
	bar_is(&at(0, 1)->bar[2], 0xfe000000, 0x1000, "");
	bar_is(&at(0, 1)->bar[3], 0x20000000000, 0x8000000000, "6p");
	bar_is(&at(0, 1)->bar[4], 0, 0, "");
	bar_is(&at(0, 1)->bar[5], 0xc000, 32, "i");
	assert_int_equal(at(0, 1)->rom.addr, 0xfd000000);
	assert_int_equal(at(0, 1)->rom.size, 0x10000);
	bar_is(&at(0, 2)->bar[0], 0xc0000, 0x2000, "");
	assert_int_equal(at(0, 2)->bar[1].size, 0);
	bar_is(&at(0, 2)->bar[3], 0, 0x1000, "p");
	assert_int_equal(at(0, 2)->bar[5].size, 0);
	bar_is(&at(0, 3)->bar[0], 0, 0, "");
	bar_is(&at(0, 3)->bar[1], 0xfe100000, 0x1000, "");
	assert_memory_equal(a->data, before[0], 64); /* registers and Command are as they were */
	assert_memory_equal(b->data, before[1], 64);
}

static void test_host_bridge_left_alone(void **state)
{
	(void)state;
	struct cm_fn *a = cm_add(&m, NULL, 0, 0, 0, 0x29c08086, 0x060000);
	cm_bar(a, 0x10, 0x1000, 0, 0xfe000000);
	cm_put(a, 4, 2, 6);
	scan_all();
	assert_int_equal(m.writes, 0);
	assert_int_equal(at(0, 0)->bar[0].size, 0);
}

static void test_windows(void **state)
{
	(void)state;
	struct cm_fn *a = cm_bridge(&m, NULL, 0, 0, 0x08, 1, 1, 4),
		     *b = cm_bridge(&m, NULL, 0, 0, 0x10, 2, 2, 4);
	cm_bar(a, 0x10, 0x1000, 0, 0xfe000000);
	cm_window(a, 0xc0000000, 0xc01fffff);
	cm_window_pref(a, 0x800000000, 0x87fffffff);
	cm_put(b, 0x20, 4, 0);          /* never set: not a window from 0 to 1 MiB */
	cm_put(b, 0x24, 4, 0xe000d000); /* a 32-bit prefetchable window ... */
	cm_put(b, 0x28, 4, 0x55);       /* ... has no upper half */
	scan_all();
	assert_int_equal(at(0, 1)->mem.base, 0xc0000000);
	assert_int_equal(at(0, 1)->mem.size, 0x200000);
	assert_int_equal(at(0, 1)->pref.base, 0x800000000);
	assert_int_equal(at(0, 1)->pref.size, 0x80000000);
	assert_int_equal(at(0, 1)->bar[0].size, 0x1000);
	assert_int_equal(at(0, 2)->mem.size, 0);
	assert_int_equal(at(0, 2)->pref.base, 0xd0000000);
	assert_int_equal(at(0, 2)->pref.size, 0x10100000);
}

/* A switch below a root port: each user of address space on the bus is stepped over. */
static void test_gap(void **state)
{
	(void)state;
	uint64_t addr = 0;
	struct cm_fn *rp = cm_bridge(&m, NULL, 0, 0, 0x08, 1, 4, 4),
		     *up = cm_bridge(&m, rp, 0, 0, 0, 2, 4, 5);
	struct cm_fn *down = cm_bridge(&m, up, 0, 0, 0x08, 3, 4, 6);
	cm_window(rp, 0xc0000000, 0xc0ffffff);
	cm_window(up, 0xc0000000, 0xc07fffff);
	cm_window(down, 0xc0000000, 0xc04fffff);
	cm_window_pref(up, 0x800000000, 0x8ffffffff); /* the root port does not pass it down */
	cm_window_pref(down, 0x800000000, 0x8ffffffff);
	struct cm_fn *on_up = cm_add(&m, up, 0, 0, 0x10, 0x00101b36, 0x010802);
	cm_bar(on_up, 0x10, 0x100000, 0, 0xc0500000);
	cm_bar(on_up, 0x30, 0x10000, 0, 0xc0600000);
	cm_pcie(on_up, 0x40, 0);
	cm_sriov(&m, on_up, 0x100, 8, 8, 1);
	cm_bar(on_up, 0x124, 0x4000, 4, 0xc0610000); /* 8 VFs: to 0xc062ffff */
	cm_bar(on_up, 0x12c, 0x10, 1, 0x1000);       /* VF BARs are never I/O */
	scan_all();
	const struct pci_func *bridge = at(1, 0);
	assert_int_equal(at(2, 2)->vf_bar[0].size, 0x4000);
	assert_int_equal(at(2, 2)->vf_bar[2].size, 0);
	assert_int_equal(pci_gap_find(&pci, bridge, false, 0x10000, 0x10000, &addr), SL_OK);
	assert_int_equal(addr, 0xc0630000);
	assert_int_equal(pci_gap_find(&pci, bridge, false, 0x80000, 0x80000, &addr), SL_OK);
	assert_int_equal(addr, 0xc0680000);
	assert_int_equal(pci_gap_find(&pci, bridge, false, 0x100000, 0x100000, &addr), SL_OK);
	assert_int_equal(addr, 0xc0700000);
	assert_int_equal(pci_gap_find(&pci, bridge, false, 0x200000, 0x1000, &addr), SL_NOSPACE);
	assert_int_equal(pci_gap_find(&pci, bridge, true, 0x1000, 0x1000, &addr), SL_NOSPACE);
	assert_true(range_free(&pci, bridge, 0xc0700000, 0x100000));
	assert_false(range_free(&pci, bridge, 0xc0700000, 0x100001));
	assert_false(range_free(&pci, bridge, 0xc062f000, 0x1000));
	assert_false(range_free(&pci, bridge, 0xc04ff000, 0x1000));
	assert_false(range_free(&pci, bridge, 0xbfff0000, 0x1000));
	assert_false(range_free(&pci, bridge, 0xfffffffffffff000, 0x2000));
	assert_false(range_free(&pci, bridge, 0, 0x1000));
	assert_int_equal(pci_gap_find(&pci, at(2, 1), true, 0x1000, 0x1000, &addr), SL_NOSPACE);
	const struct pci_func *port = at(0, 1); /* nothing but the upstream port's own window is on its bus */
	assert_int_equal(pci_gap_find(&pci, port, false, 0x800000, 0x800000, &addr), SL_OK);
	assert_int_equal(addr, 0xc0800000);
}

/* What passes the bridge above as well, to its last byte; a BAR without an address blocks nothing. */
static void test_gap_edges(void **state)
{
	(void)state;
	struct cm_fn *rp = cm_bridge(&m, NULL, 0, 0, 0x08, 1, 2, 4),
		     *up = cm_bridge(&m, rp, 0, 0, 0, 2, 2, 5);
	cm_window(rp, 0xc0000000, 0xc01fffff);
	cm_window(up, 0xc0100000, 0xc04fffff);
	cm_bar(cm_add(&m, up, 0, 0, 0x10, 0x00101b36, 0x010802), 0x10, 1ull << 33, 0xc, 0);
	scan_all();
	assert_true(range_free(&pci, at(1, 0), 0xc0100000, 0x100000));
	assert_false(range_free(&pci, at(1, 0), 0xc0100000, 0x100001));
	assert_false(range_free(&pci, at(1, 0), 0xc00ff000, 0x1000));
	assert_false(pci_range_used(&pci, 0xd0000000, 0x1000));
	assert_true(pci_range_used(&pci, 0xc04ff000, 0x1000));
}

/* A window to the end of the address space: no sum may wrap. */
static void test_gap_at_the_end(void **state)
{
	(void)state;
	uint64_t addr = 0;
	struct cm_fn *rp = cm_bridge(&m, NULL, 0, 0, 0x08, 1, 1, 4);
	cm_window_pref(rp, 0xffffffff00000000, 0xffffffffffffffff);
	struct cm_fn *d = cm_add(&m, rp, 0, 0, 0, 0x00101b36, 0x010802);
	cm_bar(d, 0x10, 0x80000000, 0xc, 0xffffffff80000000);
	scan_all();
	assert_int_equal(at(0, 1)->pref.size, 0x100000000);
	assert_int_equal(pci_gap_find(&pci, at(0, 1), true, 0x80000000, 0x80000000, &addr), SL_OK);
	assert_int_equal(addr, 0xffffffff00000000);
	at(1, 0)->bar[0].addr = 0xffffffff00000000;
	at(1, 0)->bar[0].size = 0x200000000; /* impossible, past the end */
	assert_int_equal(pci_gap_find(&pci, at(0, 1), true, 0x1000, 0x1000, &addr), SL_NOSPACE);
}

int main(void)
{
	phys_t ram = support_ram(16 << 20, 0x40000000);
	if (pmm_add(ram, 16 << 8) != SL_OK)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kinds, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_host_bridge_left_alone, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_windows, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_gap, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_gap_edges, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_gap_at_the_end, pci_setup, pci_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
