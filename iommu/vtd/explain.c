#include "iommu/vtd/explain.h"
#include "iommu/vtd/irwalk.h"
#include "iommu/vtd/reasons.h"

static bool read_ram(void *ctx, uint64_t phys, uint64_t *v)
{
	(void)ctx;
	*v = *(const uint64_t *)phys_va(PHYS(phys));
	return true;
}

static void walk(const struct vtd_unit *u, unsigned haw, bdf_t fn, iova_t iova, struct vtd_walk *out)
{
	struct vtd_walk_unit from = {va_phys(u->root).v, u->cap, u->ecap, haw};
	struct vtd_walk_mem mem = {NULL, read_ram};
	vtd_walk(&from, &mem, fn, iova, out);
}

static void put(struct iommu_walk *out, struct iommu_walk_entry entry)
{
	out->entry[out->entries++] = entry;
}

static void put_entries(struct iommu_walk *out, const struct vtd_walk *w)
{
	if (w->root_lo)
		put(out, (struct iommu_walk_entry){.table = "root", .lo = w->root_lo, .hi = w->root_hi});
	if (w->ctx_lo)
		put(out, (struct iommu_walk_entry){.table = "context", .lo = w->ctx_lo, .hi = w->ctx_hi});
	for (unsigned i = 0; i < w->steps; i++)
		put(out, (struct iommu_walk_entry){.level = (uint8_t)w->step[i].level,
						   .index = (uint16_t)w->step[i].index,
						   .lo = w->step[i].entry});
}

static enum iommu_why why_of(uint8_t number, bool allowed)
{
	return number ? vtd_reason_why(number) : allowed ? WHY_ALLOWED : WHY_OTHER;
}

void vtd_explain(const struct vtd_unit *u, unsigned haw, bdf_t fn, iova_t iova, struct iommu_walk *out)
{
	struct vtd_walk w;
	walk(u, haw, fn, iova, &w);
	*out = (struct iommu_walk){
		.fn = fn,
		.iova = iova,
		.read = w.read,
		.write = w.write,
		.domain = w.domain,
		.pass = w.stop == WALK_PASS,
		.why_read = why_of(w.reason_read, w.read),
		.why_write = why_of(w.reason_write, w.write),
		.code_read = w.reason_read,
		.code_write = w.reason_write,
		.phys = w.phys,
		.functions = PHYS(w.root_lo & ROOT_CTP),
		.pages = PHYS(w.ctx_lo & CTX_SSPTPTR),
	};
	if (w.steps)
		out->size = BIT(12 + 9 * (w.step[w.steps - 1].level - 1));
	put_entries(out, &w);
}

void vtd_explain_text(const struct vtd_unit *u, unsigned haw, bdf_t fn, iova_t iova, char *buf, size_t n)
{
	struct vtd_walk w;
	walk(u, haw, fn, iova, &w);
	vtd_walk_text(&w, buf, n);
}

void vtd_explain_interrupt(const struct vtd_unit *u, bdf_t fn, unsigned index, char *buf, size_t n)
{
	struct vtd_irwalk_unit from = {vtd_rd32(&u->io, VTD_GSTS), vtd_rd64(&u->io, VTD_IRTA), u->cap};
	struct vtd_walk_mem mem = {NULL, read_ram};
	struct vtd_irwalk w;
	vtd_irwalk_index(&from, &mem, fn.rid, index, &w);
	vtd_irwalk_text(&w, buf, n);
}
