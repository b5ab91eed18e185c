#include "iommu/amdvi/explain.h"
#include "iommu/amdvi/irwalk.h"

/* As if the unit were on: it is about what the tables say. */
static void walk(const struct amdvi_unit *u, bdf_t fn, iova_t iova, struct amdvi_walk *out)
{
	struct amdvi_walk_unit from = {CTL_IOMMU, va_phys(u->devtab->entry).v | DEVTAB_SIZE};
	struct amdvi_walk_mem mem = {NULL, iommu_walk_read};
	amdvi_walk(&from, &mem, fn, iova, out);
}

static enum iommu_why why_of(const struct amdvi_walk *w, bool allowed, enum iommu_why no_page)
{
	if (allowed)
		return WHY_ALLOWED;
	switch (w->stop) {
	case AMDVI_DTE_NOTHING:
	case AMDVI_DTE_NO_TABLE:
		return WHY_NO_DOMAIN;
	case AMDVI_WIDTH:
		return WHY_TOO_WIDE;
	case AMDVI_DTE_BEYOND:
	case AMDVI_DTE_BAD:
	case AMDVI_BAD:
	case AMDVI_SKIPPED:
		return WHY_BAD_ENTRY;
	case AMDVI_DTE_READ:
	case AMDVI_READ:
		return WHY_UNREADABLE;
	default:
		return no_page;
	}
}

static void put(struct iommu_walk *out, struct iommu_walk_entry entry)
{
	out->entry[out->entries++] = entry;
}

void amdvi_explain(const struct amdvi_unit *u, bdf_t fn, iova_t iova, struct iommu_walk *out)
{
	struct amdvi_walk w;
	walk(u, fn, iova, &w);
	*out = (struct iommu_walk){
		.fn = fn,
		.iova = iova,
		.read = w.read,
		.write = w.write,
		.domain = w.domain,
		.pass = w.stop == AMDVI_PASS || w.stop == AMDVI_OFF,
		.why_read = why_of(&w, w.read, WHY_NO_READ),
		.why_write = why_of(&w, w.write, WHY_NO_WRITE),
		.code_read = w.read ? 0 : w.code,
		.code_write = w.write ? 0 : w.code,
		.phys = w.phys,
		.size = w.steps ? w.size : 0,
		.table = {[WALK_FUNCTION] = {"AMD device table", PHYS(ALIGN_DOWN(w.dte_at, PAGE_SIZE))},
			  [WALK_PAGES] = {"its I/O page table", PHYS(w.dte[0] & DTE_ROOT)}},
	};
	put(out, (struct iommu_walk_entry){.table = "device", .lo = w.dte[0], .hi = w.dte[1]});
	for (unsigned i = 0; i < w.steps; i++)
		put(out, (struct iommu_walk_entry){.level = (uint8_t)w.step[i].level,
						   .index = (uint16_t)w.step[i].index,
						   .lo = w.step[i].entry});
}

void amdvi_explain_text(const struct amdvi_unit *u, bdf_t fn, iova_t iova, char *buf, size_t n)
{
	struct amdvi_walk w;
	walk(u, fn, iova, &w);
	amdvi_walk_text(&w, buf, n);
}

void amdvi_explain_interrupt(const struct amdvi_unit *u, bdf_t fn, unsigned index, char *buf, size_t n)
{
	struct amdvi_walk_unit from = {amdvi_rd(&u->io, AMDVI_CONTROL), amdvi_rd(&u->io, AMDVI_DEVTAB)};
	struct amdvi_walk_mem mem = {NULL, iommu_walk_read};
	struct amdvi_irwalk w;
	amdvi_irwalk(&from, &mem, fn.rid, index, &w);
	amdvi_irwalk_text(&w, buf, n);
}
