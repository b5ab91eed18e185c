/* The form of a domain's tables: CAP.SAGAW, CAP.MGAW, CAP.SSLPS and CAP.ND of a unit decide what it supports,
 * for first-stage tables CAP.MGAW, CAP.FS1GP and CAP.ND (VT-d §11.4.2). A domain has a form that its
 * functions' units support; other units do not matter. */
#pragma once
#include "iommu/iommu.h"
#include "iommu/iopt.h"

struct vtd_unit;

/* Second-stage and first-stage entries. First-stage tables have no pages that can be written and not read:
 * such a page can be read, too. */
extern const struct pt_format vtd_pt_format, vtd_first_format;

/* The form for one unit: tables with the given number of levels if the unit supports it, else with as many as
 * it supports. */
struct iommu_form vtd_format_of(const struct vtd_unit *u, unsigned levels);

/* The form for a domain whose functions are not known yet: the number of levels that most units support, the
 * format of the first of these, and the least of their other limits. Sets mmu->levels, format, width,
 * page_level, domains_max, sync. SL_NOTFOUND when no unit translates. */
enum sl_err vtd_format_common(struct iommu *mmu);
