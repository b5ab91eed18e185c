#include "iommu/attached.h"
#include "kernel/pmm.h"

struct attached *attached_find(const struct iommu *mmu, bdf_t fn)
{
	struct attached *a = mmu->attached;
	while (a && !bdf_eq(a->fn, fn))
		a = a->next;
	return a;
}

struct attached *attached_group(const struct iommu *mmu, unsigned group, const struct domain *dom)
{
	struct attached *a = mmu->attached;
	while (a && (a->dom == dom || mmu->groups->group_of(mmu->groups->ctx, a->fn) != group))
		a = a->next;
	return a;
}

static bool has(const struct attached *a, uint16_t id)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->id[i] == id)
			return true;
	return false;
}

enum sl_err attached_add(struct iommu *mmu, struct domain *dom, bdf_t fn, unsigned unit,
			 struct attached **out)
{
	const struct iommu_groups *groups = mmu->groups;
	uint16_t more[ATTACHED_IDS];
	struct attached *a = mmu->spare_attached ? mmu->spare_attached : pmm_keep(sizeof(*a));
	if (!a)
		return SL_NOMEM;
	if (mmu->spare_attached)
		mmu->spare_attached = a->next;
	*a = (struct attached){
		.next = mmu->attached, .dom = dom, .fn = fn, .unit = unit, .n = 1, .id = {fn.rid}};
	unsigned n = groups && groups->ids ? groups->ids(groups->ctx, fn, more, ATTACHED_IDS - 1) : 0;
	for (unsigned i = 0; i < n; i++)
		if (!has(a, more[i]))
			a->id[a->n++] = more[i];
	mmu->attached = a;
	*out = a;
	return SL_OK;
}

void attached_drop(struct iommu *mmu, struct attached *a)
{
	struct attached **link = &mmu->attached;
	while (*link != a)
		link = &(*link)->next;
	*link = a->next;
	a->next = mmu->spare_attached;
	mmu->spare_attached = a;
}

bool attached_shared(const struct iommu *mmu, const struct attached *a, uint16_t id)
{
	for (const struct attached *other = mmu->attached; other; other = other->next)
		if (other != a && other->unit == a->unit && has(other, id))
			return true;
	return false;
}
