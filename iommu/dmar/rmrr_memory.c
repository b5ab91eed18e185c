/* The memory of RMRRs against the system's own. */
#include "iommu/dmar/rmrr.h"

uint64_t rmrr_reserve(struct span table, const struct table_memory_map *map)
{
	uint64_t sum = 0, base, len;
	struct dmar t;
	struct dmar_entry e = {0};
	struct dmar_rmrr r;
	if (dmar_open(table, &t) != SL_OK)
		return 0;
	while (dmar_next(&t, &e) == SL_OK)
		if (e.type == DMAR_RMRR && dmar_rmrr(&e, &r) == SL_OK && rmrr_pages(&r, &base, &len))
			table_memory_keep(map, base, len, &sum);
	return sum;
}
