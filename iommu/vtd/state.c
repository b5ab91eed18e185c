#include "iommu/vtd/state.h"
#include "iommu/vtd/reasons.h"
#include "iommu/vtd/regs.h"

struct vtd_state vtd_state_of(uint32_t gsts, uint32_t pmen, uint32_t fsts)
{
	return (struct vtd_state){.translates = (gsts & GCMD_TE) != 0,
				  .remaps = (gsts & GCMD_IRE) != 0,
				  .queue = (gsts & GCMD_QIE) != 0,
				  .compat_passes = (gsts & GCMD_CFI) != 0,
				  .regions = (pmen & PMEN_PRS) != 0,
				  .pending = (fsts & FSTS_PPF) != 0,
				  .overflow = (fsts & FSTS_PFO) != 0};
}

struct vtd_ability vtd_ability_of(uint32_t ver, uint64_t cap, uint64_t ecap)
{
	uint64_t sagaw = FGET(cap, CAP_SAGAW);
	struct vtd_ability a = {
		.levels3 = sagaw >> 1 & 1, .levels4 = sagaw >> 2 & 1, .levels5 = sagaw >> 3 & 1};
	if (ver == UINT32_MAX || cap == UINT64_MAX || ecap == UINT64_MAX)
		a.unusable = "its registers read all ones";
	else if (ver == 0 || cap == 0)
		a.unusable = "its registers read zero";
	else if (!(sagaw & 0xe))
		a.unusable = "CAP.SAGAW offers no second-stage tables";
	bool answers = ver && ver != UINT32_MAX && cap && cap != UINT64_MAX && ecap != UINT64_MAX;
	a.irq_only = a.unusable && answers && ecap & ECAP_IR && ecap & ECAP_QI;
	if (a.irq_only) {
		a.remaps = true;
		a.x2apic = (ecap & ECAP_EIM) != 0;
	}
	if (a.unusable)
		return a;
	a.width = (unsigned)FGET(cap, CAP_MGAW) + 1;
	a.coherent = (ecap & ECAP_C) != 0;
	a.queue = (ecap & ECAP_QI) != 0;
	a.device_tlb = (ecap & ECAP_DT) != 0;
	a.remaps = (ecap & ECAP_IR) != 0;
	a.x2apic = (ecap & ECAP_EIM) != 0;
	a.pass_through = (ecap & ECAP_PT) != 0;
	a.caching_mode = (cap & CAP_CM) != 0;
	a.selective = (cap & CAP_PSI) != 0;
	a.pages_2m = (FGET(cap, CAP_SSLPS) & 1) != 0;
	a.pages_1g = (FGET(cap, CAP_SSLPS) & 2) != 0;
	a.low_region = (cap & CAP_PLMR) != 0;
	a.high_region = (cap & CAP_PHMR) != 0;
	a.scalable = (ecap & ECAP_SMTS) != 0;
	a.pasid = (ecap & ECAP_PASID) != 0;
	a.page_requests = (ecap & ECAP_PRS) != 0;
	a.fault_offset = (uint32_t)FGET(cap, CAP_FRO) * 16;
	a.fault_records = (unsigned)FGET(cap, CAP_NFR) + 1;
	return a;
}

bool vtd_state_fault(uint64_t lo, uint64_t hi, uint16_t seg, struct iommu_fault *out)
{
	uint8_t number = (uint8_t)FGET(hi, FRCD_FR);
	bool write = !(hi & FRCD_T1) == !(hi & FRCD_T2);
	*out = (struct iommu_fault){.bdf = {seg, (uint16_t)FGET(hi, FRCD_SID)},
				    .iova = IOVA(lo & FRCD_FI),
				    .write = write,
				    .pasid = hi & FRCD_PP ? (uint32_t)FGET(hi, FRCD_PV) : 0,
				    .page_request = !(hi & FRCD_T1) && (hi & FRCD_T2),
				    .why = vtd_reason_why_of(number, write),
				    .code = number,
				    .text = vtd_reason_text(number)};
	if (iommu_why_has_index(out->why))
		out->index = (uint16_t)FGET(lo, FRCD_INDEX);
	return (hi & FRCD_F) != 0;
}
