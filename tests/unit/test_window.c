/* The place of the window of device addresses: nothing else answers there. */
#include <string.h>
#include "iommu/vtd/backend.h"
#include "apps/machine.h"
#include "apps/bringup/dma_window.h"
#include "kernel/pmm.h"
#include "tests/model/vtd_model.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"
#include "tests/unit/test.h"

#define GIB       PAGE_1G
#define NVME      0x00101b36
#define RAM_BASE  BIT(37)
#define RAM_BYTES (16 * PAGE_2M)

static phys_t ram;
static struct boot_region mem[4];
static uint8_t dmar[128], mcfg[60];
static struct window_in in;

static int setup(void **state)
{
	pci_setup(state);
	memset(mem, 0, sizeof mem);
	mem[0] = (struct boot_region){.base = 0, .pages = 4 * GIB / PAGE_SIZE, .type = MEM_FREE};
	in = (struct window_in){.pci = &pci, .mem = mem, .mems = 1, .width = 48};
	return 0;
}

static uint64_t chosen(void)
{
	uint64_t base = 0;
	if (m.n && !TAILQ_FIRST(&pci.funcs))
		scan_all();
	assert_int_equal(window_choose(&in, &base), SL_OK);
	return base;
}

static void test_usual(void **state)
{
	(void)state;
	assert_int_equal(chosen(), BIT(37));
	in.width = 39;
	assert_int_equal(chosen(), BIT(37));
}

/* A switch takes a request within a bridge's window for one of its own devices, whether a BAR is there or
 * not. */
static void test_bridge_window(void **state)
{
	(void)state;
	struct cm_fn *p = cm_bridge(&m, NULL, 0, 0, 0x08, 1, 1, 4);
	cm_window_pref(p, BIT(37), BIT(37) + 32 * GIB - 1);
	assert_int_equal(chosen(), BIT(37) + 32 * GIB);
}

static void test_bars(void **state)
{
	(void)state;
	struct cm_fn *f = cm_add(&m, NULL, 0, 0, 0x08, NVME, 0x010802);
	cm_bar(f, 0x10, 0x4000, 0x4, BIT(37));
	cm_pcie(f, 0x40, 9);
	cm_sriov(&m, f, 0x100, 4, 8, 8);
	cm_bar(f, 0x100 + 0x24, GIB, 0x4, BIT(37) + GIB); /* 4 VFs: 4 GiB */
	assert_int_equal(chosen(), BIT(37) + 5 * GIB);
}

static void put(uint8_t *p, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void test_tables(void **state)
{
	(void)state;
	memset(dmar, 0, sizeof dmar);
	memcpy(dmar, "DMAR", 4);
	put(dmar + 4, 4, 48 + 16 + 24);
	dmar[36] = 47;
	put(dmar + 48 + 2, 2, 16); /* DRHD */
	put(dmar + 48 + 8, 8, BIT(37) + 0x1000);
	put(dmar + 64, 2, DMAR_RMRR);
	put(dmar + 66, 2, 24);
	put(dmar + 64 + 8, 8, BIT(37) + GIB + 0x100000);
	put(dmar + 64 + 16, 8, BIT(37) + GIB + 0x100fff);
	memset(mcfg, 0, sizeof mcfg);
	put(mcfg + 44, 8, BIT(37) + 2 * GIB);
	mcfg[55] = 0xff;
	in.dmar = (struct span){dmar, 48 + 16 + 24};
	in.mcfg = (struct span){mcfg, sizeof mcfg};
	assert_int_equal(chosen(), BIT(37) + 3 * GIB);
}

/* Memory of any kind, and units of 36 bits, as those of 2008. */
static void test_memory_and_width(void **state)
{
	(void)state;
	mem[1] = (struct boot_region){.base = BIT(37), .pages = GIB / PAGE_SIZE, .type = MEM_RESERVED};
	in.mems = 2;
	assert_int_equal(chosen(), BIT(37) + GIB);
	in.width = 36;
	assert_int_equal(chosen(), BIT(36) - GIB);
	mem[0].pages = 63 * GIB / PAGE_SIZE;
	in.mems = 1;
	assert_int_equal(chosen(), BIT(36) - GIB);
	mem[0].pages = BIT(36) / PAGE_SIZE;
	uint64_t base;
	assert_int_equal(window_choose(&in, &base), SL_NOSPACE);
	in.width = 32; /* nothing between 4 GiB and there */
	mem[0].pages = 16;
	assert_int_equal(window_choose(&in, &base), SL_NOSPACE);
}

/* Memory everywhere: a free part of it, which the caller then keeps. */
static void test_of_memory(void **state)
{
	(void)state;
	phys_t taken;
	mem[0].pages = BIT(38) / PAGE_SIZE;
	assert_int_equal(chosen(), RAM_BASE);
	assert_int_equal(pmm_alloc(1, PAGE_SIZE, &taken), SL_OK); /* the first page of it */
	uint64_t base;
	assert_int_equal(window_choose(&in, &base), SL_NOSPACE);
	pmm_free(taken, 1);
	assert_int_equal(chosen(), RAM_BASE);
}

static void test_width(void **state)
{
	(void)state;
	static struct model_machine mc;
	static struct iommu mmu;
	model_machine_init(&mc, ram, RAM_BYTES);
	assert_int_equal(window_width(&mmu), 64);
	(void)model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, 0x0010);
	(void)model_machine_unit(&mc, MODEL_VER, (MODEL_CAP & ~(0x3full << 16)) | 35ull << 16, MODEL_ECAP,
				 0x0018);
	(void)model_machine_unit(&mc, MODEL_VER, MODEL_CAP & ~(0x3f1full << 8), MODEL_ECAP, MODEL_ALL);
	struct dmar_topo topo = model_machine_topo(&mc);
	struct iommu_regs regs = model_machine_regs(&mc);
	assert_int_equal(vtd_init(&mmu, (struct span){mc.dmar, mc.len}, &topo, &regs), SL_OK);
	assert_int_equal(window_width(&mmu), 36);
	model_machine_fini(&mc);
}

int main(void)
{
	ram = support_ram(RAM_BYTES, RAM_BASE);
	if (pmm_add(ram, RAM_BYTES / PAGE_SIZE) != SL_OK)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_of_memory, setup,
						pci_teardown), /* the arena is untouched yet */
		cmocka_unit_test_setup_teardown(test_usual, setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_bridge_window, setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_bars, setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_tables, setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_memory_and_width, setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_width, setup, pci_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
