/* Aliases of IVRS tables in IOMMU groups: functions whose requests arrive with one id go together. */
#include <stdio.h>
#include <string.h>
#include "apps/bringup/topology.h"
#include "kernel/pmm.h"
#include "pci/acs.h"
#include "pci/groups.h"
#include "pci/sriov.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"
#include "tests/unit/support_tables.h"
#include "tests/unit/test.h"

static struct own o;

/* An endpoint that isolates, on a bus of its own segment. */
static struct cm_fn *endpoint(unsigned rid)
{
	struct cm_fn *f = cm_add(&m, NULL, 0, rid >> 8, rid & 0xff, 0x00101b36, 0x010802);
	cm_pcie(f, 0x40, 9);
	return f;
}

static void scan_with(struct span table)
{
	assert_int_equal(pci_scan(&pci, &m.cfg, 0, 0, 255), SL_OK);
	acs_enable_all(&pci);
	topology_use_ivrs(&pci, table);
}

static void scan_small(const char *name)
{
	own_read("tests/data/ivrs", &o, name);
	scan_with((struct span){o.bytes, o.n});
}

/* The groups as "rid rid | rid" in hexadecimal. */
static const char *groups(void)
{
	static char out[512];
	unsigned n = groups_compute(&pci);
	size_t at = 0;
	out[0] = 0;
	for (unsigned id = 1; id <= n; id++)
		for (const struct pci_func *f = NULL, *first = groups_next(&pci, id, NULL);
		     (f = groups_next(&pci, id, f));)
			at += (size_t)snprintf(out + at, sizeof(out) - at, "%s%x",
					       f != first ? " "
					       : id > 1   ? " | "
							  : "",
					       f->bdf.rid);
	return out;
}

static struct pci_func *fn(unsigned rid)
{
	struct pci_func *f = pci_find(&pci, (bdf_t){0, (uint16_t)rid});
	assert_non_null(f);
	return f;
}

/* Reason number n of the function's group; "" when there is none. */
static const char *why(unsigned rid, unsigned n)
{
	static char out[400];
	struct group_reason r;
	out[0] = 0;
	if (groups_reason(&pci, groups_of(fn(rid)), n, &r) == SL_OK) {
		groups_reason_text(&r, out, sizeof(out));
		assert_non_null(strstr(groups_remedy(&r), "assign these functions together"));
	}
	return out;
}

/* Two functions with one id, whose owner is not there; one of another bus is not concerned. */
static void test_shared_id(void **state)
{
	(void)state;
	bdf_t id[GROUPS_ALIASES];
	endpoint(0x0320), endpoint(0x0328), endpoint(0x0330), endpoint(0x0400);
	scan_small("one-10h.txt");
	assert_string_equal(groups(), "320 328 330 | 400");
	assert_string_equal(
		why(0x330, 0),
		"by the firmware's table (IVRS alias) requests of 0000:03:04.0 arrive with the requester id of 0000:00:14.4, as do those of 0000:03:05.0; stricter than Linux, which joins a function and its alias only on one bus");
	assert_string_equal(why(0x330, 1), "");
	assert_string_equal(why(0x400, 0), "");
	assert_int_equal(groups_alias(fn(0x328), id), 2);
	assert_true(id[0].rid == 0x328 && id[1].rid == 0xa4);
	assert_int_equal(groups_alias(fn(0x400), id), 1);
}

/* With the function whose id it is; once more without the table. */
static void test_owner_of_id(void **state)
{
	(void)state;
	endpoint(0x00a4), endpoint(0x0320), endpoint(0x0328), endpoint(0x0400);
	m.fn[0]->devfn = 0xa0; /* the device has a function 0, which is another one */
	m.fn[0]->data[0x0e] |= 0x80;
	endpoint(0x00a4);
	m.fn[0]->data[0x34] = 0; /* neither of them is PCI Express: one group by themselves */
	m.fn[4]->data[0x34] = 0;
	scan_small("one-10h.txt");
	assert_string_equal(groups(), "a0 a4 320 328 | 400");
	struct group_reason r;
	assert_int_equal(groups_reason(&pci, groups_of(fn(0x320)), 1, &r), SL_OK);
	assert_true(r.why == GROUP_TABLE && r.at == fn(0x320) && r.other == fn(0xa4) && r.stricter);
	assert_int_equal(groups_reason(&pci, groups_of(fn(0x320)), 2, &r), SL_END);
	pci.table_id = NULL;
	assert_string_equal(groups(), "a0 a4 | 320 | 328 | 400");
}

/* A bridge to a conventional bus joins what is below it: the alias adds no reason, and no function. */
static void test_bridge(void **state)
{
	(void)state;
	struct cm_fn *b = cm_bridge(&m, NULL, 0, 0, 0xa4, 3, 3, -1);
	struct cm_fn *f = endpoint(0x00a0);
	f->data[0x0e] |= 0x80;
	cm_add(&m, b, 0, 0, 0x20, 0x11e81234, 0x00ff00);
	cm_add(&m, b, 0, 0, 0x28, 0x11e81234, 0x00ff00);
	scan_small("one-10h.txt");
	assert_string_equal(groups(), "a0 a4 320 328");
	struct group_reason r;
	for (unsigned n = 0; groups_reason(&pci, groups_of(fn(0x320)), n, &r) == SL_OK; n++)
		assert_true(r.why == GROUP_BRIDGE || r.why == GROUP_MULTI);
}

/* An alias range that a plain range of another unit overlaps, and ids that are their own owners. */
static void test_no_alias(void **state)
{
	(void)state;
	endpoint(0xff00), endpoint(0xff10), endpoint(0x0100);
	scan_small("good.txt");
	assert_string_equal(groups(), "100 | ff00 | ff10");
	bdf_t id[GROUPS_ALIASES];
	assert_int_equal(groups_alias(fn(0xff00), id), 1);
	topology_use_ivrs(&pci, (struct span){o.bytes, 40}); /* cut: as before */
	assert_string_equal(groups(), "100 | ff00 | ff10");
	own_read("tests/data/ivrs", &o, "one-10h.txt");
	o.bytes[0x48 + 8 + 5] = 0x20, o.bytes[0x48 + 8 + 6] = 3;
	topology_use_ivrs(&pci, (struct span){o.bytes, o.n});
	assert_string_equal(groups(), "100 | ff00 | ff10");
}

/* A VF comes, and its id is in the range. */
static void test_vf(void **state)
{
	(void)state;
	struct cm_fn *rp = cm_bridge(&m, NULL, 0, 0, 0x18, 3, 3, 4), *pf;
	cm_ecap(rp, 0x100, 0x0d);
	cm_put(rp, 0x104, 2, 0x5f);
	rp->mask[0x106] = 0x5f;
	pf = cm_add(&m, rp, 0, 0, 0, 0x00101b36, 0x010802);
	cm_pcie(pf, 0x40, 0);
	cm_sriov(&m, pf, 0x100, 2, 1, 1);
	scan_small("one-10h.txt");
	assert_string_equal(groups(), "18 | 300");
	struct sriov s;
	assert_int_equal(sriov_enable(&pci, fn(0x300), 2, &s), SL_OK);
	assert_string_equal(groups(), "18 | 300 301 302");
	assert_int_equal(sriov_disable(&pci, fn(0x300)), SL_OK);
}

/* Tables of real machines: which of the functions on the bus of an alias range go together, typed from the
 * tables. A range that Zen machines have for bus ff counts where no other unit has the bus. */
static const struct {
	const char *name, *groups;
} real[] = {
	{"convertible-asustek-computer-zenbook-ux562ug",
	 "10 | 110 | 118 | 210 | 218 | 310 | 318 | ff10 ff18"},
	{"convertible-hewlett-packard-envy-x360", "10 | 110 | 118 | 210 | 218 | 310 | 318 | ff10 ff18"},
	{"desktop-asrock-b450-pro4", "10 | 110 | 118 | 210 | 218 | 310 | 318 | ff10 ff18"},
	{"desktop-asrock-x370-killer-sli", "10 | 110 | 118 | 210 | 218 | 310 | 318 | ff10 | ff18"},
	{"desktop-asustek-computer-a88x-plus", "10 | 110 | 118 | 210 218 | 310 | 318 | ff10 | ff18"},
	{"desktop-asustek-computer-prime-x399-a", "10 | 110 | 118 | 210 | 218 | 310 | 318 | ff10 | ff18"},
	{"desktop-asustek-computer-rog-zenith-ii", "10 | 110 | 118 | 210 | 218 | 310 | 318 | ff10 | ff18"},
	{"desktop-biostar-a68mhe", "10 | 110 | 118 | 210 | 218 | 310 318 | ff10 | ff18"},
	{"desktop-gigabyte-technology-f2a78m-hd2", "10 | 110 | 118 | 210 | 218 | 310 318 | ff10 | ff18"},
	{"fwts-", "10 | 110 | 118 | 210 | 218 | 310 | 318 | ff10 ff18"},
	{"notebook-asustek-computer-asus-zenbook-s-16", "10 | 110 | 118 | 210 | 218 | 310 | 318 | ff10 ff18"},
	{"notebook-mechrevo-wujie14xa", "10 | 110 | 118 | 210 | 218 | 310 | 318 | ff10 ff18"},
};

static void test_real_tables(void **state)
{
	(void)state;
	static uint8_t bytes[4096];
	static const uint16_t at[] = {0x10, 0x110, 0x118, 0x210, 0x218, 0x310, 0x318, 0xff10, 0xff18};
	const char *dir = support_data("acpi");
	unsigned tables = 0;
	for (size_t i = 0; i < ARRAY_LEN(at); i++)
		endpoint(at[i]);
	scan_with((struct span){0});
	for (const char *name; (name = support_next(dir));) {
		char path[1024];
		if (!support_ends(name, ".IVRS.dat"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		size_t i = 0, n = tables_read_file(path, bytes, sizeof(bytes));
		topology_use_ivrs(&pci, (struct span){bytes, n});
		while (i < ARRAY_LEN(real) && strncmp(name, real[i].name, strlen(real[i].name)) != 0)
			i++;
		if (i == ARRAY_LEN(real))
			continue;
		tables++;
		if (strcmp(groups(), real[i].groups) != 0)
			fail_msg("%s: %s", name, groups());
	}
	assert_int_equal(tables, ARRAY_LEN(real));
}

int main(void)
{
	phys_t ram = support_ram(16 << 20, 0x40000000);
	if (pmm_add(ram, 16 << 8) != SL_OK)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shared_id, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_owner_of_id, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_bridge, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_no_alias, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_vf, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_real_tables, pci_setup, pci_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
