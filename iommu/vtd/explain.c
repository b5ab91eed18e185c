#include "iommu/vtd/explain.h"
#include "iommu/vtd/irwalk.h"
#include "iommu/vtd/reasons.h"
#include "iommu/vtd/walk_request.h"

static struct vtd_walk_unit registers(const struct vtd_unit *u, unsigned haw)
{
	uint64_t mode = FPUT(RTADDR_TTM, u->tables != VTD_LEGACY);
	return (struct vtd_walk_unit){va_phys(u->root).v | mode, u->cap, u->ecap, haw};
}

static void walk(const struct vtd_unit *u, unsigned haw, bdf_t fn, uint32_t pasid, iova_t iova,
		 struct vtd_walk_scalable *out)
{
	struct vtd_walk_unit from = registers(u, haw);
	struct vtd_walk_mem mem = {NULL, iommu_walk_read};
	struct vtd_request request = {.fn = fn, .iova = iova, .has_pasid = pasid != 0, .pasid = pasid};
	vtd_walk_request(&from, &mem, &request, out);
}

static void put(struct iommu_walk *out, struct iommu_walk_entry entry)
{
	out->entry[out->entries++] = entry;
}

static void put_steps(struct iommu_walk *out, const struct vtd_walk_step *step, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		put(out, (struct iommu_walk_entry){.level = (uint8_t)step[i].level,
						   .index = (uint16_t)step[i].index,
						   .lo = step[i].entry});
	if (n)
		out->size = BIT(12 + 9 * (step[n - 1].level - 1));
}

static const char function_table[] = "VT-d context table", page_table[] = "its own VT-d table";

static void put_legacy(struct iommu_walk *out, const struct vtd_walk *w)
{
	if (w->root_lo)
		put(out, (struct iommu_walk_entry){.table = "root", .lo = w->root_lo, .hi = w->root_hi});
	if (w->ctx_lo)
		put(out, (struct iommu_walk_entry){.table = "context", .lo = w->ctx_lo, .hi = w->ctx_hi});
	put_steps(out, w->step, w->steps);
	out->pass = w->stop == WALK_PASS;
	out->table[WALK_FUNCTION] = (struct iommu_walk_table){function_table, PHYS(w->root_lo & ROOT_CTP)};
	out->table[WALK_PAGES] = (struct iommu_walk_table){page_table, PHYS(w->ctx_lo & CTX_SSPTPTR)};
}

/* An entry of the PASID table has its second-stage table in word 0 and its first-stage table in word 2. */
static void put_scalable(struct iommu_walk *out, const struct vtd_walk_scalable *w)
{
	const uint64_t *c = w->context, *e = w->entry;
	if (w->root)
		put(out, (struct iommu_walk_entry){.table = "root", .lo = w->root});
	if (c[0])
		put(out, (struct iommu_walk_entry){.table = "context", .lo = c[0], .hi = c[1]});
	if (w->directory)
		put(out, (struct iommu_walk_entry){.table = "PASID directory", .lo = w->directory});
	if (e[0]) {
		put(out, (struct iommu_walk_entry){.table = "PASID", .lo = e[0], .hi = e[1]});
		put(out, (struct iommu_walk_entry){.table = "PASID, words 2, 3", .lo = e[2], .hi = e[3]});
	}
	put_steps(out, w->second, w->seconds);
	put_steps(out, w->step, w->steps);
	if (w->at == WALK_AT_INTERRUPT)
		out->size = BIT(20);
	out->pass = w->at == WALK_AT_PASS;
	out->table[WALK_FUNCTION] = (struct iommu_walk_table){function_table, PHYS(w->root & ROOT_CTP)};
	out->table[WALK_PASID_DIRECTORY] =
		(struct iommu_walk_table){"PASID directory", PHYS(c[0] & SCTX_PASIDDIR)};
	out->table[WALK_PASIDS] = (struct iommu_walk_table){"PASID table", PHYS(w->directory & PDE_TABLE)};
	out->table[WALK_PAGES] = (struct iommu_walk_table){
		page_table, PHYS((w->type == 2 ? e[0] & PASID_SSPTPTR : e[2] & PASID_FSPTPTR))};
}

/* Nothing is mapped in the interrupt range. */
static enum iommu_why why_of(const struct vtd_walk_scalable *w, uint8_t number, bool allowed, bool write)
{
	if (w->at == WALK_AT_INTERRUPT)
		return write ? WHY_NO_WRITE : WHY_NO_READ;
	return number ? vtd_reason_why_of(number, write) : allowed ? WHY_ALLOWED : WHY_OTHER;
}

void vtd_explain(const struct vtd_unit *u, unsigned haw, bdf_t fn, uint32_t pasid, iova_t iova,
		 struct iommu_walk *out)
{
	struct vtd_walk_scalable w;
	walk(u, haw, fn, pasid, iova, &w);
	*out = (struct iommu_walk){
		.fn = fn,
		.iova = iova,
		.read = w.read,
		.write = w.write,
		.domain = w.domain,
		.why_read = why_of(&w, w.reason_read, w.read, false),
		.why_write = why_of(&w, w.reason_write, w.write, true),
		.code_read = w.reason_read,
		.code_write = w.reason_write,
		.phys = w.phys,
	};
	if (w.at == WALK_AT_LEGACY)
		put_legacy(out, &w.legacy);
	else
		put_scalable(out, &w);
}

void vtd_explain_text(const struct vtd_unit *u, unsigned haw, bdf_t fn, uint32_t pasid, iova_t iova,
		      char *buf, size_t n)
{
	struct vtd_walk_scalable w;
	walk(u, haw, fn, pasid, iova, &w);
	vtd_walk_request_text(&w, buf, n);
}

void vtd_explain_interrupt(const struct vtd_unit *u, bdf_t fn, unsigned index, char *buf, size_t n)
{
	struct vtd_irwalk_unit from = {vtd_rd32(&u->io, VTD_GSTS), vtd_rd64(&u->io, VTD_IRTA), u->cap};
	struct vtd_walk_mem mem = {NULL, iommu_walk_read};
	struct vtd_irwalk w;
	vtd_irwalk_index(&from, &mem, fn.rid, index, &w);
	vtd_irwalk_text(&w, buf, n);
}
