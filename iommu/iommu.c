#include "iommu/iommu.h"
#include "iommu/vtd/ctx.h"
#include "iommu/vtd/ir.h"
#include "iommu/vtd/irwalk.h"
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
		.found_gsts = u->found.gsts,
		.found_fsts = u->found.fsts,
		.found_pmen = u->found.pmen,
		.found_rtaddr = u->found.rtaddr,
		.found_irta = u->found.irta,
		.descriptors = u->count.descriptors,
		.waits = u->count.waits,
		.faults = u->count.faults,
		.overflows = u->count.overflows,
	};
}

enum sl_err iommu_unit_read(const struct iommu *mmu, unsigned unit, struct iommu_unit_raw *out)
{
	const struct vtd_unit *u = &mmu->unit[unit];
	const struct vtd_io *io = &u->io;
	if (!io->rd32)
		return SL_DEVICE;
	*out = (struct iommu_unit_raw){
		.ver = vtd_rd32(io, VTD_VER),
		.cap = vtd_rd64(io, VTD_CAP),
		.ecap = vtd_rd64(io, VTD_ECAP),
		.gsts = vtd_rd32(io, VTD_GSTS),
		.rtaddr = vtd_rd64(io, VTD_RTADDR),
		.fsts = vtd_w1c_rd(io, VTD_FSTS),
		.pmen = vtd_rd32(io, VTD_PMEN),
	};
	if (out->ecap & ECAP_IR)
		out->irta = vtd_rd64(io, VTD_IRTA);
	if (out->cap & CAP_PLMR) {
		out->plmbase = vtd_rd32(io, VTD_PLMBASE);
		out->plmlimit = vtd_rd32(io, VTD_PLMLIMIT);
	}
	if (out->cap & CAP_PHMR) {
		out->phmbase = vtd_rd64(io, VTD_PHMBASE);
		out->phmlimit = vtd_rd64(io, VTD_PHMLIMIT);
	}
	for (unsigned i = 0; !u->unusable && i < vtd_fault_records(u) && i < IOMMU_FRCDS; i++, out->frcds++) {
		out->frcd[i].lo = vtd_rd64(io, (reg64_t){(uint16_t)(vtd_fault_offset(u) + i * FRCD_BYTES)});
		out->frcd[i].hi =
			vtd_rd64(io, (reg64_t){(uint16_t)(vtd_fault_offset(u) + i * FRCD_BYTES + 8)});
	}
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

static bool read_ram(void *ctx, uint64_t phys, uint64_t *v)
{
	(void)ctx;
	*v = *(const uint64_t *)phys_va(PHYS(phys));
	return true;
}

static void walk_unit(struct iommu *mmu, const struct vtd_unit *u, bdf_t fn, iova_t iova,
		      struct vtd_walk *out)
{
	struct vtd_walk_unit from = {va_phys(u->root).v, u->cap, u->ecap, mmu->table.haw};
	struct vtd_walk_mem mem = {NULL, read_ram};
	vtd_walk(&from, &mem, fn, iova, out);
}

enum sl_err iommu_walk(struct iommu *mmu, bdf_t fn, iova_t iova, struct vtd_walk *out)
{
	unsigned unit;
	enum sl_err e = iommu_unit_of(mmu, fn, &unit);
	if (e)
		return e;
	walk_unit(mmu, &mmu->unit[unit], fn, iova, out);
	return SL_OK;
}

static void walk_interrupt(const struct vtd_unit *u, bdf_t fn, unsigned index, struct vtd_irwalk *out)
{
	struct vtd_irwalk_unit from = {vtd_rd32(&u->io, VTD_GSTS), vtd_rd64(&u->io, VTD_IRTA), u->cap};
	struct vtd_walk_mem mem = {NULL, read_ram};
	vtd_irwalk_index(&from, &mem, fn.rid, index, out);
}

/* VT-d §5.1.4.1: reasons up to 0x24 and from 0x26 to 0x28 come with the index of an entry. */
static void describe_interrupt(const struct vtd_unit *u, const struct iommu_fault *f, char *buf, size_t n)
{
	unsigned index = (unsigned)(f->iova.v >> 48);
	struct vtd_irwalk w;
	char number[8] = "", walk[128] = "";
	if (f->reason != 0x25 && f->reason <= 0x28) {
		fmt_print(number, sizeof(number), " %u", index);
		if (f->reason >= 0x22 && u->ir && u->ir->on) {
			fmt_print(walk, sizeof(walk), "; ");
			walk_interrupt(u, f->bdf, index, &w);
			vtd_irwalk_text(&w, walk + 2, sizeof(walk) - 2);
		}
	}
	fmt_print(buf, n, BDF_FMT " interrupt%s refused: %s (reason 0x%x)%s", BDF_ARG(f->bdf), number,
		  vtd_fault_text(f->reason), f->reason, walk);
}

void iommu_fault_describe(struct iommu *mmu, const struct iommu_fault *f, char *buf, size_t n)
{
	if (vtd_fault_is_interrupt(f->reason)) {
		describe_interrupt(&mmu->unit[f->unit], f, buf, n);
		return;
	}
	struct vtd_walk w;
	char walk[160];
	walk_unit(mmu, &mmu->unit[f->unit], f->bdf, f->iova, &w);
	vtd_walk_text(&w, walk, sizeof(walk));
	fmt_print(buf, n, BDF_FMT " %s 0x%llx refused: %s (reason 0x%x); %s", BDF_ARG(f->bdf),
		  vtd_fault_kind(f), (ull)f->iova.v, vtd_fault_text(f->reason), f->reason, walk);
}
