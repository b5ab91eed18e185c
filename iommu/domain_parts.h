/* The inside of a domain, for the files that work on it: domain.c (life cycle and functions), pasid.c, map.c
 * (ranges and invalidation), cached_table.c (single pages). No other file includes this. */
#pragma once
#include "iommu/cached_table.h"
#include "iommu/iommu.h"
#include "iommu/iova.h"

#define PHYS_MASK BITS(51, 12) /* address bits of an entry */

struct domain {
	struct domain *next; /* by rising id */
	struct iommu *mmu;
	const char *name;
	uint16_t id;
	unsigned attached; /* functions */
	uint32_t pasid; /* under which it is attached, to this function alone: iommu/pasid.c. 0: under none */
	bdf_t pasid_fn;
	bool pass;      /* no tables: every address passes */
	bool announce;  /* a unit it is attached under needs an invalidation for new mappings */
	bool batch;     /* between domain_unmap_begin() and _end() */
	uint64_t limit; /* device addresses are below this */
	struct iopt pt;
	struct cached_tables cached;
	struct iommu_gather gather; /* cleared, not yet invalidated */
	struct iova_list iova;
	uint16_t refs[]; /* functions attached under each unit */
};

/* Can the unit, which is that of the function, read the domain's tables? Empty tables are adapted to it.
 * SL_UNSUPPORTED with a logged line, SL_NOMEM. */
enum sl_err domain_suit(struct domain *dom, unsigned unit, bdf_t fn) MUST_CHECK;

/* Ranges of any kind, with all checks: errors as domain_map() and domain_unmap(). */
enum sl_err domain_map_any(struct domain *dom, iova_t iova, phys_t phys, uint64_t len,
			   unsigned perm) MUST_CHECK;
enum sl_err domain_unmap_any(struct domain *dom, iova_t iova, uint64_t len) MUST_CHECK;

/* Flushes the cleared entries, invalidates, waits, and only then frees tables. When that fails, the tables
 * are leaked on purpose. */
enum sl_err domain_sync(struct domain *dom) MUST_CHECK;

/* Device TLBs: iommu/ats.c. Is it that of the machine's one function with ATS? */
static inline bool ats_is(const struct iommu *mmu, bdf_t fn)
{
	return mmu->ats_depth && bdf_eq(mmu->ats_fn, fn);
}
/* Empties it, after the unit has forgotten the same, and waits: what was gathered of a domain; or everything
 * of one PASID (0: of requests without one) of a function, which may be any. */
enum sl_err ats_forget_domain(const struct domain *dom, const struct iommu_gather *g) MUST_CHECK;
enum sl_err ats_forget_all(struct iommu *mmu, bdf_t fn, uint32_t pasid) MUST_CHECK;

/* In device addresses and in memory: whole pages below limit, and not in the interrupt window. */
bool domain_range_ok(uint64_t base, uint64_t len, uint64_t limit);
