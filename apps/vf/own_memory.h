/* The memory that a function can reach, read from the IOMMU's tables, from the root, by the walker, which
 * shares no code with their builder. */
#pragma once
#include "drivers/dma.h"
#include "iommu/iommu.h"

struct table_range {
	const struct dma_buf *buf;
	unsigned perm; /* enum domain_perm */
};

/* SL_OK when the function's table leads to these ranges, with these permissions, and at every other device
 * address of the aperture to nothing. Else SL_VERIFY and one FAIL line. */
enum sl_err tables_exact(struct iommu *mmu, bdf_t fn, const struct table_range *want, unsigned n) MUST_CHECK;

/* SL_OK when the function has no context entry: it reaches nothing. Else SL_VERIFY and one FAIL line. */
enum sl_err tables_absent(struct iommu *mmu, bdf_t fn) MUST_CHECK;
