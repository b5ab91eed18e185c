#include "apps/vf/own_memory.h"
#include "kernel/log.h"

static enum sl_err wrong(struct iommu *mmu, const struct iommu_walk *w, const char *what)
{
	char text[160];
	iommu_walk_text(mmu, w->fn, w->iova, text, sizeof text);
	log_fail("tables", "report this: it is a bug in Sluice", "the table of " BDF_FMT " at 0x%llx: %s; %s",
		 BDF_ARG(w->fn), (ull)w->iova.v, what, text);
	return SL_VERIFY;
}

static const struct table_range *range_at(const struct table_range *want, unsigned n, uint64_t iova)
{
	for (unsigned i = 0; i < n; i++)
		if (iova - want[i].buf->iova.v < want[i].buf->len)
			return &want[i];
	return NULL;
}

static bool page_right(const struct iommu_walk *w, const struct domain *dom, const struct table_range *r)
{
	uint64_t off = w->iova.v - r->buf->iova.v;
	unsigned perm = dom ? domain_grants(dom, r->perm) : r->perm;
	return w->phys.v == r->buf->phys.v + off && w->size <= r->buf->len - off &&
	       w->read == !!(perm & DOMAIN_R) && w->write == !!(perm & DOMAIN_W);
}

/* An empty entry at a high level stands for all that is below it, so few walks see the whole aperture. */
enum sl_err tables_exact(struct iommu *mmu, bdf_t fn, const struct table_range *want, unsigned n)
{
	struct iommu_walk w = {.fn = fn};
	uint64_t found = 0, wanted = 0, size;
	for (unsigned i = 0; i < n; i++)
		wanted += want[i].buf->len;
	const struct domain *dom = iommu_domain_of(mmu, fn);
	uint64_t limit = dom ? domain_aperture(dom) : BIT(mmu->width);
	for (uint64_t at = 0; at < limit; at = ALIGN_DOWN(at, size) + size) {
		enum sl_err e = iommu_walk(mmu, fn, IOVA(at), &w);
		if (e)
			return wrong(mmu, &w, sl_err_text(e));
		size = w.size;
		if (iommu_walk_empty(&w))
			continue;
		const struct table_range *r = range_at(want, n, at);
		if ((!w.read && !w.write) || w.pass || !r)
			return wrong(mmu, &w, "nothing should be there");
		if (!page_right(&w, dom, r))
			return wrong(mmu, &w, "not the memory or the permission that it was given");
		found += size;
	}
	return found == wanted ? SL_OK : wrong(mmu, &w, "some of its memory is not mapped");
}

enum sl_err tables_absent(struct iommu *mmu, bdf_t fn)
{
	struct iommu_walk w = {.fn = fn};
	enum sl_err e = iommu_walk(mmu, fn, IOVA(0), &w);
	if (e == SL_NOTFOUND) /* no unit: it has no domain and no bus mastering */
		return SL_OK;
	if (e)
		return wrong(mmu, &w, sl_err_text(e));
	return w.why_read == WHY_NO_DOMAIN && w.why_write == WHY_NO_DOMAIN
		       ? SL_OK
		       : wrong(mmu, &w, "it should have no context entry");
}
