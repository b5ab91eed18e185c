/* Domains that are attached under a PASID: one address space of a function among several. */
#include "iommu/attached.h"
#include "iommu/backend.h"
#include "iommu/domain_parts.h"
#include "iommu/pasid.h"
#include "kernel/log.h"

bool attached_pasid(const struct iommu *mmu, bdf_t fn)
{
	const struct domain *dom = mmu->domains;
	while (dom && !(dom->pasid && bdf_eq(dom->pasid_fn, fn)))
		dom = dom->next;
	return dom != NULL;
}

uint32_t iommu_pasids(const struct iommu *mmu, bdf_t fn)
{
	unsigned unit;
	return iommu_unit_of(mmu, fn, &unit) ? 0 : mmu->hw->pasids(mmu, unit);
}

/* Two functions that reach each other without a unit seeing it would have one tenant reach the other's. */
static bool group_shared(const struct iommu *mmu, const struct attached *a)
{
	const struct iommu_groups *groups = mmu->groups;
	unsigned group = groups ? groups->group_of(groups->ctx, a->fn) : 0;
	for (const struct attached *other = mmu->attached; group && other; other = other->next)
		if (other != a && groups->group_of(groups->ctx, other->fn) == group)
			return true;
	return false;
}

static const char *why_not(const struct domain *dom, const struct attached *a)
{
	const struct iommu *mmu = dom->mmu;
	if (!mmu->hw->pasids(mmu, a->unit))
		return "its unit keeps no PASIDs apart (tables=scalable, and ECAP.PASID)";
	if (a->n > 1)
		return "its requests may carry another function's requester id";
	if (group_shared(mmu, a))
		return "another function of its group is in use";
	return dom->pass ? "a pass-through domain reaches all memory" : NULL;
}

/* The smallest that no domain of the machine has; 0: all are taken. */
static uint32_t free_pasid(const struct iommu *mmu, uint32_t end)
{
	for (uint32_t pasid = 1; pasid < end; pasid++) {
		const struct domain *dom = mmu->domains;
		while (dom && dom->pasid != pasid)
			dom = dom->next;
		if (!dom)
			return pasid;
	}
	return 0;
}

enum sl_err domain_attach_pasid(struct domain *dom, bdf_t fn, uint32_t limit, uint32_t *pasid)
{
	struct iommu *mmu = dom->mmu;
	const struct attached *a = attached_find(mmu, fn);
	if (!a)
		return SL_NOTFOUND;
	if (dom->attached)
		return SL_BUSY;
	const char *why = why_not(dom, a);
	if (why) {
		log_warn("iommu", BDF_FMT " gets no PASID for domain %u (%s): %s", BDF_ARG(fn), dom->id,
			 dom->name, why);
		return SL_UNSUPPORTED;
	}
	uint32_t most = mmu->hw->pasids(mmu, a->unit), own = free_pasid(mmu, limit < most ? limit : most);
	if (!own)
		return SL_NOSPACE;
	enum sl_err e = domain_suit(dom, a->unit, fn);
	if (e)
		return e;
	const struct iommu_root root = {
		.top = va_phys(dom->pt.top), .levels = dom->pt.levels, .did = dom->id, .pasid = own};
	e = mmu->hw->attach(mmu, a->unit, fn.rid, &root);
	if (e == SL_NOMEM)
		return e;
	/* Also when the unit did not answer: the entry is there, and so the tables must stay. */
	dom->pasid = *pasid = own;
	dom->pasid_fn = fn;
	dom->refs[a->unit]++;
	dom->attached++;
	dom->announce |= mmu->hw->wants_announce(mmu, a->unit);
	log_debug("iommu", BDF_FMT " PASID %u attached to domain %u (%s): %s", BDF_ARG(fn), own, dom->id,
		  dom->name, sl_err_text(e));
	return e;
}

enum sl_err domain_detach_pasid(struct domain *dom)
{
	const struct attached *a = dom->pasid ? attached_find(dom->mmu, dom->pasid_fn) : NULL;
	if (!a)
		return SL_NOTFOUND;
	enum sl_err e = dom->mmu->hw->detach(dom->mmu, a->unit, a->fn.rid, dom->pasid);
	if (!e)
		e = ats_forget_all(dom->mmu, a->fn, dom->pasid);
	if (e) /* also where an earlier try took the entry away and the unit did not answer */
		return e;
	log_debug("iommu", BDF_FMT " PASID %u detached from domain %u (%s)", BDF_ARG(a->fn), dom->pasid,
		  dom->id, dom->name);
	dom->refs[a->unit]--;
	dom->attached--;
	dom->pasid = 0;
	return SL_OK;
}

uint32_t domain_pasid(const struct domain *dom)
{
	return dom->pasid;
}
