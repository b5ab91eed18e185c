/* Configuration space that is only read: nothing is written, and what that leaves unknown is not made up. */
#include <string.h>
#include "apps/audit/record.h"
#include "apps/audit/room.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "pci/acs.h"
#include "pci/fit.h"
#include "pci/groups.h"
#include "pci/path.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"
#include "tests/unit/test.h"

#define NVME 0x00101b36

static struct cm_fn *port, *pf;

static void acs(struct cm_fn *f, uint16_t cap, uint16_t control)
{
	cm_ecap(f, 0x100, 0x0d);
	cm_put(f, 0x104, 2, cap);
	cm_put(f, 0x106, 2, control);
	f->mask[0x106] = (uint8_t)cap;
}

/* A PF with two functions below a port that would isolate, another below one that lacks Source Validation,
 * and a bridge in D3hot. Firmware left bus mastering, MSI and ATS on. */
static void machine(void)
{
	port = cm_bridge(&m, NULL, 0, 0, 0x18, 1, 1, 4);
	acs(port, 0x1d, 0);
	struct cm_fn *open = cm_bridge(&m, NULL, 0, 0, 0x20, 2, 2, 4);
	acs(open, 0x1c, 0);
	cm_pm(cm_bridge(&m, NULL, 0, 0, 0x28, 3, 4, 4), 0x90, 3, true);
	pf = cm_add(&m, port, 0, 0, 0, NVME, 0x010802);
	cm_pcie(pf, 0x40, 0);
	cm_cap(pf, 0x80, 0x05);
	cm_put(pf, 0x82, 2, 1);
	cm_bar(pf, 0x10, 0x4000, 4, 0x80000000);
	cm_put(pf, 4, 2, 7);
	cm_ecap(pf, 0x100, 0x0f);
	cm_put(pf, 0x106, 2, 0x8000);
	cm_sriov(&m, pf, 0x200, 8, 1, 1);
	cm_bar(pf, 0x224, 0x4000, 4, 0);
	cm_pcie(cm_add(&m, open, 0, 0, 0, NVME, 0x010802), 0x40, 0);
	m.cfg.read_only = true;
	scan_all();
}

static void test_nothing_is_written(void **state)
{
	(void)state;
	struct sriov_route route[2];
	bool known[2];
	machine();
	struct pci_func *f = pci_find(&pci, bdf_make(0, 1, 0, 0));
	assert_int_equal(pci_quiesce(&pci), 1);
	acs_enable_all(&pci);
	assert_int_equal(groups_compute(&pci), 4);
	sriov_routes(&pci, f, route, known);
	assert_int_equal(pci_power_on(pci_find(&pci, bdf_make(0, 0, 5, 0))), SL_UNSUPPORTED);
	pci_paths_restore(&pci);
	assert_int_equal(m.writes, 0);
	assert_true(known[0] && !known[1]);
	assert_true(f->found_master && f->stuck);
	assert_int_equal(f->found, PCI_FOUND_ATS);
	assert_int_equal(f->bar[0].addr, 0x80000000);
	assert_int_equal(f->bar[0].size, 0);
	assert_null(strstr(logged, "does not clear"));
}

/* As if ACS were on where it is: the port that lacks Source Validation isolates nothing all the same. */
static void test_groups(void **state)
{
	(void)state;
	machine();
	(void)groups_compute(&pci);
	struct pci_func *p = pci_find(&pci, bdf_make(0, 0, 3, 0)),
			*open = pci_find(&pci, bdf_make(0, 0, 4, 0));
	assert_int_not_equal(groups_of(p), groups_of(pci_find(&pci, bdf_make(0, 1, 0, 0))));
	assert_int_equal(groups_of(open), groups_of(pci_find(&pci, bdf_make(0, 2, 0, 0))));
	assert_int_equal(acs_off(p), ACS_ISOLATE);
	assert_int_equal(acs_off(open), ACS_ISOLATE & ~ACS_SV);
}

static void test_asleep(void **state)
{
	(void)state;
	machine();
	assert_int_equal(pci.n_missed, 1);
	assert_int_equal(pci.missed[0].why, PCI_MISS_ASLEEP);
}

/* Room for VFs: bus numbers are read, addresses are not known. */
static void test_room_and_counts(void **state)
{
	(void)state;
	static struct audit_in in;
	struct audit_room room;
	struct audit_unjudged u;
	machine();
	in = (struct audit_in){.pci = &pci, .pfs = 1};
	in.pf[0] = (struct audit_sriov){
		.pf = bdf_make(0, 1, 0, 0), .total = 8, .backed = -1, .routing[0] = {true, 1, 1}};
	audit_take_missed(&in, &pci);
	audit_room(&in, &in.pf[0], &room);
	assert_true(room.best->unsized);
	assert_int_equal(room.vfs, 8);
	assert_int_equal(room.limit, AUDIT_LIMIT_UNKNOWN);
	audit_unjudged(&in, &u);
	assert_int_equal(u.bars, 5);
	assert_int_equal(u.vf_bars, 1);
	assert_int_equal(u.acs, 2);
	assert_int_equal(u.routes, 1);
	assert_int_equal(u.asleep, 1);
	assert_int_equal(u.all, 11);
	m.cfg.read_only = false;
	audit_unjudged(&in, &u);
	assert_int_equal(u.all, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_is_written, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_groups, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_asleep, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_room_and_counts, pci_setup, pci_teardown),
	};
	return cmocka_run_group_tests(tests, pci_group_setup, NULL);
}
