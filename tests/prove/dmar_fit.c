/* clang-format off */
/* DMAR: how a scope of up to HOPS hops fits a function, on every topology
 * CHECKS: a path that leads to it fits best, then the bridge above it that is nearest, then INCLUDE_PCI_ALL; another segment, type or damaged path does not
 * SOURCES:
 * UNWIND: 4 --unwindset span_le.0:3
 * SEED: iommu/dmar/dmar.c | FIT_BUS + sec; | FIT_BUS; | of two bridges the first is taken, not the nearest
 * SEED: iommu/dmar/dmar.c | dev > 31 || fn > 7 | dev > 31 | a function above 7 leads to another device
 * SEED: iommu/dmar/dmar.c | bdf_bus(fn) <= sub) | bdf_bus(fn) < sub) | the last bus below a bridge is not its own
 * SEED: iommu/dmar/dmar.c | *sec > bdf_bus(fn) && |  | a bridge whose buses are above itself is followed
 * SEED: iommu/dmar/dmar.c | fn.seg == seg && scope_fit | scope_fit | a function of another segment is covered
 */
/* clang-format on */
#include "iommu/dmar/dmar.c"
#include "tests/prove/prove.h"

#define HOPS 3

/* Any functions are bridges, with any bus numbers, and stay so. */
bool __CPROVER_uninterpreted_bridge(uint16_t rid);
uint8_t __CPROVER_uninterpreted_first(uint16_t rid);
uint8_t __CPROVER_uninterpreted_last(uint16_t rid);

static bool bridge(void *ctx, bdf_t fn, uint8_t *sec, uint8_t *sub)
{
	(void)ctx;
	*sec = __CPROVER_uninterpreted_first(fn.rid);
	*sub = __CPROVER_uninterpreted_last(fn.rid);
	return __CPROVER_uninterpreted_bridge(fn.rid);
}

/* The buses below it, from *sec to *sub; none when it is no bridge or names buses that are not below it. */
static bool below(unsigned rid, unsigned *sec, unsigned *sub)
{
	*sec = __CPROVER_uninterpreted_first((uint16_t)rid);
	*sub = __CPROVER_uninterpreted_last((uint16_t)rid);
	return __CPROVER_uninterpreted_bridge((uint16_t)rid) && *sec > rid / 256 && *sub >= *sec;
}

/* 1000: exact; 256 and the bus: below a bridge; 0: not at all */
static unsigned fit_of(const uint8_t *path, unsigned hops, unsigned type, unsigned bus, unsigned rid)
{
	unsigned at = 0, sub;
	if (!hops || type < 1 || type > 2)
		return 0;
	for (unsigned h = 0; h < hops; h++) {
		if ((h && !below(at, &bus, &sub)) || path[2 * h] >= 32 || path[2 * h + 1] >= 8)
			return 0;
		at = bus * 256 + path[2 * h] * 8u + path[2 * h + 1];
	}
	if (at == rid)
		return 1000;
	return type == 2 && below(at, &bus, &sub) && rid / 256 >= bus && rid / 256 <= sub ? 256 + bus : 0;
}

int main(void)
{
	uint8_t path[2 * HOPS];
	struct dmar_topo topo = {.bridge = bridge};
	unsigned hops = any_u32();
	uint16_t seg = any_u16();
	bdf_t fn = {any_u16(), any_u16()};
	assume(hops <= HOPS);
	struct dmar_scope s = {.type = any_u8(), .bus = any_u8(), .path = {path, 2 * (size_t)hops}};
	unsigned want = fit_of(path, hops, s.type, s.bus, fn.rid);
	int fit = scope_fit(&topo, fn.seg, &s, fn);
	assert(want != 0 || fit == FIT_NONE);
	assert(want != 1000 || fit == FIT_EXACT);
	assert(want == 0 || want == 1000 || fit == FIT_BUS + (int)want - 256);
	assert(FIT_NONE < FIT_ALL && FIT_ALL < FIT_BUS + 1 && FIT_BUS + 255 < FIT_EXACT);
	assert(dmar_scope_covers(&topo, seg, &s, fn) == (want != 0 && seg == fn.seg));
	return 0;
}
