/* Physical pages. Free memory is a list of extents in address order, each described by a header in its own
 * first page, so it needs no memory of its own and has no upper limit. Allocation is for set-up, on core 0,
 * never for a polling loop or another core. Memory handed to a device must come from here and go back only
 * after it is unmapped and the IOMMU's caches are invalidated (iommu/domain.h). */
#pragma once
#include "kernel/addr.h"
#include "kernel/err.h"

/* Adds a range of RAM to the allocator. It must be in the direct map, unused, and must not overlap an earlier
 * range (SL_EXISTS). Page 0 and ranges of pmm_reserve() are never used. */
enum sl_err pmm_add(phys_t base, uint64_t pages) MUST_CHECK;

/* Keeps [base, base + pages) out of the allocator for good: its free pages are removed now, and pmm_add()
 * skips the range later. Pages in use stay in use. When the list of ranges is full, the two closest are
 * joined, with the pages between them. */
void pmm_reserve(phys_t base, uint64_t pages);
/* True when all of it is kept out. */
bool pmm_is_reserved(phys_t base, uint64_t pages);
/* True when all of it is free. */
bool pmm_is_free(phys_t base, uint64_t pages);

/* Physically contiguous pages at an address that is a multiple of align bytes (a power of two, at least
 * PAGE_SIZE), zeroed. SL_NOMEM when there is no such run. The caller owns them and ends that with pmm_free().
 */
enum sl_err pmm_alloc(uint64_t pages, uint64_t align, phys_t *out) MUST_CHECK;
/* From now on pages come from these ranges, in this order, as long as they have room, and then from anywhere.
 * At most PMM_PREFERRED ranges count; they are copied. n 0: from anywhere. */
#define PMM_PREFERRED 16u
struct pmm_range {
	uint64_t base, end; /* bytes; end is behind the last */
};
void pmm_prefer(const struct pmm_range *range, unsigned n);
/* Frees pages. A double free is a bug and panics. */
void pmm_free(phys_t base, uint64_t pages);

/* One zeroed page through the direct map; NULL when there is none. */
void *pmm_page(void);
void pmm_page_free(void *page);

uint64_t pmm_free_pages(void);
/* Pages in use, and the most there ever were. */
uint64_t pmm_used_pages(void);
uint64_t pmm_peak_pages(void);

/* Memory for an object that is never freed (lists of functions, units). Zeroed, aligned to 16; NULL when out
 * of memory. */
void *pmm_keep(size_t size);
