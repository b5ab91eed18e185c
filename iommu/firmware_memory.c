#include "iommu/firmware_memory.h"
#include "iommu/attached.h"
#include "iommu/backend.h"
#include "kernel/fmt.h"
#include "kernel/pmm.h"

#define NAME_SIZE 20

static enum sl_err domain_new(struct iommu *mmu, bdf_t fn, struct domain **out)
{
	char *name = pmm_keep(NAME_SIZE);
	if (!name)
		return SL_NOMEM;
	fmt_print(name, NAME_SIZE, "%s " BDF_FMT, mmu->hw->domain, BDF_ARG(fn));
	return domain_create_for(mmu, name, fn, out);
}

enum sl_err firmware_domain(struct iommu *mmu, bdf_t fn, struct domain **out)
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

enum sl_err firmware_identity(struct domain *dom, uint64_t base, uint64_t len, unsigned perm)
{
	enum sl_err e = domain_map(dom, IOVA(base), PHYS(base), len, perm);
	if (e != SL_EXISTS)
		return e;
	for (uint64_t at = base; at < base + len; at += PAGE_SIZE) {
		e = domain_map(dom, IOVA(at), PHYS(at), PAGE_SIZE, perm);
		if (e && e != SL_EXISTS)
			return e;
	}
	return SL_OK;
}
