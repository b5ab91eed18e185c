#include "iommu/iommu.h"
#include "iommu/vtd_ctx.h"
#include "iommu/vtd_ir.h"
#include "iommu/vtd_irwalk.h"
#include "iommu/vtd_pt.h"
#include "iommu/vtd_unit.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/pmm.h"

/* Counts the units and names what is not decoded. */
static enum sl_err survey(struct iommu *mmu)
{
	struct dmar_entry e = {0};
	enum sl_err err;
	while ((err = dmar_next(&mmu->table, &e)) == SL_OK) {
		if (e.type == DMAR_DRHD)
			mmu->unit_count++;
		else if (e.type != DMAR_RMRR)
			log_line("iommu", "DMAR has %s at 0x%zx (type %u, %u bytes): not needed",
				 dmar_type_name(e.type), e.off, e.type, e.len);
	}
	if (err == SL_END)
		return SL_OK;
	log_fail("iommu", "ask the maker of the firmware for a newer one",
		 "DMAR table is damaged after offset 0x%zx: %s", e.off, sl_err_text(err));
	return err;
}

/* Maps as much of the registers as the table says, then as much as the capabilities say. */
static enum sl_err map_and_probe(struct vtd_unit *u, const struct dmar_drhd *d, const struct iommu_regs *regs)
{
	if (!d->base || d->base == UINT64_MAX || !IS_ALIGNED(d->base, PAGE_SIZE)) {
		u->unusable = "DMAR gives no register address";
		log_warn(u->name, "%s (0x%llx): it translates nothing for functions below it", u->unusable,
			 (ull)d->base);
		return SL_BADVAL;
	}
	enum sl_err e = regs->map(regs->ctx, PHYS(d->base), d->size, &u->io);
	if (!e)
		e = vtd_unit_probe(u);
	if (!e && vtd_unit_window(u) > d->size)
		e = regs->map(regs->ctx, PHYS(d->base), vtd_unit_window(u), &u->io);
	if (e && !u->unusable) {
		u->unusable = "its registers can not be mapped";
		log_warn(u->name, "%s (0x%llx): %s", u->unusable, (ull)d->base, sl_err_text(e));
	}
	return e;
}

static enum sl_err units_open(struct iommu *mmu, const struct iommu_regs *regs)
{
	struct dmar_entry e = {0};
	struct vtd_unit *u = mmu->unit;
	while (dmar_next(&mmu->table, &e) == SL_OK) {
		struct dmar_drhd d;
		if (e.type != DMAR_DRHD)
			continue;
		enum sl_err err = dmar_drhd(&e, &d);
		if (err)
			return err;
		fmt_print(u->name, sizeof(u->name), "iommu%u", (unsigned)(u - mmu->unit));
		u->seg = d.seg;
		u->base = d.base;
		u->dmar_off = d.off;
		if (map_and_probe(u, &d, regs) == SL_OK) {
			err = vtd_unit_init(u);
			if (err)
				return err;
			mmu->usable++;
		}
		u++;
	}
	return SL_OK;
}

/* A domain may be attached under any unit, so its table is of a form that all of them read. */
static enum sl_err common_format(struct iommu *mmu)
{
	static const unsigned preferred[] = {4, 3, 5};
	uint64_t sagaw = UINT64_MAX, large = VTD_PAGE_2M | VTD_PAGE_1G;
	unsigned mgaw = 64;
	mmu->domain_limit = UINT32_MAX;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		const struct vtd_unit *u = &mmu->unit[i];
		if (u->unusable)
			continue;
		sagaw &= FGET(u->cap, CAP_SAGAW);
		large &= FGET(u->cap, CAP_SSLPS);
		mgaw = vtd_mgaw(u) < mgaw ? vtd_mgaw(u) : mgaw;
		mmu->domain_limit = vtd_domains(u) < mmu->domain_limit ? vtd_domains(u) : mmu->domain_limit;
		mmu->announce = mmu->announce || u->cap & (CAP_CM | CAP_RWBF);
		if (!(u->ecap & ECAP_C))
			mmu->sync = &u->io;
	}
	for (unsigned i = 0; i < ARRAY_LEN(preferred) && !mmu->levels; i++)
		if (sagaw & BIT(preferred[i] - 2))
			mmu->levels = preferred[i];
	if (!mmu->levels) {
		log_fail("iommu", "this machine's units can not be used together; report it with this log",
			 "the units have no number of table levels in common (CAP.SAGAW)");
		return SL_UNSUPPORTED;
	}
	unsigned agaw = 12 + 9 * mmu->levels;
	mmu->width = mgaw < agaw ? mgaw : agaw;
	mmu->large = large & VTD_PAGE_2M ? (unsigned)large : 0;
	return SL_OK;
}

enum sl_err iommu_init(struct iommu *mmu, struct span dmar_table, const struct dmar_topo *topo,
		       const struct iommu_regs *regs)
{
	*mmu = (struct iommu){.topo = *topo};
	enum sl_err e = dmar_open(dmar_table, &mmu->table);
	if (!e)
		e = survey(mmu);
	if (e)
		return e;
	if (mmu->unit_count) {
		mmu->unit = pmm_keep(mmu->unit_count * sizeof(*mmu->unit));
		if (!mmu->unit)
			return SL_NOMEM;
		e = units_open(mmu, regs);
		if (e)
			return e;
	}
	return mmu->usable ? common_format(mmu) : SL_NOTFOUND;
}

static void log_unit(const struct iommu *mmu, const struct vtd_unit *u)
{
	const struct vtd_found *f = &u->found;
	log_line(u->name,
		 "VT-d %u.%u at 0x%llx, %u-level, 4K%s%s pages, %s invalidation%s; firmware left %s%s%s%s",
		 (unsigned)FGET(u->ver, VER_MAX), (unsigned)FGET(u->ver, VER_MIN), (ull)u->base, mmu->levels,
		 mmu->large & VTD_PAGE_2M ? " 2M" : "", mmu->large & VTD_PAGE_1G ? " 1G" : "",
		 u->ecap & ECAP_QI ? "queued" : "register", u->ecap & ECAP_C ? "" : ", tables flushed",
		 f->gsts & GCMD_TE ? "translation on" : "it off", f->gsts & GCMD_QIE ? ", queue on" : "",
		 f->gsts & GCMD_IRE ? ", interrupt remapping on" : "",
		 f->pmen & PMEN_PRS ? ", protected regions on" : "");
}

enum sl_err iommu_enable(struct iommu *mmu)
{
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		struct vtd_unit *u = &mmu->unit[i];
		if (u->unusable)
			continue;
		bool remapped = u->ir && u->ir->on;
		enum sl_err e = vtd_unit_enable(u);
		if (!e && remapped) /* starting over turned it off */
			e = vtd_ir_enable(u, u->ir->entries, u->ir->x2apic);
		if (e)
			return e;
		log_unit(mmu, u);
	}
	return SL_OK;
}

enum sl_err iommu_disable(struct iommu *mmu)
{
	enum sl_err first = SL_OK;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		if (!mmu->unit[i].on)
			continue;
		enum sl_err e = vtd_unit_disable(&mmu->unit[i]);
		if (e && !first)
			first = e;
	}
	return first;
}

enum sl_err iommu_unit_of(struct iommu *mmu, bdf_t fn, unsigned *unit)
{
	struct dmar_drhd d;
	enum sl_err e = dmar_unit_of(&mmu->table, &mmu->topo, fn, &d);
	if (e)
		return e;
	for (unsigned i = 0; i < mmu->unit_count; i++)
		if (mmu->unit[i].dmar_off == d.off && !mmu->unit[i].unusable) {
			*unit = i;
			return SL_OK;
		}
	return SL_NOTFOUND;
}

void iommu_unit_info(const struct iommu *mmu, unsigned unit, struct iommu_unit_info *out)
{
	const struct vtd_unit *u = &mmu->unit[unit];
	*out = (struct iommu_unit_info){
		.seg = u->seg,
		.base = u->base,
		.ver = u->ver,
		.cap = u->cap,
		.ecap = u->ecap,
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
		  f->write ? "write" : "read", (ull)f->iova.v, vtd_fault_text(f->reason), f->reason, walk);
}
