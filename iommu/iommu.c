#include "iommu/iommu.h"
#include "iommu/vtd/ctx.h"
#include "iommu/vtd/explain.h"
#include "iommu/vtd/fault.h"
#include "iommu/vtd/ir.h"
#include "iommu/vtd/unit.h"
#include "kernel/fmt.h"

void iommu_unit_info(const struct iommu *mmu, unsigned unit, struct iommu_unit_info *out)
{
	const struct vtd_unit *u = &mmu->unit[unit];
	*out = (struct iommu_unit_info){
		.seg = u->seg,
		.base = u->base,
		.ver = u->ver,
		.cap = u->cap,
		.ecap = u->ecap,
		.state = iommu_unit_state(mmu, unit, NULL),
		.unusable = u->unusable,
		.on = u->on,
		.found = &u->found,
		.descriptors = u->count.descriptors,
		.waits = u->count.waits,
		.faults = u->count.faults,
		.overflows = u->count.overflows,
	};
}

enum sl_err iommu_unit_read(const struct iommu *mmu, unsigned unit, struct vtd_regs_seen *out)
{
	const struct vtd_unit *u = &mmu->unit[unit];
	if (!u->io.rd32)
		return SL_DEVICE;
	vtd_regs_read(&u->io, u->unusable ? 0 : vtd_unit_window(u), out);
	return SL_OK;
}

enum sl_err iommu_fault_next(struct iommu *mmu, struct iommu_fault *out)
{
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		if (mmu->unit[i].unusable || vtd_fault_next(&mmu->unit[i], out) != SL_OK)
			continue;
		out->unit = i;
		return SL_OK;
	}
	return SL_END;
}

void iommu_fault_clear(struct iommu *mmu)
{
	for (unsigned i = 0; i < mmu->unit_count; i++)
		if (!mmu->unit[i].unusable)
			vtd_fault_clear(&mmu->unit[i]);
}

enum sl_err iommu_fault_silence(struct iommu *mmu, bdf_t requester)
{
	enum sl_err first = SL_OK;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		struct vtd_unit *u = &mmu->unit[i];
		if (!vtd_translates(u) || u->seg != requester.seg)
			continue;
		enum sl_err e = vtd_ctx_silence(u, requester.rid);
		first = first ? first : e;
	}
	return first;
}

enum sl_err iommu_walk(struct iommu *mmu, bdf_t fn, iova_t iova, struct iommu_walk *out)
{
	unsigned unit;
	enum sl_err e = iommu_unit_of(mmu, fn, &unit);
	if (!e)
		vtd_explain(&mmu->unit[unit], mmu->table.haw, fn, iova, out);
	return e;
}

void iommu_walk_text(struct iommu *mmu, bdf_t fn, iova_t iova, char *buf, size_t n)
{
	unsigned unit;
	enum sl_err e = iommu_unit_of(mmu, fn, &unit);
	if (e)
		fmt_print(buf, n, "%s", sl_err_text(e));
	else
		vtd_explain_text(&mmu->unit[unit], mmu->table.haw, fn, iova, buf, n);
}

/* The entry is explained where the refusal has to do with what is in it. */
static void describe_interrupt(const struct vtd_unit *u, const struct iommu_fault *f, char *buf, size_t n)
{
	char number[8] = "", walk[128] = "";
	if (iommu_why_has_index(f->why)) {
		fmt_print(number, sizeof(number), " %u", f->index);
		if (f->why >= WHY_IRQ_EMPTY && u->ir && u->ir->on) {
			fmt_print(walk, sizeof(walk), "; ");
			vtd_explain_interrupt(u, f->bdf, f->index, walk + 2, sizeof(walk) - 2);
		}
	}
	fmt_print(buf, n, BDF_FMT " interrupt%s refused: %s (reason 0x%x)%s", BDF_ARG(f->bdf), number,
		  f->text, f->code, walk);
}

void iommu_fault_describe(struct iommu *mmu, const struct iommu_fault *f, char *buf, size_t n)
{
	const struct vtd_unit *u = &mmu->unit[f->unit];
	if (iommu_why_is_interrupt(f->why)) {
		describe_interrupt(u, f, buf, n);
		return;
	}
	char walk[160];
	vtd_explain_text(u, mmu->table.haw, f->bdf, f->iova, walk, sizeof(walk));
	fmt_print(buf, n, BDF_FMT " %s 0x%llx refused: %s (reason 0x%x); %s", BDF_ARG(f->bdf),
		  iommu_fault_kind(f), (ull)f->iova.v, f->text, f->code, walk);
}
