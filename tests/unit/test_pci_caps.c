#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/time.h"
#include "pci/acs.h"
#include "pci/flr.h"
#include "pci/msix.h"
#include "pci/posture.h"
#include "pci/priv.h"
#include "tests/unit/test.h"
#include "tools/replay/replay.h"
#include "tests/model/cfg_model.h"
#include "tests/unit/support.h"

static struct cm m;
static struct cm_fn *dev;
static struct pci_func fn;

static int setup(void **state)
{
	(void)state;
	cm_init(&m);
	dev = cm_add(&m, NULL, 0, 0, 0x10, 0x00101b36, 0x010802);
	fn = (struct pci_func){.cfg = &m.cfg, .bdf = bdf_make(0, 0, 2, 0)};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(m.violations, 0);
	cm_free(&m);
	return 0;
}

/* Another function in the place of the last one. */
static void anew(void **state)
{
	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
}

/* Walks a list and returns how it ended; n: entries, last: offset of the last one. */
static enum sl_err walk(enum sl_err (*next)(const struct pci_func *, struct pci_cap *), unsigned *n,
			unsigned *last)
{
	struct pci_cap cap = {0};
	enum sl_err e;
	for (*n = 0; (e = next(&fn, &cap)) == SL_OK; ++*n)
		*last = cap.off;
	return e;
}

static void test_legacy_list(void **state)
{
	(void)state;
	unsigned n, last = 0;
	assert_int_equal(walk(pci_cap_next, &n, &last), SL_END); /* no list at all */
	assert_int_equal(n, 0);
	cm_cap(dev, 0x60, 0x01);
	cm_cap(dev, 0x40, 0x11);
	cm_cap(dev, 0xf4, 0x05);
	assert_int_equal(walk(pci_cap_next, &n, &last), SL_END);
	assert_int_equal(n, 3);
	assert_int_equal(last, 0xf4);
	dev->data[0x34] = 0x63; /* reserved low bits */
	dev->data[0x61] = 0x42;
	assert_int_equal(pci_cap_find(&fn, 0x11, 12), 0x40);
	assert_int_equal(pci_cap_find(&fn, 0x05, 12), 0xf4);
	assert_int_equal(pci_cap_find(&fn, 0x05, 13), 0); /* would run past the area */
	assert_int_equal(pci_cap_find(&fn, 0x10, 1), 0);
	dev->data[6] &= 0xef; /* Status: no capability list */
	assert_int_equal(pci_cap_find(&fn, 0x11, 12), 0);
}

static void test_legacy_broken(void **state)
{
	(void)state;
	unsigned n, last;
	cm_cap(dev, 0x60, 0x01);
	cm_cap(dev, 0x40, 0x11);
	dev->data[0x41] = 0x60; /* a loop */
	assert_int_equal(walk(pci_cap_next, &n, &last), SL_BADVAL);
	assert_int_equal(n, 48);
	assert_int_equal(pci_cap_find(&fn, 0x11, 12), 0x40);
	assert_int_equal(pci_cap_find(&fn, 0x05, 10), 0);
	dev->data[0x41] = 0x3c; /* into the header */
	assert_int_equal(walk(pci_cap_next, &n, &last), SL_BADVAL);
	assert_int_equal(n, 2);
	dev->data[0x41] = 0x80;
	cm_put(dev, 0x80, 2, 0xffff);
	assert_int_equal(walk(pci_cap_next, &n, &last), SL_BADVAL);
	assert_int_equal(n, 2);
}

static void test_extended_list(void **state)
{
	(void)state;
	unsigned n, last = 0;
	cm_ecap(dev, 0x100, 0x01);
	cm_ecap(dev, 0xfc0, 0x10);
	assert_int_equal(walk(pci_ecap_next, &n, &last),
			 SL_END); /* no PCI Express capability: no extended space */
	assert_int_equal(n, 0);
	fn.cap_pcie = 0x40;
	assert_int_equal(walk(pci_ecap_next, &n, &last), SL_END);
	assert_int_equal(n, 2);
	assert_int_equal(last, 0xfc0);
	assert_int_equal(pci_ecap_find(&fn, 0x10, 0x40), 0xfc0);
	assert_int_equal(pci_ecap_find(&fn, 0x10, 0x44), 0);
	cm_put(dev, 0x100, 4, 0xfc310001); /* reserved low bits of the pointer */
	assert_int_equal(pci_ecap_find(&fn, 0x10, 0x40), 0xfc0);
	cm_put(dev, 0x100, 4, 0);
	assert_int_equal(walk(pci_ecap_next, &n, &last), SL_END);
	assert_int_equal(n, 0);
	cm_put(dev, 0x100, 4, UINT32_MAX);
	assert_int_equal(walk(pci_ecap_next, &n, &last), SL_END);
	cm_put(dev, 0x100, 4, 0x20010000); /* a null capability that only leads on: PCIe §7.9.28 */
	cm_put(dev, 0x200, 4, 0x0001000d);
	assert_int_equal(pci_ecap_find(&fn, 0x0d, 8), 0x200);
}

static void test_extended_broken(void **state)
{
	(void)state;
	unsigned n, last;
	fn.cap_pcie = 0x40;
	cm_ecap(dev, 0x100, 0x01);
	cm_ecap(dev, 0x200, 0x10);
	cm_put(dev, 0x200, 4, 0x10010010); /* a loop */
	assert_int_equal(walk(pci_ecap_next, &n, &last), SL_BADVAL);
	assert_int_equal(n, 960);
	cm_put(dev, 0x200, 4, 0x0fc10010); /* into the legacy area */
	assert_int_equal(walk(pci_ecap_next, &n, &last), SL_BADVAL);
	assert_int_equal(n, 2);
	cm_put(dev, 0x200, 4, 0x30010010);
	cm_put(dev, 0x300, 4, UINT32_MAX); /* the chain ends at all ones */
	assert_int_equal(walk(pci_ecap_next, &n, &last), SL_BADVAL);
	assert_int_equal(n, 2);
	assert_int_equal(pci_ecap_find(&fn, 0x10, 0x40), 0x200);
}

static void test_fields(void **state)
{
	(void)state;
	cm_pcie(dev, 0x40, 4);
	cm_cap(dev, 0x80, 0x05);
	cm_cap(dev, 0x90, 0x11);
	cm_cap(dev, 0xa0, 0x01);
	static const uint16_t ids[] = {0x01, 0x0d, 0x0e, 0x0f, 0x10, 0x13, 0x1b};
	for (unsigned i = 0; i < 7; i++)
		cm_ecap(dev, 0x100 + 0x40 * i, ids[i]);
	caps_read(&fn);
	assert_int_equal(fn.cap_pcie, 0x40);
	assert_int_equal(fn.port_type, PCI_PORT_ROOT);
	assert_int_equal(fn.cap_msi, 0x80);
	assert_int_equal(fn.cap_msix, 0x90);
	assert_int_equal(fn.cap_pm, 0xa0);
	assert_int_equal(fn.cap_aer, 0x100);
	assert_int_equal(fn.cap_acs, 0x140);
	assert_int_equal(fn.cap_ari, 0x180);
	assert_int_equal(fn.cap_ats, 0x1c0);
	assert_int_equal(fn.cap_sriov, 0x200);
	assert_int_equal(fn.cap_pri, 0x240);
	assert_int_equal(fn.cap_pasid, 0x280);
}

/* Where the registers that are used still fit it is found, four bytes further it is not. */
static void test_at_the_end(void **state)
{
	static const struct {
		uint16_t id, last;
		size_t field;
	} caps[] = {{0x01, 0xf8, offsetof(struct pci_func, cap_pm)},
		    {0x05, 0xf4, offsetof(struct pci_func, cap_msi)},
		    {0x11, 0xf4, offsetof(struct pci_func, cap_msix)},
		    {0x10, 0xf4, offsetof(struct pci_func, cap_pcie)},
		    {0x01, 0xfd4, offsetof(struct pci_func, cap_aer)},
		    {0x0d, 0xff8, offsetof(struct pci_func, cap_acs)},
		    {0x0e, 0xff8, offsetof(struct pci_func, cap_ari)},
		    {0x0f, 0xff8, offsetof(struct pci_func, cap_ats)},
		    {0x10, 0xfc4, offsetof(struct pci_func, cap_sriov)},
		    {0x13, 0xff0, offsetof(struct pci_func, cap_pri)},
		    {0x1b, 0xff8, offsetof(struct pci_func, cap_pasid)}};
	for (unsigned i = 0; i < ARRAY_LEN(caps); i++)
		for (unsigned more = 0; more <= 4; more += 4) {
			uint16_t found, at = (uint16_t)(caps[i].last + more);
			anew(state);
			if (at >= 0x100) {
				cm_pcie(dev, 0x40, 0);
				cm_ecap(dev, 0x100, 0x0b);
				cm_ecap(dev, at, caps[i].id);
			} else {
				cm_cap(dev, at, caps[i].id);
			}
			caps_read(&fn);
			memcpy(&found, (const uint8_t *)&fn + caps[i].field, sizeof found);
			assert_int_equal(found, more ? 0 : at);
		}
}

static void test_posture(void **state)
{
	struct pci_slot slot;
	struct pci_caches caches;
	(void)state;
	cm_pcie(dev, 0x40, 0); /* an endpoint has no slot below it, */
	cm_put(dev, 0x54, 4, 0x40);
	caps_read(&fn);
	assert_false(pci_slot_read(&fn, &slot));
	cm_put(dev, 0x42, 2, 0x42); /* a root port may have none, */
	caps_read(&fn);
	assert_true(pci_slot_read(&fn, &slot));
	assert_true(!slot.at && !slot.hotplug && !slot.thunderbolt);
	cm_put(dev, 0x42, 2, 0x142); /* or one */
	assert_true(pci_slot_read(&fn, &slot));
	assert_true(slot.at == 0x54 && slot.slot_cap == 0x40 && slot.hotplug);
	assert_false(pci_caches_read(&fn, &caches));
	assert_true(!caches.ats.at && !caches.pri.at && !caches.pasid.at && !caches.pasid_bits);
	cm_ecap(dev, 0x100, 0x0f);
	cm_put(dev, 0x106, 2, 0x8000);
	caps_read(&fn);
	assert_true(pci_caches_read(&fn, &caches));
	assert_true(caches.ats.at == 0x106 && caches.ats.control == 0x8000 && caches.ats.on);
	assert_true(!caches.pri.at && !caches.pri.on && !caches.pasid.at);
	fn.cap_pcie = 0xf0; /* Slot Capabilities would lie behind the area */
	cm_put(dev, 0xf2, 2, 0x142);
	assert_true(pci_slot_read(&fn, &slot));
	assert_int_equal(slot.at, 0);
}

/* What each capability that lets a function keep translations says by itself. */
static void test_caches(void **state)
{
	static const struct {
		uint16_t id, control;
		size_t field;
	} one[] = {{0x0f, 0x106, offsetof(struct pci_caches, ats)},
		   {0x13, 0x104, offsetof(struct pci_caches, pri)},
		   {0x1b, 0x106, offsetof(struct pci_caches, pasid)}};
	struct pci_caches caches;
	struct pci_switch s;
	for (unsigned i = 0; i < ARRAY_LEN(one); i++) {
		anew(state);
		cm_pcie(dev, 0x40, 0);
		cm_ecap(dev, 0x100, one[i].id);
		if (i == 2)
			cm_put(dev, 0x104, 2, 0xf406); /* 20 bits, among others */
		cm_put(dev, one[i].control, 2, i ? 1 : 0x8000);
		caps_read(&fn);
		assert_true(pci_caches_read(&fn, &caches));
		memcpy(&s, (const uint8_t *)&caches + one[i].field, sizeof s);
		assert_true(s.on && s.at == one[i].control);
		assert_int_equal(caches.ats.on + caches.pri.on + caches.pasid.on, 1);
		assert_int_equal(caches.pasid_bits, i == 2 ? 0x14 : 0);
	}
}

/* The last place at which Slot Capabilities fit, and the first at which they do not. */
static void test_slot_at_the_end(void **state)
{
	struct pci_slot slot;
	for (unsigned i = 0; i < 2; i++) {
		uint16_t at = i ? 0xec : 0xe8;
		anew(state);
		fn.is_bridge = true;
		cm_pcie(dev, (uint8_t)at, 4);
		cm_put(dev, at + 2u, 2, 0x142);
		caps_read(&fn);
		assert_true(pci_slot_read(&fn, &slot));
		assert_int_equal(slot.at, i ? 0 : 0xfc);
	}
}

/* Only Intel's capability of its own with that id is a Thunderbolt controller's; at the end of the area there
 * is no room for one's header. */
static void test_thunderbolt(void **state)
{
	static const struct {
		uint32_t vendor;
		uint16_t at, id, vsec;
		bool is;
	} row[] = {
		{0x8086, 0x100, 0x0b, 0x1234, true},  {0x8086, 0x100, 0x0b, 0x1235, false},
		{0x8086, 0x100, 0x0c, 0x1234, false}, {0x1b36, 0x100, 0x0b, 0x1234, false},
		{0x8086, 0xff8, 0x0b, 0x1234, true},  {0x8086, 0xffc, 0x0b, 0, false},
	};
	struct pci_slot slot;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		anew(state);
		fn.vendor = (uint16_t)row[i].vendor;
		cm_pcie(dev, 0x40, 4);
		if (row[i].at != 0x100)
			cm_ecap(dev, 0x100, 0x03);
		cm_ecap(dev, row[i].at, row[i].id);
		if (row[i].vsec)
			cm_put(dev, row[i].at + 4u, 2, row[i].vsec);
		caps_read(&fn);
		assert_true(pci_slot_read(&fn, &slot));
		assert_int_equal(slot.thunderbolt, row[i].is);
	}
}

static void test_msix(void **state)
{
	(void)state;
	struct msix x;
	assert_int_equal(msix_read(&fn, &x), SL_NOTFOUND);
	cm_cap(dev, 0x90, 0x11);
	caps_read(&fn);
	fn.bar[4] = (struct pci_bar){.addr = 0x1000, .size = 0x4000};
	cm_put(dev, 0x92, 2, 0x8040);         /* 65 vectors */
	cm_put(dev, 0x94, 4, 0x00002004);     /* BAR 4, 2000h */
	cm_put(dev, 0x98, 4, 0x00003ff4 - 4); /* 3ff0h: 16 bytes for 65 bits */
	cm_put(dev, 0x98, 1, 0xf4);
	assert_int_equal(msix_read(&fn, &x), SL_OK);
	assert_int_equal(x.vectors, 65);
	assert_int_equal(x.table_bar, 4);
	assert_int_equal(x.table_off, 0x2000);
	assert_int_equal(x.pba_bar, 4);
	assert_int_equal(x.pba_off, 0x3ff0);
	cm_put(dev, 0x98, 4, 0x00003ffc); /* only 8 bytes left */
	assert_int_equal(msix_read(&fn, &x), SL_BADVAL);
	cm_put(dev, 0x98, 4, 0x00003004);
	cm_put(dev, 0x94, 4, 0x00003bfc); /* table runs past the end */
	assert_int_equal(msix_read(&fn, &x), SL_BADVAL);
	cm_put(dev, 0x94, 4, 0x00002006); /* reserved BIR */
	assert_int_equal(msix_read(&fn, &x), SL_BADVAL);
	cm_put(dev, 0x94, 4, 0x00002003); /* no such BAR */
	assert_int_equal(msix_read(&fn, &x), SL_BADVAL);
	cm_put(dev, 0x94, 4, 0x00002004);
	fn.bar[4].io = true;
	assert_int_equal(msix_read(&fn, &x), SL_BADVAL);
}

static void test_acs(void **state)
{
	(void)state;
	acs_enable(&fn);
	assert_false(acs_isolates(&fn));
	cm_pcie(dev, 0x40, 6);
	cm_ecap(dev, 0x100, 0x0d);
	cm_put(dev, 0x104, 2, 0x005f);
	cm_put(dev, 0x106, 2, 0x0040);
	dev->mask[0x106] = 0x5f;
	caps_read(&fn);
	assert_false(acs_isolates(&fn));
	acs_enable(&fn);
	assert_true(acs_isolates(&fn));
	assert_int_equal(cm_get(dev, 0x106, 2), 0x005d); /* SV RR CR UF, and the bit that was there */
	for (unsigned bit = 0; bit < 8; bit++) {
		cm_put(dev, 0x106, 2, 0x5f & ~(1u << bit));
		assert_int_equal(acs_isolates(&fn), !(0x1d >> bit & 1));
	}
	cm_put(dev, 0x104, 2, 0x0011); /* without redirection a switch port does not isolate */
	dev->mask[0x106] = 0x11;
	cm_put(dev, 0x106, 2, 0);
	acs_enable(&fn);
	assert_false(acs_isolates(&fn));
	assert_int_equal(cm_get(dev, 0x106, 2), 0x0011);
	fn.port_type = PCI_PORT_ROOT; /* a root port that lacks it sends nothing across */
	assert_true(acs_isolates(&fn));
	cm_put(dev, 0x104, 2, 0x001c);
	cm_put(dev, 0x106, 2, 0x001c);
	assert_false(acs_isolates(&fn)); /* but it must check requester ids */
}

static void test_flr(void **state)
{
	(void)state;
	struct pci pci = {.cfg = &m.cfg};
	TAILQ_INIT(&pci.funcs);
	assert_int_equal(pci_flr(&pci, &fn), SL_UNSUPPORTED);
	cm_pcie(dev, 0x40, 0);
	cm_bar(dev, 0x10, 0x4000, 0x4, 0x1234000000);
	cm_put(dev, 4, 2, 6);
	caps_read(&fn);
	dev->pending_until = now_us() + 20000;
	assert_int_equal(pci_flr(&pci, &fn), SL_OK);
	assert_int_not_equal(dev->reset_at, 0);
	assert_true(dev->reset_at >= 20000); /* it waited for the transactions */
	assert_int_equal(cm_get(dev, 0x10, 4), 0x34000004);
	assert_int_equal(cm_get(dev, 0x14, 4), 0x12);
	assert_int_equal(cm_get(dev, 4, 2), 2);
	dev->pending_until = UINT64_MAX; /* stuck: says so, resets all the same */
	uint64_t before = dev->reset_at;
	assert_int_equal(pci_flr(&pci, &fn), SL_TIMEOUT);
	assert_true(dev->reset_at > before);
	dev->absent = true;
	assert_int_equal(pci_flr(&pci, &fn), SL_TIMEOUT);
	dev->absent = false;
	struct pci_func vf = {.pf = &fn};
	TAILQ_INSERT_HEAD(&pci.funcs, &vf, link);
	assert_int_equal(pci_flr(&pci, &fn), SL_BUSY);
	cm_put(dev, 0x44, 4, 0);
	assert_int_equal(pci_flr(&pci, &fn), SL_UNSUPPORTED);
}

/* The capability lists and ids of real machines, against lspci's own decoding. */
static size_t decoded_lists(FILE *in, char ids[][10], char lists[][1024], size_t most)
{
	char line[1024];
	size_t n = 0;
	while (fgets(line, sizeof(line), in)) {
		unsigned off, ver;
		if (line[0] != '\t' && line[0] != '\n' && n < most) {
			const char *at = NULL; /* "... [8086:10c9] (rev 01)": the last such pair, the class
						  before it has no colon */
			for (const char *p = line; (p = strchr(p, '[')); p++)
				if (p[5] == ':' && p[10] == ']')
					at = p + 1;
			snprintf(ids[n], 10, "%.9s", at ? at : "");
			lists[n++][0] = 0;
		}
		char *cap = strstr(line, "Capabilities: [");
		if (!cap || n == 0)
			continue;
		size_t len = strlen(lists[n - 1]);
		if (sscanf(cap, "Capabilities: [%x v%u]", &off, &ver) == 2)
			snprintf(lists[n - 1] + len, 1024 - len, "%x/%u ", off, ver);
		else if (sscanf(cap, "Capabilities: [%x]", &off) == 1)
			snprintf(lists[n - 1] + len, 1024 - len, "%x ", off);
	}
	return n;
}

static void our_list(struct pci_func *f, char *out, size_t n)
{
	struct pci_cap cap = {0}, ecap = {0};
	out[0] = 0;
	f->cap_pcie = pci_cap_find(f, 0x10, 2);
	while (pci_cap_next(f, &cap) == SL_OK)
		snprintf(out + strlen(out), n - strlen(out), "%x ", cap.off);
	while (pci_ecap_next(f, &ecap) == SL_OK)
		snprintf(out + strlen(out), n - strlen(out), "%x/%u ", ecap.off, ecap.version);
}

static void compare_dump(const char *name)
{
	static char ids[64][10], lists[64][1024];
	char file[256], path[512], list[1024], id[10];
	snprintf(file, sizeof(file), "%s.decoded", name);
	support_file("lspci", file, path, sizeof(path));
	FILE *in = fopen(path, "r");
	size_t n = decoded_lists(in, ids, lists, 64), i = 0;
	fclose(in);
	snprintf(file, sizeof(file), "%s.txt", name);
	support_file("lspci", file, path, sizeof(path));
	struct replay *r = replay_load(path);
	assert_non_null(r);
	struct pci_func f = {.cfg = replay_cfg(r)};
	for (; replay_function(r, i, &f.bdf); i++) {
		assert_true(i < n);
		our_list(&f, list, sizeof(list));
		snprintf(id, sizeof(id), "%04x:%04x", fn_rd16(&f, 0), fn_rd16(&f, 2));
		assert_string_equal(id, ids[i]);
		if (strcmp(name, "broken-extended-capability-chain") != 0)
			assert_string_equal(list, lists[i]);
	}
	assert_int_equal(i, n);
	replay_free(r);
}

static void test_real_lists(void **state)
{
	(void)state;
	const char *dir = support_data("lspci");
	unsigned dumps = 0;
	char name[200];
	for (const char *file; (file = support_next(dir));) {
		if (!support_ends(file, ".txt"))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(strlen(file) - 4), file);
		compare_dump(name);
		dumps++;
	}
	assert_true(dumps > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_legacy_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_legacy_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extended_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_extended_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_at_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_posture, setup, teardown),
		cmocka_unit_test_setup_teardown(test_caches, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slot_at_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_thunderbolt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_msix, setup, teardown),
		cmocka_unit_test_setup_teardown(test_acs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flr, setup, teardown),
		cmocka_unit_test(test_real_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
