#include "iommu/amdvi/format.h"
#include "iommu/ivrs/ivrs.h"

#define PTE_PR        BIT(0)
#define PTE_NEXT(lvl) ((uint64_t)(lvl) << 9)
#define PTE_ADDR      BITS(51, 12)
#define PTE_FC        BIT(60) /* all of the function's requests snoop */
#define PTE_IR        BIT(61)
#define PTE_IW        BIT(62)
#define PTE_RW        (PTE_IR | PTE_IW)
#define PAGE          (PTE_PR | PTE_FC)
#define TABLE(lvl)    (PTE_PR | PTE_RW | PTE_NEXT(lvl))

_Static_assert(BIT(AMDVI_WIDTH) <= IVRS_HT_BASE, "no table leads into the HyperTransport range");

/* A page has next level 0. Permissions are those of every level, so tables have both. */
const struct pt_format amdvi_pt_format = {
	.addr = PTE_ADDR,
	.perm = {PAGE, PAGE | PTE_IR, PAGE | PTE_IW, PAGE | PTE_RW},
	.page = {0, 0, 0, 0},
	.table = {0, TABLE(1), TABLE(2), TABLE(3), TABLE(4), TABLE(5)},
	.kind = PTE_NEXT(7),
	.leaf = 0,
};

struct iommu_form amdvi_form(void)
{
	return (struct iommu_form){.levels = AMDVI_LEVELS,
				   .width = AMDVI_WIDTH,
				   .page_level = IOPT_PAGE_KINDS,
				   .domains = 65536,
				   .format = &amdvi_pt_format};
}
