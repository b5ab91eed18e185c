#include <stdio.h>
#include <string.h>
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/time.h"
#include "pci/fit.h"
#include "tests/unit/test.h"
#include "tools/replay/replay.h"
#include "pci/sriov.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"

#define CAP    0x120 /* of every PF here */
#define WINDOW 0xc0000000u

static struct cm_fn *port, *dev;
static struct pci_func *pf;
static struct sriov s;
static uint8_t port_before[0x1000], dev_before[0x1000];

/* A root port with buses 1-2 and a 4 MiB window, and below it a PF with 8 VFs of 16 KiB. */
static int setup(void **state)
{
	pci_setup(state);
	port = cm_bridge(&m, NULL, 0, 0, 0x08, 1, 2, 4);
	cm_window(port, WINDOW, WINDOW + 0x3fffff);
	dev = cm_add(&m, port, 0, 0, 0, 0x10c98086, 0x020000);
	cm_put(dev, 0x2c, 4, 0xa03c8086);
	cm_bar(dev, 0x10, 0x10000, 0, WINDOW + 0x10000);
	cm_pcie(dev, 0x40, 0);
	cm_ecap(dev, 0x100, 0x0e);
	cm_sriov(&m, dev, CAP, 8, 0x180, 2);
	dev->offset[1] = 0x80;
	cm_bar(dev, CAP + 0x24, 0x4000, 0x4, WINDOW + 0x200000);
	cm_bar(dev, CAP + 0x30, 0x4000, 0xc, WINDOW + 0x220000);
	return 0;
}

static void scan(void)
{
	assert_int_equal(pci_scan(&pci, &m.cfg, 0, 0, 0x1f), SL_OK);
	pf = pci_find(&pci, bdf_make(0, 1, 0, 0));
	assert_non_null(pf);
	memcpy(port_before, port->data, sizeof(port_before));
	memcpy(dev_before, dev->data, sizeof(dev_before));
}

/* First VF Offset without ARI, from now on. */
static void offset_is(uint16_t offset)
{
	dev->offset[0] = offset;
	cm_put(dev, CAP + 0x14, 2, offset);
	memcpy(dev_before, dev->data, sizeof(dev_before));
}

static unsigned count_vfs(void)
{
	unsigned n = 0;
	PCI_EACH(f, &pci)
		n += f->pf != NULL;
	return n;
}

/* Nothing differs from what the scan met, and nothing may be different later. */
static void nothing_changed(void)
{
	assert_int_equal(count_vfs(), 0);
	assert_memory_equal(port->data, port_before, sizeof(port_before));
	assert_memory_equal(dev->data, dev_before, sizeof(dev_before));
}

static void refused(uint16_t n, enum sl_err want, const char *text)
{
	assert_int_equal(sriov_enable(&pci, pf, n, &s), want);
	nothing_changed();
	if (!strstr(logged, text))
		fail_msg("'%s' is not in: %s", text, logged);
	assert_non_null(strstr(logged, "FAIL sriov"));
	assert_non_null(strstr(logged, "try: "));
}

static void test_read(void **state)
{
	(void)state;
	scan();
	assert_int_equal(sriov_read(&pci, pf, &s), SL_OK);
	assert_int_equal(s.initial_vfs, 8);
	assert_int_equal(s.total_vfs, 8);
	assert_int_equal(s.num_vfs, 0);
	assert_int_equal(s.offset, 0x180);
	assert_int_equal(s.stride, 2);
	assert_int_equal(s.vf_device, 0x10ca);
	assert_int_equal(s.page_sizes, 0x553);
	assert_int_equal(s.reach, 8);
	assert_false(s.vf_enable);
	assert_int_equal(s.bar[0].size, 0x4000);
	assert_int_equal(s.bar[0].addr, WINDOW + 0x200000);
	assert_true(s.bar[3].prefetch && s.bar[3].mem64);
	assert_int_equal(sriov_read(&pci, pci_find(&pci, bdf_make(0, 0, 1, 0)), &s), SL_NOTFOUND);
	assert_int_equal(sriov_disable(&pci, pf), SL_NOTFOUND);
}

/* The port can forward ARI, so the VFs come on the PF's own bus. */
static void test_with_ari(void **state)
{
	(void)state;
	scan();
	for (unsigned round = 0; round < 2; round++) {
		uint64_t start = now_us();
		assert_int_equal(sriov_enable(&pci, pf, 3, &s), SL_OK);
		assert_true(now_us() - start < 300000);
		assert_int_equal(cm_get(port, 0x40 + 0x28, 2), 0x20);
		assert_int_equal(cm_get(dev, CAP + 8, 2), 0x19);
		assert_int_equal(s.num_vfs, 3);
		assert_int_equal(s.offset, 0x80);
		assert_true(s.vf_enable && s.ari);
		assert_int_equal(count_vfs(), 3);
		for (uint16_t i = 0; i < 3; i++) {
			const struct pci_func *vf = sriov_vf(&pci, pf, i);
			assert_non_null(vf);
			assert_int_equal(vf->bdf.rid, 0x180 + 2 * i);
			assert_ptr_equal(vf->pf, pf);
			assert_ptr_equal(vf->parent, pf->parent);
			assert_int_equal(vf->vendor, 0x8086);
			assert_int_equal(vf->device, 0x10ca);
			assert_int_equal(vf->class, 0x020000);
			assert_int_equal(vf->revision, 3);
			assert_int_equal(vf->sub_vendor, 0x8086);
			assert_int_equal(vf->sub_device, 0xabcd);
			assert_int_equal(vf->cap_pcie, 0x40);
			assert_int_equal(vf->cap_msix, 0x80);
			assert_int_equal(vf->bar[0].addr, WINDOW + 0x200000 + 0x4000 * i);
			assert_int_equal(vf->bar[0].size, 0x4000);
			assert_int_equal(vf->bar[3].addr, WINDOW + 0x220000 + 0x4000 * i);
			assert_int_equal(vf->bar[1].size, 0);
			assert_int_equal(fn_rd16(vf, 4), 0);
		}
		assert_null(sriov_vf(&pci, pf, 3));
		struct pci_func *vf = sriov_vf(&pci, pf, 1);
		pci_mem_enable(vf, true);
		pci_bus_master(vf, true);
		assert_int_equal(fn_rd16(vf, 4), 6);
		assert_int_equal(sriov_enable(&pci, pf, 3, &s), SL_BUSY);
		assert_int_equal(count_vfs(), 3);
		start = now_us();
		assert_int_equal(sriov_disable(&pci, pf), SL_OK);
		assert_true(now_us() - start >= 1000000); /* PCIe §9.3.3.3.1 */
		nothing_changed();
	}
	assert_int_equal(sriov_disable(&pci, pf), SL_NOTFOUND);
}

/* A port that cannot forward ARI: the VFs come on the next bus number. */
static void test_without_ari(void **state)
{
	(void)state;
	cm_put(port, 0x40 + 0x24, 4, 0);
	scan();
	assert_int_equal(sriov_enable(&pci, pf, 8, &s), SL_OK);
	assert_int_equal(cm_get(port, 0x40 + 0x28, 2), 0);
	assert_int_equal(cm_get(dev, CAP + 8, 2), 0x09);
	assert_int_equal(sriov_vf(&pci, pf, 0)->bdf.rid, 0x280);
	assert_int_equal(sriov_vf(&pci, pf, 7)->bdf.rid, 0x28e);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	nothing_changed();
}

/* DevCtl2 is only there in version 2 of the capability; an ARI bit on a device without ARI would lead astray.
 */
static void test_ari_conditions(void **state)
{
	(void)state;
	cm_put(port, 0x42, 2, 0x41);
	scan();
	assert_int_equal(sriov_enable(&pci, pf, 1, &s), SL_OK);
	assert_int_equal(s.offset, 0x180);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	nothing_changed();
	cm_put(port, 0x42, 2, 0x42);
	memmove(port->data + 0xe0, port->data + 0x40,
		12); /* its Device Control 2 would lie past the list's area */
	port->data[0x34] = 0xe0;
	cm_put(port, 0xe0 + 0x24, 4, 0x20);
	memset(&pci, 0, sizeof(pci));
	scan();
	assert_int_equal(sriov_enable(&pci, pf, 1, &s), SL_OK);
	assert_int_equal(s.offset, 0x180);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	nothing_changed();
	port->data[0x34] = 0x40;
	cm_add(&m, port, 0, 0, 1, 0x12348086, 0x020000); /* function 1 has no ARI capability */
	dev->data[0x0e] = 0x80;
	memset(&pci, 0, sizeof(pci));
	scan();
	assert_int_equal(sriov_enable(&pci, pf, 1, &s), SL_OK);
	assert_int_equal(s.offset, 0x180);
	assert_int_equal(cm_get(port, 0x40 + 0x28, 2), 0);
}

/* Firmware has set both ARI bits: they are not Sluice's to clear. */
static void test_ari_by_firmware(void **state)
{
	(void)state;
	cm_put(port, 0x40 + 0x28, 2, 0x20);
	cm_put(dev, CAP + 8, 2, 0x18); /* and VF MSE, without VFs */
	scan();
	assert_int_equal(pf->vf_bar[0].size, 0x4000);
	assert_int_equal(sriov_enable(&pci, pf, 2, &s), SL_OK);
	assert_int_equal(s.offset, 0x80);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	assert_int_equal(cm_get(dev, CAP + 8, 2), 0x18);
	assert_int_equal(cm_get(port, 0x40 + 0x28, 2), 0x20);
}

/* A VF BAR is at least as large as a page. */
static void test_page_size(void **state)
{
	(void)state;
	cm_put(dev, CAP + 0x20, 4, 0x10);
	scan();
	assert_int_equal(pf->vf_bar[0].size, 0x10000);
	assert_int_equal(sriov_enable(&pci, pf, 2, &s), SL_OK);
	assert_int_equal(s.bar[0].size, 0x4000);
	assert_int_equal(sriov_vf(&pci, pf, 1)->bar[0].addr, WINDOW + 0x204000);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	assert_int_equal(pf->vf_bar[0].size, 0x10000);
	nothing_changed();
}

/* First VF Offset depends on NumVFs, so it means nothing before NumVFs is written. */
static void test_offset_follows_numvfs(void **state)
{
	(void)state;
	dev->more_from = 4;
	dev->more = 0x10;
	scan();
	assert_int_equal(sriov_enable(&pci, pf, 4, &s), SL_OK);
	assert_int_equal(s.offset, 0x90);
	assert_int_equal(sriov_vf(&pci, pf, 0)->bdf.rid, 0x190);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	nothing_changed();
}

/* Two PFs in one device: ARI stays as it is until the last VF is gone, whichever PF goes first. */
static void test_two_pfs(void **state)
{
	(void)state;
	struct cm_fn *second = cm_add(&m, port, 0, 0, 1, 0x10c98086, 0x020000);
	dev->data[0x0e] = second->data[0x0e] = 0x80;
	cm_pcie(second, 0x40, 0);
	cm_ecap(second, 0x100, 0x0e);
	cm_sriov(&m, second, CAP, 8, 0x180, 2);
	second->mask[CAP + 8] = 0x09; /* ARI Capable Hierarchy is only in the lowest PF */
	scan();
	struct pci_func *pf1 = pci_find(&pci, bdf_make(0, 1, 0, 1));
	assert_int_equal(sriov_enable(&pci, pf, 2, &s), SL_OK);
	assert_int_equal(sriov_enable(&pci, pf1, 2, &s), SL_OK);
	assert_int_equal(count_vfs(), 4);
	assert_int_equal(sriov_vf(&pci, pf1, 0)->bdf.rid, 0x281);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	assert_int_equal(count_vfs(), 2);
	assert_int_equal(cm_get(port, 0x40 + 0x28, 2), 0x20);
	assert_int_equal(sriov_disable(&pci, pf1), SL_OK);
	nothing_changed();
	assert_int_equal(sriov_enable(&pci, pf1, 2, &s), SL_OK); /* the bit is set in the other PF */
	assert_int_equal(cm_get(dev, CAP + 8, 2), 0x10);
	assert_int_equal(sriov_disable(&pci, pf1), SL_OK);
	nothing_changed();
}

static void test_wrong_numbers(void **state)
{
	(void)state;
	scan();
	refused(0, SL_RANGE, "has 8 VFs (InitialVFs), 0 requested");
	refused(9, SL_RANGE, "has 8 VFs (InitialVFs), 9 requested");
	dev->offset[1] = 0;
	refused(1, SL_BADVAL, "First VF Offset 0");
	dev->offset[1] = 0x80;
	dev->stride[1] = 0;
	refused(2, SL_BADVAL, "VF Stride 0");
	assert_int_equal(sriov_enable(&pci, pf, 1, &s), SL_OK); /* one VF needs no stride */
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	dev->stride[1] = 0xffff; /* wraps below the PF */
	refused(2, SL_RANGE, "1 of 2 VFs are reachable");
	cm_put(dev, CAP + 0x1c, 4, 0x552);
	memcpy(dev_before, dev->data, sizeof(dev_before));
	refused(1, SL_UNSUPPORTED, "does not support 4 KiB pages");
	struct pci_func *rp = pci_find(&pci, bdf_make(0, 0, 1, 0));
	assert_int_equal(sriov_enable(&pci, rp, 1, &s), SL_UNSUPPORTED);
}

static void test_bus_numbers_too_low(void **state)
{
	(void)state;
	cm_put(port, 0x40 + 0x24, 4, 0);
	port->data[0x1a] = 1;
	scan();
	refused(1, SL_RANGE, "VF 0 would need bus 02, but the port above forwards only buses up to 01");
	offset_is(0xfc); /* fn 252: two VFs are on the bus, the third is not */
	assert_int_equal(sriov_read(&pci, pf, &s), SL_OK);
	assert_int_equal(s.reach, 2);
	refused(3, SL_RANGE, "2 of 3 VFs are reachable");
}

/* On a root bus VFs can be on a further bus only when no bridge has it. */
static void test_root_bus(void **state)
{
	(void)state;
	cm_free(&m);
	cm_init(&m);
	port = cm_bridge(&m, NULL, 0, 0, 0x08, 1, 1, 4);
	dev = cm_add(&m, NULL, 0, 0, 0x10, 0x00101b36, 0x010802);
	cm_pcie(dev, 0x40, 9);
	cm_ecap(dev, 0x100, 0x0e);
	cm_sriov(&m, dev, CAP, 4, 0x100, 1);
	cm_bar(dev, CAP + 0x24, 0x4000, 0x4, 0xd0000000);
	assert_int_equal(pci_scan(&pci, &m.cfg, 0, 0, 1), SL_OK);
	pf = pci_find(&pci, bdf_make(0, 0, 2, 0));
	memcpy(port_before, port->data, sizeof(port_before));
	memcpy(dev_before, dev->data, sizeof(dev_before));
	refused(1, SL_RANGE, "VF 0 would need bus 01");
	offset_is(0x200);
	refused(1, SL_RANGE, "forwards only buses up to 01"); /* the ECAM window ends there */
	offset_is(1);
	assert_int_equal(sriov_enable(&pci, pf, 4, &s), SL_OK);
	assert_int_equal(sriov_vf(&pci, pf, 3)->bdf.rid, 0x14);
	assert_int_equal(sriov_vf(&pci, pf, 3)->bar[0].addr, 0xd000c000);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	cm_put(dev, CAP + 0x24, 4, 4);
	memcpy(dev_before, dev->data, sizeof(dev_before));
	refused(1, SL_NOSPACE, "VF BAR0 has no address: 1 VFs need 16 KiB and there is no bridge above");
}

static void test_collision_of_ids(void **state)
{
	(void)state;
	dev->offset[1] = 1;
	struct cm_fn *other = cm_add(&m, port, 0, 0, 3, 0x12348086, 0x020000);
	dev->data[0x0e] = 0x80;
	cm_ecap(other, 0x100, 0x0e);
	cm_pcie(other, 0x40, 0);
	scan();
	refused(2, SL_BADVAL, "VF 1 would be 0000:01:00.3, which is another function");
}

/* Firmware gave the VF BARs no addresses: they come from the window, past everything that is in it. */
static void test_bars_unassigned(void **state)
{
	(void)state;
	cm_put(dev, CAP + 0x24, 8, 4);
	cm_put(dev, CAP + 0x30, 8, 0xc);
	cm_window_pref(port, 0x800000000, 0x8000fffff);
	scan();
	assert_int_equal(sriov_enable(&pci, pf, 4, &s), SL_OK);
	assert_int_equal(s.bar[0].addr, WINDOW); /* 64 KiB fit before BAR 0 of the PF */
	assert_int_equal(s.bar[3].addr, 0x800000000);
	assert_int_equal(cm_get(dev, CAP + 0x24, 4), WINDOW | 4);
	assert_int_equal(cm_get(dev, CAP + 0x30, 4), 0xc);
	assert_int_equal(cm_get(dev, CAP + 0x34, 4), 8);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	nothing_changed();
	assert_int_equal(sriov_enable(&pci, pf, 5, &s), SL_OK);
	assert_int_equal(s.bar[0].addr, WINDOW + 0x20000); /* 80 KiB do not */
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	nothing_changed();
}

/* Without a prefetchable window a prefetchable BAR goes to the other one, next to the first. */
static void test_bars_one_window(void **state)
{
	(void)state;
	cm_put(dev, CAP + 0x24, 8, 4);
	cm_put(dev, CAP + 0x30, 8, 0xc);
	scan();
	assert_int_equal(sriov_enable(&pci, pf, 4, &s), SL_OK);
	assert_int_equal(s.bar[0].addr, WINDOW);
	assert_int_equal(s.bar[3].addr, WINDOW + 0x20000);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
}

/* vf_low: VF BARs that the firmware put above 4 GiB get addresses below it, and their own back afterwards;
 * those that have no room there stay where they are. */
static void test_bars_low(void **state)
{
	(void)state;
	cm_put(dev, CAP + 0x30, 8, 0x80001000cull);
	cm_window_pref(port, 0x800000000, 0x8000fffff);
	scan();
	pf->vf_low = true;
	assert_int_equal(sriov_enable(&pci, pf, 4, &s), SL_OK);
	assert_int_equal(s.bar[0].addr, WINDOW + 0x200000); /* is below already */
	assert_true(s.bar[3].addr >= WINDOW && s.bar[3].addr + 0x10000 <= WINDOW + 0x400000);
	assert_int_equal(cm_get(dev, CAP + 0x34, 4), 0);
	assert_int_equal(sriov_vf(&pci, pf, 1)->bar[3].addr, s.bar[3].addr + 0x4000);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	nothing_changed();
	pf->vf_low = false;
	assert_int_equal(sriov_enable(&pci, pf, 4, &s), SL_OK);
	assert_int_equal(s.bar[3].addr, 0x800010000);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
}

static void test_bars_low_full(void **state)
{
	(void)state;
	cm_window_pref(port, 0x800000000, 0x8000fffff);
	cm_window(port, WINDOW + 0x200000, WINDOW + 0x2fffff);
	cm_bar(dev, 0x18, 0x80000, 0, WINDOW + 0x280000); /* what is left of 1 MiB is too little */
	cm_bar(dev, CAP + 0x24, 0x20000, 0x4, WINDOW + 0x200000);
	cm_bar(dev, CAP + 0x30, 0x20000, 0xc, 0x800000000);
	scan();
	pf->vf_low = true;
	assert_int_equal(sriov_enable(&pci, pf, 4, &s), SL_OK);
	assert_int_equal(s.bar[3].addr, 0x800000000);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
}

static void test_bars_collide(void **state)
{
	(void)state;
	cm_put(dev, CAP + 0x24, 4,
	       (WINDOW + 0x8000) | 4); /* the third VF would be on top of the PF's BAR 0 */
	scan();
	assert_int_equal(sriov_enable(&pci, pf, 2, &s), SL_OK);
	assert_int_equal(s.bar[0].addr, WINDOW + 0x8000);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	assert_int_equal(sriov_enable(&pci, pf, 3, &s), SL_OK);
	assert_int_equal(s.bar[0].addr, WINDOW);
	assert_int_equal(s.bar[3].addr, WINDOW + 0x220000); /* this one was good */
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	nothing_changed();
	cm_put(dev, CAP + 0x24, 4, 0x90000004); /* the bridge does not pass it down */
	memset(&pci, 0, sizeof(pci));
	scan();
	assert_int_equal(sriov_enable(&pci, pf, 3, &s), SL_OK);
	assert_int_equal(s.bar[0].addr, WINDOW);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
}

static void test_no_room(void **state)
{
	(void)state;
	cm_bar(dev, CAP + 0x24, 0x200000, 0x4, 0);
	scan();
	refused(2, SL_NOSPACE,
		"VF BAR0 has no address: 2 VFs need 4096 KiB in the window of the bridge above");
	cm_bar(dev, CAP + 0x24, 1ull << 63, 0xc, 1ull << 63); /* three of these do not fit in 64 bits */
	cm_window_pref(port, 1ull << 63, UINT64_MAX);
	memset(&pci, 0, sizeof(pci));
	scan();
	refused(3, SL_NOSPACE, "VF BAR0 has no usable address");
}

/* Firmware left VFs on: they go first, with the second that takes. */
static void test_vfs_left_on(void **state)
{
	(void)state;
	cm_put(dev, CAP + 8, 2, 9);
	cm_put(dev, CAP + 0x10, 2, 5);
	scan();
	assert_int_equal(pf->vf_bar[0].size, 0); /* not sized while it is decoded */
	uint64_t start = now_us();
	assert_int_equal(sriov_enable(&pci, pf, 2, &s), SL_OK);
	assert_true(now_us() - start >= 1100000);
	assert_int_equal(s.bar[0].size, 0x4000);
	assert_int_equal(count_vfs(), 2);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	assert_int_equal(cm_get(dev, CAP + 0x10, 2), 5);
	assert_int_equal(cm_get(dev, CAP + 8, 2), 8); /* VF Enable stays clear */
}

static void test_device_refuses(void **state)
{
	(void)state;
	scan();
	dev->refuses_vfe = true;
	refused(2, SL_DEVICE, "does not accept VF Enable with 2 VFs");
	dev->refuses_vfe = false;
	dev->mask[CAP + 0x10] = 3;
	refused(4, SL_DEVICE, "does not accept NumVFs 4");
	dev->mask[CAP + 0x10] = 0xff;
	for (size_t i = 0; i < m.n; i++)
		m.fn[i]->absent |= m.fn[i]->pf == dev && m.fn[i]->vf_index == 2;
	uint64_t start = now_us();
	refused(4, SL_TIMEOUT, "VF 2 does not answer at 0000:01:10.4");
	assert_true(now_us() - start < 3000000);
	assert_int_equal(sriov_enable(&pci, pf, 2, &s), SL_OK); /* the two that do answer are still usable */
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	nothing_changed();
}

/* Numbers that lspci decodes from the same bytes. */
static void read_dump(const char *name, unsigned bus, unsigned total, unsigned num, unsigned offset,
		      unsigned stride, unsigned vf)
{
	struct replay *r;
	scan_recorded(name, 0, &r);
	pf = pci_find(&pci, bdf_make(0, bus, 0, 0));
	assert_non_null(pf);
	assert_int_equal(sriov_read(&pci, pf, &s), SL_OK);
	assert_int_equal(s.total_vfs, total);
	assert_int_equal(s.num_vfs, num);
	assert_int_equal(s.offset, offset);
	assert_int_equal(s.stride, stride);
	assert_int_equal(s.vf_device, vf);
	replay_free(r);
}

static void test_real_pfs(void **state)
{
	(void)state;
	read_dump("intel-82576-sriov-pf.txt", 1, 8, 1, 384, 2, 0x10ca);
	read_dump("samsung-pm174x-nvme-sriov.txt", 0x2e, 64, 0, 32, 1, 0xa826);
	read_dump("intel-0d93-cxl-accelerator-sriov-ats-pasid.txt", 0x6b, 6, 0, 16, 2, 0x0d52);
}

/* A PF on a root bus whose VFs would be on the next buses: those of another bridge are not theirs. */
static void test_bus_of_a_bridge(void **state)
{
	(void)state;
	struct cm_fn *on_root = cm_add(&m, NULL, 0, 0, 0x10, 0x10c98086, 0x020000);
	cm_pcie(on_root, 0x40, 9);
	cm_ecap(on_root, 0x100, 0x0e);
	cm_sriov(&m, on_root, CAP, 2, 0xf0, 0x200);
	cm_bridge(&m, NULL, 0, 0, 0x18, 4, 5, 4);
	scan();
	struct pci_func *f = pci_find(&pci, bdf_make(0, 0, 2, 0));
	assert_int_equal(sriov_read(&pci, f, &s), SL_OK);
	assert_int_equal(s.reach, 0); /* bus 1 is the port's */
	cm_put(on_root, CAP + 0x14, 2, 0x2f0);
	assert_int_equal(sriov_read(&pci, f, &s), SL_OK);
	assert_int_equal(s.reach, 1); /* bus 3 is unassigned, bus 5 the other bridge's */
	cm_put(on_root, CAP + 0x14, 2, 0);
	assert_int_equal(sriov_read(&pci, f, &s), SL_OK);
	assert_int_equal(s.reach, 0);
}

/* The last test: what was taken does not come back. */
/* A VF BAR may be as large as 2^47: sums of 2^16 VFs are what must not wrap. */
static void test_large_bar(void **state)
{
	(void)state;
	cm_window_pref(port, 1ull << 47, (1ull << 48) - 1);
	cm_bar(dev, CAP + 0x24, 1ull << 47, 0xc, 1ull << 47);
	scan();
	assert_int_equal(sriov_enable(&pci, pf, 1, &s), SL_OK);
	assert_int_equal(s.bar[0].addr, 1ull << 47);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
}

/* First VF Offset in both ARI states, read without switching VFs on; everything is as before. */
static void test_routes(void **state)
{
	struct sriov_route route[2];
	bool known[2];
	(void)state;
	scan();
	sriov_routes(&pci, pf, route, known);
	assert_true(known[0] && known[1]);
	assert_int_equal(route[0].offset, 0x180);
	assert_int_equal(route[1].offset, 0x80);
	assert_int_equal(route[1].stride, 2);
	assert_true(sriov_ari_forwards(pf));
	nothing_changed();
	dev->mask[CAP + 8] &= (uint8_t)~0x10; /* the bit does not take the other value */
	sriov_routes(&pci, pf, route, known);
	assert_true(known[0] && !known[1]);
	nothing_changed();
	dev->mask[CAP + 8] |= 0x10;
	assert_int_equal(sriov_enable(&pci, pf, 4, &s), SL_OK);
	unsigned writes = m.writes;
	sriov_routes(&pci, pf, route, known); /* it may not change under VFs: only the state that is */
	assert_int_equal(m.writes, writes);
	assert_true(!known[0] && known[1]);
	assert_int_equal(route[1].offset, 0x80);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
}

/* What fits is what can be switched on, and one more cannot; VFs that are on change nothing. */
static void test_fit(void **state)
{
	const struct sriov_route ari = {0x80, 2}, plain = {0x180, 2};
	struct sriov_fit fit;
	(void)state;
	scan();
	sriov_fit(&pci, pf, 8, ari, &fit);
	assert_true(fit.by_bus == 8 && fit.by_bars == 8 && !fit.missing_bytes && !fit.missing_buses);
	assert_true(fit.each == 0x8000 && fit.last_bus == 2);
	sriov_fit(&pci, pf, 200, plain,
		  &fit); /* 0x280 to 0x2fe is bus 2; then come buses that do not lead there */
	assert_int_equal(fit.by_bus, 64);
	assert_int_equal(fit.missing_buses, 2);
	assert_true(fit.by_bars > 8 && fit.by_bars < 200);
	sriov_fit(&pci, pf, 64, plain, &fit);
	assert_true(fit.by_bus == 64 && !fit.missing_buses);
	sriov_fit(&pci, pf, 65, plain, &fit); /* the first of bus 3 */
	assert_true(fit.by_bus == 64 && fit.missing_buses == 1);
	sriov_fit(&pci, pf, 200, plain, &fit);
	assert_int_equal(fit.missing_bytes, 0x8000ull * (200 - fit.by_bars));
	uint16_t most = fit.by_bars;
	sriov_fit(&pci, pf, most, plain, &fit);
	assert_int_equal(fit.missing_bytes, 0);
	nothing_changed();
	assert_true(pf->vf_bar[0].addr == WINDOW + 0x200000 && pf->vf_bar[3].addr == WINDOW + 0x220000);
	assert_int_equal(sriov_enable(&pci, pf, 8, &s), SL_OK);
	sriov_fit(&pci, pf, 200, plain, &fit);
	assert_int_equal(fit.by_bars, most);
	assert_int_equal(sriov_disable(&pci, pf), SL_OK);
	sriov_fit(&pci, pf, 0, ari, &fit);
	assert_true(!fit.by_bus && !fit.by_bars && !fit.missing_bytes);
}

/* On a root bus addresses are those that firmware gave, or none. */
static void test_fit_root_bus(void **state)
{
	struct sriov_fit fit;
	(void)state;
	struct cm_fn *f = cm_add(&m, NULL, 0, 0, 0x40, 0x00101b36, 0x010802);
	cm_pcie(f, 0x40, 9);
	cm_ecap(f, 0x100, 0x0e);
	cm_sriov(&m, f, CAP, 4, 1, 1);
	cm_bar(f, CAP + 0x24, 0x4000, 4, 0);
	scan();
	struct pci_func *root = pci_find(&pci, bdf_make(0, 0, 8, 0));
	sriov_fit(&pci, root, 4, (struct sriov_route){1, 1}, &fit);
	assert_true(fit.no_window && fit.by_bus == 4 && !fit.by_bars && fit.missing_bytes == 0x10000);
	root->vf_bar[0].addr = 0xd0000000;
	sriov_fit(&pci, root, 4, (struct sriov_route){1, 1}, &fit);
	assert_int_equal(fit.by_bars, 4);
	assert_false(sriov_ari_forwards(root));
}

static void test_out_of_memory(void **state)
{
	(void)state;
	struct pci other;
	phys_t page;
	memset(&other, 0, sizeof(other));
	scan();
	while (pmm_alloc(1, PAGE_SIZE, &page) == SL_OK)
		;
	while (pmm_keep(16))
		;
	assert_int_equal(sriov_enable(&pci, pf, 2, &s), SL_NOMEM);
	assert_int_equal(count_vfs(), 0);
	assert_int_equal(pci_scan(&other, &m.cfg, 0, 0, 0x1f), SL_NOMEM);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, pci_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read),
		TEST(test_with_ari),
		TEST(test_without_ari),
		TEST(test_ari_conditions),
		TEST(test_ari_by_firmware),
		TEST(test_page_size),
		TEST(test_offset_follows_numvfs),
		TEST(test_two_pfs),
		TEST(test_wrong_numbers),
		TEST(test_bus_numbers_too_low),
		TEST(test_root_bus),
		TEST(test_collision_of_ids),
		TEST(test_bars_unassigned),
		TEST(test_bars_one_window),
		TEST(test_bars_low),
		TEST(test_bars_low_full),
		TEST(test_bars_collide),
		TEST(test_no_room),
		TEST(test_vfs_left_on),
		TEST(test_device_refuses),
		TEST(test_bus_of_a_bridge),
		TEST(test_real_pfs),
		TEST(test_large_bar),
		TEST(test_routes),
		TEST(test_fit),
		TEST(test_fit_root_bus),
		TEST(test_out_of_memory),
	};
	return cmocka_run_group_tests(tests, pci_group_setup, NULL);
}
