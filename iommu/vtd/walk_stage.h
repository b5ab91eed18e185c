/* The page tables that an entry of a PASID table names: part of iommu/vtd/walk_request.h. */
#pragma once
#include "iommu/vtd/walk_request.h"

static inline unsigned walk_bits(uint64_t v, unsigned hi, unsigned lo)
{
	return (unsigned)(v >> lo & ((2ull << (hi - lo)) - 1));
}

static inline bool walk_bit(uint64_t v, unsigned bit)
{
	return v >> bit & 1;
}

/* Address bits from the host address width up to bit top must be 0 in every entry. */
static inline bool walk_beyond_host(const struct vtd_walk_unit *unit, uint64_t v, unsigned top)
{
	return unit->haw <= top && v >> unit->haw & ((2ull << (top - unit->haw)) - 1);
}

static inline bool walk_refuse(struct vtd_walk_scalable *w, enum vtd_walk_at at, uint8_t reason)
{
	w->at = at;
	w->reason_read = w->reason_write = reason;
	w->read = w->write = false;
	return false;
}

/* Goes through the stages of w->entry, for w->request.iova. privileged: as the request counts. */
void walk_stages(const struct vtd_walk_unit *unit, const struct vtd_walk_mem *mem, bool privileged,
		 struct vtd_walk_scalable *w);
