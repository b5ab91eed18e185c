#include "iommu/domain.h"
#include "iommu/iommu.h"
#include "iommu/vtd_ctx.h"
#include "iommu/vtd_pt.h"
#include "iommu/vtd_qi.h"
#include "kernel/log.h"
#include "kernel/pmm.h"

/* Writes here are interrupts, whatever a table says, and a page that leads here faults: VT-d §3.14, LGN.4 */
#define MSI_BASE 0xfee00000ull
#define MSI_END  0xfef00000ull
#define PHYS_END BIT(52) /* what an entry can hold */

struct domain {
	struct domain *next; /* by rising id */
	struct iommu *mmu;
	const char *name;
	uint16_t id;
	unsigned attached; /* functions */
	struct vtd_pt pt;
	uint16_t refs[]; /* functions attached under each unit */
};

/* A struct to fill; the smallest id that is free, and where the list goes on behind it. */
static enum sl_err domain_new(struct iommu *mmu, struct domain **out)
{
	uint32_t id = 1;
	struct domain **link = &mmu->domains;
	for (; *link && (*link)->id == id; link = &(*link)->next)
		id++;
	if (id >= mmu->domain_limit)
		return SL_NOSPACE;
	size_t size = sizeof(struct domain) + mmu->unit_count * sizeof(uint16_t);
	struct domain *dom = mmu->spare ? mmu->spare : pmm_keep(size);
	if (!dom)
		return SL_NOMEM;
	if (mmu->spare)
		mmu->spare = dom->next;
	*dom = (struct domain){.next = *link, .mmu = mmu, .id = (uint16_t)id};
	*link = dom;
	*out = dom;
	return SL_OK;
}

static void domain_drop(struct domain *dom)
{
	struct domain **link = &dom->mmu->domains;
	while (*link != dom)
		link = &(*link)->next;
	*link = dom->next;
	dom->next = dom->mmu->spare;
	dom->mmu->spare = dom;
}

enum sl_err domain_create(struct iommu *mmu, const char *name, struct domain **out)
{
	enum sl_err e = domain_new(mmu, out);
	if (e)
		return e;
	(*out)->name = name;
	e = vtd_pt_init(&(*out)->pt, mmu->levels, mmu->large, mmu->sync);
	if (e)
		domain_drop(*out);
	return e;
}

/* In device addresses and in memory the same lengths, apart from the interrupt window. */
static bool range_ok(uint64_t base, uint64_t len, uint64_t limit)
{
	if (!len || !IS_ALIGNED(base | len, PAGE_SIZE) || base >= limit || len > limit - base)
		return false;
	return base >= MSI_END || base + len <= MSI_BASE;
}

static uint64_t aperture(const struct domain *dom)
{
	return BIT(dom->mmu->width);
}

/* One page-selective descriptor over the smallest block of 2^am pages around the range where the unit has
 * that, else the whole domain: VT-d §6.5.2.3. leaf_only: no table has been added or taken out. */
static struct vtd_desc range_desc(const struct vtd_unit *u, const struct domain *dom, uint64_t iova,
				  uint64_t len, bool leaf_only)
{
	uint64_t last = iova + len - 1;
	unsigned am = 0;
	while ((iova ^ last) >> 12 >> am)
		am++;
	if (!(u->cap & CAP_PSI) || am > FGET(u->cap, CAP_MAMV) || len == aperture(dom))
		return vtd_desc_iotlb_domain(dom->id, vtd_drain(u));
	return vtd_desc_iotlb_page(dom->id, IOVA(ALIGN_DOWN(iova, PAGE_SIZE << am)), am, leaf_only,
				   vtd_drain(u));
}

/* In every unit that may have something of the domain in its caches; all are tried, the first error counts.
 */
static enum sl_err invalidate(struct domain *dom, uint64_t iova, uint64_t len, bool leaf_only)
{
	enum sl_err first = SL_OK;
	for (unsigned i = 0; i < dom->mmu->unit_count; i++) {
		struct vtd_unit *u = &dom->mmu->unit[i];
		if (!dom->refs[i] || !u->on)
			continue;
		struct vtd_desc d = range_desc(u, dom, iova, len, leaf_only);
		enum sl_err e = vtd_qi_run(u, &d, 1);
		if (e && !first)
			first = e;
	}
	return first;
}

/* After entries went from not present to present: caching mode wants an invalidation (VT-d §6.1), a write
 * buffer a flush (§6.8), any other unit nothing. */
static enum sl_err announce(struct domain *dom, uint64_t iova, uint64_t len)
{
	for (unsigned i = 0; i < dom->mmu->unit_count; i++) {
		struct vtd_unit *u = &dom->mmu->unit[i];
		if (!dom->refs[i] || !u->on)
			continue;
		struct vtd_desc d = range_desc(u, dom, iova, len, false);
		enum sl_err e = u->cap & CAP_CM ? vtd_qi_run(u, &d, 1) : vtd_unit_write_flush(u);
		if (e)
			return e;
	}
	return SL_OK;
}

/* Clear, (flush,) invalidate, wait, and only then free. When that fails, the tables are lost on purpose. */
static enum sl_err unmap(struct domain *dom, uint64_t iova, uint64_t len)
{
	struct vtd_pt_dead dead = {0};
	vtd_pt_unmap(&dom->pt, IOVA(iova), len, &dead);
	enum sl_err e = invalidate(dom, iova, len, !dead.first);
	if (!e)
		vtd_pt_free(&dom->pt, &dead);
	return e;
}

enum sl_err domain_map(struct domain *dom, iova_t iova, phys_t phys, uint64_t len, unsigned perm)
{
	if (!perm || perm & ~(unsigned)DOMAIN_RW)
		return SL_BADVAL;
	if (!range_ok(iova.v, len, aperture(dom)) || !range_ok(phys.v, len, PHYS_END))
		return SL_RANGE;
	if (vtd_pt_any(&dom->pt, iova, len))
		return SL_EXISTS;
	uint64_t mapped;
	enum sl_err e = vtd_pt_map(&dom->pt, iova, phys, len, perm, &mapped);
	if (!e)
		e = announce(dom, iova.v, len);
	if (!e)
		return SL_OK;
	enum sl_err undo = mapped ? unmap(dom, iova.v, mapped) : SL_OK;
	return undo ? undo : e;
}

enum sl_err domain_unmap(struct domain *dom, iova_t iova, uint64_t len)
{
	if (!range_ok(iova.v, len, aperture(dom)) || !vtd_pt_whole(&dom->pt, iova, len))
		return SL_RANGE;
	return unmap(dom, iova.v, len);
}

enum sl_err domain_attach(struct domain *dom, bdf_t fn)
{
	struct iommu *mmu = dom->mmu;
	unsigned unit;
	enum sl_err e = iommu_unit_of(mmu, fn, &unit);
	if (e) {
		log_warn("iommu",
			 BDF_FMT " is under no unit that can be used (%s): it must not get bus mastering",
			 BDF_ARG(fn), sl_err_text(e));
		return e;
	}
	e = vtd_ctx_attach(&mmu->unit[unit], fn.rid, va_phys(dom->pt.top), mmu->levels, dom->id);
	if (e == SL_BUSY || e == SL_NOMEM)
		return e;
	/* Also when the unit did not answer: the entry is there, and so the tables must stay. */
	dom->refs[unit]++;
	dom->attached++;
	return e;
}

enum sl_err domain_detach(struct domain *dom, bdf_t fn)
{
	unsigned unit;
	uint16_t did;
	enum sl_err e = iommu_unit_of(dom->mmu, fn, &unit);
	if (e)
		return e;
	struct vtd_unit *u = &dom->mmu->unit[unit];
	if (!vtd_ctx_find(u, fn.rid, &did) || did != dom->id)
		return SL_NOTFOUND;
	e = vtd_ctx_detach(u, fn.rid);
	if (e)
		return e;
	dom->refs[unit]--;
	dom->attached--;
	return SL_OK;
}

enum sl_err domain_flush(struct domain *dom)
{
	return invalidate(dom, 0, aperture(dom), false);
}

enum sl_err domain_destroy(struct domain *dom)
{
	if (dom->attached)
		return SL_BUSY;
	vtd_pt_fini(&dom->pt);
	domain_drop(dom);
	return SL_OK;
}

uint16_t domain_id(const struct domain *dom)
{
	return dom->id;
}

const char *domain_name(const struct domain *dom)
{
	return dom->name;
}

struct domain *iommu_domain_of(struct iommu *mmu, bdf_t fn)
{
	unsigned unit;
	uint16_t did;
	if (iommu_unit_of(mmu, fn, &unit) != SL_OK || !vtd_ctx_find(&mmu->unit[unit], fn.rid, &did))
		return NULL;
	struct domain *dom = mmu->domains;
	while (dom && dom->id != did)
		dom = dom->next;
	return dom;
}
