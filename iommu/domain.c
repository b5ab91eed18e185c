#include "iommu/domain.h"
#include "iommu/attached.h"
#include "iommu/format.h"
#include "iommu/iommu.h"
#include "iommu/iova.h"
#include "iommu/vtd/ctx.h"
#include "iommu/vtd/inv.h"
#include "iommu/vtd/pt.h"
#include "kernel/log.h"
#include "kernel/msi.h"
#include "kernel/pmm.h"

#define PHYS_END  BIT(52) /* what an entry can hold */
#define INLINE    inline __attribute__((always_inline))
#define LIKELY(x) __builtin_expect((x), 1)
#define EMPTY_MAX 16 /* empty tables that a domain keeps */

struct domain {
	struct domain *next; /* by rising id */
	struct iommu *mmu;
	const char *name;
	uint16_t id;
	unsigned attached; /* functions */
	bool pass;         /* no tables: everything passes */
	bool announce;     /* a unit that it is attached under must know of new mappings: CAP.CM, CAP.RWBF */
	bool batch;        /* between domain_unmap_begin() and _end() */
	uint64_t limit;    /* device addresses are below this */
	struct vtd_pt pt;
	struct vtd_pt_dead dead; /* cleared, not yet invalidated */
	struct iova_list iova;
	uint16_t refs[]; /* functions attached under each unit */
};

/* A struct to fill; the smallest id that is free, and where the list goes on behind it. */
static enum sl_err domain_new(struct iommu *mmu, const char *name, const struct vtd_format *form,
			      struct domain **out)
{
	uint32_t id = 1;
	struct domain **link = &mmu->domains;
	for (; *link && (*link)->id == id; link = &(*link)->next)
		id++;
	if (id >= form->domains)
		return SL_NOSPACE;
	size_t size = sizeof(struct domain) + mmu->unit_count * sizeof(uint16_t);
	struct domain *dom = mmu->spare ? mmu->spare : pmm_keep(size);
	if (!dom)
		return SL_NOMEM;
	if (mmu->spare)
		mmu->spare = dom->next;
	*dom = (struct domain){.next = *link,
			       .mmu = mmu,
			       .name = name,
			       .id = (uint16_t)id,
			       .limit = BIT(form->width),
			       .iova.spare = &mmu->spare_iova};
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

static struct vtd_format common_form(const struct iommu *mmu)
{
	return (struct vtd_format){mmu->levels, mmu->width, mmu->large, mmu->domains_max};
}

static enum sl_err create(struct iommu *mmu, const char *name, const struct vtd_format *form,
			  struct domain **out)
{
	enum sl_err e = domain_new(mmu, name, form, out);
	if (e)
		return e;
	e = vtd_pt_init(&(*out)->pt, form->levels, form->large, mmu->sync);
	if (e)
		domain_drop(*out);
	return e;
}

enum sl_err domain_create(struct iommu *mmu, const char *name, struct domain **out)
{
	struct vtd_format form = common_form(mmu);
	return create(mmu, name, &form, out);
}

enum sl_err domain_create_for(struct iommu *mmu, const char *name, bdf_t fn, struct domain **out)
{
	unsigned unit;
	if (iommu_unit_of(mmu, fn, &unit) != SL_OK) /* domain_attach() says so */
		return domain_create(mmu, name, out);
	struct vtd_format form = vtd_format_of(&mmu->unit[unit], mmu->levels);
	return create(mmu, name, &form, out);
}

enum sl_err domain_create_passthrough(struct iommu *mmu, const char *name, struct domain **out)
{
	struct vtd_format form = common_form(mmu);
	unsigned able = 0;
	for (unsigned i = 0; i < mmu->unit_count; i++)
		able += vtd_translates(&mmu->unit[i]) && mmu->unit[i].ecap & ECAP_PT;
	if (!able)
		return SL_UNSUPPORTED;
	enum sl_err e = domain_new(mmu, name, &form, out);
	if (e)
		return e;
	(*out)->pass = true;
	vtd_pt_none(&(*out)->pt);
	return SL_OK;
}

/* In device addresses and in memory the same lengths, apart from the interrupt window. */
static bool range_ok(uint64_t base, uint64_t len, uint64_t limit)
{
	if (!len || !IS_ALIGNED(base | len, PAGE_SIZE) || base >= limit || len > limit - base)
		return false;
	return base >= MSI_WINDOW_END || base + len <= MSI_WINDOW;
}

uint64_t domain_aperture(const struct domain *dom)
{
	return dom->limit;
}

unsigned domain_large_pages(const struct domain *dom)
{
	return dom->pt.large;
}

/* In which bits the addresses of a range differ from the first. */
static uint64_t differ(uint64_t from, uint64_t len)
{
	return from ^ (from + len - 1);
}

/* One page-selective descriptor over the smallest block of 2^am pages that has the address and all that
 * differ from it in those bits, where the unit has that, else the whole domain: VT-d §6.5.2.3. leaf_only: no
 * table has been added or taken out. */
static struct vtd_desc range_desc(const struct vtd_unit *u, const struct domain *dom, uint64_t at,
				  uint64_t bits, bool leaf_only)
{
	bits /= PAGE_SIZE;
	unsigned am = bits ? 64 - (unsigned)__builtin_clzll(bits) : 0;
	if (!(u->cap & CAP_PSI) || am > FGET(u->cap, CAP_MAMV))
		return vtd_desc_iotlb_domain(dom->id, vtd_drain(u));
	return vtd_desc_iotlb_page(dom->id, IOVA(ALIGN_DOWN(at, PAGE_SIZE << am)), am, leaf_only,
				   vtd_drain(u));
}

/* In every unit that may have something of the domain in its caches; all are tried, the first error counts.
 */
static enum sl_err invalidate(struct domain *dom, uint64_t at, uint64_t bits, bool leaf_only)
{
	enum sl_err first = SL_OK;
	for (unsigned i = 0; i < dom->mmu->unit_count; i++) {
		struct vtd_unit *u = &dom->mmu->unit[i];
		if (!dom->refs[i] || !u->on)
			continue;
		struct vtd_desc d = range_desc(u, dom, at, bits, leaf_only);
		enum sl_err e = vtd_inv_run(u, &d, 1);
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
		if (!dom->refs[i] || !u->on || !(u->cap & (CAP_CM | CAP_RWBF)))
			continue;
		struct vtd_desc d = range_desc(u, dom, iova, differ(iova, len), false);
		enum sl_err e = u->cap & CAP_CM ? vtd_inv_run(u, &d, 1) : vtd_unit_write_flush(u);
		if (e)
			return e;
	}
	return SL_OK;
}

/* What was cleared and flushed is invalidated, waited for, and only then freed. When that fails, the tables
 * are lost on purpose. */
NOINLINE static enum sl_err settle(struct domain *dom)
{
	struct vtd_pt_dead *dead = &dom->dead;
	vtd_pt_sync(&dom->pt);
	if (dom->pt.empty > EMPTY_MAX)
		vtd_pt_prune(&dom->pt, dead);
	if (!dead->differ)
		return SL_OK;
	enum sl_err e = invalidate(dom, dead->at, dead->differ, !dead->tables);
	if (dead->first && !e)
		vtd_pt_free(&dom->pt, dead);
	*dead = (struct vtd_pt_dead){0};
	return e;
}

/* Whatever it is, checked from the start. Apart from domain_map() so that the way for single pages is short.
 */
NOINLINE static enum sl_err map_any(struct domain *dom, iova_t iova, phys_t phys, uint64_t len, unsigned perm)
{
	if (dom->pass)
		return SL_UNSUPPORTED;
	if (!perm || perm & ~(unsigned)DOMAIN_RW)
		return SL_BADVAL;
	if (!range_ok(iova.v, len, domain_aperture(dom)) || !range_ok(phys.v, len, PHYS_END))
		return SL_RANGE;
	uint64_t mapped;
	enum sl_err e = vtd_pt_map(&dom->pt, iova, phys, len, perm, &mapped, &dom->dead);
	if (!e && !dom->batch)
		e = settle(dom); /* empty tables may have stood where a large page went */
	if (!e)
		e = announce(dom, iova.v, len);
	if (!e || !mapped)
		return e;
	enum sl_err undo = vtd_pt_unmap(&dom->pt, iova, mapped, &dom->dead);
	if (!undo)
		undo = settle(dom);
	return undo ? undo : e;
}

/* Does a page of this size, which lies on a multiple of it, reach into the interrupt window? */
static inline bool in_window(uint64_t page, uint64_t size)
{
	uint64_t window = MSI_WINDOW_END - MSI_WINDOW, block = size > window ? size : window;
	return ALIGN_DOWN(page, block) == ALIGN_DOWN(MSI_WINDOW, block);
}

NOINLINE static enum sl_err wrote(struct domain *dom, const uint64_t *entry)
{
	vtd_pt_wrote(&dom->pt, entry);
	return dom->batch ? SL_OK : settle(dom);
}

/* After a page came or went. In a batch there is most often nothing to do; else no line is ever left dirty.
 */
static inline enum sl_err finish(struct domain *dom, const uint64_t *entry)
{
	return vtd_pt_line(entry) == dom->pt.dirty ? SL_OK : wrote(dom, entry);
}

/* One page in the table that was used last; false when it does not belong there, or anything is wrong. That
 * there is a table of small pages for a device address says that it lies in the aperture. */
static INLINE bool map_page(struct domain *dom, unsigned level, uint64_t iova, uint64_t phys, unsigned perm,
			    uint64_t **entry)
{
	uint64_t size = vtd_pt_size(level), low = size - 1;
	if ((iova & low) | (phys & (low | ~SS_ADDR)) || in_window(iova, size) || in_window(phys, size) ||
	    perm - 1 >= DOMAIN_RW || dom->announce || (level > 1 && iova >= domain_aperture(dom)))
		return false;
	return vtd_pt_map_page(&dom->pt, level, iova, phys, perm, entry);
}

static INLINE bool map_single(struct domain *dom, iova_t iova, phys_t phys, uint64_t len, unsigned perm,
			      uint64_t **entry)
{
	return LIKELY(len == PAGE_SIZE) ? map_page(dom, 1, iova.v, phys.v, perm, entry)
	       : len == PAGE_2M         ? map_page(dom, 2, iova.v, phys.v, perm, entry)
	       : len == PAGE_1G         ? map_page(dom, 3, iova.v, phys.v, perm, entry)
					: false;
}

/* Is the table for a single page there? Then it is now the one that was used last. */
static bool look(struct domain *dom, iova_t iova, uint64_t len)
{
	unsigned level = len == PAGE_SIZE ? 1 : len == PAGE_2M ? 2 : len == PAGE_1G ? 3 : 0;
	return level && !dom->pass && iova.v < domain_aperture(dom) && vtd_pt_look(&dom->pt, level, iova);
}

NOINLINE static enum sl_err map_elsewhere(struct domain *dom, iova_t iova, phys_t phys, uint64_t len,
					  unsigned perm)
{
	uint64_t *entry;
	if (look(dom, iova, len) && map_single(dom, iova, phys, len, perm, &entry))
		return finish(dom, entry);
	return map_any(dom, iova, phys, len, perm);
}

enum sl_err domain_map(struct domain *dom, iova_t iova, phys_t phys, uint64_t len, unsigned perm)
{
	uint64_t *entry;
	if (map_single(dom, iova, phys, len, perm, &entry))
		return finish(dom, entry);
	return map_elsewhere(dom, iova, phys, len, perm);
}

NOINLINE static enum sl_err unmap_any(struct domain *dom, iova_t iova, uint64_t len)
{
	if (dom->pass || !range_ok(iova.v, len, domain_aperture(dom)))
		return SL_RANGE;
	enum sl_err e = vtd_pt_unmap(&dom->pt, iova, len, &dom->dead);
	if (dom->batch)
		return e;
	enum sl_err done = settle(dom);
	return e ? e : done;
}

static INLINE bool unmap_page(struct domain *dom, unsigned level, uint64_t iova, uint64_t **entry)
{
	uint64_t low = vtd_pt_size(level) - 1;
	if (iova & low || !vtd_pt_unmap_page(&dom->pt, level, iova, entry))
		return false;
	vtd_pt_owe(&dom->dead, iova, low);
	return true;
}

static INLINE bool unmap_single(struct domain *dom, iova_t iova, uint64_t len, uint64_t **entry)
{
	return LIKELY(len == PAGE_SIZE) ? unmap_page(dom, 1, iova.v, entry)
	       : len == PAGE_2M         ? unmap_page(dom, 2, iova.v, entry)
	       : len == PAGE_1G         ? unmap_page(dom, 3, iova.v, entry)
					: false;
}

NOINLINE static enum sl_err unmap_elsewhere(struct domain *dom, iova_t iova, uint64_t len)
{
	uint64_t *entry;
	if (look(dom, iova, len) && unmap_single(dom, iova, len, &entry))
		return finish(dom, entry);
	return unmap_any(dom, iova, len);
}

enum sl_err domain_unmap(struct domain *dom, iova_t iova, uint64_t len)
{
	uint64_t *entry;
	if (unmap_single(dom, iova, len, &entry))
		return finish(dom, entry);
	return unmap_elsewhere(dom, iova, len);
}

void domain_unmap_begin(struct domain *dom)
{
	dom->batch = true;
}

enum sl_err domain_unmap_end(struct domain *dom)
{
	dom->batch = false;
	return settle(dom);
}

/* Not into the interrupt window, and not where somebody chose to map by hand. */
static uint64_t skip(void *ctx, uint64_t from, uint64_t len)
{
	const struct domain *dom = ctx;
	if (!range_ok(from, len, domain_aperture(dom)))
		return MSI_WINDOW_END;
	uint64_t end = from + len, size;
	for (uint64_t at = from; at < end; at = ALIGN_DOWN(at, size) + size)
		if (vtd_pt_find(&dom->pt, IOVA(at), &size))
			return ALIGN_DOWN(at, size) + size;
	return from;
}

enum sl_err domain_iova_alloc(struct domain *dom, uint64_t len, uint64_t align, iova_t *out)
{
	uint64_t high = domain_aperture(dom), low = high > 8 * PAGE_1G ? 4 * PAGE_1G : PAGE_2M;
	if (dom->pass)
		return SL_UNSUPPORTED;
	if (!len || !IS_ALIGNED(len, PAGE_SIZE) || align < PAGE_SIZE || align & (align - 1))
		return SL_BADVAL;
	return iova_take(&dom->iova, low, high, len, align, skip, dom, out);
}

enum sl_err domain_iova_free(struct domain *dom, iova_t iova, uint64_t len)
{
	if (!dom->pass && range_ok(iova.v, len, domain_aperture(dom)) && vtd_pt_any(&dom->pt, iova, len))
		return SL_BUSY;
	return iova_give(&dom->iova, iova, len);
}

/* Does another function of the same group do DMA through another domain? */
static bool group_taken(const struct domain *dom, bdf_t fn)
{
	const struct iommu_groups *groups = dom->mmu->groups;
	unsigned group = groups ? groups->group_of(groups->ctx, fn) : 0;
	const struct attached *other = group ? attached_group(dom->mmu, group, dom) : NULL;
	if (other)
		log_warn("iommu",
			 BDF_FMT " cannot be attached to domain %u (%s): " BDF_FMT
				 " of the same group %u is in domain %u (%s)",
			 BDF_ARG(fn), dom->id, dom->name, BDF_ARG(other->fn), group, other->dom->id,
			 other->dom->name);
	return other != NULL;
}

/* Is all of it mapped to the same address, to be read and written? */
static bool identity(const struct domain *dom, uint64_t base, uint64_t len)
{
	uint64_t size;
	for (uint64_t at = base; at < base + len; at = ALIGN_DOWN(at, size) + size) {
		uint64_t entry = vtd_pt_find(&dom->pt, IOVA(at), &size);
		if ((entry & (SS_R | SS_W)) != (SS_R | SS_W) || (entry & SS_ADDR) != ALIGN_DOWN(at, size))
			return false;
	}
	return true;
}

static bool rmrrs_mapped(const struct domain *dom, bdf_t fn)
{
	struct iommu_reserved r = {0};
	while (!dom->pass && iommu_reserved_next(dom->mmu, fn, &r) == SL_OK) {
		if (r.interrupts || identity(dom, r.base, r.len))
			continue;
		log_warn(
			"iommu",
			BDF_FMT
			" cannot be attached to domain %u (%s): firmware wants it to reach 0x%llx..0x%llx (RMRR), which is not mapped one to one there",
			BDF_ARG(fn), dom->id, dom->name, (ull)r.base, (ull)(r.base + r.len - 1));
		return false;
	}
	return true;
}

/* Does one of the function's requester ids go through another domain? Of one group that cannot be. */
static bool id_taken(const struct domain *dom, const struct attached *a)
{
	uint16_t did;
	for (unsigned i = 0; i < a->n; i++) {
		if (!vtd_ctx_find(&dom->mmu->unit[a->unit], a->id[i], &did) || did == dom->id)
			continue;
		log_warn("iommu",
			 BDF_FMT " cannot be attached to domain %u (%s): its requests may arrive as " BDF_FMT
				 ", which is in domain %u",
			 BDF_ARG(a->fn), dom->id, dom->name, BDF_ARG(((bdf_t){a->fn.seg, a->id[i]})), did);
		return true;
	}
	return false;
}

/* Entries that no other function needs go. */
static enum sl_err ids_detach(struct domain *dom, const struct attached *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		enum sl_err e = attached_shared(dom->mmu, a, a->id[i])
					? SL_OK
					: vtd_ctx_detach(&dom->mmu->unit[a->unit], a->id[i]);
		if (e && e != SL_NOTFOUND)
			return e;
	}
	return SL_OK;
}

/* Has nothing been done with it yet that depends on the form of its tables? */
static bool is_blank(const struct domain *dom)
{
	return !dom->attached && !dom->iova.taken && !dom->dead.differ &&
	       !vtd_pt_any(&dom->pt, IOVA(0), BIT(vtd_pt_shift(dom->pt.levels + 1)));
}

/* Takes the unit's form. */
static enum sl_err reform(struct domain *dom, const struct vtd_format *form)
{
	struct vtd_pt made;
	enum sl_err e = vtd_pt_init(&made, form->levels, form->large, dom->mmu->sync);
	if (e)
		return e;
	vtd_pt_fini(&dom->pt);
	dom->pt = made;
	dom->limit = BIT(form->width);
	return SL_OK;
}

/* Gives up what the unit does not have, as far as the domain does not use it. The reason why it cannot; NULL
 * when it fits. */
static const char *narrow(struct domain *dom, const struct vtd_format *form)
{
	uint64_t limit = BIT(form->width), all = BIT(vtd_pt_shift(dom->pt.levels + 1));
	if (form->levels != dom->pt.levels)
		return "its tables have a number of levels that the unit does not read (CAP.SAGAW)";
	if (limit < dom->limit &&
	    (vtd_pt_any(&dom->pt, IOVA(limit), all - limit) || iova_any_above(&dom->iova, limit)))
		return "it has device addresses that are too wide for the unit (CAP.MGAW)";
	if (!vtd_pt_narrow(&dom->pt, form->large))
		return "it has large pages that the unit does not read (CAP.SSLPS)";
	dom->limit = limit < dom->limit ? limit : dom->limit;
	return NULL;
}

/* Can the unit read the domain's tables? They are made so where nothing is in them yet. */
static enum sl_err suit(struct domain *dom, const struct vtd_unit *u, bdf_t fn)
{
	struct vtd_format form = vtd_format_of(u, dom->pass ? 0 : dom->pt.levels);
	const char *why = NULL;
	if (dom->id >= form.domains)
		why = "its id is more than the unit has (CAP.ND)";
	else if (dom->pass)
		why = u->ecap & ECAP_PT ? NULL : "the unit cannot pass requests through (ECAP.PT)";
	else if (is_blank(dom))
		return reform(dom, &form);
	else
		why = narrow(dom, &form);
	if (!why)
		return SL_OK;
	log_warn("iommu", BDF_FMT " cannot be put into domain %u (%s) under %s: %s", BDF_ARG(fn), dom->id,
		 dom->name, u->name, why);
	return SL_UNSUPPORTED;
}

/* An entry for each requester id; all are tried, the first error counts, but without memory it ends. */
static enum sl_err ids_attach(struct domain *dom, const struct attached *a)
{
	struct vtd_unit *u = &dom->mmu->unit[a->unit];
	struct vtd_ctx made = dom->pass ? vtd_ctx_make_pass(vtd_max_levels(u), dom->id)
					: vtd_ctx_make(va_phys(dom->pt.top), dom->pt.levels, dom->id);
	enum sl_err first = SL_OK;
	uint16_t did;
	for (unsigned i = 0; i < a->n && first != SL_NOMEM; i++) {
		enum sl_err e = vtd_ctx_find(u, a->id[i], &did) ? SL_OK : vtd_ctx_attach(u, a->id[i], made);
		if (!first || e == SL_NOMEM)
			first = e;
	}
	return first;
}

enum sl_err domain_attach(struct domain *dom, bdf_t fn)
{
	struct iommu *mmu = dom->mmu;
	struct attached *a;
	unsigned unit;
	enum sl_err e = iommu_unit_of(mmu, fn, &unit);
	if (e) {
		log_warn("iommu", BDF_FMT " is covered by no usable IOMMU unit (%s): bus mastering stays off",
			 BDF_ARG(fn), sl_err_text(e));
		return e;
	}
	if (attached_find(mmu, fn) || group_taken(dom, fn))
		return SL_BUSY;
	if (mmu->unit[unit].on && !rmrrs_mapped(dom, fn))
		return SL_VERIFY;
	e = suit(dom, &mmu->unit[unit], fn);
	if (!e)
		e = attached_add(mmu, dom, fn, unit, &a);
	if (e)
		return e;
	e = id_taken(dom, a) ? SL_BUSY : ids_attach(dom, a);
	if (e == SL_BUSY || (e == SL_NOMEM && ids_detach(dom, a) == SL_OK)) {
		attached_drop(mmu, a);
		return e;
	}
	/* Also when the unit did not answer: the entries are there, and so the tables must stay. */
	dom->refs[unit]++;
	dom->attached++;
	dom->announce |= (mmu->unit[unit].cap & (CAP_CM | CAP_RWBF)) != 0;
	log_debug("iommu", BDF_FMT " attached to domain %u (%s), unit %u, %u requester ids: %s", BDF_ARG(fn),
		  dom->id, dom->name, unit, a->n, sl_err_text(e));
	return e;
}

enum sl_err domain_detach(struct domain *dom, bdf_t fn)
{
	struct attached *a = attached_find(dom->mmu, fn);
	if (!a || a->dom != dom)
		return SL_NOTFOUND;
	enum sl_err e = ids_detach(dom, a);
	if (e)
		return e;
	dom->refs[a->unit]--;
	dom->attached--;
	attached_drop(dom->mmu, a);
	log_debug("iommu", BDF_FMT " detached from domain %u (%s)", BDF_ARG(fn), dom->id, dom->name);
	return SL_OK;
}

enum sl_err domain_flush(struct domain *dom)
{
	vtd_pt_prune(&dom->pt, &dom->dead);
	vtd_pt_owe(&dom->dead, 0, UINT64_MAX);
	dom->dead.tables = true;
	return settle(dom);
}

enum sl_err domain_destroy(struct domain *dom)
{
	if (dom->attached)
		return SL_BUSY;
	enum sl_err e = settle(dom); /* no unit knows it any more: this only frees */
	if (e)
		return e;
	iova_give_all(&dom->iova);
	if (!dom->pass)
		vtd_pt_fini(&dom->pt);
	domain_drop(dom);
	return SL_OK;
}

bool domain_passes(const struct domain *dom)
{
	return dom->pass;
}

const struct domain *domain_next(const struct iommu *mmu, const struct domain *prev)
{
	return prev ? prev->next : mmu->domains;
}

struct iommu *domain_iommu(const struct domain *dom)
{
	return dom->mmu;
}

uint16_t domain_id(const struct domain *dom)
{
	return dom->id;
}

const char *domain_name(const struct domain *dom)
{
	return dom->name;
}

void iommu_set_groups(struct iommu *mmu, const struct iommu_groups *groups)
{
	mmu->groups = groups;
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
