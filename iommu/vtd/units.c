/* Every unit of the machine from the table to translation: which units are usable, and for what. */
#include "iommu/vtd/format.h"
#include "iommu/vtd/ir.h"
#include "iommu/vtd/own.h"
#include "iommu/vtd/unit.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/pmm.h"

#define CLASS_DISPLAY 0x03u

/* Counts the units and lists the structures that are not decoded. */
static enum sl_err survey(struct iommu *mmu)
{
	struct dmar_entry e = {0};
	enum sl_err err;
	while ((err = dmar_next(&mmu->vtd->table, &e)) == SL_OK) {
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

static void leave(struct vtd_unit *u, enum iommu_unit_state state, const char *why)
{
	u->unusable = why;
	u->state = state;
}

/* Linux takes the first of two units of one segment with the same registers and skips the other
 * (dmar_parse_one_drhd); functions named only by the other have no unit there. Driven twice, each would take
 * the other's queue and tables. */
static bool listed_before(const struct iommu *mmu, struct vtd_unit *u)
{
	for (const struct vtd_unit *o = mmu->vtd->unit; o < u; o++) {
		if (o->base != u->base || !iommu_has_registers(u->base))
			continue;
		fmt_print(u->reason, sizeof(u->reason), "the table lists its registers before, as %s",
			  o->name);
		leave(u, IOMMU_UNIT_TWICE, u->reason);
		log_warn(
			u->name,
			"left out: %s (0x%llx%s); DMA of functions that only this entry names is not translated",
			u->unusable, (ull)u->base, o->seg == u->seg ? "" : ", another segment");
		return true;
	}
	return false;
}

/* regs->map returns SL_RANGE for an impossible address: in RAM, or beyond the processor's addresses. Maps as
 * much as the table says, then as much as the capabilities say. */
static enum sl_err map_and_probe(struct vtd_unit *u, const struct dmar_drhd *d, const struct iommu_regs *regs)
{
	enum sl_err e = SL_BADVAL;
	if (!iommu_has_registers(d->base)) {
		leave(u, IOMMU_UNIT_UNUSABLE, "DMAR gives no register address");
	} else {
		e = regs->map(regs->ctx, PHYS(d->base), d->size, &u->io);
		if (!e)
			e = vtd_unit_probe(u);
		if (!e && vtd_unit_window(u) > d->size)
			e = regs->map(regs->ctx, PHYS(d->base), vtd_unit_window(u), &u->io);
	}
	if (!e)
		return e;
	if (!u->unusable)
		u->unusable = e == SL_RANGE ? "there can be no registers at that address"
					    : "its registers cannot be mapped";
	leave(u, IOMMU_UNIT_UNUSABLE, u->unusable);
	log_warn(
		u->name,
		"left out: %s (0x%llx: VER 0x%x, CAP 0x%llx, ECAP 0x%llx); DMA of the functions below it is not translated",
		u->unusable, (ull)d->base, u->ver, (ull)u->cap, (ull)u->ecap);
	return e;
}

static enum sl_err units_open(struct iommu *mmu, const struct iommu_regs *regs)
{
	struct dmar_entry e = {0};
	struct vtd_unit *u = mmu->vtd->unit;
	while (dmar_next(&mmu->vtd->table, &e) == SL_OK) {
		struct dmar_drhd d;
		if (e.type != DMAR_DRHD)
			continue;
		enum sl_err err = dmar_drhd(&e, &d);
		if (err)
			return err;
		fmt_print(u->name, sizeof(u->name), "iommu%u", (unsigned)(u - mmu->vtd->unit));
		u->seg = d.seg;
		u->base = d.base;
		u->dmar_off = d.off;
		if (!listed_before(mmu, u) && map_and_probe(u, &d, regs) == SL_OK) {
			err = vtd_unit_init(u);
			if (err)
				return err;
		}
		u++;
	}
	return SL_OK;
}

enum sl_err vtd_init(struct iommu *mmu, struct span dmar_table, const struct dmar_topo *topo,
		     const struct iommu_regs *regs)
{
	struct vtd *vtd = pmm_keep(sizeof(*vtd));
	*mmu = (struct iommu){.hw = &vtd_backend, .vtd = vtd};
	if (!vtd)
		return SL_NOMEM;
	vtd->topo = *topo;
	enum sl_err e = dmar_open(dmar_table, &vtd->table);
	if (!e)
		e = survey(mmu);
	if (e) {
		mmu->unit_count = 0;
		return e;
	}
	vtd->unit = pmm_keep((mmu->unit_count + 1) * sizeof(*vtd->unit));
	if (!vtd->unit) {
		mmu->unit_count = 0;
		return SL_NOMEM;
	}
	e = units_open(mmu, regs);
	return e ? e : vtd_format_common(mmu);
}

enum sl_err vtd_choose_tables(struct iommu *mmu, enum vtd_want want)
{
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		struct vtd_unit *u = &mmu->vtd->unit[i];
		if (u->unusable)
			continue;
		if (vtd_unit_choose(u, want) != SL_OK) {
			leave(u, IOMMU_UNIT_UNUSABLE, u->unusable);
			log_warn(
				u->name,
				"left out: tables=legacy, and the unit has only first-stage tables (CAP.SAGAW is 0); DMA of the functions below it is not translated");
		} else if (want == VTD_WANT_SCALABLE && u->tables == VTD_LEGACY) {
			log_warn(
				u->name,
				"tables=scalable: the unit has no scalable mode with tables for DMA (ECAP 0x%llx: SMTS, and SSTS or FSTS), so it stays in legacy mode",
				(ull)u->ecap);
		}
	}
	return vtd_format_common(mmu);
}

/* ---- left alone on request ---- */

static void skip(struct iommu *mmu, struct vtd_unit *u, const char *why)
{
	leave(u, IOMMU_UNIT_SKIPPED, why);
	(void)vtd_format_common(mmu); /* iommu_enable() reports when none is left */
	log_warn(
		u->name,
		"unit at 0x%llx stays as the firmware left it: %s; our tables do not restrict DMA of the functions below it",
		(ull)u->base, why);
}

unsigned vtd_skip_base(struct iommu *mmu, uint64_t base)
{
	unsigned n = 0;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		struct vtd_unit *u = &mmu->vtd->unit[i];
		if (u->base != base || u->unusable)
			continue;
		skip(mmu, u, "the options name it");
		n++;
	}
	return n;
}

/* As Linux has it (init_no_remapping_devices): every scope of the unit leads to a display controller. */
static bool graphics_only(const struct iommu *mmu, const struct vtd_unit *u,
			  const struct table_functions *functions)
{
	struct dmar_entry e = {.next = u->dmar_off};
	struct dmar_drhd d;
	struct dmar_scope s = {0};
	unsigned n = 0;
	if (dmar_next(&mmu->vtd->table, &e) != SL_OK || dmar_drhd(&e, &d) != SL_OK || d.include_all)
		return false;
	for (; dmar_scope_next(d.scopes, &s) == SL_OK; n++) {
		bdf_t fn;
		uint32_t class;
		if (s.type != DMAR_SCOPE_ENDPOINT ||
		    dmar_scope_resolve(&mmu->vtd->topo, d.seg, &s, &fn) != SL_OK ||
		    !table_functions_find(functions, fn, &class) || class >> 16 != CLASS_DISPLAY)
			return false;
	}
	return n != 0;
}

unsigned vtd_skip_graphics(struct iommu *mmu, const struct table_functions *functions, const char *why)
{
	unsigned n = 0;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		struct vtd_unit *u = &mmu->vtd->unit[i];
		if (u->unusable || !graphics_only(mmu, u, functions))
			continue;
		skip(mmu, u, why);
		n++;
	}
	return n;
}

unsigned vtd_force_write_flush(struct iommu *mmu)
{
	unsigned n = 0;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		n += !(mmu->vtd->unit[i].cap & CAP_RWBF);
		mmu->vtd->unit[i].cap |= CAP_RWBF;
	}
	return n;
}

unsigned vtd_small_pages_graphics(struct iommu *mmu, const struct table_functions *functions)
{
	unsigned n = 0;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		struct vtd_unit *u = &mmu->vtd->unit[i];
		if (u->unusable || !(u->cap & CAP_SSLPS) || !graphics_only(mmu, u, functions))
			continue;
		u->cap &= ~CAP_SSLPS;
		n++;
	}
	(void)vtd_format_common(mmu);
	return n;
}

/* ---- on and off ---- */

static void log_unit(const struct iommu *mmu, const struct vtd_unit *u)
{
	const struct vtd_regs_seen *f = &u->found;
	static const char *const kind[] = {"", "scalable mode, second stage, ",
					   "scalable mode, first stage, "};
	char tables[72] = "no tables for DMA";
	if (!u->irq_only) {
		struct iommu_form form = vtd_format_of(u, mmu->levels);
		fmt_print(tables, sizeof(tables), "%s%u-level, 4K%s%s pages", kind[u->tables], form.levels,
			  form.page_level >= 2 ? " 2M" : "", form.page_level >= 3 ? " 1G" : "");
	}
	log_line(u->name, "VT-d %u.%u at 0x%llx, %s, %s invalidation%s; the firmware left %s%s%s%s",
		 (unsigned)FGET(u->ver, VER_MAX), (unsigned)FGET(u->ver, VER_MIN), (ull)u->base, tables,
		 u->ecap & ECAP_QI ? "queued" : "register",
		 u->ecap & ECAP_C && vtd_pages_snooped(u) ? "" : ", non-coherent walks (tables are flushed)",
		 f->gsts & GCMD_TE ? "translation on" : "it off", f->gsts & GCMD_QIE ? ", queue on" : "",
		 f->gsts & GCMD_IRE ? ", interrupt remapping on" : "",
		 f->pmen & PMEN_PRS ? ", protected regions on" : "");
}

/* A unit that did not answer is not written any more: its registers' behaviour is unknown then. Protected
 * memory regions that the firmware left on stay on. */
static void failed(struct vtd_unit *u)
{
	if (!u->reason[0])
		fmt_print(u->reason, sizeof(u->reason), "it did not answer while it was being enabled");
	leave(u, IOMMU_UNIT_FAILED, u->reason);
	log_warn(
		u->name,
		"left out: %s; our tables do not restrict DMA of the functions below it (unit at 0x%llx, GSTS 0x%x)",
		u->reason, (ull)u->base, vtd_rd32(&u->io, VTD_GSTS));
}

static enum sl_err unit_enable(struct vtd_unit *u)
{
	bool remapped = u->ir && u->ir->on;
	u->starting = true; /* its troubles become warnings and do not end the run */
	enum sl_err e = vtd_unit_enable(u);
	if (!e && remapped) /* starting over turned it off */
		e = vtd_ir_enable(u, u->ir->entries, u->ir->x2apic);
	u->starting = false;
	return e;
}

enum sl_err vtd_enable(struct iommu *mmu)
{
	enum sl_err last = SL_OK;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		struct vtd_unit *u = &mmu->vtd->unit[i];
		if (u->unusable)
			continue;
		enum sl_err e = unit_enable(u);
		if (e) {
			failed(u);
			last = e;
			continue;
		}
		log_unit(mmu, u);
	}
	if (iommu_units_in(mmu, IOMMU_UNIT_ON))
		return SL_OK;
	log_fail("iommu", "the WARN lines above have the reason for each unit",
		 "none of %u units translates: nothing restricts a device's DMA", mmu->unit_count);
	return last ? last : SL_NOTFOUND;
}

/* ---- states ---- */

enum iommu_unit_state vtd_state(const struct iommu *mmu, unsigned unit, const char **why)
{
	const struct vtd_unit *u = &mmu->vtd->unit[unit];
	if (why)
		*why = u->unusable   ? u->unusable
		       : u->irq_only ? "CAP.SAGAW offers no tables for DMA, so it only remaps interrupts"
				     : NULL;
	return u->unusable   ? u->state
	       : u->irq_only ? IOMMU_UNIT_IRQ_ONLY
	       : u->on       ? IOMMU_UNIT_ON
			     : IOMMU_UNIT_OFF;
}

enum sl_err vtd_unit_listed(const struct iommu *mmu, bdf_t fn, unsigned *unit)
{
	struct dmar_drhd d;
	enum sl_err e = dmar_unit_of(&mmu->vtd->table, &mmu->vtd->topo, fn, &d);
	if (e)
		return e;
	for (unsigned i = 0; i < mmu->unit_count; i++)
		if (mmu->vtd->unit[i].dmar_off == d.off) {
			*unit = i;
			return SL_OK;
		}
	return SL_NOTFOUND;
}
