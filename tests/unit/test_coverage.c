/* What translation does not cover is counted and named, and is never said to be held. */
#include <stdio.h>
#include <string.h>
#include "iommu/vtd/backend.h"
#include "apps/bringup/coverage.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "tests/model/vtd_model.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"
#include "tests/unit/test.h"

#define NVME 0x00101b36
#define VMD  0x467f8086

#define RAM_BASE  0x40000000ull
#define RAM_BYTES (8 * PAGE_2M)
#define NO_TABLES (MODEL_CAP & ~(0x1full << 8)) /* CAP.SAGAW is 0 */

static phys_t ram;
static struct model_machine mc;
static struct iommu mmu;
static struct coverage c;

/* Functions 00:03.0 and 00:04.0, a host bridge, and a port with a function below it. */
static int setup(void **state)
{
	pci_setup(state);
	model_machine_init(&mc, ram, RAM_BYTES);
	memset(&mmu, 0, sizeof mmu);
	cm_add(&m, NULL, 0, 0, 0, 0x29c08086, 0x060000);
	cm_add(&m, NULL, 0, 0, 0x18, NVME, 0x010802);
	cm_add(&m, NULL, 0, 0, 0x20, NVME, 0x020000);
	cm_add(&m, cm_bridge(&m, NULL, 0, 0, 0x08, 1, 1, 4), 0, 0, 0, NVME, 0x010802);
	return 0;
}

static int teardown(void **state)
{
	model_machine_fini(&mc);
	return pci_teardown(state);
}

static void translate(void)
{
	struct dmar_topo topo = model_machine_topo(&mc);
	struct iommu_regs regs = model_machine_regs(&mc);
	assert_int_equal(vtd_init(&mmu, (struct span){mc.dmar, mc.len}, &topo, &regs), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
}

static void take(bool translating)
{
	if (!TAILQ_FIRST(&pci.funcs))
		scan_all();
	coverage_take(&pci, &mmu, translating, &c);
}

/* All texts, a line each; as many as are counted. */
static const char *named(bool translating)
{
	static char all[16384];
	char text[200];
	unsigned n = 0;
	all[0] = 0;
	for (; coverage_text(&pci, &mmu, translating, n, text, sizeof text); n++)
		snprintf(all + strlen(all), sizeof all - strlen(all), "%s\n", text);
	assert_int_equal(n, coverage_open(&c));
	return all;
}

static void test_whole(void **state)
{
	(void)state;
	(void)model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	translate();
	take(true);
	assert_true(c.units == 1 && c.on == 1 && c.functions == 3 && !coverage_open(&c));
	assert_true(coverage_whole(&c));
	assert_string_equal(named(true), "");
	take(false); /* iommu=off */
	assert_true(c.on == 0 && c.no_unit == 3 && !coverage_whole(&c));
}

/* A unit that is never switched on passes all DMA: what is below it is not called held. */
static void test_unusable_unit(void **state)
{
	(void)state;
	uint64_t where;
	struct model_unit *bad = model_machine_unit(&mc, MODEL_VER, NO_TABLES, MODEL_ECAP, 0x0018);
	(void)model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	translate();
	assert_int_equal(model_dma(bad, 0x0018, RAM_BASE + 0x1000, true, &where), 0);
	take(true);
	assert_true(c.units == 2 && c.on == 1 && c.no_unit == 1 && coverage_open(&c) == 1);
	assert_false(coverage_whole(&c));
	assert_ptr_equal(
		strstr(named(true),
		       "0000:00:03.0 Non-Volatile memory controller is under no unit that translates (CAP.SAGAW "),
		named(true));
	assert_non_null(strstr(named(true), "): only its Bus Master Enable stops its DMA\n"));
	assert_null(strstr(logged, "stay blocked"));
}

static void test_no_unit(void **state)
{
	(void)state;
	struct cm_fn *f = cm_add(&m, NULL, 0, 0, 0x28, NVME, 0x010802);
	(void)model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, 0x0018);
	translate();
	cm_put(f, 4, 2, 4);
	f->mask[4] = 3;
	scan_all();
	(void)pci_quiesce(&pci);
	take(true);
	assert_true(c.units == 1 && c.on == 1 && c.no_unit == 3 && c.stuck == 1);
	assert_false(coverage_whole(&c));
	assert_non_null(strstr(
		named(true),
		"0000:00:05.0 Non-Volatile memory controller is under no unit that translates (no unit of the DMAR table covers it): its Bus Master Enable stays on, so nothing blocks its DMA\n"));
}

/* Bridges that are not followed, functions that are not ready, VMD, and more of them than are kept. */
static void test_not_looked_at(void **state)
{
	(void)state;
	(void)model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	translate();
	cm_bridge(&m, NULL, 0, 0, 0x30, 1, 2, 4);
	cm_add(&m, NULL, 0, 0, 0x38, 0xffff0001, 0x020000);
	cm_add(&m, NULL, 0, 0, 0x40, VMD, 0x010400);
	take(true);
	assert_true(c.no_unit == 0 && c.missed == 2 && c.vmd == 1);
	assert_false(coverage_whole(&c));
	assert_string_equal(
		named(true),
		"0000:00:06.0, a bridge to buses 01-02, is not followed: its bus numbers overlap another bridge's\n"
		"0000:00:07.0 is not ready: it answers with Request Retry Status\n"
		"0000:00:08.0 is VMD: the functions behind it are not examined\n");
	for (unsigned i = 0; i < 100; i++)
		pci_miss(&pci, (struct pci_missed){.why = PCI_MISS_ROOT});
	take(true);
	assert_int_equal(coverage_open(&c), 103);
	assert_non_null(strstr(named(true), "one more that was not examined"));
}

/* A function below a unit that goes past it is no covered one; without translation it counts once. */
static void test_past_the_iommu(void **state)
{
	(void)state;
	(void)model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	translate();
	cm_bridge(&m, NULL, 0, 0, 0x30, 1, 2, 4);
	take(true);
	unsigned others = coverage_open(&c);
	struct pci_func *f = pci_find(&pci, (bdf_t){0, 0x0018});
	f->past_iommu = true;
	coverage_take(&pci, &mmu, true, &c);
	assert_true(c.past == 1 && !c.no_unit && coverage_open(&c) == others + 1 && !coverage_whole(&c));
	assert_ptr_equal(strstr(named(true),
				"0000:00:03.0 accesses memory past the IOMMU: nothing restricts its DMA\n"),
			 named(true));
	coverage_take(&pci, &mmu, false, &c);
	assert_true(!c.past && c.no_unit == c.functions);
	(void)named(false);
}

/* No function at all is no machine that is covered. */
static void test_nothing_found(void **state)
{
	(void)state;
	cm_free(&m);
	cm_init(&m);
	(void)model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	translate();
	scan_all();
	coverage_take(&pci, &mmu, true, &c);
	assert_true(!c.functions && c.on == 1 && !coverage_open(&c));
	assert_false(coverage_whole(&c));
}

int main(void)
{
	ram = support_ram(RAM_BYTES, RAM_BASE);
	if (pmm_add(ram, RAM_BYTES / PAGE_SIZE) != SL_OK)
		return 1;
	log_sink_add(logged_sink);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unusable_unit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_unit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_past_the_iommu, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_looked_at, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_found, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
