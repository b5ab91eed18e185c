#include "iommu/format.h"
#include "iommu/vtd/pt.h"
#include "iommu/vtd/unit.h"

/* Four first: what most code and most hardware uses. */
static const unsigned preferred[] = {4, 3, 5};

static bool has_levels(const struct vtd_unit *u, unsigned levels)
{
	return levels && FGET(u->cap, CAP_SAGAW) & BIT(levels - 2);
}

struct vtd_format vtd_format_of(const struct vtd_unit *u, unsigned levels)
{
	for (unsigned i = 0; i < ARRAY_LEN(preferred) && !has_levels(u, levels); i++)
		levels = preferred[i];
	unsigned agaw = 12 + 9 * levels, large = (unsigned)FGET(u->cap, CAP_SSLPS);
	return (struct vtd_format){
		.levels = levels,
		.width = vtd_mgaw(u) < agaw ? vtd_mgaw(u) : agaw,
		.large = large & VTD_PAGE_2M ? large & (VTD_PAGE_2M | VTD_PAGE_1G) : 0,
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
			n += vtd_translates(&mmu->unit[i]) && has_levels(&mmu->unit[i], preferred[k]);
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
	mmu->sync = NULL;
	mmu->width = 64;
	mmu->large = VTD_PAGE_2M | VTD_PAGE_1G;
	mmu->domains_max = UINT32_MAX;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		const struct vtd_unit *u = &mmu->unit[i];
		if (!vtd_translates(u))
			continue;
		if (!(u->ecap & ECAP_C))
			mmu->sync = &u->io;
		struct vtd_format f = vtd_format_of(u, levels);
		if (f.levels != levels)
			continue;
		mmu->width = f.width < mmu->width ? f.width : mmu->width;
		mmu->large &= f.large;
		mmu->domains_max = f.domains < mmu->domains_max ? f.domains : mmu->domains_max;
	}
	return SL_OK;
}
