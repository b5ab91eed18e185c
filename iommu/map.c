/* Ranges in a domain, and the invalidations they need. */
#include "iommu/backend.h"
#include "iommu/domain_parts.h"
#include "kernel/msi.h"

#define PHYS_END  BIT(52) /* what an entry can hold */
#define EMPTY_MAX 16      /* empty tables that a domain keeps */

bool domain_range_ok(uint64_t base, uint64_t len, uint64_t limit)
{
	if (!len || !IS_ALIGNED(base | len, PAGE_SIZE) || base >= limit || len > limit - base)
		return false;
	return base >= MSI_WINDOW_END || base + len <= MSI_WINDOW;
}

/* The bits in which the addresses of a range differ from the first. */
static uint64_t differ(uint64_t from, uint64_t len)
{
	return from ^ (from + len - 1);
}

/* Invalidates in every unit that may cache this domain. Tries all units; returns the first error. */
static enum sl_err invalidate(struct domain *dom, const struct iommu_gather *g)
{
	enum sl_err first = SL_OK;
	for (unsigned i = 0; i < dom->mmu->unit_count; i++) {
		if (!dom->refs[i])
			continue;
		enum sl_err e = dom->mmu->hw->invalidate(dom->mmu, i, dom->id, dom->pasid, g);
		if (e && !first)
			first = e;
	}
	if (dom->mmu->ats_depth && !first)
		first = ats_forget_domain(dom, g);
	return first;
}

/* After entries went from not present to present, in each unit that needs an invalidation for that. */
static enum sl_err announce(struct domain *dom, uint64_t iova, uint64_t len)
{
	const struct iommu_gather g = {.at = iova, .differ = differ(iova, len), .tables = true};
	for (unsigned i = 0; dom->announce && i < dom->mmu->unit_count; i++) {
		if (!dom->refs[i] || !dom->mmu->hw->wants_announce(dom->mmu, i))
			continue;
		enum sl_err e = dom->mmu->hw->announce(dom->mmu, i, dom->id, dom->pasid, &g);
		if (e)
			return e;
	}
	return SL_OK;
}

enum sl_err domain_sync(struct domain *dom)
{
	struct iommu_gather *g = &dom->gather;
	cached_sync(&dom->cached, &dom->pt);
	if (dom->pt.empty > EMPTY_MAX) {
		cached_drop(&dom->cached, &dom->pt);
		iopt_prune(&dom->pt, g);
	}
	if (!g->differ)
		return SL_OK;
	enum sl_err e = invalidate(dom, g);
	if (g->free_list && !e)
		iopt_free(&dom->pt, g);
	*g = (struct iommu_gather){0};
	return e;
}

enum sl_err domain_map_any(struct domain *dom, iova_t iova, phys_t phys, uint64_t len, unsigned perm)
{
	if (dom->pass)
		return SL_UNSUPPORTED;
	if (!perm || perm & ~(unsigned)DOMAIN_RW)
		return SL_BADVAL;
	if (!domain_range_ok(iova.v, len, dom->limit) || !domain_range_ok(phys.v, len, PHYS_END))
		return SL_RANGE;
	uint64_t mapped;
	cached_drop(&dom->cached, &dom->pt);
	enum sl_err e = iopt_map(&dom->pt, iova, phys, len, perm, &mapped, &dom->gather);
	if (!e && !dom->batch)
		e = domain_sync(dom); /* the large page may have replaced empty tables */
	if (!e)
		e = announce(dom, iova.v, len);
	if (!e || !mapped)
		return e;
	enum sl_err undo = iopt_unmap(&dom->pt, iova, mapped, &dom->gather);
	if (!undo)
		undo = domain_sync(dom);
	return undo ? undo : e;
}

enum sl_err domain_unmap_any(struct domain *dom, iova_t iova, uint64_t len)
{
	if (dom->pass || !domain_range_ok(iova.v, len, dom->limit))
		return SL_RANGE;
	cached_drop(&dom->cached, &dom->pt);
	enum sl_err e = iopt_unmap(&dom->pt, iova, len, &dom->gather);
	if (dom->batch)
		return e;
	enum sl_err done = domain_sync(dom);
	return e ? e : done;
}

bool domain_announce(struct domain *dom, bool on)
{
	bool was = dom->announce;
	dom->announce = on;
	return was;
}

void domain_unmap_begin(struct domain *dom)
{
	dom->batch = true;
}

enum sl_err domain_unmap_end(struct domain *dom)
{
	dom->batch = false;
	return domain_sync(dom);
}

enum sl_err domain_flush(struct domain *dom)
{
	cached_drop(&dom->cached, &dom->pt);
	iopt_prune(&dom->pt, &dom->gather);
	gather_add(&dom->gather, 0, UINT64_MAX);
	dom->gather.tables = true;
	return domain_sync(dom);
}
