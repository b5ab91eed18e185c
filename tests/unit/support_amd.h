/* What the host tests of AMD units share: RAM, a machine of model units, and the program's view of it. */
#pragma once
#include "iommu/amdvi/log.h"
#include "kernel/pmm.h"
#include "tests/model/amd_model.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

#define RAM_BASE  0x40000000ull
#define RAM_BYTES (16 * PAGE_2M)

static phys_t ram;
static struct amd_machine mc;
static struct iommu mmu;

static int ram_setup(void **state)
{
	(void)state;
	ram = support_ram(RAM_BYTES, RAM_BASE);
	return pmm_add(ram, RAM_BYTES / PAGE_SIZE) != SL_OK;
}

static inline void machine_init(void)
{
	amd_machine_init(&mc, ram, RAM_BYTES);
}

/* The program's view of the units so far, which are turned on. */
static inline void machine_start(void)
{
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
}

/* Gives back the large parts of what units keep for good: each test makes its own. */
static inline void machine_end(void)
{
	struct amdvi *a = mmu.amdvi;
	for (unsigned i = 0; i < a->devtabs; i++)
		pmm_free(va_phys(a->devtab[i].entry), AMDVI_IDS * sizeof(struct amdvi_dte) / PAGE_SIZE);
	for (unsigned i = 0; i < mmu.unit_count; i++)
		if (a->unit[i].log)
			pmm_free(va_phys(a->unit[i].log), AMDVI_LOG_BYTES / PAGE_SIZE);
	assert_int_equal(amd_machine_complaints(&mc), 0);
	amd_machine_fini(&mc);
}
