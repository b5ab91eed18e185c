#include "iommu/vtd/backend.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/test.h"

phys_t ram;
struct model_machine mc;
struct iommu mmu;

int ram_setup(void **state)
{
	(void)state;
	ram = support_ram(RAM_BYTES, RAM_BASE);
	return pmm_add(ram, RAM_BYTES / PAGE_SIZE) != SL_OK;
}

enum sl_err machine_read(struct iommu *out)
{
	struct dmar_topo topo = model_machine_topo(&mc);
	struct iommu_regs regs = model_machine_regs(&mc);
	return vtd_init(out, (struct span){mc.dmar, mc.len}, &topo, &regs);
}

void machine_start(void)
{
	assert_int_equal(machine_read(&mmu), SL_OK);
}

void machine_init(void)
{
	model_machine_init(&mc, ram, RAM_BYTES);
}

struct model_unit *one_unit(uint64_t cap, uint64_t ecap)
{
	machine_init();
	struct model_unit *m = model_machine_unit(&mc, MODEL_VER, cap, ecap, MODEL_ALL);
	machine_start();
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	return m;
}

void machine_end(void)
{
	assert_int_equal(model_machine_complaints(&mc), 0);
	model_machine_fini(&mc);
}
