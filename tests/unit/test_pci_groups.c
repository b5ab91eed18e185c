#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/pmm.h"
#include "pci/acs.h"
#include "pci/groups.h"
#include "tests/unit/test.h"
#include "tools/replay/replay.h"
#include "pci/sriov.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"

#define NVME 0x00101b36
#define ALL  0x5f /* what a full ACS capability offers */

/* An ACS capability at 148h, all of its control bits writable that it has. */
static struct cm_fn *acs(struct cm_fn *f, unsigned cap)
{
	cm_ecap(f, f->last_ecap ? 0x148 : 0x100, 0x0d);
	cm_put(f, f->last_ecap + 4, 2, cap);
	f->mask[f->last_ecap + 6] = (uint8_t)cap;
	return f;
}

static struct cm_fn *root_port(unsigned devfn, unsigned sec, unsigned sub, unsigned cap)
{
	struct cm_fn *f = cm_bridge(&m, NULL, 0, 0, devfn, sec, sub, 4);
	return cap ? acs(f, cap) : f;
}

static struct cm_fn *down_port(struct cm_fn *up, unsigned devfn, unsigned bus, unsigned cap)
{
	struct cm_fn *f = cm_bridge(&m, up, 0, 0, devfn, bus, bus, 6);
	return cap ? acs(f, cap) : f;
}

static struct cm_fn *endpoint(struct cm_fn *above, unsigned devfn)
{
	struct cm_fn *f = cm_add(&m, above, 0, 0, devfn, NVME, 0x010802);
	cm_pcie(f, 0x40, 0);
	return f;
}

static struct cm_fn *conventional(struct cm_fn *above, unsigned devfn)
{
	return cm_add(&m, above, 0, 0, devfn, 0x11e81234, 0x00ff00);
}

static struct cm_fn *multi(struct cm_fn *f)
{
	f->data[0x0e] |= 0x80;
	return f;
}

/* The groups as "rid rid | rid" in hexadecimal. */
static const char *text(void)
{
	static char out[4096];
	unsigned n = groups_compute(&pci);
	size_t at = 0;
	out[0] = 0;
	for (unsigned id = 1; id <= n; id++) {
		const struct pci_func *f = NULL;
		assert_non_null(groups_next(&pci, id, NULL));
		while ((f = groups_next(&pci, id, f))) {
			assert_int_equal(groups_of(f), id);
			at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%x",
					       groups_next(&pci, id, NULL) != f ? " "
					       : id > 1                         ? " | "
										: "",
					       f->bdf.rid);
		}
	}
	assert_null(groups_next(&pci, n + 1, NULL));
	assert_null(groups_next(&pci, 0, NULL));
	return out;
}

static const char *scan(void)
{
	assert_int_equal(pci_scan(&pci, &m.cfg, 0, 0, 255), SL_OK);
	acs_enable_all(&pci);
	return text();
}

static struct pci_func *fn(unsigned rid)
{
	struct pci_func *f = pci_find(&pci, (bdf_t){0, (uint16_t)rid});
	assert_non_null(f);
	return f;
}

/* Reason n of the group that rid is in, as text; "" when there is none. A remedy goes with each. */
static const char *why(unsigned rid, unsigned n)
{
	static char out[400];
	struct group_reason r;
	out[0] = 0;
	if (groups_reason(&pci, groups_of(fn(rid)), n, &r) != SL_OK)
		return out;
	groups_reason_text(&r, out, sizeof(out));
	assert_true(strlen(out) > 20 && strlen(groups_remedy(&r)) > 20);
	return out;
}

static const char *remedy(unsigned rid)
{
	struct group_reason r;
	assert_int_equal(groups_reason(&pci, groups_of(fn(rid)), 0, &r), SL_OK);
	return groups_remedy(&r);
}

#define ASSERT_HAS(text, part)                                                                               \
	do {                                                                                                 \
		if (!strstr(text, part))                                                                     \
			fail_msg("\"%s\" does not say \"%s\"", text, part);                                  \
	} while (0)

/* Every group of more than one is explained, and no group of one is. */
static void assert_explained(void)
{
	struct group_reason r;
	unsigned n = groups_compute(&pci);
	for (unsigned id = 1; id <= n; id++) {
		const struct pci_func *first = groups_next(&pci, id, NULL);
		bool alone = !groups_next(&pci, id, first);
		enum sl_err e = groups_reason(&pci, id, 0, &r);
		if ((e == SL_END) != alone)
			fail_msg("group %u from %x: %s", id, first->bdf.rid, sl_err_text(e));
	}
	assert_int_equal(groups_reason(&pci, n + 1, 0, &r), SL_END);
}

/* ACS is enabled by a step of its own: computing groups writes nothing, and finds what isolates as it is. */
static void test_only_reads(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++)
		endpoint(root_port(0x18 + 8 * i, 1 + i, 1 + i, ALL), 0);
	assert_int_equal(pci_scan(&pci, &m.cfg, 0, 0, 255), SL_OK);
	unsigned writes = m.writes;
	assert_string_equal(text(), "18 100 | 20 200");
	assert_int_equal(m.writes, writes);
	acs_enable_all(&pci);
	assert_int_equal(m.writes, writes + 2);
	assert_string_equal(text(), "18 | 20 | 100 | 200");
	assert_int_equal(m.writes, writes + 2);
}

static void test_root_ports(void **state)
{
	(void)state;
	static const struct {
		unsigned cap;
		const char *says;
	} ports[] = {{ALL, ""},
		     {0x1d, ""},
		     {0x01, ""}, /* what it lacks it cannot send across */
		     {0, "has no ACS (SV, RR, CR, UF)"},
		     {0x1c, "lacks ACS SV:"}};
	for (unsigned i = 0; i < 5; i++)
		endpoint(root_port((3 + i) << 3, i + 1, i + 1, ports[i].cap), 0);
	assert_string_equal(scan(), "18 | 20 | 28 | 30 400 | 38 500 | 100 | 200 | 300");
	assert_explained();
	for (unsigned i = 0; i < 5; i++) {
		ASSERT_HAS(why((i + 1) << 8, 0), ports[i].says);
		assert_string_equal(why((i + 1) << 8, 1), "");
	}
	ASSERT_HAS(why(0x400, 0), "root port 0000:00:06.0");
	ASSERT_HAS(remedy(0x400), "firmware setup");
	/* The bits have been set, and nothing else. */
	assert_int_equal(cm_get(m.fn[0], 0x106, 2), 0x1d);
	assert_int_equal(cm_get(m.fn[8], 0x106, 2), 0x1c);
	assert_null(groups_quirk(fn(0x100)));
}

/* A bit that cannot be set. */
static void test_stuck_bits(void **state)
{
	(void)state;
	static const char *const says[] = {"lacks ACS SV:", "lacks ACS RR:", "lacks ACS CR:", "lacks ACS UF:",
					   "lacks ACS SV, RR, CR, UF:"};
	static const uint8_t stuck[] = {0x01, 0x04, 0x08, 0x10, 0x1d};
	for (unsigned i = 0; i < 5; i++) {
		struct cm_fn *rp = root_port((3 + i) << 3, i + 1, i + 1, ALL);
		rp->mask[0x106] &= (uint8_t)~stuck[i];
		endpoint(rp, 0);
	}
	assert_string_equal(scan(), "18 100 | 20 200 | 28 300 | 30 400 | 38 500");
	for (unsigned i = 0; i < 5; i++) {
		ASSERT_HAS(why((i + 1) << 8, 0), says[i]);
		assert_int_equal(acs_missing(fn((3 + i) << 3)), stuck[i]);
	}
}

static void test_ports_of_one_slot(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		endpoint(multi(root_port(0x18 + i, 1 + i, 1 + i, ALL)), 0);
		endpoint(multi(root_port(0x20 + i, 4 + i, 4 + i, i == 1 ? ALL : 0)), 0);
	}
	root_port(0x30, 9, 9, 0); /* nothing below it */
	assert_string_equal(scan(), "18 | 19 | 1a | 20 22 400 600 | 21 | 30 | 100 | 200 | 300 | 500");
	assert_explained();
	ASSERT_HAS(why(0x400, 0), "root port 0000:00:04.0 has no ACS");
	ASSERT_HAS(why(0x400, 1), "2 functions of the device of 0000:00:04.0");
	ASSERT_HAS(why(0x400, 2), "root port 0000:00:04.2 has no ACS");
	assert_string_equal(why(0x400, 3), "");
}

static void test_multi_function(void **state)
{
	(void)state;
	struct cm_fn *rp = root_port(0x18, 1, 1, ALL);
	for (unsigned i = 0; i < 3; i++)
		endpoint(rp, i);
	multi(m.fn[1]);
	rp = root_port(0x20, 2, 2, ALL);
	for (unsigned i = 0; i < 3; i++)
		acs(endpoint(rp, i), i == 2 ? 0x0d : 0x0c);
	multi(m.fn[5]);
	m.fn[6]->mask[0x106] = 0; /* says that it could, and does not */
	rp = root_port(0x28, 3, 3, ALL);
	multi(endpoint(rp, 0)); /* its other functions are hidden */
	assert_string_equal(scan(), "18 | 20 | 28 | 100 101 102 | 200 | 201 | 202 | 300");
	assert_explained();
	ASSERT_HAS(
		why(0x102, 0),
		"3 functions of the device of 0000:01:00.0 are not isolated from each other: it has no ACS");
	ASSERT_HAS(remedy(0x100), "together");
	m.fn[7]->mask[0x106] = 0;
	cm_put(m.fn[7], 0x106, 2, 0);
	assert_string_equal(text(), "18 | 20 | 28 | 100 101 102 | 200 | 201 202 | 300");
	ASSERT_HAS(why(0x202, 0), "0000:02:00.1 are not isolated from each other: it lacks ACS RR, CR");
}

/* Integrated endpoints: Intel's are isolated, others and conventional ones are not. */
static void test_root_bus(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct cm_fn *f = cm_add(&m, NULL, 0, 0, 0x18 + 8 * (i / 2) + i % 2,
					 i < 2 ? 0x10d38086 : NVME, 0x020000);
		if (i < 4)
			cm_pcie(f, 0x40, 9);
		multi(f);
	}
	cm_pcie(cm_add(&m, NULL, 0, 0, 0x38, 0x10d38086, 0x020000), 0x40, 9);
	cm_pcie(cm_add(&m, NULL, 0, 0, 0x40, NVME, 0x080700), 0x40, 10);
	multi(cm_add(&m, NULL, 0, 0x80, 0x28, NVME, 0x020000)); /* another root bus */
	cm_add(&m, NULL, 0, 0x80, 0x00, NVME, 0x060000);
	assert_string_equal(scan(), "18 | 19 | 20 21 | 28 29 | 38 | 40 | 8000 | 8028");
	assert_explained();
	ASSERT_HAS(groups_quirk(fn(0x18)), "Intel integrated endpoint");
	assert_null(groups_quirk(fn(0x20)));
	assert_null(groups_quirk(fn(0x38))); /* needs none */
	ASSERT_HAS(why(0x20, 0), "2 functions of the device of 0000:00:04.0");
	ASSERT_HAS(remedy(0x28), "chipset");
}

/* A switch below an isolating port, its ports with these ACS capabilities. */
static void add_switch(struct cm_fn *above, unsigned bus, const uint8_t devfn[3], const uint8_t cap[3])
{
	struct cm_fn *up = cm_bridge(&m, above, 0, 0, 0, bus + 1, bus + 4, 5);
	for (unsigned i = 0; i < 3; i++)
		endpoint(down_port(up, devfn[i], bus + 2 + i, cap[i]), 0);
}

static void test_switch(void **state)
{
	(void)state;
	static const uint8_t slots[3] = {0, 8, 16}, full[3] = {ALL, ALL, ALL}, last[3] = {ALL, ALL, 0x1c};
	add_switch(root_port(0x18, 1, 5, ALL), 1, slots, full);
	add_switch(root_port(0x20, 0x11, 0x15, ALL), 0x11, slots, last);
	add_switch(root_port(0x28, 0x21, 0x25, 0), 0x21, slots, last);
	assert_string_equal(
		scan(),
		"18 | 20 | 28 2100 2200 2208 2210 2300 2400 2500 | 100 | 200 | 208 | 210 | 300 | 400 | 500 | 1100 | 1200 1208 1210 1300 1400 1500");
	assert_explained();
	ASSERT_HAS(why(0x1300, 0),
		   "switch below 0000:11:00.0: downstream port 0000:12:02.0 lacks ACS SV (1 of 3");
	ASSERT_HAS(why(0x1300, 0), "stricter than Linux");
	assert_string_equal(why(0x1300, 1), "");
	ASSERT_HAS(remedy(0x1300), "different root ports");
	ASSERT_HAS(why(0x2300, 0), "root port 0000:00:05.0");
	ASSERT_HAS(why(0x2300, 1), "1 of 3");
	assert_null(strstr(why(0x2300, 1), "Linux")); /* the root port joins them there too */
}

/* All bits are wanted of a downstream port, also those that it does not have. Ports that are functions of one
 * device are joined by Linux too. */
static void test_switch_of_one_slot(void **state)
{
	(void)state;
	static const uint8_t functions[3] = {0, 1, 2}, poor[3] = {0x0d, 0x0d, 0x0d}, mixed[3] = {0, ALL, 0},
			     none[3] = {0, 0, 0};
	add_switch(root_port(0x18, 1, 5, ALL), 1, functions, poor);
	multi(m.fn[2]);
	add_switch(root_port(0x20, 0x11, 0x15, ALL), 0x11, functions, mixed);
	multi(m.fn[10]);
	struct cm_fn *up = cm_bridge(&m, root_port(0x28, 0x21, 0x23, ALL), 0, 0, 0, 0x22, 0x23, 5);
	endpoint(down_port(up, 0, 0x23, 0), 0);
	add_switch(root_port(0x30, 0x31, 0x35, ALL), 0x31, functions, none);
	multi(m.fn[22]);
	assert_string_equal(
		scan(),
		"18 | 20 | 28 | 30 | 100 | 200 201 202 300 400 500 | 1100 | 1200 1201 1202 1300 1400 1500 | 2100 | 2200 2300 | 3100 | 3200 3201 3202 3300 3400 3500");
	assert_explained();
	ASSERT_HAS(
		why(0x300, 0),
		"0000:02:00.0 lacks ACS UF (3 of 3 ports are so): requests may go from port to port past the IOMMU; stricter than Linux, which takes ACS bits that a port lacks as set");
	assert_string_equal(why(0x300, 1), "");
	ASSERT_HAS(why(0x1300, 0), "(2 of 3 ports are so)");
	ASSERT_HAS(why(0x1300, 0), "stricter than Linux");
	ASSERT_HAS(why(0x2300, 0), "switch downstream port 0000:22:00.0 has no ACS");
	assert_null(strstr(why(0x2300, 0), "Linux"));
	ASSERT_HAS(remedy(0x2300), "another root port");
	ASSERT_HAS(why(0x3300, 0), "(3 of 3 ports are so)");
	assert_null(strstr(why(0x3300, 0), "Linux")); /* it joins them as well */
}

/* Bits that the Capability register lacks count as hard-wired in Linux; one that it has and that does not get
 * set does not. Below a port without ACS it makes no difference. */
static void test_missing_bits(void **state)
{
	(void)state;
	static const uint8_t titan_ridge[3] = {0x13, 0x13, 0x13}, functions[3] = {0, 1, 2};
	add_switch(root_port(0x18, 1, 5, ALL), 1, functions, titan_ridge);
	multi(m.fn[2]);
	endpoint(root_port(0x20, 0x11, 0x11, 0x1c), 0);
	endpoint(root_port(0x28, 0x21, 0x21, 0), 0);
	struct cm_fn *stuck = root_port(0x30, 0x31, 0x31, 0x13);
	stuck->mask[stuck->last_ecap + 6] = 0x12;
	endpoint(stuck, 0);
	struct cm_fn *up = cm_bridge(&m, root_port(0x38, 0x41, 0x43, 0), 0, 0, 0, 0x42, 0x43, 5);
	endpoint(down_port(up, 0, 0x43, 0x13), 0);
	(void)scan();
	assert_explained();
	ASSERT_HAS(why(0x300, 0), "lacks ACS RR, CR (3 of 3 ports are so)");
	ASSERT_HAS(why(0x300, 0), "stricter than Linux, which takes ACS bits that a port lacks as set");
	ASSERT_HAS(why(0x1100, 0), "root port 0000:00:04.0 lacks ACS SV");
	ASSERT_HAS(why(0x1100, 0), "stricter than Linux, which takes ACS bits");
	assert_null(strstr(why(0x2100, 0), "Linux"));
	assert_null(strstr(why(0x3100, 0), "Linux"));
	ASSERT_HAS(why(0x4300, 1), "switch downstream port 0000:42:00.0 lacks ACS RR, CR");
	assert_null(strstr(why(0x4300, 1), "Linux"));
}

/* An upstream port that is one function of several is a way across too, also when the others are hidden. */
static void test_upstream_with_functions(void **state)
{
	(void)state;
	struct cm_fn *rp = root_port(0x18, 1, 3, ALL);
	struct cm_fn *up = multi(cm_bridge(&m, rp, 0, 0, 0, 2, 3, 5));
	endpoint(rp, 1);
	endpoint(down_port(up, 0, 3, ALL), 0);
	struct cm_fn *lone = multi(cm_bridge(&m, root_port(0x20, 5, 7, ALL), 0, 0, 0, 6, 7, 5));
	endpoint(down_port(lone, 0, 7, ALL), 0);
	assert_string_equal(scan(), "18 | 20 | 100 101 200 300 | 500 600 700");
	ASSERT_HAS(why(0x300, 0), "switch upstream port 0000:01:00.0 has no ACS");
	ASSERT_HAS(why(0x300, 1), "2 functions of the device of 0000:01:00.0");
	assert_explained();
	acs(up, 0x0c);
	acs(lone, 0x0c);
	memset(&pci, 0, sizeof(pci));
	assert_string_equal(scan(), "18 | 20 | 100 | 101 | 200 | 300 | 500 | 600 | 700");
}

static void ids(unsigned rid, const char *want)
{
	char out[128] = "";
	bdf_t id[GROUPS_ALIASES];
	size_t n = groups_alias(fn(rid), id), at = 0;
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%x", i ? " " : "", id[i].rid);
	assert_string_equal(out, want);
}

static void test_conventional_bridges(void **state)
{
	(void)state;
	/* port > PCIe-to-PCI > two, and one behind another bridge */
	struct cm_fn *b = cm_bridge(&m, root_port(0x18, 1, 3, ALL), 0, 0, 0, 2, 3, 7);
	conventional(b, 0x08);
	conventional(b, 0x10);
	conventional(cm_bridge(&m, b, 0, 0, 0x18, 3, 3, -1), 0x20);
	/* a bridge of the chipset, and one below */
	b = cm_bridge(&m, NULL, 0, 0, 0xf0, 4, 5, -1);
	conventional(b, 0x08);
	conventional(cm_bridge(&m, b, 0, 0, 0x10, 5, 5, -1), 0x18);
	/* port > a bridge without capability; PCI-X; reverse bridge */
	conventional(cm_bridge(&m, root_port(0x20, 6, 7, ALL), 0, 0, 0, 7, 7, -1), 0x08);
	b = cm_bridge(&m, root_port(0x28, 8, 9, ALL), 0, 0, 0, 9, 9, 7);
	cm_cap(b, 0x80, 0x07);
	conventional(b, 0x08);
	endpoint(cm_bridge(&m, NULL, 0, 0, 0x30, 10, 10, 8), 0);
	assert_string_equal(
		scan(), "18 | 20 | 28 | 30 a00 | f0 408 410 518 | 100 208 210 218 320 | 600 708 | 800 908");
	assert_explained();
	ASSERT_HAS(why(0x208, 0), "bridge 0000:01:00.0");
	ASSERT_HAS(why(0x208, 1), "bridge 0000:02:03.0");
	assert_string_equal(why(0x208, 2), "");
	ASSERT_HAS(remedy(0x208), "conventional PCI");
	ids(0x18, "18");
	ids(0x100, "100");
	ids(0x208, "200");
	ids(0x320, "200");
	ids(0x408, "f0");
	ids(0x518, "f0");
	ids(0x708, "600 700");
	ids(0x908, "900 908");
	ids(0xa00, "30");
}

static void test_aliases(void **state)
{
	(void)state;
	struct cm_fn *rp = root_port(0x18, 1, 1, ALL), *f;
	f = multi(cm_add(&m, rp, 0, 0, 0, 0x92301b4b, 0x010601));
	cm_pcie(f, 0x40, 1);
	acs(f, 0x0c);
	f = acs(endpoint(rp, 1), 0x0c);
	f = cm_add(&m, root_port(0x20, 2, 2, ALL), 0, 0, 0, 0x92301b4b, 0x010601);
	cm_pcie(f, 0x40, 1);
	static const char *const phantom[4] = {"300", "400 404", "500 502 504 506",
					       "600 601 602 603 604 605 606 607"};
	for (unsigned i = 0; i < 4; i++) {
		f = endpoint(root_port(0x28 + 8 * i, 3 + i, 3 + i, ALL), 0);
		cm_put(f, 0x44, 4, i << 3);
		cm_put(f, 0x48, 2, 0x200);
	}
	f = endpoint(root_port(0x50, 7, 7, ALL), 0);
	cm_put(f, 0x44, 4, 1 << 3); /* supported, not enabled */
	f = multi(acs(endpoint(root_port(0x58, 8, 8, ALL), 0), 0x0c));
	cm_put(f, 0x44, 4, 1 << 3);
	cm_put(f, 0x48, 2, 0x200);
	f = acs(endpoint(f->parent, 4), 0x0c);
	cm_put(f, 0x44, 4, 1 << 3); /* its only phantom function is itself */
	cm_put(f, 0x48, 2, 0x200);
	scan();
	for (unsigned i = 0; i < 4; i++)
		ids(0x300 + 0x100 * i, phantom[i]);
	ids(0x100, "100 101");
	ids(0x101, "101");
	ids(0x200, "200 201");
	ids(0x700, "700");
	ids(0x804, "804");
	assert_int_equal(groups_of(fn(0x100)), groups_of(fn(0x101)));
	assert_int_equal(groups_of(fn(0x800)), groups_of(fn(0x804)));
	ASSERT_HAS(why(0x101, 0), "0000:01:00.0 also sends requests with the requester id of 0000:01:00.1");
	ASSERT_HAS(remedy(0x101), "together");
	assert_explained();
}

/* Ten functions of PCI-X devices with phantom functions are more than there is room for. */
static void test_alias_room(void **state)
{
	(void)state;
	struct cm_fn *b = cm_bridge(&m, root_port(0x18, 1, 2, ALL), 0, 0, 0, 2, 2, -1);
	cm_cap(b, 0x80, 0x07);
	struct cm_fn *f = cm_add(&m, b, 0, 0, 0x08, 0x92301b4b, 0x010601);
	cm_pcie(f, 0x40, 0);
	cm_put(f, 0x44, 4, 3 << 3);
	cm_put(f, 0x48, 2, 0x200);
	assert_string_equal(scan(), "18 | 100 208");
	ids(0x208, "100 200 208 209 20a 20b 20c 20d 20e 20f");
	assert_string_equal(why(0x208, 1), "");
}

static void test_vfs(void **state)
{
	(void)state;
	struct sriov s;
	for (unsigned i = 0; i < 2; i++)
		cm_sriov(&m, endpoint(root_port(0x18 + 8 * i, 1 + i, 1 + i, i ? 0 : ALL), 0), 0x100, 3, 1, 1);
	struct cm_fn *pf = multi(endpoint(root_port(0x28, 3, 3, ALL), 0));
	cm_sriov(&m, pf, 0x100, 2, 2, 1);
	endpoint(pf->parent, 1);
	assert_string_equal(scan(), "18 | 20 200 | 28 | 100 | 300 301");
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(sriov_enable(&pci, fn(i << 8), 2, &s), SL_OK);
	assert_int_equal(groups_of(fn(0x101)), 0);
	uint64_t pages = pmm_used_pages();
	for (unsigned i = 0; i < 2000; i++)
		groups_compute(&pci);
	assert_int_equal(pmm_used_pages(), pages);
	assert_string_equal(text(), "18 | 20 200 201 202 | 28 | 100 | 101 | 102 | 300 301 | 302 | 303");
	assert_explained();
	ids(0x102, "102");
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(sriov_disable(&pci, fn(i << 8)), SL_OK);
	assert_string_equal(text(), "18 | 20 200 | 28 | 100 | 300 301");
}

/* VFs as the Intel 82576 has them, far from their PF. Linux 6.12 has the same groups. */
static void test_vfs_far(void **state)
{
	(void)state;
	struct sriov s;
	for (unsigned i = 0; i < 2; i++) {
		struct cm_fn *pf = endpoint(root_port(0x18 + 8 * i, 1 + i, 1 + i, i ? 0 : ALL), 0);
		cm_ecap(pf, 0x100, 0x0e);
		cm_sriov(&m, pf, 0x140, 8, 128, 2);
	}
	assert_string_equal(scan(), "18 | 20 200 | 100");
	for (unsigned i = 1; i <= 2; i++)
		assert_int_equal(sriov_enable(&pci, fn(i << 8), 2, &s), SL_OK);
	groups_compute(&pci);
	assert_string_equal(text(), "18 | 20 200 280 282 | 100 | 180 | 182");
	assert_explained();
	for (unsigned i = 1; i <= 2; i++)
		assert_int_equal(sriov_disable(&pci, fn(i << 8)), SL_OK);
}

/* Functions above 7 belong to the same device as function 0. */
static void test_ari(void **state)
{
	(void)state;
	struct cm_fn *rp = root_port(0x18, 1, 1, ALL), *f[2];
	static const uint8_t devfn[2] = {0, 0x20};
	cm_put(rp, 0x68, 2, 0x20);
	for (unsigned i = 0; i < 2; i++) {
		f[i] = endpoint(rp, devfn[i]);
		cm_ecap(f[i], 0x100, 0x0e);
	}
	cm_put(f[0], 0x104, 2, 0x2000);
	assert_string_equal(scan(), "18 | 100 120");
	assert_explained();
}

/* Intel's 100 series: ACS Control as a 32-bit register at 8. */
static void test_wide_acs(void **state)
{
	(void)state;
	static const uint16_t id[] = {0xa110, 0xa16a, 0xa290, 0x9d1b, 0xa10f};
	for (unsigned i = 0; i < 5; i++) {
		struct cm_fn *rp = root_port((3 + i) << 3, i + 1, i + 1, 0);
		cm_put(rp, 0, 4, (uint32_t)id[i] << 16 | 0x8086);
		cm_ecap(rp, 0x140, 0x0d); /* not reached: the list starts at 100h */
		cm_put(rp, 0x100, 4, 0x14010001);
		cm_put(rp, 0x144, 4, 0x0f);
		rp->mask[0x148] = 0x0f;
		endpoint(rp, 0);
	}
	assert_string_equal(scan(), "18 | 20 | 28 | 30 | 38 500 | 100 | 200 | 300 | 400");
	ASSERT_HAS(groups_quirk(fn(0x18)), "100/200 series");
	assert_null(groups_quirk(fn(0x38)));
	assert_int_equal(cm_get(m.fn[0], 0x148, 4), 0x0d);
	assert_explained();
}

/* The last place of the list leaves no room for the 32-bit form. */
static void test_wide_acs_at_end(void **state)
{
	(void)state;
	struct cm_fn *rp = root_port(0x18, 1, 1, 0);
	cm_put(rp, 0, 4, 0xa1108086);
	cm_put(rp, 0x100, 4, 0xff810001);
	cm_put(rp, 0xff8, 4, 0x0001000d);
	cm_put(rp, 0xffc, 2, 0x0f);
	rp->mask[0xffe] = 0x0f;
	endpoint(rp, 0);
	assert_string_equal(scan(), "18 | 100");
}

/* A PCH before that has registers outside configuration space, which are not set. */
static void test_old_pch(void **state)
{
	(void)state;
	struct cm_fn *rp = root_port(0xe0, 1, 1, 0);
	cm_put(rp, 0, 4, 0x8d108086);
	endpoint(rp, 0);
	assert_string_equal(scan(), "e0 100");
	ASSERT_HAS(remedy(0x100), "its own registers");
}

/* Types and headers that do not fit: taken as not isolating, and explained. */
static void test_odd_bridges(void **state)
{
	(void)state;
	struct cm_fn *b = cm_bridge(&m, NULL, 0, 0, 0x18, 1, 1, 0);
	endpoint(b, 0);
	b = cm_bridge(&m, NULL, 0, 0, 0x20, 2, 2, 15);
	endpoint(b, 0);
	multi(cm_bridge(&m, NULL, 0, 0, 0x28, 0, 0, 6)); /* a downstream port without a switch */
	conventional(NULL, 0x29);
	b = cm_bridge(&m, root_port(0x30, 3, 4, ALL), 0, 0, 0, 4, 4, 5);
	multi(down_port(b, 0, 0, 0));
	conventional(b, 0x01);
	assert_string_equal(scan(), "18 100 | 20 200 | 28 29 | 30 | 300 | 400 401");
	assert_explained();
	ASSERT_HAS(why(0x100, 0), "bridge 0000:00:03.0");
}

/* A port in the middle that isolates does not help when one above does not. */
static void test_whole_path(void **state)
{
	(void)state;
	static const uint8_t slots[3] = {0, 8, 16}, full[3] = {ALL, ALL, ALL};
	add_switch(root_port(0x18, 1, 5, 0), 1, slots, full);
	assert_string_equal(scan(), "18 100 200 208 210 300 400 500");
	ASSERT_HAS(why(0x300, 0), "root port 0000:00:03.0");
	assert_string_equal(why(0x300, 1), "");
}

static void test_dump(const char *name, const char *want, uint16_t last)
{
	struct replay *r;
	scan_recorded(name, last, &r);
	acs_enable_all(&pci);
	const char *got = text();
	if (want)
		assert_string_equal(got, want);
	assert_explained();
	replay_free(r);
}

static void test_real_machines(void **state)
{
	(void)state;
	test_dump(
		"alder-lake-p-laptop-whole-machine.txt",
		"0 | 8 | 10 | 20 | 30 | 32 | 38 | 40 | 50 | 68 6a | a0 a2 | a3 | a8 a9 | b0 | e0 | e6 | f8 fb fc fd | 100 101 | 200 | 300 | 2e00",
		0);
	/* A switch without ACS, a chipset whose root ports have none, integrated endpoints of Intel's. */
	test_dump(
		"asus-p6t6-tree.txt",
		"0 | 8 | 18 | 38 | 80 81 | a0 | a1 | a2 | a3 | d0 d1 d2 d7 | d8 | e0 e1 e2 700 800 | e8 e9 ea ef | f0 | f8 fa fb | 200 | 300 310 400 | 600 601 | ff00 ff01 | ff10 ff11 | ff18 ff19 ff1c | ff20 ff21 ff22 ff23 | ff28 ff29 ff2a ff2b | ff30 ff31 ff32 ff33",
		0);
	test_dump("haswell-e-root-port-acs-and-connectx3.txt", "10 | 300", 0);
	test_dump("x99-root-ports.txt", "8 | 9", 0);
	test_dump("pci-x-bridges-and-domains.txt", NULL, 4);
	test_dump("root-complex-link-declarations.txt", NULL, 0);
}

/* A machine as a kernel log tells it (segment 0 alone): header type and port type of each function, and the
 * groups that Linux made. The log has no ACS bits: ports have them, but for those in `without`. */
static unsigned linux_group[0x10000];

static void add_recorded(const char *line, const char *without)
{
	static const char *const types[] = {"PCIe Endpoint]",
					    "PCIe Legacy Endpoint]",
					    "",
					    "",
					    "PCIe Root Port]",
					    "PCIe Switch Upstream Port]",
					    "PCIe Switch Downstream Port]",
					    "PCIe to PCI/PCI-X bridge]",
					    "",
					    "PCIe Root Complex Integrated Endpoint]"};
	unsigned seg, bus, dev, func, vendor, device, hdr, class, sec = 0, sub = 0, type = 0;
	int at = 0;
	if (sscanf(line, "%x:%x:%x.%x %x:%x %x 0x%x [%n", &seg, &bus, &dev, &func, &vendor, &device, &hdr,
		   &class, &at) != 8 ||
	    seg != 0)
		return;
	while (type < 10 && (!types[type][0] || strncmp(line + at, types[type], strlen(types[type])) != 0))
		type++;
	struct cm_fn *above = NULL, *f;
	for (size_t i = 0; i < m.n; i++)
		if (m.fn[i]->data[0x0e] & 1 && m.fn[i]->data[0x19] == bus)
			above = m.fn[i];
	if (hdr == 1) {
		sscanf(strchr(line + at, ']'), "] %x-%x", &sec, &sub);
		f = cm_bridge(&m, above, 0, bus, dev << 3 | func, sec, sub, type < 10 ? (int)type : -1);
		char name[16];
		snprintf(name, sizeof(name), "%02x:%02x.%x", bus, dev, func);
		cm_put(f, 0, 4, device << 16 | vendor);
		if ((type == 4 || type == 6) && !strstr(without, name)) {
			acs(f, 0x1f);
			if (vendor == 0x8086 && (device & 0xfff0) == 0xa110) { /* the wide form */
				f->mask[0x106] = 0;
				f->mask[0x108] = 0x1f;
			}
		}
	} else {
		f = cm_add(&m, above, 0, bus, dev << 3 | func, device << 16 | vendor, class);
		if (type < 10)
			cm_pcie(f, 0x40, type);
		if (type == 0 && strstr(without, "but endpoints have it"))
			acs(f, 0x0c);
	}
	for (size_t i = 0; func > 0 && i < m.n; i++) /* its function 0 has found the others */
		if (m.fn[i]->parent == above && m.fn[i]->bus == bus && m.fn[i]->devfn == dev << 3)
			multi(m.fn[i]);
}

static void recorded(const char *name, const char *without)
{
	char path[512], line[4096];
	support_file("groups", name, path, sizeof(path));
	FILE *in = fopen(path, "r");
	assert_non_null(in);
	cm_free(&m);
	cm_init(&m);
	memset(&pci, 0, sizeof(pci));
	memset(linux_group, 0, sizeof(linux_group));
	char part = 0;
	while (fgets(line, sizeof(line), in)) {
		if (line[0] == '#')
			part = strncmp(line, "## ", 3) == 0 ? line[3] : 0;
		else if (part == 't')
			add_recorded(line, without);
		unsigned id, seg, bus, dev, func;
		int at = 0, n;
		if (part == 'g' && sscanf(line, "%u:%n", &id, &at) == 1)
			for (; sscanf(line + at, "%x:%x:%x.%x%n", &seg, &bus, &dev, &func, &n) == 4; at += n)
				if (seg == 0)
					linux_group[bus << 8 | dev << 3 | func] = id + 1;
	}
	fclose(in);
	scan();
	assert_explained();
	unsigned together = 0;
	PCI_EACH(a, &pci) {
		PCI_EACH(b, &pci) {
			bool theirs = linux_group[a->bdf.rid] == linux_group[b->bdf.rid];
			if (!linux_group[a->bdf.rid] || !linux_group[b->bdf.rid])
				continue;
			together += theirs && a != b;
			if (theirs != (groups_of(a) == groups_of(b)))
				fail_msg("%s: %x and %x are %s in Linux", name, a->bdf.rid, b->bdf.rid,
					 theirs ? "together" : "apart");
		}
	}
	assert_true(together > 10);
}

static void test_recorded_machines(void **state)
{
	(void)state;
	recorded("ami-g6x-pex8748-switch.txt", "00:01.0 00:01.1");
	recorded("dell-xps-9320-tb4-vmd.txt", "44:00.0");
	recorded(
		"dell-poweredge-r6515-epyc.txt",
		"40:03.1 40:03.2 40:03.3 40:03.4 80:01.1 80:01.2 c0:03.1 c0:03.2 c0:03.3 c0:03.4 c0:05.1 c0:05.2, but endpoints have it");
}

int main(void)
{
	phys_t ram = support_ram(16 << 20, 0x40000000);
	if (pmm_add(ram, 16 << 8) != SL_OK)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_only_reads, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_root_ports, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_stuck_bits, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_ports_of_one_slot, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_multi_function, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_root_bus, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_switch, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_switch_of_one_slot, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_missing_bits, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_upstream_with_functions, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_conventional_bridges, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_aliases, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_alias_room, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_vfs, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_vfs_far, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_ari, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_wide_acs, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_wide_acs_at_end, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_old_pch, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_odd_bridges, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_whole_path, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_real_machines, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_recorded_machines, pci_setup, pci_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
