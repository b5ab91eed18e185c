/* Memory that peers may name. */
#pragma once
#include "drivers/roce/roce.h"

/* Makes memory a region, with a key of its own; NULL: all ROCE_REGIONS are in use. */
struct roce_region *roce_region_add(struct roce *r, const char *name, uint8_t *memory, uint64_t at,
				    uint64_t bytes, unsigned rights);
/* Its key is not valid any more. */
void roce_region_revoke(struct roce_region *region);
