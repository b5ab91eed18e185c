/* Memory that firmware wants functions to go on reaching: VT-d §8.4. */
#include "iommu/iommu.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/pmm.h"

#define NAME_SIZE 20

/* Whole pages; false when it describes no memory. */
static bool pages_of(const struct dmar_rmrr *r, uint64_t *base, uint64_t *len)
{
	if (r->limit <= r->base || r->limit >= BIT(52))
		return false;
	*base = ALIGN_DOWN(r->base, PAGE_SIZE);
	*len = ALIGN_UP(r->limit + 1, PAGE_SIZE) - *base;
	return true;
}

/* The function's domain, made and attached when it has none. */
static enum sl_err domain_for(struct iommu *mmu, bdf_t fn, struct domain **out)
{
	*out = iommu_domain_of(mmu, fn);
	if (*out)
		return SL_OK;
	char *name = pmm_keep(NAME_SIZE);
	if (!name)
		return SL_NOMEM;
	fmt_print(name, NAME_SIZE, "rmrr " BDF_FMT, BDF_ARG(fn));
	enum sl_err e = domain_create(mmu, name, out);
	return e ? e : domain_attach(*out, fn);
}

/* One to one. Regions of one function may overlap: then page by page what is not there yet. */
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

/* Errors that end it are ours (no memory, no domain id); what firmware got wrong is logged and left out. */
static enum sl_err map_scope(struct iommu *mmu, const struct dmar_rmrr *r, const struct dmar_scope *s)
{
	bdf_t fn;
	struct domain *dom;
	uint64_t base, len;
	unsigned unit;
	enum sl_err e = dmar_scope_resolve(&mmu->topo, r->seg, s, &fn);
	if (!e)
		e = iommu_unit_of(mmu, fn, &unit);
	if (e || s->type != DMAR_SCOPE_ENDPOINT || !pages_of(r, &base, &len)) {
		log_warn("iommu",
			 "RMRR 0x%llx..0x%llx for %s on bus 0x%x is left out: no such memory, function or "
			 "unit",
			 (ull)r->base, (ull)r->limit, dmar_scope_name(s->type), s->bus);
		return SL_OK;
	}
	e = domain_for(mmu, fn, &dom);
	if (!e)
		e = map_identity(dom, base, len);
	if (e == SL_RANGE) {
		log_warn("iommu",
			 "RMRR 0x%llx..0x%llx for " BDF_FMT " is left out: no device address can be that",
			 (ull)r->base, (ull)r->limit, BDF_ARG(fn));
		return SL_OK;
	}
	if (!e)
		log_line("iommu", "RMRR 0x%llx..0x%llx: one to one for " BDF_FMT, (ull)r->base, (ull)r->limit,
			 BDF_ARG(fn));
	return e;
}

enum sl_err iommu_map_rmrrs(struct iommu *mmu)
{
	struct dmar_entry entry = {0};
	enum sl_err e;
	while ((e = dmar_next(&mmu->table, &entry)) == SL_OK) {
		struct dmar_rmrr r;
		struct dmar_scope s = {0};
		if (entry.type != DMAR_RMRR)
			continue;
		e = dmar_rmrr(&entry, &r);
		while (!e && (e = dmar_scope_next(r.scopes, &s)) == SL_OK)
			e = map_scope(mmu, &r, &s);
		if (e != SL_END)
			return e;
	}
	return e == SL_END ? SL_OK : e;
}
