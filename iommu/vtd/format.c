#include "iommu/vtd/format.h"
#include "iommu/vtd/backend.h"
#include "iommu/vtd/unit.h"

#define SS_RW (SS_R | SS_W)

const struct pt_format vtd_pt_format = {
	.addr = SS_ADDR,
	.perm = {0, SS_R, SS_W, SS_RW},
	.page = {0, 0, SS_PS, SS_PS},
	.table = {0, SS_RW, SS_RW, SS_RW, SS_RW, SS_RW},
	.kind = SS_PS,
	.leaf = SS_PS,
};

/* Four first: what most code and most hardware uses. */
static const unsigned preferred[] = {4, 3, 5};

static bool has_levels(const struct vtd_unit *u, unsigned levels)
{
	return levels && FGET(u->cap, CAP_SAGAW) & BIT(levels - 2);
}

struct iommu_form vtd_format_of(const struct vtd_unit *u, unsigned levels)
{
	for (unsigned i = 0; i < ARRAY_LEN(preferred) && !has_levels(u, levels); i++)
		levels = preferred[i];
	unsigned agaw = 12 + 9 * levels,
		 large = (unsigned)FGET(u->cap, CAP_SSLPS); /* bit 0: 2 MiB, 1: 1 GiB */
	return (struct iommu_form){
		.levels = levels,
		.width = vtd_mgaw(u) < agaw ? vtd_mgaw(u) : agaw,
		.page_level = !(large & 1)   ? 1
			      : !(large & 2) ? 2
					     : 3,
		.domains = vtd_domains(u),
	};
}

/* The number of levels that most units have; of equal ones the preferred. 0: there is no unit. */
static unsigned most_common(const struct iommu *mmu)
{
	unsigned best = 0, levels = 0;
	for (unsigned k = 0; k < ARRAY_LEN(preferred); k++) {
		unsigned n = 0;
		for (unsigned i = 0; i < mmu->unit_count; i++)
			n += vtd_translates(&mmu->vtd->unit[i]) &&
			     has_levels(&mmu->vtd->unit[i], preferred[k]);
		if (n > best) {
			best = n;
			levels = preferred[k];
		}
	}
	return levels;
}

enum sl_err vtd_format_common(struct iommu *mmu)
{
	unsigned levels = most_common(mmu);
	if (!levels)
		return SL_NOTFOUND;
	mmu->levels = levels;
	mmu->format = &vtd_pt_format;
	mmu->sync = (struct iopt_sync){0};
	mmu->width = 64;
	mmu->page_level = IOPT_PAGE_KINDS;
	mmu->domains_max = UINT32_MAX;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		const struct vtd_unit *u = &mmu->vtd->unit[i];
		if (!vtd_translates(u))
			continue;
		if (!(u->ecap & ECAP_C))
			mmu->sync = (struct iopt_sync){u->io.ctx, u->io.flush};
		struct iommu_form f = vtd_format_of(u, levels);
		if (f.levels != levels)
			continue;
		mmu->width = f.width < mmu->width ? f.width : mmu->width;
		mmu->page_level = f.page_level < mmu->page_level ? f.page_level : mmu->page_level;
		mmu->domains_max = f.domains < mmu->domains_max ? f.domains : mmu->domains_max;
	}
	return SL_OK;
}
