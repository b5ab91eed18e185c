#include "apps/bringup/skipped_units.h"
#include "iommu/amdvi/backend.h"
#include "iommu/vtd/regs_seen.h"
#include "iommu/vtd/state.h"
#include "iommu/ivrs/lint.h"
#include "kernel/log.h"

void leave_alone(struct iommu *mmu, const struct config *cfg, const struct table_functions *functions)
{
	for (unsigned i = 0; i < cfg->iommu_skips; i++)
		if (!(mmu->vtd ? vtd_skip_base(mmu, cfg->iommu_skip[i])
			       : amdvi_skip_base(mmu, cfg->iommu_skip[i])))
			log_warn("iommu", "skip=0x%llx: no unit in use has its registers there",
				 (ull)cfg->iommu_skip[i]);
	if (cfg->iommu_igfx_off &&
	    !(mmu->vtd &&
	      vtd_skip_graphics(mmu, functions, "igfx_off is set, and this is the unit for graphics")))
		log_warn("iommu", "igfx_off: no unit covers only graphics");
}

unsigned say_left_on(const struct iommu *mmu)
{
	unsigned n = 0;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		struct iommu_unit_info u;
		iommu_unit_info(mmu, i, &u);
		struct vtd_state s = {.translates = u.control & IVRS_CONTROL_IOMMU_EN};
		if (u.found)
			s = vtd_state_of(u.found->gsts, u.found->pmen, u.found->fsts);
		if (s.translates)
			log_warn(
				"iommu",
				"the firmware left translation on in the unit at 0x%llx: DMA of the functions below it uses the firmware's tables, which do not map our memory, so it is refused",
				(ull)u.base);
		if (s.remaps)
			log_warn(
				"iommu",
				"the firmware left interrupt remapping on in the unit at 0x%llx: interrupts of the functions below it use the firmware's table, and most are refused",
				(ull)u.base);
		n += s.translates || s.remaps;
	}
	return n;
}
