/* What drivers see of the IOMMU, in VFIO's words.
 *
 * A domain is one DMA address space and the functions attached to it. Order of life: create, map, attach,
 * work, detach, unmap, destroy. A function that is attached to no domain cannot do DMA at all: its context
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

/* The same, for this function and others below its unit: the tables have all that this unit reads (levels,
 * large pages, width: CAP). Those of domain_create() have what most units read, until the first function is
 * attached; when nothing is mapped by then, they take the form of its unit too. */
enum sl_err domain_create_for(struct iommu *mmu, const char *name, bdf_t fn, struct domain **out) MUST_CHECK;

/* A domain in which every address passes untranslated, for comparison only: its functions reach all memory.
 * Nothing can be mapped in it. SL_UNSUPPORTED when no unit has that type (ECAP.PT). */
enum sl_err domain_create_passthrough(struct iommu *mmu, const char *name, struct domain **out) MUST_CHECK;

/* Lets device address [iova, iova + len) reach memory [phys, phys + len) with perm, by the largest pages that
 * the units, the alignment and the length allow. All three are multiples of PAGE_SIZE. SL_RANGE outside the
 * aperture or inside the interrupt window 0xfee00000..0xfeefffff, SL_EXISTS when any page of it is mapped
 * already (nothing is changed then), SL_NOMEM. SL_TIMEOUT or SL_DEVICE when a unit did not answer: nothing is
 * mapped, but the memory must not be reused. */
enum sl_err domain_map(struct domain *dom, iova_t iova, phys_t phys, uint64_t len, unsigned perm) MUST_CHECK;

/* Clears the mapping, then invalidates and waits: when it returns SL_OK no device can reach the memory any
 * more and it may be reused. On any other result the memory must not be reused. A larger page that reaches
 * out of the range is cut, the rest of it stays mapped. SL_RANGE when [iova, iova + len) is not wholly
 * mapped, SL_NOMEM when a page cannot be cut; nothing is unmapped then. */
enum sl_err domain_unmap(struct domain *dom, iova_t iova, uint64_t len) MUST_CHECK;

/* Between these two, domain_unmap() clears without invalidating; then one invalidation and one wait do for
 * all of it. What was unmapped may be reused, and what was mapped may be used by a device, when
 * domain_unmap_end() has returned SL_OK, and not before. Device addresses may be mapped again at once. */
void domain_unmap_begin(struct domain *dom);
enum sl_err domain_unmap_end(struct domain *dom) MUST_CHECK;

/* Device addresses are below this. It may shrink when a function below another unit is attached. */
uint64_t domain_aperture(const struct domain *dom);
/* The largest pages that it may use: 1: 4 KiB, 2: 2 MiB, 3: 1 GiB. */
unsigned domain_page_level(const struct domain *dom);

/* Device addresses for a mapping of len bytes (a multiple of PAGE_SIZE), aligned to align, a power of two of
 * at least PAGE_SIZE: above 4 GiB where the aperture goes beyond 8 GiB, never where something is mapped. They
 * are the caller's until domain_iova_free() with the same length, or domain_destroy(). SL_NOSPACE, SL_NOMEM,
 * SL_BADVAL for a length or alignment that cannot be. */
enum sl_err domain_iova_alloc(struct domain *dom, uint64_t len, uint64_t align, iova_t *out) MUST_CHECK;
/* SL_NOTFOUND when that range was not given out, SL_BUSY when some of it is still mapped. */
enum sl_err domain_iova_free(struct domain *dom, iova_t iova, uint64_t len) MUST_CHECK;

/* Puts the function's context entry in place, and one for each other requester id that its requests may carry
 * (iommu_set_groups()): those behind one conventional bridge share them. SL_NOTFOUND when no unit covers it
 * that translates (it must not get bus mastering then: nothing else holds it), SL_BUSY when it is attached to
 * a domain already, or another function of its group to another domain (iommu_set_groups()). While the unit
 * translates, SL_VERIFY when an RMRR names the function and the domain does not map it one to one.
 * SL_UNSUPPORTED when the function's unit cannot read the domain's tables as they are filled: number of
 * levels, large pages, device addresses above its width, domain id. Each refusal but "attached already" is
 * logged. */
enum sl_err domain_attach(struct domain *dom, bdf_t fn) MUST_CHECK;
/* Takes away what no other function of the domain needs, invalidates context and IOTLB by the old domain id,
 * and waits. SL_NOTFOUND when it is not attached to this domain. On any other error it is still attached. */
enum sl_err domain_detach(struct domain *dom, bdf_t fn) MUST_CHECK;

/* Drops every cached translation of the domain in every unit it is attached under, waits, and frees the
 * tables that hold nothing any more; a few of these are kept otherwise, until a larger page takes their place
 * or there are too many. */
enum sl_err domain_flush(struct domain *dom) MUST_CHECK;

/* Frees the tables, the device addresses given out and the id. SL_BUSY while a function is attached. */
enum sl_err domain_destroy(struct domain *dom) MUST_CHECK;

/* Made by domain_create_passthrough(). */
bool domain_passes(const struct domain *dom);

/* The domains of the machine by rising id: the one after prev, the first for NULL; NULL at the end. */
const struct domain *domain_next(const struct iommu *mmu, const struct domain *prev);

/* The units that it was made for. */
struct iommu *domain_iommu(const struct domain *dom);
uint16_t domain_id(const struct domain *dom);
const char *domain_name(const struct domain *dom);
