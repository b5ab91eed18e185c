/* Device addresses that a function's domain cannot use freely: VT-d §3.15, §8.4. */
#include "iommu/dmar/rmrr.h"
#include "iommu/vtd/own.h"
#include "kernel/msi.h"

/* A named bridge covers itself and all functions below it, also VFs that did not exist when the table was
 * read: they are found by their bus. A named PF does not cover its VFs. */
static bool names(const struct iommu *mmu, const struct dmar_rmrr *r, bdf_t fn, bool *below)
{
	struct dmar_scope s = {0};
	*below = false;
	while (dmar_scope_next(r->scopes, &s) == SL_OK) {
		if (!dmar_scope_covers(&mmu->vtd->topo, r->seg, &s, fn))
			continue;
		*below = s.type == DMAR_SCOPE_BRIDGE;
		if (!*below)
			return true;
	}
	return *below;
}

enum sl_err vtd_reserved_next(struct iommu *mmu, bdf_t fn, struct iommu_reserved *at)
{
	struct dmar_entry e = {.next = at->next};
	struct dmar_rmrr r;
	uint64_t base, len;
	bool below;
	if (!at->len) {
		*at = (struct iommu_reserved){
			.base = MSI_WINDOW, .len = MSI_WINDOW_END - MSI_WINDOW, .interrupts = true};
		return SL_OK;
	}
	while (dmar_next(&mmu->vtd->table, &e) == SL_OK) {
		if (e.type != DMAR_RMRR || dmar_rmrr(&e, &r) != SL_OK || !names(mmu, &r, fn, &below) ||
		    !rmrr_can_map(mmu, fn, &r, &base, &len)) /* firmware errors: vtd_map_rmrrs() too */
			continue;
		*at = (struct iommu_reserved){
			.base = base, .len = len, .below = below, .perm = DOMAIN_RW, .next = e.next};
		return SL_OK;
	}
	return SL_END;
}
