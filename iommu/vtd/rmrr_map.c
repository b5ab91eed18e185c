/* RMRRs in domains: their functions keep access to that memory, one to one, and to nothing else: VT-d
 * §8.4. */
#include "iommu/firmware_memory.h"
#include "iommu/vtd/backend.h"
#include "iommu/vtd/format.h"
#include "iommu/vtd/unit.h"
#include "iommu/dmar/rmrr.h"
#include "kernel/log.h"
#include "kernel/msi.h"

/* Without a known unit, the form that most units support. */
static unsigned width_of(const struct iommu *mmu, bdf_t fn)
{
	unsigned unit;
	return iommu_unit_of(mmu, fn, &unit) ? mmu->width
					     : vtd_format_of(&mmu->vtd->unit[unit], mmu->levels).width;
}

bool rmrr_can_map(const struct iommu *mmu, bdf_t fn, const struct dmar_rmrr *r, uint64_t *base, uint64_t *len)
{
	return rmrr_pages(r, base, len) && r->limit < BIT(width_of(mmu, fn)) &&
	       (r->limit < MSI_WINDOW || r->base >= MSI_WINDOW_END);
}

static void left_out(const struct dmar_rmrr *r, const struct dmar_scope *s)
{
	log_warn("iommu",
		 "RMRR 0x%llx..0x%llx for %s on bus 0x%x is ignored: no such memory, function or unit",
		 (ull)r->base, (ull)r->limit, dmar_scope_name(s->type), s->bus);
}

static void not_mapped(const struct dmar_rmrr *r, bdf_t fn, const char *why)
{
	log_warn("iommu", "RMRR 0x%llx..0x%llx for " BDF_FMT " is left out: %s", (ull)r->base, (ull)r->limit,
		 BDF_ARG(fn), why);
}

/* Only Sluice's own errors end it (no memory, no domain id); firmware errors are logged and skipped. */
static enum sl_err map_function(struct iommu *mmu, const struct dmar_rmrr *r, const struct dmar_scope *s,
				bdf_t fn)
{
	struct domain *dom;
	uint64_t base, len;
	unsigned unit;
	if (!rmrr_pages(r, &base, &len) || iommu_unit_of(mmu, fn, &unit) != SL_OK) {
		left_out(r, s);
		return SL_OK;
	}
	if (!rmrr_can_map(mmu, fn, r, &base, &len)) {
		not_mapped(r, fn, "it is beyond the unit's address width or in the interrupt window");
		return SL_OK;
	}
	const char *taken = mmu->memory ? table_memory_taken(mmu->memory, base, len) : NULL;
	if (taken) {
		not_mapped(r, fn, taken);
		return SL_OK;
	}
	enum sl_err e = firmware_domain(mmu, fn, &dom);
	if (e == SL_BUSY || e == SL_UNSUPPORTED) {
		not_mapped(r, fn,
			   e == SL_BUSY ? "its group is in several domains"
					: "its unit cannot read the tables of its group's domain");
		return SL_OK;
	}
	if (!e)
		e = firmware_identity(dom, base, len, DOMAIN_RW);
	if (!e)
		log_line("iommu", "RMRR 0x%llx..0x%llx: one to one for " BDF_FMT " in domain %u",
			 (ull)r->base, (ull)r->limit, BDF_ARG(fn), domain_id(dom));
	return e;
}

/* A named function gets its memory even where configuration space does not show it: management processors
 * hide themselves and still do DMA. Below a bridge only visible functions can be found. */
static enum sl_err map_scope(struct iommu *mmu, const struct table_functions *functions,
			     const struct dmar_rmrr *r, const struct dmar_scope *s)
{
	bdf_t fn;
	uint32_t class;
	bool any = false;
	if (s->type == DMAR_SCOPE_ENDPOINT && dmar_scope_resolve(&mmu->vtd->topo, r->seg, s, &fn) == SL_OK)
		return map_function(mmu, r, s, fn);
	if (s->type == DMAR_SCOPE_BRIDGE && functions)
		for (unsigned i = 0; functions->get(functions->ctx, i, &fn, &class); i++) {
			if (!dmar_scope_covers(&mmu->vtd->topo, r->seg, s, fn))
				continue;
			enum sl_err e = map_function(mmu, r, s, fn);
			if (e)
				return e;
			any = true;
		}
	if (!any)
		left_out(r, s);
	return SL_OK;
}

enum sl_err vtd_map_rmrrs(struct iommu *mmu, const struct table_functions *functions)
{
	struct dmar_entry entry = {0};
	enum sl_err e;
	while ((e = dmar_next(&mmu->vtd->table, &entry)) == SL_OK) {
		struct dmar_rmrr r;
		struct dmar_scope s = {0};
		if (entry.type != DMAR_RMRR)
			continue;
		e = dmar_rmrr(&entry, &r);
		while (!e && (e = dmar_scope_next(r.scopes, &s)) == SL_OK)
			e = map_scope(mmu, functions, &r, &s);
		if (e != SL_END)
			return e;
	}
	return e == SL_END ? SL_OK : e;
}
