/* The drivers' interface to the IOMMU, in VFIO's terms.
 *
 * A domain is one DMA address space and the functions attached to it. Order of life: create, map, attach,
 * work, detach, unmap, destroy. A function that is not attached cannot do DMA: its context entry is not
 * present. Set Bus Master Enable only after attach, and clear it before detach. All calls are for set-up and
 * tear-down; the data path works on static mappings. */
#pragma once
#include "kernel/addr.h"
#include "kernel/bdf.h"
#include "kernel/err.h"

struct iommu; /* every unit of the machine: iommu/iommu.h */
struct domain;

enum domain_perm { DOMAIN_R = 1, DOMAIN_W = 2, DOMAIN_RW = 3 };

/* A new, empty address space; name (kept by reference) appears in messages. Domain ids start at 1. SL_NOSPACE
 * when no domain id is left (CAP.ND), SL_NOMEM. */
enum sl_err domain_create(struct iommu *mmu, const char *name, struct domain **out) MUST_CHECK;

/* The same, for this function and others below its unit: the tables use all that this unit supports (levels,
 * large pages, width: CAP). Tables of domain_create() use what most units support; if nothing is mapped when
 * the first function is attached, they take the form of its unit too. */
enum sl_err domain_create_for(struct iommu *mmu, const char *name, bdf_t fn, struct domain **out) MUST_CHECK;

/* A domain in which every address passes untranslated, for comparison only: its functions reach all memory.
 * Mapping in it fails. SL_UNSUPPORTED when no unit has that type (ECAP.PT). */
enum sl_err domain_create_passthrough(struct iommu *mmu, const char *name, struct domain **out) MUST_CHECK;

/* Lets device address [iova, iova + len) reach memory [phys, phys + len) with perm, by the largest pages that
 * the units, the alignment and the length allow. All three are multiples of PAGE_SIZE. SL_RANGE outside the
 * aperture or inside the interrupt window 0xfee00000..0xfeefffff, SL_EXISTS when any page of it is mapped
 * already (nothing is changed then), SL_NOMEM. SL_TIMEOUT or SL_DEVICE when a unit did not answer: nothing is
 * mapped, but the memory must not be reused. */
enum sl_err domain_map(struct domain *dom, iova_t iova, phys_t phys, uint64_t len, unsigned perm) MUST_CHECK;

/* What a device may do with a page that is mapped with perm: more than perm where the domain's tables cannot
 * express it, which is so for DOMAIN_W in first-stage tables of VT-d: such a page can be read, too. */
unsigned domain_grants(const struct domain *dom, unsigned perm);

/* Clears the mapping, then invalidates and waits: when it returns SL_OK no device can reach the memory any
 * more and it may be reused. On any other result the memory must not be reused. A larger page that reaches
 * out of the range is split, and its rest stays mapped. SL_RANGE when [iova, iova + len) is not wholly
 * mapped, SL_NOMEM when a page cannot be split; nothing is unmapped then. */
enum sl_err domain_unmap(struct domain *dom, iova_t iova, uint64_t len) MUST_CHECK;

/* Between these two, domain_unmap() clears without invalidating; domain_unmap_end() then does one
 * invalidation and one wait for all. Unmapped memory may be reused, and mappings made in between may be used
 * by a device, only after domain_unmap_end() has returned SL_OK. Device addresses may be mapped again at
 * once. */
void domain_unmap_begin(struct domain *dom);
enum sl_err domain_unmap_end(struct domain *dom) MUST_CHECK;

/* Whether new mappings are announced to the units, by an invalidation and a wait for each. It is so under a
 * unit that may cache what is not present (CAP.CM, NpCache), from domain_attach() on. Off: only while no
 * function of the domain masters the bus. Returns what it was. */
bool domain_announce(struct domain *dom, bool on);

/* Device addresses are below this limit. It may shrink when a function below another unit is attached. */
uint64_t domain_aperture(const struct domain *dom);
/* The largest page size of the domain: 1: 4 KiB, 2: 2 MiB, 3: 1 GiB. */
unsigned domain_page_level(const struct domain *dom);

/* Device addresses for a mapping of len bytes (a multiple of PAGE_SIZE), aligned to align, a power of two of
 * at least PAGE_SIZE: above 4 GiB where the aperture goes beyond 8 GiB, never where something is mapped. The
 * caller owns them until domain_iova_free() with the same length, or domain_destroy(). SL_NOSPACE, SL_NOMEM,
 * SL_BADVAL for an invalid length or alignment. */
enum sl_err domain_iova_alloc(struct domain *dom, uint64_t len, uint64_t align, iova_t *out) MUST_CHECK;
/* SL_NOTFOUND when that range was not allocated, SL_BUSY when some of it is still mapped. */
enum sl_err domain_iova_free(struct domain *dom, iova_t iova, uint64_t len) MUST_CHECK;

/* Puts the function's context entry in place, and one for each other requester id that its requests may carry
 * (iommu_set_groups()): those behind one conventional bridge share them. SL_NOTFOUND when no translating unit
 * covers it (it must not get bus mastering then: nothing else blocks its DMA), SL_BUSY when it is attached to
 * a domain already, or another function of its group to another domain (iommu_set_groups()). While the unit
 * translates, SL_VERIFY when an RMRR names the function and the domain does not map it one to one.
 * SL_UNSUPPORTED when the function's unit cannot read the domain's tables as they are filled: number of
 * levels, large pages, device addresses above its width, domain id. Each refusal except "attached already" is
 * logged. */
enum sl_err domain_attach(struct domain *dom, bdf_t fn) MUST_CHECK;
/* Removes the context entries that no other function of the domain needs, invalidates context and IOTLB by
 * the old domain id, and waits. SL_NOTFOUND when the function is not attached to this domain, SL_BUSY while
 * some domain is attached to it under a PASID. On any other error it is still attached. */
enum sl_err domain_detach(struct domain *dom, bdf_t fn) MUST_CHECK;

/* Invalidates every cached translation of the domain in every unit it is attached under, waits, and frees the
 * empty tables. Otherwise a few empty tables are kept until a larger page takes their place or there are too
 * many. */
enum sl_err domain_flush(struct domain *dom) MUST_CHECK;

/* Frees the tables, the allocated device addresses and the id. SL_BUSY while a function is attached. */
enum sl_err domain_destroy(struct domain *dom) MUST_CHECK;

/* True for a domain of domain_create_passthrough(). */
bool domain_passes(const struct domain *dom);

/* The domains of the machine by rising id: the one after prev, the first for NULL; NULL at the end. */
const struct domain *domain_next(const struct iommu *mmu, const struct domain *prev);

/* The units it was created for. */
struct iommu *domain_iommu(const struct domain *dom);
uint16_t domain_id(const struct domain *dom);
const char *domain_name(const struct domain *dom);
