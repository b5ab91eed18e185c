#include "drivers/roce/inner.h"

struct roce_region *roce_region_add(struct roce *r, const char *name, uint8_t *memory, uint64_t at,
				    uint64_t bytes, unsigned rights)
{
	for (unsigned i = 0; i < ROCE_REGIONS; i++) {
		struct roce_region *g = &r->region[i];
		if (g->valid || g->generation == UINT8_MAX)
			continue;
		uint8_t generation = (uint8_t)(g->generation + 1);
		*g = (struct roce_region){.name = name,
					  .memory = memory,
					  .at = at,
					  .bytes = bytes,
					  .key = (i + 1) << 8 | generation,
					  .rights = (uint8_t)rights,
					  .valid = true,
					  .mapped = true,
					  .generation = generation};
		return g;
	}
	return NULL;
}

void roce_region_revoke(struct roce_region *region)
{
	region->valid = false;
	region->rights = 0; /* so roce_reach() does not find it */
}

const char *roce_reach_why(const struct roce *r, uint32_t key, uint64_t at, uint64_t bytes)
{
	uint32_t i = (key >> 8) - 1;
	const struct roce_region *g = i < ROCE_REGIONS ? &r->region[i] : NULL;
	if (!g || g->key != key)
		return "no region has this key";
	if (!g->valid)
		return "the region's key was revoked";
	if (at < g->at || at - g->at > g->bytes || bytes > g->bytes - (at - g->at))
		return "not all of it lies in the key's region";
	return "the key's region does not allow it";
}
