/* The form of second-stage tables: CAP.SAGAW, CAP.MGAW, CAP.SSLPS and CAP.ND of a unit decide what it
 * supports (VT-d §11.4.2). A domain has a form that its functions' units support; other units do not
 * matter. */
#pragma once
#include "iommu/iommu.h"
#include "iommu/iopt.h"

struct vtd_unit;

/* Second-stage entries. */
extern const struct pt_format vtd_pt_format;

/* The form for one unit: tables with the given number of levels if the unit supports it, else with as many as
 * it supports. */
struct iommu_form vtd_format_of(const struct vtd_unit *u, unsigned levels);

/* The form for a domain whose functions are not known yet: the number of levels that most units support, and
 * the least of these units' other limits. Sets mmu->levels, width, page_level, domains_max, sync. SL_NOTFOUND
 * when no unit translates. */
enum sl_err vtd_format_common(struct iommu *mmu);
