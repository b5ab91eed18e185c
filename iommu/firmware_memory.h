/* Memory that the firmware goes on sharing with a function (RMRR, IVMD): its domain, and one-to-one mappings
 * in it. For the kinds of units. */
#pragma once
#include "iommu/iommu.h"

/* The function's domain; if it has none, that of its group, which can be in only one; else a new one. Errors
 * as domain_create_for() and domain_attach(). */
enum sl_err firmware_domain(struct iommu *mmu, bdf_t fn, struct domain **out) MUST_CHECK;
/* Maps whole pages one to one. Regions of one function may overlap: then those that are missing. */
enum sl_err firmware_identity(struct domain *dom, uint64_t base, uint64_t len, unsigned perm) MUST_CHECK;
