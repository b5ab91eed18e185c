/* Device TLBs and page requests of a unit in scalable mode, for vtd_backend: iommu/backend.h says what each
 * does. */
#pragma once
#include "iommu/backend.h"

enum sl_err vtd_ats_allow(struct iommu *mmu, unsigned unit, bool pages) MUST_CHECK;
enum sl_err vtd_ats_forget(struct iommu *mmu, unsigned unit, uint16_t rid, uint32_t pasid,
			   const struct iommu_gather *g) MUST_CHECK;
enum sl_err vtd_page_request_next(struct iommu *mmu, unsigned unit,
				  struct iommu_page_request *out) MUST_CHECK;
enum sl_err vtd_page_request_answer(struct iommu *mmu, const struct iommu_page_request *r,
				    unsigned code) MUST_CHECK;
