/* Address Translation Services (PCIe §10): a function that asks its unit for translations, keeps them in a
 * cache of its own (its device TLB), and may ask for pages that are not mapped.
 *
 * Such a function is trusted. What it says to be translated passes the unit unseen: one that lies reaches all
 * memory, whatever its domain maps. So only the option ats=1 allows it, to one function.
 *
 * Order: iommu_ats_allow(); attach the function and domains under its PASIDs; its ATS Enable, and Page
 * Request Enable (pci_ats_enable()); work; detach the domains under PASIDs; both off; iommu_ats_end(); detach
 * the function. In between every unmap and detach also empties the device TLB, and waits for that. */
#pragma once
#include "iommu/iommu.h"

/* The function, which is attached to nothing yet, may keep translations, and with pages ask for pages. depth:
 * invalidations that it takes at once, 1 to 32 (pci_ats_depth()). SL_UNSUPPORTED when its unit has no device
 * TLBs or, with pages, no page requests, or does not read tables of scalable mode; SL_NOTFOUND when no unit
 * covers it; SL_BUSY when it is attached, or another function may; SL_NOMEM. */
enum sl_err iommu_ats_allow(struct iommu *mmu, bdf_t fn, unsigned depth, bool pages) MUST_CHECK;
/* Its ATS is off: its device TLB has nothing any more and is not asked to forget. */
void iommu_ats_end(struct iommu *mmu);

/* A function asks for one page: VT-d §7.4. */
struct iommu_page_request {
	unsigned unit;
	bdf_t fn;
	uint32_t pasid; /* 0: none */
	iova_t iova;    /* of the page */
	bool read, write;
	bool last; /* of its group: the only one that is answered */
	uint16_t group;
};

enum iommu_page_answer { PAGE_MAPPED = 0, PAGE_INVALID = 1, PAGE_FAILURE = 15 }; /* VT-d §7.4 */

/* The oldest request that was not taken yet; SL_END: there is none. Where requests were lost because nobody
 * took them in time, a WARN line says so, and the unit takes new ones again; it has answered the lost ones.
 * A request may come out after its PASID was detached: decide by what the PASID is now. */
enum sl_err iommu_page_request_next(struct iommu *mmu, struct iommu_page_request *out) MUST_CHECK;
/* The pages of its group are mapped, or are not to be had. Nothing is sent for a request that is not the last
 * of its group. SL_TIMEOUT, SL_DEVICE: the unit did not take the answer. */
enum sl_err iommu_page_request_answer(struct iommu *mmu, const struct iommu_page_request *r,
				      enum iommu_page_answer answer) MUST_CHECK;
