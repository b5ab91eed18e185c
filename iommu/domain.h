/* What drivers see of the IOMMU, in VFIO's words.
 *
 * A domain is one DMA address space and the functions attached to it. Order of life: create, map, attach,
 * work, detach, unmap, destroy. A function that is attached to no domain can not do DMA at all: its context
 * entry is not present. Set Bus Master Enable only after attach, and clear it before detach. All calls are
 * for set-up and tear-down; the data path works on static mappings. */
#pragma once
#include "kernel/addr.h"
#include "kernel/bdf.h"
#include "kernel/err.h"

struct iommu; /* every unit of the machine: iommu/iommu.h */
struct domain;

enum domain_perm { DOMAIN_R = 1, DOMAIN_W = 2, DOMAIN_RW = 3 };

/* A new, empty address space; name (kept by reference) appears in messages. Domain ids start at 1. SL_NOSPACE
 * when the units (CAP.ND) have no id left, SL_NOMEM. */
enum sl_err domain_create(struct iommu *mmu, const char *name, struct domain **out) MUST_CHECK;

/* Lets device address [iova, iova + len) reach memory [phys, phys + len) with perm, by the largest pages that
 * the units, the alignment and the length allow. All three are multiples of PAGE_SIZE. SL_RANGE outside the
 * aperture or inside the interrupt window 0xfee00000..0xfeefffff, SL_EXISTS when any page of it is mapped
 * already (nothing is changed then), SL_NOMEM. */
enum sl_err domain_map(struct domain *dom, iova_t iova, phys_t phys, uint64_t len, unsigned perm) MUST_CHECK;

/* Clears the mapping, then invalidates and waits: when it returns SL_OK no device can reach the memory any
 * more and it may be reused. On any other result the memory must not be reused. SL_RANGE when [iova, iova +
 * len) is not wholly mapped, or cuts a larger page in two. */
enum sl_err domain_unmap(struct domain *dom, iova_t iova, uint64_t len) MUST_CHECK;

/* Puts the function's context entry in place. SL_NOTFOUND when no unit covers it (it then stays blocked and
 * must not get bus mastering), SL_BUSY when it is attached to a domain already. */
enum sl_err domain_attach(struct domain *dom, bdf_t fn) MUST_CHECK;
/* Takes it away, invalidates context and IOTLB by the old domain id, and waits. */
enum sl_err domain_detach(struct domain *dom, bdf_t fn) MUST_CHECK;

/* Drops every cached translation of the domain in every unit it is attached under, and waits. */
enum sl_err domain_flush(struct domain *dom) MUST_CHECK;

/* Frees the tables and the id. SL_BUSY while a function is attached. */
enum sl_err domain_destroy(struct domain *dom) MUST_CHECK;

uint16_t domain_id(const struct domain *dom);
const char *domain_name(const struct domain *dom);
