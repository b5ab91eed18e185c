/* RMRRs whose memory is the system's own: it is kept out of the page allocator before that has any, or it is
 * not mapped. */
#include <string.h>
#include "iommu/vtd/backend.h"
#include "iommu/dmar/rmrr.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "tests/model/vtd_model.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"
#include "tests/unit/test.h"

#define RAM_BASE  0x40000000ull
#define RAM_BYTES (8 * PAGE_2M)
#define SHARED    (RAM_BASE + 4 * PAGE_2M) /* free memory that firmware forgot to reserve */
#define BOOT_DATA (RAM_BASE + 7 * PAGE_2M) /* boot services', with an RMRR */
#define OURS      (RAM_BASE + RAM_BYTES)   /* the kernel's image */
#define LATE      (RAM_BASE + 5 * PAGE_2M) /* in the allocator before anybody kept it */

static phys_t ram;
static struct model_machine mc;
static struct iommu mmu;
static const struct boot_region regions[] = {
	{.base = RAM_BASE, .pages = 7 * 512, .type = MEM_FREE},
	{.base = BOOT_DATA, .pages = 512, .type = MEM_BOOT_DATA},
	{.base = OURS, .pages = 512, .type = MEM_LOADER_DATA},
	{.base = OURS + PAGE_2M, .pages = 16, .type = MEM_RESERVED},
};
static const struct table_memory_map map = {regions, ARRAY_LEN(regions)};
static struct model_unit *unit;

static void machine(void)
{
	model_machine_init(&mc, ram, RAM_BYTES);
	unit = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	logged[0] = 0;
}

/* As the kernel begins: RMRRs first, then the allocator's first page. */
static int reserve_then_add(void **state)
{
	(void)state;
	machine();
	model_machine_rmrr(&mc, SHARED, SHARED + 0xffff, 0x00a0);
	model_machine_rmrr(&mc, BOOT_DATA + 0x1000, BOOT_DATA + 0x1fff, 0x00a0);
	model_machine_rmrr(&mc, OURS - 0x1000, OURS + 0xfff, 0x00a8);
	model_machine_rmrr(&mc, RAM_BASE, RAM_BASE + 6 * PAGE_2M - 1, 0x00b0);
	model_machine_rmrr(&mc, OURS + PAGE_2M, OURS + PAGE_2M + 0xfff, 0x00b8);
	model_machine_rmrr(&mc, 0x2000, 0x1000, 0x00b8);
	assert_int_equal(rmrr_reserve((struct span){mc.dmar, mc.len}, &map), 17);
	assert_int_equal(pmm_add(PHYS(RAM_BASE), 7 * 512), SL_OK);
	assert_int_equal(pmm_add(PHYS(BOOT_DATA), 512), SL_OK);
	return 0;
}

static void start(void)
{
	struct dmar_topo topo = model_machine_topo(&mc);
	struct iommu_regs regs = model_machine_regs(&mc);
	assert_int_equal(vtd_init(&mmu, (struct span){mc.dmar, mc.len}, &topo, &regs), SL_OK);
	mmu.memory = &map;
	assert_int_equal(vtd_map_rmrrs(&mmu, NULL), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
}

static bool reaches(uint16_t rid, uint64_t at)
{
	uint64_t where = 0;
	return model_dma(unit, rid, at, true, &where) == 0 && where == at;
}

/* A page of an RMRR is never anybody else's, and its function reaches it. */
static void test_kept_out(void **state)
{
	(void)state;
	phys_t p[8 * 512];
	unsigned n = 0;
	start();
	while (n < ARRAY_LEN(p) && pmm_alloc(1, PAGE_SIZE, &p[n]) == SL_OK) {
		assert_false(p[n].v >= SHARED && p[n].v <= SHARED + 0xffff);
		assert_int_not_equal(p[n].v, BOOT_DATA + 0x1000);
		n++;
	}
	assert_true(n > 7 * 512);
	assert_true(reaches(0x00a0, SHARED) && reaches(0x00a0, SHARED + 0xf000));
	assert_true(reaches(0x00a0, BOOT_DATA + 0x1000) && !reaches(0x00a0, BOOT_DATA));
	while (n--)
		pmm_free(p[n], 1);
	assert_int_equal(model_machine_complaints(&mc), 0);
}

/* Where the system lies already, or where it would have to be pushed out of most of the memory, nothing is
 * mapped, and that is reported. */
static void test_ours_is_not_mapped(void **state)
{
	(void)state;
	assert_false(reaches(0x00a8, OURS) || reaches(0x00a8, OURS - 0x1000));
	assert_false(reaches(0x00b0, RAM_BASE) || reaches(0x00b0, RAM_BASE + 3 * PAGE_2M));
	assert_true(reaches(0x00b8, OURS + PAGE_2M)); /* reserved memory: nothing is in the way */
	assert_non_null(strstr(logged, "for 0000:00:15.0 is left out: Sluice itself lies there"));
	assert_non_null(strstr(logged, "for 0000:00:16.0 is left out: its memory is not kept out of the page "
				       "allocator"));
}

/* A table that could not be read before the allocator had its pages. */
static void test_read_too_late(void **state)
{
	(void)state;
	model_machine_fini(&mc);
	machine();
	model_machine_rmrr(&mc, LATE, LATE + 0xfff, 0x00c0);
	start();
	assert_false(reaches(0x00c0, LATE));
	assert_non_null(strstr(logged, "for 0000:00:18.0 is left out: its memory is not kept out"));
	model_machine_fini(&mc);
}

int main(void)
{
	ram = support_ram(RAM_BYTES, RAM_BASE);
	log_sink_add(logged_sink);
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_kept_out),
					   cmocka_unit_test(test_ours_is_not_mapped),
					   cmocka_unit_test(test_read_too_late)};
	return cmocka_run_group_tests(tests, reserve_then_add, NULL);
}
