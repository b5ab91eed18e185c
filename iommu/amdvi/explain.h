/* The walk of one address by the tables of a unit, in the words of iommu/walk.h. */
#pragma once
#include "iommu/amdvi/unit.h"
#include "iommu/walk.h"

void amdvi_explain(const struct amdvi_unit *u, bdf_t fn, iova_t iova, struct iommu_walk *out);
void amdvi_explain_text(const struct amdvi_unit *u, bdf_t fn, iova_t iova, char *buf, size_t n);
/* The interrupt table's entry of that number. */
void amdvi_explain_interrupt(const struct amdvi_unit *u, bdf_t fn, unsigned index, char *buf, size_t n);
