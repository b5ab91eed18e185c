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

#define FS_PAGE (FS_P | FS_US | FS_A)

/* Accessed and dirty bits are set from the start, so that the unit never writes to a table. */
const struct pt_format vtd_first_format = {
	.addr = SS_ADDR,
	.perm = {0, FS_PAGE, FS_PAGE | FS_RW | FS_D, FS_PAGE | FS_RW | FS_D},
	.page = {0, 0, SS_PS, SS_PS},
	.table = {0, FS_PAGE | FS_RW, FS_PAGE | FS_RW, FS_PAGE | FS_RW, FS_PAGE | FS_RW, FS_PAGE | FS_RW},
	.kind = SS_PS,
	.leaf = SS_PS,
};

#define FIRST_LEVELS 4u
#define FIRST_WIDTH  47u /* the lower half of the canonical addresses: VT-d §3.6 */

/* Four first: what most code and most hardware uses. */
static const unsigned preferred[] = {4, 3, 5};

static bool has_levels(const struct vtd_unit *u, unsigned levels)
{
	if (u->tables == VTD_FIRST)
		return levels == FIRST_LEVELS;
	return levels && FGET(u->cap, CAP_SAGAW) & BIT(levels - 2);
}

static struct iommu_form first_form(const struct vtd_unit *u)
{
	return (struct iommu_form){
		.levels = FIRST_LEVELS,
		.width = vtd_mgaw(u) < FIRST_WIDTH ? vtd_mgaw(u) : FIRST_WIDTH,
		.page_level = u->cap & CAP_FS1GP ? 3 : 2,
		.domains = vtd_domains(u),
		.format = &vtd_first_format,
	};
}

struct iommu_form vtd_format_of(const struct vtd_unit *u, unsigned levels)
{
	if (u->tables == VTD_FIRST)
		return first_form(u);
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
		.format = &vtd_pt_format,
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
	mmu->format = NULL;
	mmu->sync = (struct iopt_sync){0};
	mmu->width = 64;
	mmu->page_level = IOPT_PAGE_KINDS;
	mmu->domains_max = UINT32_MAX;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		const struct vtd_unit *u = &mmu->vtd->unit[i];
		if (!vtd_translates(u))
			continue;
		if (!vtd_pages_snooped(u))
			mmu->sync = (struct iopt_sync){u->io.ctx, u->io.flush};
		struct iommu_form f = vtd_format_of(u, levels);
		if (f.levels != levels || (mmu->format && mmu->format != f.format))
			continue;
		mmu->format = f.format;
		mmu->width = f.width < mmu->width ? f.width : mmu->width;
		mmu->page_level = f.page_level < mmu->page_level ? f.page_level : mmu->page_level;
		mmu->domains_max = f.domains < mmu->domains_max ? f.domains : mmu->domains_max;
	}
	return SL_OK;
}
