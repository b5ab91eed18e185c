/* Functions that keep translations themselves: their device TLBs, and the pages that they ask for. */
#include "iommu/ats.h"
#include "iommu/attached.h"
#include "iommu/backend.h"
#include "iommu/domain_parts.h"

enum sl_err iommu_ats_allow(struct iommu *mmu, bdf_t fn, unsigned depth, bool pages)
{
	unsigned unit;
	enum sl_err e = iommu_unit_of(mmu, fn, &unit);
	if (e)
		return e;
	if (mmu->ats_depth || attached_find(mmu, fn))
		return SL_BUSY;
	if (!mmu->hw->ats_allow)
		return SL_UNSUPPORTED;
	e = mmu->hw->ats_allow(mmu, unit, pages);
	if (e)
		return e;
	mmu->ats_fn = fn;
	mmu->ats_depth = (uint8_t)depth;
	mmu->ats_pages = pages;
	return SL_OK;
}

void iommu_ats_end(struct iommu *mmu)
{
	mmu->ats_depth = 0;
}

/* a: NULL where the function is attached to nothing. */
static enum sl_err forget(struct iommu *mmu, const struct attached *a, uint32_t pasid,
			  const struct iommu_gather *g)
{
	return a ? mmu->hw->ats_forget(mmu, a->unit, a->fn.rid, pasid, g) : SL_OK;
}

enum sl_err ats_forget_domain(const struct domain *dom, const struct iommu_gather *g)
{
	const struct attached *a = attached_find(dom->mmu, dom->mmu->ats_fn);
	bool of_it = dom->pasid ? bdf_eq(dom->pasid_fn, dom->mmu->ats_fn) : a && a->dom == dom;
	return of_it ? forget(dom->mmu, a, dom->pasid, g) : SL_OK;
}

enum sl_err ats_forget_all(struct iommu *mmu, bdf_t fn, uint32_t pasid)
{
	const struct iommu_gather all = {.differ = UINT64_MAX};
	return ats_is(mmu, fn) ? forget(mmu, attached_find(mmu, fn), pasid, &all) : SL_OK;
}

enum sl_err iommu_page_request_next(struct iommu *mmu, struct iommu_page_request *out)
{
	const struct attached *a = mmu->ats_depth && mmu->ats_pages ? attached_find(mmu, mmu->ats_fn) : NULL;
	return a ? mmu->hw->page_request_next(mmu, a->unit, out) : SL_END;
}

enum sl_err iommu_page_request_answer(struct iommu *mmu, const struct iommu_page_request *r,
				      enum iommu_page_answer answer)
{
	return r->last ? mmu->hw->page_request_answer(mmu, r, answer) : SL_OK;
}
