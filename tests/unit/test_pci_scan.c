#include <stdio.h>
#include <string.h>
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/time.h"
#include "pci/pci.h"
#include "tests/unit/test.h"
#include "tools/replay/replay.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"

#define NVME 0x00101b36

/* The list as "rid<parent rid ..." in hexadecimal; - for none. */
static const char *tree(void)
{
	static char out[1024];
	out[0] = 0;
	PCI_EACH(f, &pci) {
		size_t n = strlen(out);
		snprintf(out + n, sizeof(out) - n, "%s%x<", n ? " " : "", f->bdf.rid);
		n = strlen(out);
		if (f->parent)
			snprintf(out + n, sizeof(out) - n, "%x", f->parent->bdf.rid);
		else
			snprintf(out + n, sizeof(out) - n, "-");
	}
	return out;
}

static void test_tree(void **state)
{
	(void)state;
	cm_add(&m, NULL, 0, 0, 0, 0x29c08086, 0x060000);
	struct cm_fn *rp = cm_bridge(&m, NULL, 0, 0, 0x18, 1, 5, 4);
	struct cm_fn *up = cm_bridge(&m, rp, 0, 0, 0, 2, 4, 5);
	struct cm_fn *d0 = cm_bridge(&m, up, 0, 0, 0x00, 3, 3, 6),
		     *d1 = cm_bridge(&m, up, 0, 0, 0x08, 4, 4, 6);
	struct cm_fn *e = cm_add(&m, d1, 0, 0, 0, NVME, 0x010802);
	e->data[0x0e] = 0x80;
	cm_put(e, 0x2c, 4, 0x11001af4);
	cm_add(&m, d1, 0, 0, 3, NVME, 0x010802); /* function numbers may have gaps */
	cm_add(&m, d0, 0, 0, 1, NVME, 0x010802); /* without function 0 there is no device */
	struct cm_fn *single = cm_add(&m, NULL, 0, 0, 0x20, NVME, 0x020000);
	cm_add(&m, NULL, 0, 0, 0x21, NVME, 0x020000); /* function 0 does not say multi-function */
	struct cm_fn *pxb = cm_bridge(&m, NULL, 0, 0x40, 0, 0x41, 0x41, 4);
	cm_add(&m, pxb, 0, 0, 0, NVME, 0x010802);
	scan_all();
	assert_string_equal(tree(), "0<- 18<- 20<- 100<18 200<100 208<100 400<208 403<208 4000<- 4100<4000");
	assert_int_equal(pci.n_roots, 2);
	assert_int_equal(pci.root[0].bus, 0);
	assert_int_equal(pci.root[1].bus, 0x40);
	const struct pci_func *f = pci_find(&pci, bdf_make(0, 4, 0, 0));
	assert_true(f->multi_function);
	assert_false(f->is_bridge);
	assert_int_equal(f->vendor, 0x1b36);
	assert_int_equal(f->device, 0x0010);
	assert_int_equal(f->class, 0x010802);
	assert_int_equal(f->revision, 3);
	assert_int_equal(f->sub_vendor, 0x1af4);
	assert_int_equal(f->sub_device, 0x1100);
	f = pci_find(&pci, bdf_make(0, 1, 0, 0));
	assert_true(f->is_bridge);
	assert_int_equal(f->port_type, PCI_PORT_UPSTREAM);
	assert_int_equal(f->sec, 2);
	assert_int_equal(f->sub, 4);
	assert_null(pci_find(&pci, bdf_make(1, 4, 0, 0)));
	assert_string_equal(logged, "");
	(void)single;
}

/* Entry i of what was not looked at. */
static void assert_missed(unsigned i, enum pci_miss why, unsigned rid, unsigned first, unsigned last)
{
	assert_int_equal(pci.missed[i].why, why);
	assert_int_equal(pci.missed[i].bdf.rid, rid);
	assert_int_equal(pci.missed[i].first, first);
	assert_int_equal(pci.missed[i].last, last);
}

/* Each of these bridges would send the walk in a circle or out of its range; the one in the middle is
 * followed as far as the port above it goes. */
static void test_broken_bridges(void **state)
{
	(void)state;
	static const uint8_t numbers[][2] = {{0, 0}, {0, 5}, {1, 0}, {9, 8}, {2, 1}};
	for (unsigned i = 0; i < 5; i++)
		cm_bridge(&m, NULL, 0, 0, i << 3, numbers[i][0], numbers[i][1], 4);
	struct cm_fn *good = cm_bridge(&m, NULL, 0, 0, 0x30, 0x10, 0x12, 4);
	struct cm_fn *up = cm_bridge(&m, good, 0, 0, 0, 0x11, 0x13, 5); /* runs past the port above */
	cm_bridge(&m, NULL, 0, 0, 0x38, 0x12, 0x20, 4);                 /* overlaps it */
	cm_bridge(&m, NULL, 0, 0, 0x40, 0xf0, 0xff, 4);                 /* past bus_end */
	cm_bridge(&m, up, 0, 0, 0, 0x10, 0x10, 6);                      /* back up */
	assert_int_equal(pci_scan(&pci, &m.cfg, 0, 0, 0xef), SL_OK);
	assert_string_equal(tree(), "0<- 8<- 10<- 18<- 20<- 30<- 38<- 40<- 1000<30 1100<1000");
	assert_int_equal(pci.n_missed, 9);
	assert_missed(0, PCI_MISS_NO_NUMBERS, 0, 0, 0);
	assert_missed(1, PCI_MISS_NUMBERS, 8, 0, 5);
	assert_missed(4, PCI_MISS_NUMBERS, 0x20, 2, 1);
	assert_missed(5, PCI_MISS_OVERLAP, 0x38, 0x12, 0x20);
	assert_missed(6, PCI_MISS_OUTSIDE, 0x40, 0xf0, 0xff);
	assert_missed(7, PCI_MISS_HIDDEN, 0x1000, 0x13, 0x13);
	assert_missed(8, PCI_MISS_NUMBERS, 0x1100, 0x10, 0x10);
	assert_non_null(strstr(
		logged, "0000:00:08.0, a bridge to buses f0-ff, is not followed: its buses lie beyond"));
	assert_non_null(strstr(logged, "buses 13-13 below 0000:10:00.0 are not read: they lie beyond"));
	PCI_EACH(f, &pci)
		assert_int_equal(f->sub, f->bdf.rid == 0x30 ? 0x12 : f->bdf.rid == 0x1000 ? 0x12 : 0);
}

/* A window that ends before the buses of a bridge: those in it are read, and the others are named. */
static void test_short_window(void **state)
{
	(void)state;
	struct cm_fn *a = cm_bridge(&m, NULL, 0, 0, 0x08, 1, 3, 4),
		     *b = cm_bridge(&m, NULL, 0, 0, 0x10, 4, 4, 4);
	cm_add(&m, a, 0, 0, 0, NVME, 0x010802);
	cm_add(&m, b, 0, 0, 0, NVME, 0x010802);
	assert_int_equal(pci_scan(&pci, &m.cfg, 0, 0, 1), SL_OK);
	assert_string_equal(tree(), "8<- 10<- 100<8");
	assert_int_equal(pci.n_missed, 2);
	assert_missed(0, PCI_MISS_HIDDEN, 8, 2, 3);
	assert_missed(1, PCI_MISS_OUTSIDE, 0x10, 4, 4);
}

/* Nothing that was seen can still master the bus, and what was not seen is counted. */
static void test_quiet_and_counted(void **state)
{
	(void)state;
	struct cm_fn *a = cm_bridge(&m, NULL, 0, 0, 0x08, 1, 4, 4),
		     *b = cm_bridge(&m, NULL, 0, 0, 0x10, 3, 5, 4);
	struct cm_fn *x = cm_add(&m, a, 0, 1, 0, 0x12348086, 0x010802);
	struct cm_fn *hard = cm_add(&m, NULL, 0, 0, 0x28, 0x9abc8086, 0x010601);
	cm_add(&m, NULL, 0, 0, 0x20, 0xffff0001, 0x020000);
	cm_add(&m, b, 0, 3, 0, 0x56788086, 0x0c0330);
	struct cm_fn *on[] = {a, b, x, hard};
	for (unsigned i = 0; i < ARRAY_LEN(on); i++) {
		cm_put(on[i], 4, 2, 6);
		on[i]->mask[4] = on[i] == hard ? 3 : 7;
	}
	scan_all();
	assert_int_equal(pci_quiesce(&pci), 2);
	assert_int_equal(cm_get(a, 4, 2), 6);
	assert_int_equal(cm_get(b, 4, 2), 2); /* not followed: it passes nothing up now */
	assert_int_equal(cm_get(x, 4, 2), 2);
	assert_true(pci_find(&pci, bdf_make(0, 0, 5, 0))->stuck);
	assert_true(pci_find(&pci, bdf_make(0, 1, 0, 0))->found_master);
	assert_false(pci_find(&pci, bdf_make(0, 1, 0, 0))->stuck);
	assert_int_equal(pci.n_missed, 2);
	assert_missed(0, PCI_MISS_OVERLAP, 0x10, 3, 5);
	assert_missed(1, PCI_MISS_RETRY, 0x20, 0, 0);
}

/* What lets a device keep or use translations, and VFs that firmware left on. */
static void test_quiet_caches_and_vfs(void **state)
{
	(void)state;
	struct cm_fn *f = cm_add(&m, NULL, 0, 0, 0x08, NVME, 0x010802);
	cm_pcie(f, 0x40, 9);
	cm_ecap(f, 0x100, 0x0f);
	cm_put(f, 0x106, 2, 0x8005);
	f->mask[0x107] = 0x80;
	cm_ecap(f, 0x120, 0x13);
	cm_put(f, 0x124, 2, 1);
	f->mask[0x124] = 3;
	cm_ecap(f, 0x140, 0x1b);
	cm_put(f, 0x146, 2, 1);
	f->mask[0x146] = 7;
	cm_sriov(&m, f, 0x160, 2, 8, 8);
	cm_put(f, 0x168, 2, 9); /* VF Enable, VF MSE */
	scan_all();
	assert_int_equal(pci_quiesce(&pci), 0);
	assert_int_equal(cm_get(f, 0x106, 2), 0x0005);
	assert_int_equal(cm_get(f, 0x124, 2), 0);
	assert_int_equal(cm_get(f, 0x146, 2), 0);
	assert_int_equal(cm_get(f, 0x168, 2) & 1, 0);
	const struct pci_func *pf = pci_find(&pci, bdf_make(0, 0, 1, 0));
	assert_int_equal(pf->found, PCI_FOUND_ATS | PCI_FOUND_PRI | PCI_FOUND_PASID | PCI_FOUND_VFS);
	assert_non_null(strstr(logged, "firmware left its VFs on"));
}

/* ATS and page requests, on and off: pages of 4 KiB, and all requests that the function can have open. */
static void test_ats(void **state)
{
	(void)state;
	struct cm_fn *f = cm_add(&m, NULL, 0, 0, 0x08, NVME, 0x010802),
		     *without = cm_add(&m, NULL, 0, 0, 0x10, NVME, 0x010802);
	cm_pcie(f, 0x40, 9);
	cm_pcie(without, 0x40, 9);
	cm_ecap(f, 0x100, 0x0f);
	cm_put(f, 0x104, 2, 0x65); /* 5 at once, and flags */
	cm_put(f, 0x106, 2, 5);    /* STU */
	f->mask[0x106] = 0x1f;
	f->mask[0x107] = 0x80;
	cm_ecap(f, 0x120, 0x13);
	cm_put(f, 0x128, 4, 0x12345);
	f->mask[0x124] = 3;
	for (unsigned i = 0; i < 4; i++)
		f->mask[0x12c + i] = 0xff;
	scan_all();
	struct pci_func *fn = pci_find(&pci, bdf_make(0, 0, 1, 0));
	assert_int_equal(pci_ats_depth(pci_find(&pci, bdf_make(0, 0, 2, 0))), 0);
	assert_int_equal(pci_ats_depth(fn), 5);
	cm_put(f, 0x104, 2, 0x20);
	assert_int_equal(pci_ats_depth(fn), 32);
	pci_ats_enable(fn, false);
	assert_int_equal(cm_get(f, 0x106, 2), 0x8000);
	assert_int_equal(cm_get(f, 0x124, 2), 0);
	pci_ats_enable(fn, true);
	assert_int_equal(cm_get(f, 0x124, 2), 1);
	assert_int_equal(cm_get(f, 0x12c, 4), 0x12345);
	pci_ats_disable(fn);
	assert_int_equal(cm_get(f, 0x106, 2), 0);
	assert_int_equal(cm_get(f, 0x124, 2), 0);
}

/* More is counted than is kept. */
static void test_many_missed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 200; i++)
		pci_miss(&pci,
			 (struct pci_missed){.why = PCI_MISS_ROOT, .first = (uint8_t)i, .last = (uint8_t)i});
	assert_int_equal(pci.n_missed, 200);
	assert_missed(63, PCI_MISS_ROOT, 0, 63, 63);
	assert_string_equal(pci_miss_name(PCI_MISS_HIDDEN), "hidden");
	assert_string_equal(pci_miss_name(PCI_MISSES), "?");
}

/* An old device behind a port answers to every device number; it is there once. */
static void test_one_device_below_a_port(void **state)
{
	(void)state;
	struct cm_fn *rp = cm_bridge(&m, NULL, 0, 0, 0x18, 1, 1, 4),
		     *pb = cm_bridge(&m, NULL, 0, 0, 0x20, 2, 2, -1);
	cm_add(&m, rp, 0, 0, 0, NVME, 0x010802)->all_devices = true;
	cm_add(&m, pb, 0, 0, 0x08, NVME, 0x020000);
	cm_add(&m, pb, 0, 0, 0x10, NVME, 0x020000);
	scan_all();
	assert_string_equal(tree(), "18<- 20<- 100<18 208<20 210<20");
}

static void test_ari(void **state)
{
	(void)state;
	struct cm_fn *rp = cm_bridge(&m, NULL, 0, 0, 0x18, 1, 1, 4), *f[4];
	static const uint8_t devfn[4] = {0, 1, 0x20, 0xff}, next[4] = {1, 0x20, 0xff, 0x20};
	for (unsigned i = 0; i < 4; i++) {
		f[i] = cm_add(&m, rp, 0, 0, devfn[i], NVME, 0x010802);
		cm_pcie(f[i], 0x40, 0);
		cm_ecap(f[i], 0x100, 0x0e);
		cm_put(f[i], 0x104, 2, next[i] << 8); /* the last one leads back */
	}
	f[0]->data[0x0e] = 0x80;
	cm_put(rp, 0x40 + 0x28, 2, 0x0400); /* another bit of Device Control 2 */
	scan_all();
	assert_string_equal(tree(),
			    "18<- 100<18 101<18"); /* without ARI Forwarding the others cannot be reached */
	memset(&pci, 0, sizeof(pci));
	rp->data[0x40 + 0x28] = 0x20;
	scan_all();
	assert_string_equal(tree(), "18<- 100<18 101<18 120<18 1ff<18");
	memset(&pci, 0, sizeof(pci));
	rp->data[0x42] = 0x41; /* version 1: there is no Device Control 2, whatever stands there */
	scan_all();
	assert_string_equal(tree(), "18<- 100<18 101<18");
}

static void test_segments(void **state)
{
	(void)state;
	cm_add(&m, NULL, 1, 0x80, 0, NVME, 0x010802);
	cm_add(&m, NULL, 0, 0x10, 0, NVME, 0x010802);
	cm_add(&m, NULL, 0, 0x30, 0, NVME, 0x010802); /* outside of what is scanned */
	assert_int_equal(pci_scan(&pci, &m.cfg, 1, 0x80, 0x8f), SL_OK);
	assert_int_equal(pci_scan(&pci, &m.cfg, 0, 0x10, 0x1f), SL_OK);
	assert_int_equal(pci_scan(&pci, &m.cfg, 0, 0x1f, 0x2f), SL_EXISTS);
	assert_int_equal(pci_scan(&pci, &m.cfg, 1, 0x10, 0x1f), SL_OK);
	assert_int_equal(pci_scan(&pci, &m.cfg, 2, 0x10, 0x0f), SL_RANGE);
	assert_string_equal(tree(), "1000<- 8000<-");
	assert_true(pci_scanned(&pci, 1, 0x80, 0x8f) && pci_scanned(&pci, 0, 0x10, 0x1f));
	assert_true(pci_scanned(&pci, 1, 0x10, 0x10));
	assert_false(pci_scanned(&pci, 1, 0x80, 0x90) || pci_scanned(&pci, 0, 0x0f, 0x1f));
	assert_false(pci_scanned(&pci, 0, 0x80, 0x80) || pci_scanned(&pci, 0, 0x11, 0x10));
	cm_add(&m, NULL, 0x8000, 0x01, 0, NVME, 0x010802); /* the highest bit of a segment's number counts */
	cm_add(&m, NULL, 2, 0, 0, NVME, 0x010802);
	assert_int_equal(pci_scan(&pci, &m.cfg, 0x8000, 1, 1), SL_OK);
	assert_int_equal(pci_scan(&pci, &m.cfg, 2, 0, 0), SL_OK);
	assert_string_equal(tree(), "1000<- 8000<- 0<- 100<-");
	assert_non_null(pci_find(&pci, bdf_make(1, 0x80, 0, 0)));
	assert_non_null(pci_find(&pci, bdf_make(0, 0x10, 0, 0)));
}

static void test_not_ready(void **state)
{
	(void)state;
	uint64_t start = now_us();
	cm_add(&m, NULL, 0, 0, 0x08, 0xffff0001, 0xffffff);
	cm_add(&m, NULL, 0, 0, 0x10, 0, 0);
	cm_add(&m, NULL, 0, 0, 0x18, 0xffff0001, 0xffffff);
	scan_all();
	assert_string_equal(tree(), "");
	assert_non_null(strstr(logged, "0000:00:01.0 is not ready"));
	assert_int_equal(pci.n_missed, 2);
	assert_between(now_us() - start, 1000000, 1100000); /* for both of them */
}

static void test_quiesce(void **state)
{
	(void)state;
	struct cm_fn *host = cm_add(&m, NULL, 0, 0, 0, 0x29c08086, 0x060000);
	struct cm_fn *rp = cm_bridge(&m, NULL, 0, 0, 0x18, 1, 1, 4),
		     *a = cm_add(&m, rp, 0, 0, 0, NVME, 0x010802);
	struct cm_fn *b = cm_add(&m, NULL, 0, 0, 0x20, NVME, 0x020000),
		     *stuck = cm_add(&m, NULL, 0, 0, 0x28, NVME, 0x060100);
	cm_cap(a, 0x40, 0x11);
	cm_put(a, 0x42, 2, 0xc003);
	a->mask[0x43] = 0xc0;
	cm_cap(b, 0x50, 0x05);
	cm_put(b, 0x52, 2, 0x0081);
	b->mask[0x52] = 0x71;
	cm_put(host, 4, 2, 6);
	cm_put(rp, 4, 2, 7);
	cm_put(a, 4, 2, 0x406);
	cm_put(b, 4, 2, 0x003);
	cm_put(stuck, 4, 2, 7);
	stuck->mask[4] = 3;
	scan_all();
	assert_int_equal(pci_quiesce(&pci), 2);
	assert_int_equal(cm_get(host, 4, 2), 6);
	assert_int_equal(cm_get(rp, 4, 2), 7);
	assert_int_equal(cm_get(a, 4, 2), 0x402);
	assert_int_equal(cm_get(b, 4, 2), 3);
	assert_int_equal(cm_get(a, 0x42, 2), 0x4003);
	assert_int_equal(cm_get(b, 0x52, 2), 0x0080);
	assert_non_null(strstr(logged, "0000:00:05.0: Bus Master Enable does not clear"));
	struct pci_func *f = pci_find(&pci, bdf_make(0, 1, 0, 0));
	pci_bus_master(f, true);
	pci_mem_enable(f, false);
	assert_int_equal(cm_get(a, 4, 2), 0x404);
	pci_mem_enable(f, true);
	assert_int_equal(cm_get(a, 4, 2), 0x406);
}

/* Every machine that was dumped whole is found whole, each function behind the bridge that leads to it. */
static void scan_dump(const char *name, uint16_t last)
{
	bdf_t bdf;
	struct replay *r;
	scan_recorded(name, last, &r);
	size_t n = 0, found = 0;
	for (size_t i = 0; replay_function(r, i, &bdf); i++) {
		const struct pci_func *f = pci_find(&pci, bdf);
		if (pci_rd16(replay_cfg(r), bdf, 0) == 0xffff)
			continue; /* powered down when it was dumped */
		n++;
		if (!f)
			fail_msg("%s: " BDF_FMT " not found", name, BDF_ARG(bdf));
		if (f->parent)
			assert_true(f->parent->sec == bdf_bus(bdf) && f->parent->bdf.seg == bdf.seg);
	}
	PCI_EACH(f, &pci)
		found++;
	assert_int_equal(found, n);
	assert_true(pci_quiesce(&pci) > 0);
	assert_int_equal(pci_quiesce(&pci), 0);
	replay_free(r);
}

static void test_real_machines(void **state)
{
	(void)state;
	scan_dump("alder-lake-p-laptop-whole-machine.txt", 0);
	scan_dump("asus-p6t6-tree.txt", 0);
	scan_dump("pci-x-bridges-and-domains.txt", 4);
	scan_dump("root-complex-link-declarations.txt", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tree, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_broken_bridges, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_short_window, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_quiet_and_counted, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_quiet_caches_and_vfs, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_ats, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_many_missed, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_one_device_below_a_port, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_ari, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_segments, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_not_ready, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_quiesce, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_real_machines, pci_setup, pci_teardown),
	};
	return cmocka_run_group_tests(tests, pci_group_setup, NULL);
}
