/* Device addresses that a function's domain can not use freely: VT-d §3.14, §8.4. */
#include "iommu/iommu.h"

/* Does one of the RMRR's scopes lead to the function? */
static bool names(const struct iommu *mmu, const struct dmar_rmrr *r, bdf_t fn)
{
	struct dmar_scope s = {0};
	bdf_t to;
	while (dmar_scope_next(r->scopes, &s) == SL_OK)
		if (s.type == DMAR_SCOPE_ENDPOINT &&
		    dmar_scope_resolve(&mmu->topo, r->seg, &s, &to) == SL_OK && bdf_eq(to, fn))
			return true;
	return false;
}

/* Firmware's own mistakes are left out, as iommu_map_rmrrs() does. */
static bool makes_sense(const struct dmar_rmrr *r, const struct iommu *mmu)
{
	return r->limit > r->base && r->limit < BIT(mmu->width) &&
	       (r->limit < IOMMU_MSI_BASE || r->base >= IOMMU_MSI_END);
}

enum sl_err iommu_reserved_next(struct iommu *mmu, bdf_t fn, struct iommu_reserved *at)
{
	struct dmar_entry e = {.next = at->next};
	struct dmar_rmrr r;
	if (!at->len) {
		*at = (struct iommu_reserved){
			.base = IOMMU_MSI_BASE, .len = IOMMU_MSI_END - IOMMU_MSI_BASE, .interrupts = true};
		return SL_OK;
	}
	while (dmar_next(&mmu->table, &e) == SL_OK) {
		if (e.type != DMAR_RMRR || dmar_rmrr(&e, &r) != SL_OK || !makes_sense(&r, mmu) ||
		    !names(mmu, &r, fn))
			continue;
		uint64_t base = ALIGN_DOWN(r.base, PAGE_SIZE);
		*at = (struct iommu_reserved){
			.base = base, .len = ALIGN_UP(r.limit + 1, PAGE_SIZE) - base, .next = e.next};
		return SL_OK;
	}
	return SL_END;
}
