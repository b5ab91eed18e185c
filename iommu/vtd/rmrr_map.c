/* RMRRs in domains: their functions keep access to that memory, one to one, and to nothing else: VT-d
 * §8.4. */
#include "iommu/attached.h"
#include "iommu/vtd/backend.h"
#include "iommu/vtd/format.h"
#include "iommu/vtd/unit.h"
#include "iommu/dmar/rmrr.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/msi.h"
#include "kernel/pmm.h"

#define NAME_SIZE 20

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

static enum sl_err domain_new(struct iommu *mmu, bdf_t fn, struct domain **out)
{
	char *name = pmm_keep(NAME_SIZE);
	if (!name)
		return SL_NOMEM;
	fmt_print(name, NAME_SIZE, "rmrr " BDF_FMT, BDF_ARG(fn));
	return domain_create_for(mmu, name, fn, out);
}

/* The function's domain; if it has none, that of its group, which can be in only one; else a new one. */
static enum sl_err domain_for(struct iommu *mmu, bdf_t fn, struct domain **out)
{
	const struct iommu_groups *groups = mmu->groups;
	unsigned group = groups ? groups->group_of(groups->ctx, fn) : 0;
	const struct attached *own = attached_find(mmu, fn),
			      *other = group ? attached_group(mmu, group, NULL) : NULL;
	if (own) {
		*out = own->dom;
		return SL_OK;
	}
	*out = other ? other->dom : NULL;
	enum sl_err e = *out ? SL_OK : domain_new(mmu, fn, out);
	return e ? e : domain_attach(*out, fn);
}

/* Maps one to one. Regions of one function may overlap: then maps page by page the missing pages. */
static enum sl_err map_identity(struct domain *dom, uint64_t base, uint64_t len)
{
	enum sl_err e = domain_map(dom, IOVA(base), PHYS(base), len, DOMAIN_RW);
	if (e != SL_EXISTS)
		return e;
	for (uint64_t at = base; at < base + len; at += PAGE_SIZE) {
		e = domain_map(dom, IOVA(at), PHYS(at), PAGE_SIZE, DOMAIN_RW);
		if (e && e != SL_EXISTS)
			return e;
	}
	return SL_OK;
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
	const char *taken = mmu->memory ? rmrr_memory_taken(mmu->memory, base, len) : NULL;
	if (taken) {
		not_mapped(r, fn, taken);
		return SL_OK;
	}
	enum sl_err e = domain_for(mmu, fn, &dom);
	if (e == SL_BUSY || e == SL_UNSUPPORTED) {
		not_mapped(r, fn,
			   e == SL_BUSY ? "its group is in several domains"
					: "its unit cannot read the tables of its group's domain");
		return SL_OK;
	}
	if (!e)
		e = map_identity(dom, base, len);
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
