#include "iommu/iommu.h"
#include "iommu/attached.h"
#include "iommu/backend.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/paging.h"

const char *iommu_memory_name(const struct iommu *mmu)
{
	return mmu->hw->memory;
}

const char *iommu_reasons(const struct iommu *mmu)
{
	return mmu->hw->reasons;
}

enum sl_err iommu_enable(struct iommu *mmu)
{
	return mmu->hw->enable(mmu);
}

const char *iommu_unit_state_text(enum iommu_unit_state state)
{
	static const char *const texts[] = {
		[IOMMU_UNIT_OFF] = "is off",
		[IOMMU_UNIT_ON] = "translates",
		[IOMMU_UNIT_IRQ_ONLY] = "has no tables for DMA",
		[IOMMU_UNIT_UNUSABLE] = "cannot be used",
		[IOMMU_UNIT_FAILED] = "did not come on",
		[IOMMU_UNIT_TWICE] = "is listed twice",
		[IOMMU_UNIT_SKIPPED] = "is left alone",
	};
	return (unsigned)state < IOMMU_UNIT_STATES ? texts[state] : "is unknown";
}

enum iommu_unit_state iommu_unit_state(const struct iommu *mmu, unsigned unit, const char **why)
{
	return mmu->hw->state(mmu, unit, why);
}

unsigned iommu_units_in(const struct iommu *mmu, enum iommu_unit_state state)
{
	unsigned n = 0;
	for (unsigned i = 0; i < mmu->unit_count; i++)
		n += iommu_unit_state(mmu, i, NULL) == state;
	return n;
}

void iommu_unit_info(const struct iommu *mmu, unsigned unit, struct iommu_unit_info *out)
{
	mmu->hw->info(mmu, unit, out);
}

uint64_t iommu_waits(const struct iommu *mmu)
{
	struct iommu_unit_info u;
	uint64_t n = 0;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		iommu_unit_info(mmu, i, &u);
		n += u.waits;
	}
	return n;
}

enum sl_err iommu_unit_listed(const struct iommu *mmu, bdf_t fn, unsigned *unit)
{
	return mmu->hw ? mmu->hw->unit_listed(mmu, fn, unit) : SL_NOTFOUND;
}

enum sl_err iommu_unit_of(const struct iommu *mmu, bdf_t fn, unsigned *unit)
{
	enum sl_err e = iommu_unit_listed(mmu, fn, unit);
	return e || mmu->hw->translates(mmu, *unit) ? e : SL_NOTFOUND;
}

static const char *no_unit(const struct iommu *mmu)
{
	return mmu->amdvi ? "no unit of the IVRS table covers it" : "no unit of the DMAR table covers it";
}

bool iommu_covered(const struct iommu *mmu, bdf_t fn, const char **why)
{
	unsigned unit;
	const char *reason = NULL;
	enum sl_err e = iommu_unit_listed(mmu, fn, &unit);
	bool covered = false;
	if (e)
		reason = e == SL_NOTFOUND ? no_unit(mmu) : "the DMAR table is damaged";
	else
		covered = iommu_unit_state(mmu, unit, &reason) == IOMMU_UNIT_ON;
	if (why)
		*why = covered ? NULL : reason ? reason : "its unit is off";
	return covered;
}

bool iommu_rmrrs_released(const struct iommu *mmu, bdf_t fn)
{
	for (unsigned i = 0; i < mmu->n_released; i++)
		if (bdf_eq(mmu->released[i], fn))
			return true;
	return false;
}

enum sl_err iommu_reserved_next(struct iommu *mmu, bdf_t fn, struct iommu_reserved *at)
{
	enum sl_err e = mmu->hw ? mmu->hw->reserved_next(mmu, fn, at) : SL_END;
	return !e && !at->interrupts && iommu_rmrrs_released(mmu, fn) ? SL_END : e;
}

enum sl_err iommu_rmrrs_release(struct iommu *mmu, bdf_t fn)
{
	struct attached *a = attached_find(mmu, fn);
	struct domain *dom = a ? a->dom : NULL;
	struct iommu_reserved r = {0};
	bool any = false;
	for (; iommu_reserved_next(mmu, fn, &r) == SL_OK; any |= !r.interrupts)
		if (r.below)
			return SL_UNSUPPORTED;
	if (!any)
		return SL_OK;
	if (mmu->n_released == IOMMU_RELEASED)
		return SL_NOSPACE;
	enum sl_err e = dom ? domain_detach(dom, fn) : SL_OK;
	if (e)
		return e;
	for (r = (struct iommu_reserved){0}; iommu_reserved_next(mmu, fn, &r) == SL_OK;)
		if (dom && !r.interrupts)
			log_line("iommu",
				 "%s 0x%llx..0x%llx: not mapped for " BDF_FMT
				 " any more: the firmware has handed the function over",
				 mmu->hw->memory, (ull)r.base, (ull)(r.base + r.len - 1), BDF_ARG(fn));
	mmu->released[mmu->n_released++] = fn;
	if (dom && domain_destroy(dom) != SL_OK)
		log_debug("iommu", "domain %u stays: other functions are in it", domain_id(dom));
	return SL_OK;
}

enum sl_err iommu_fault_next(struct iommu *mmu, struct iommu_fault *out)
{
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		if (mmu->hw->fault_next(mmu, i, out) != SL_OK)
			continue;
		out->unit = i;
		return SL_OK;
	}
	return SL_END;
}

void iommu_fault_clear(struct iommu *mmu)
{
	for (unsigned i = 0; i < mmu->unit_count; i++)
		mmu->hw->fault_clear(mmu, i);
}

enum sl_err iommu_fault_silence(struct iommu *mmu, bdf_t requester)
{
	enum sl_err first = SL_OK;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		enum sl_err e = mmu->hw->fault_silence(mmu, i, requester);
		first = first ? first : e;
	}
	return first;
}

void iommu_fault_event(struct iommu *mmu, uint8_t vector, uint32_t apic)
{
	for (unsigned i = 0; i < mmu->unit_count; i++)
		mmu->hw->fault_event(mmu, i, vector, apic);
}

bool iommu_walk_read(void *ctx, uint64_t phys, uint64_t *v)
{
	(void)ctx;
	if (!paging_in_direct_map(phys, sizeof *v))
		return false;
	*v = *(const uint64_t *)phys_va(PHYS(phys));
	return true;
}

enum sl_err iommu_walk(struct iommu *mmu, bdf_t fn, iova_t iova, struct iommu_walk *out)
{
	return iommu_walk_pasid(mmu, fn, 0, iova, out);
}

enum sl_err iommu_walk_pasid(struct iommu *mmu, bdf_t fn, uint32_t pasid, iova_t iova, struct iommu_walk *out)
{
	unsigned unit;
	enum sl_err e = iommu_unit_of(mmu, fn, &unit);
	if (!e)
		mmu->hw->walk(mmu, unit, fn, pasid, iova, out);
	return e;
}

void iommu_walk_text(struct iommu *mmu, bdf_t fn, iova_t iova, char *buf, size_t n)
{
	unsigned unit;
	enum sl_err e = iommu_unit_of(mmu, fn, &unit);
	if (e)
		fmt_print(buf, n, "%s", sl_err_text(e));
	else
		mmu->hw->walk_text(mmu, unit, fn, 0, iova, buf, n);
}

/* The entry is explained where its content matters for the refusal. */
static void describe_interrupt(struct iommu *mmu, const struct iommu_fault *f, char *buf, size_t n)
{
	char number[8] = "", walk[128] = "";
	bool walked = false;
	if (iommu_why_has_index(f->why)) {
		fmt_print(number, sizeof(number), " %u", f->index);
		walked = f->why >= WHY_IRQ_EMPTY &&
			 mmu->hw->interrupt_text(mmu, f->unit, f->bdf, f->index, walk, sizeof(walk));
	}
	fmt_print(buf, n, BDF_FMT " interrupt%s refused: %s (reason 0x%x)%s%s", BDF_ARG(f->bdf), number,
		  f->text, f->code, walked ? "; " : "", walk);
}

void iommu_fault_describe(struct iommu *mmu, const struct iommu_fault *f, char *buf, size_t n)
{
	if (iommu_why_is_interrupt(f->why)) {
		describe_interrupt(mmu, f, buf, n);
		return;
	}
	if (f->vague) {
		fmt_print(buf, n,
			  BDF_FMT
			  " %s refused, at an address that the unit does not record: %s (reason 0x%x)",
			  BDF_ARG(f->bdf), iommu_fault_kind(f), f->text, f->code);
		return;
	}
	char walk[160], pasid[20] = "";
	if (f->pasid)
		fmt_print(pasid, sizeof(pasid), " PASID %u", f->pasid);
	mmu->hw->walk_text(mmu, f->unit, f->bdf, f->pasid, f->iova, walk, sizeof(walk));
	fmt_print(buf, n, BDF_FMT "%s %s 0x%llx refused: %s (reason 0x%x); %s", BDF_ARG(f->bdf), pasid,
		  iommu_fault_kind(f), (ull)f->iova.v, f->text, f->code, walk);
}

void iommu_trouble(const char *unit, bool starting, const char *advice, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (starting)
		log_warn(unit, "%s", text);
	else
		log_fail(unit, advice, "%s", text);
}
