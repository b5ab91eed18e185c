/* Which function is attached to which domain, and under which requester ids its requests may arrive.
 * Functions behind a conventional bridge share an id: its context entry stays until the last of them is
 * detached. */
#pragma once
#include "iommu/iommu.h"

#define ATTACHED_IDS 12u /* its own and those of struct iommu_groups */

struct attached {
	struct attached *next;
	struct domain *dom;
	bdf_t fn;
	unsigned unit;
	unsigned n;
	uint16_t id[ATTACHED_IDS]; /* the function's own first; all under one unit, as in Linux */
};

/* The function's record; NULL when it is not attached. */
struct attached *attached_find(const struct iommu *mmu, bdf_t fn);

/* A function of that group (not 0) attached to a domain other than dom; NULL when there is none. */
struct attached *attached_group(const struct iommu *mmu, unsigned group, const struct domain *dom);

/* Makes a record with the function's current ids; changes no table. SL_NOMEM. */
enum sl_err attached_add(struct iommu *mmu, struct domain *dom, bdf_t fn, unsigned unit,
			 struct attached **out) MUST_CHECK;
void attached_drop(struct iommu *mmu, struct attached *a);

/* True when some domain is attached to the function under a PASID. */
bool attached_pasid(const struct iommu *mmu, bdf_t fn);

/* True when another function under the same unit has this id too. */
bool attached_shared(const struct iommu *mmu, const struct attached *a, uint16_t id);
