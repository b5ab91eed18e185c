/* Device TLBs and page requests of a unit in scalable mode: VT-d §6.5.2.5, §6.5.2.6, §7.4. Not in
 * legacy mode: no device that Sluice drives needs them there. */
#include "iommu/vtd/ats.h"
#include "iommu/vtd/backend.h"
#include "iommu/vtd/cmd.h"
#include "iommu/vtd/inv.h"
#include "iommu/vtd/io.h"
#include "iommu/vtd/regs.h"
#include "iommu/vtd/unit.h"
#include "kernel/log.h"
#include "kernel/pmm.h"

#define REQUESTS ((unsigned)(PAGE_SIZE / sizeof(struct vtd_page_request))) /* PQA.PQS = 0 */

/* The interrupt is masked: requests are polled. */
static enum sl_err take_page_requests(struct vtd_unit *u)
{
	if (u->page_requests)
		return SL_OK;
	u->page_requests = pmm_page();
	if (!u->page_requests)
		return SL_NOMEM;
	vtd_wr32(&u->io, VTD_PECTL, (uint32_t)PECTL_IM);
	vtd_wr64(&u->io, VTD_PQT, 0);
	vtd_wr64(&u->io, VTD_PQH, 0);
	vtd_wr64(&u->io, VTD_PQA, va_phys(u->page_requests).v & PQA_PQA);
	vtd_w1c_ack(&u->io, VTD_PRS, PRS_PPR | PRS_PRO);
	return SL_OK;
}

enum sl_err vtd_ats_allow(struct iommu *mmu, unsigned unit, bool pages)
{
	struct vtd_unit *u = &mmu->vtd->unit[unit];
	if (u->tables == VTD_LEGACY || !(u->ecap & ECAP_DT) || (pages && !(u->ecap & ECAP_PRS)))
		return SL_UNSUPPORTED;
	return pages ? take_page_requests(u) : SL_OK;
}

/* After the IOTLB has forgotten the same: the device could ask again meanwhile. */
enum sl_err vtd_ats_forget(struct iommu *mmu, unsigned unit, uint16_t rid, uint32_t pasid,
			   const struct iommu_gather *g)
{
	struct vtd_unit *u = &mmu->vtd->unit[unit];
	uint64_t bits = g->differ / PAGE_SIZE;
	unsigned am = bits ? 64 - (unsigned)__builtin_clzll(bits) : 0;
	uint16_t pf = u->ecap & ECAP_DIT ? rid : 0; /* VFs are not allowed ATS */
	struct vtd_desc d = pasid ? vtd_desc_ptlb(rid, pasid, mmu->ats_depth, pf, g->at, am)
				  : vtd_desc_tlb(rid, mmu->ats_depth, pf, g->at, am);
	return u->on ? vtd_inv_run(u, &d, 1) : SL_OK;
}

/* All that were queued have been taken. */
static enum sl_err none_left(struct vtd_unit *u)
{
	if (!(vtd_w1c_rd(&u->io, VTD_PRS) & PRS_PRO))
		return SL_END;
	log_warn(u->name, "page requests were lost: more than %u were pending (PRS.PRO)", REQUESTS - 1);
	vtd_w1c_ack(&u->io, VTD_PRS, PRS_PRO);
	return SL_END;
}

enum sl_err vtd_page_request_next(struct iommu *mmu, unsigned unit, struct iommu_page_request *out)
{
	struct vtd_unit *u = &mmu->vtd->unit[unit];
	uint64_t tail = (vtd_rd64(&u->io, VTD_PQT) & PQ_OFFSET) / sizeof(struct vtd_page_request);
	for (unsigned seen = 0; u->pq_head != tail % REQUESTS && seen < REQUESTS; seen++) {
		const struct vtd_page_request r = u->page_requests[u->pq_head];
		u->pq_head = (u->pq_head + 1) % REQUESTS;
		vtd_wr64(&u->io, VTD_PQH, u->pq_head * sizeof(struct vtd_page_request));
		*out = (struct iommu_page_request){
			.unit = unit,
			.fn = {u->seg, (uint16_t)FGET(r.v[0], PREQ_SID)},
			.pasid = r.v[0] & PREQ_PP ? (uint32_t)FGET(r.v[0], PREQ_PASID) : 0,
			.iova = IOVA(r.v[1] & PREQ_ADDR),
			.read = r.v[1] & PREQ_R,
			.write = r.v[1] & PREQ_W,
			.last = r.v[1] & PREQ_LAST,
			.group = (uint16_t)FGET(r.v[1], PREQ_GROUP),
		};
		if (FGET(r.v[0], PREQ_TYPE) == 1)
			return SL_OK;
	}
	return none_left(u);
}

enum sl_err vtd_page_request_answer(struct iommu *mmu, const struct iommu_page_request *r, unsigned code)
{
	struct vtd_unit *u = &mmu->vtd->unit[r->unit];
	struct vtd_desc d = vtd_desc_answer(r->fn.rid, r->pasid, r->group, code);
	return vtd_inv_run(u, &d, 1);
}
