/* The two walkers for a unit's present registers; they answer in the terms shared by all kinds of units. */
#pragma once
#include "iommu/vtd/unit.h"
#include "iommu/walk.h"

/* haw: host address width in bits (DMAR). */
void vtd_explain(const struct vtd_unit *u, unsigned haw, bdf_t fn, uint32_t pasid, iova_t iova,
		 struct iommu_walk *out);
/* "root ok, context ok (domain 3, 4-level), L4 ok, L3[0] empty" */
void vtd_explain_text(const struct vtd_unit *u, unsigned haw, bdf_t fn, uint32_t pasid, iova_t iova,
		      char *buf, size_t n);
/* The same for an interrupt whose entry is known: "entry 5 is for 01:00.2 alone". */
void vtd_explain_interrupt(const struct vtd_unit *u, bdf_t fn, unsigned index, char *buf, size_t n);
