#include "iommu/attached.h"
#include "iommu/backend.h"
#include "iommu/domain_parts.h"
#include "kernel/log.h"
#include "kernel/msi.h"
#include "kernel/pmm.h"

/* A struct to fill; the smallest free id, and its place in the list. */
static enum sl_err domain_new(struct iommu *mmu, const char *name, const struct iommu_form *form,
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

static struct iommu_form common_form(const struct iommu *mmu)
{
	return (struct iommu_form){mmu->levels, mmu->width, mmu->page_level, mmu->domains_max, mmu->format};
}

static enum sl_err create(struct iommu *mmu, const char *name, const struct iommu_form *form,
			  struct domain **out)
{
	enum sl_err e = domain_new(mmu, name, form, out);
	if (e)
		return e;
	cached_none(&(*out)->cached);
	e = iopt_init(&(*out)->pt, form->format, form->levels, form->page_level, mmu->sync);
	if (e)
		domain_drop(*out);
	return e;
}

enum sl_err domain_create(struct iommu *mmu, const char *name, struct domain **out)
{
	struct iommu_form form = common_form(mmu);
	return create(mmu, name, &form, out);
}

enum sl_err domain_create_for(struct iommu *mmu, const char *name, bdf_t fn, struct domain **out)
{
	unsigned unit;
	if (iommu_unit_of(mmu, fn, &unit) != SL_OK) /* domain_attach() reports that */
		return domain_create(mmu, name, out);
	struct iommu_form form = mmu->hw->form(mmu, unit, mmu->levels);
	return create(mmu, name, &form, out);
}

enum sl_err domain_create_passthrough(struct iommu *mmu, const char *name, struct domain **out)
{
	struct iommu_form form = common_form(mmu);
	unsigned able = 0;
	for (unsigned i = 0; i < mmu->unit_count; i++)
		able += mmu->hw->translates(mmu, i) && mmu->hw->can_pass(mmu, i);
	if (!able)
		return SL_UNSUPPORTED;
	enum sl_err e = domain_new(mmu, name, &form, out);
	if (e)
		return e;
	(*out)->pass = true;
	cached_none(&(*out)->cached);
	return SL_OK;
}

uint64_t domain_aperture(const struct domain *dom)
{
	return dom->limit;
}

unsigned domain_grants(const struct domain *dom, unsigned perm)
{
	const struct pt_format *f = dom->pt.form;
	if (dom->pass)
		return DOMAIN_RW;
	return perm && f->perm[perm] == f->perm[DOMAIN_RW] ? DOMAIN_RW : perm;
}

unsigned domain_page_level(const struct domain *dom)
{
	return dom->pt.page_level;
}

/* Keeps automatic addresses out of the interrupt window and of ranges mapped at a fixed address. */
static uint64_t skip(void *ctx, uint64_t from, uint64_t len)
{
	const struct domain *dom = ctx;
	if (!domain_range_ok(from, len, domain_aperture(dom)))
		return MSI_WINDOW_END;
	uint64_t end = from + len, size;
	for (uint64_t at = from; at < end; at = ALIGN_DOWN(at, size) + size)
		if (iopt_find(&dom->pt, IOVA(at), &size))
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
	if (!dom->pass && domain_range_ok(iova.v, len, domain_aperture(dom)) && iopt_any(&dom->pt, iova, len))
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

/* Is all of it mapped one to one, with that permission? */
static bool identity(const struct domain *dom, uint64_t base, uint64_t len, unsigned perm)
{
	const struct pt_format *f = dom->pt.form;
	uint64_t size;
	for (uint64_t at = base; at < base + len; at = ALIGN_DOWN(at, size) + size) {
		uint64_t entry = iopt_find(&dom->pt, IOVA(at), &size);
		if ((entry & f->perm[perm]) != f->perm[perm] || (entry & f->addr) != ALIGN_DOWN(at, size))
			return false;
	}
	return true;
}

static bool rmrrs_mapped(const struct domain *dom, bdf_t fn)
{
	struct iommu_reserved r = {0};
	while (!dom->pass && iommu_reserved_next(dom->mmu, fn, &r) == SL_OK) {
		if (r.interrupts || identity(dom, r.base, r.len, r.perm))
			continue;
		log_warn(
			"iommu",
			BDF_FMT
			" cannot be attached to domain %u (%s): firmware wants it to reach 0x%llx..0x%llx (%s), which is not mapped one to one there",
			BDF_ARG(fn), dom->id, dom->name, (ull)r.base, (ull)(r.base + r.len - 1),
			dom->mmu->hw->memory);
		return false;
	}
	return true;
}

/* Does one of the function's requester ids go through another domain? Impossible within one group. */
static bool id_taken(const struct domain *dom, const struct attached *a)
{
	uint16_t did;
	for (unsigned i = 0; i < a->n; i++) {
		if (!dom->mmu->hw->find(dom->mmu, a->unit, a->id[i], &did) || did == dom->id)
			continue;
		log_warn("iommu",
			 BDF_FMT " cannot be attached to domain %u (%s): its requests may arrive as " BDF_FMT
				 ", which is in domain %u",
			 BDF_ARG(a->fn), dom->id, dom->name, BDF_ARG(((bdf_t){a->fn.seg, a->id[i]})), did);
		return true;
	}
	return false;
}

/* Removes entries that no other function needs. */
static enum sl_err ids_detach(struct domain *dom, const struct attached *a)
{
	for (unsigned i = 0; i < a->n; i++) {
		enum sl_err e = attached_shared(dom->mmu, a, a->id[i])
					? SL_OK
					: dom->mmu->hw->detach(dom->mmu, a->unit, a->id[i], 0);
		if (e && e != SL_NOTFOUND)
			return e;
	}
	return ats_forget_all(dom->mmu, a->fn, 0);
}

/* True while nothing depends on the form of its tables. */
static bool is_blank(const struct domain *dom)
{
	return !dom->attached && !dom->iova.taken && !dom->gather.differ &&
	       !iopt_any(&dom->pt, IOVA(0), iopt_size(dom->pt.levels + 1));
}

/* Takes the unit's form. */
static enum sl_err reform(struct domain *dom, const struct iommu_form *form)
{
	struct iopt made;
	enum sl_err e = iopt_init(&made, form->format, form->levels, form->page_level, dom->mmu->sync);
	if (e)
		return e;
	iopt_fini(&dom->pt);
	cached_none(&dom->cached);
	dom->pt = made;
	dom->limit = BIT(form->width);
	return SL_OK;
}

/* Drops features that the unit lacks, as far as the domain does not use them. Returns the reason when that is
 * impossible; NULL when it fits. */
static const char *narrow(struct domain *dom, const struct iommu_form *form)
{
	uint64_t limit = BIT(form->width), all = iopt_size(dom->pt.levels + 1);
	if (form->format != dom->pt.form)
		return "its tables are of the other stage than the unit reads (tables=)";
	if (form->levels != dom->pt.levels)
		return "its tables have a number of levels that the unit does not read (CAP.SAGAW)";
	if (limit < dom->limit &&
	    (iopt_any(&dom->pt, IOVA(limit), all - limit) || iova_any_above(&dom->iova, limit)))
		return "it has device addresses that are too wide for the unit (CAP.MGAW)";
	cached_drop(&dom->cached, &dom->pt);
	if (!iopt_narrow(&dom->pt, form->page_level))
		return "it has large pages that the unit does not read (CAP.SSLPS)";
	dom->limit = limit < dom->limit ? limit : dom->limit;
	return NULL;
}

enum sl_err domain_suit(struct domain *dom, unsigned unit, bdf_t fn)
{
	struct iommu_form form = dom->mmu->hw->form(dom->mmu, unit, dom->pass ? 0 : dom->pt.levels);
	const char *why = NULL;
	if (dom->id >= form.domains)
		why = "its id is more than the unit has (CAP.ND)";
	else if (dom->pass)
		why = dom->mmu->hw->can_pass(dom->mmu, unit)
			      ? NULL
			      : "the unit cannot pass requests through (ECAP.PT)";
	else if (is_blank(dom))
		return reform(dom, &form);
	else
		why = narrow(dom, &form);
	if (!why)
		return SL_OK;
	log_warn("iommu", BDF_FMT " cannot be put into domain %u (%s) under iommu%u: %s", BDF_ARG(fn),
		 dom->id, dom->name, unit, why);
	return SL_UNSUPPORTED;
}

/* An entry for each requester id. Tries all and returns the first error, but stops when out of memory. */
static enum sl_err ids_attach(struct domain *dom, const struct attached *a)
{
	struct iommu *mmu = dom->mmu;
	const struct iommu_root root = {.top = dom->pass ? PHYS(0) : va_phys(dom->pt.top),
					.levels = dom->pt.levels,
					.pass = dom->pass,
					.did = dom->id,
					.ats = ats_is(mmu, a->fn),
					.pages = ats_is(mmu, a->fn) && mmu->ats_pages};
	enum sl_err first = SL_OK;
	uint16_t did;
	for (unsigned i = 0; i < a->n && first != SL_NOMEM; i++) {
		enum sl_err e = mmu->hw->find(mmu, a->unit, a->id[i], &did)
					? SL_OK
					: mmu->hw->attach(mmu, a->unit, a->id[i], &root);
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
	if (dom->pasid || attached_find(mmu, fn) || group_taken(dom, fn))
		return SL_BUSY;
	if (iommu_unit_state(mmu, unit, NULL) == IOMMU_UNIT_ON && !rmrrs_mapped(dom, fn))
		return SL_VERIFY;
	e = domain_suit(dom, unit, fn);
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
	dom->announce |= mmu->hw->wants_announce(mmu, unit);
	log_debug("iommu", BDF_FMT " attached to domain %u (%s), unit %u, %u requester ids: %s", BDF_ARG(fn),
		  dom->id, dom->name, unit, a->n, sl_err_text(e));
	return e;
}

enum sl_err domain_detach(struct domain *dom, bdf_t fn)
{
	struct attached *a = attached_find(dom->mmu, fn);
	if (!a || a->dom != dom)
		return SL_NOTFOUND;
	if (attached_pasid(dom->mmu, fn))
		return SL_BUSY;
	enum sl_err e = ids_detach(dom, a);
	if (e)
		return e;
	dom->refs[a->unit]--;
	dom->attached--;
	attached_drop(dom->mmu, a);
	log_debug("iommu", BDF_FMT " detached from domain %u (%s)", BDF_ARG(fn), dom->id, dom->name);
	return SL_OK;
}

enum sl_err domain_destroy(struct domain *dom)
{
	if (dom->attached)
		return SL_BUSY;
	enum sl_err e = domain_sync(dom); /* no unit uses it any more: this only frees */
	if (e)
		return e;
	iova_give_all(&dom->iova);
	if (!dom->pass)
		iopt_fini(&dom->pt);
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
	if (iommu_unit_of(mmu, fn, &unit) != SL_OK || !mmu->hw->find(mmu, unit, fn.rid, &did))
		return NULL;
	struct domain *dom = mmu->domains;
	while (dom && dom->id != did)
		dom = dom->next;
	return dom;
}
