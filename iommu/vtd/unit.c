#include "iommu/vtd/unit.h"
#include "iommu/vtd/cmd.h"
#include "iommu/vtd/fault.h"
#include "iommu/vtd/inv.h"
#include "iommu/vtd/ir.h"
#include "iommu/vtd/qi.h"
#include "kernel/log.h"
#include "kernel/pmm.h"

static enum sl_err unusable(struct vtd_unit *u, enum sl_err e, const char *why)
{
	u->unusable = why;
	return e;
}

static bool has_legacy(const struct vtd_unit *u)
{
	return (FGET(u->cap, CAP_SAGAW) & 0xe) != 0;
}

static bool has_second(const struct vtd_unit *u)
{
	return u->ecap & ECAP_SSTS && has_legacy(u);
}

bool vtd_unit_scalable(const struct vtd_unit *u)
{
	return u->ecap & ECAP_SMTS && vtd_has_queue(u) && (has_second(u) || u->ecap & ECAP_FSTS);
}

/* A unit that has second-stage tables (CAP.SAGAW) has legacy mode. */
enum sl_err vtd_unit_choose(struct vtd_unit *u, enum vtd_want want)
{
	bool scalable = vtd_unit_scalable(u) && want != VTD_WANT_LEGACY &&
			(want == VTD_WANT_SCALABLE || !has_legacy(u));
	u->tables = !scalable ? VTD_LEGACY : has_second(u) ? VTD_SECOND : VTD_FIRST;
	u->irq_only = !scalable && !has_legacy(u);
	u->drain = (u->cap & CAP_DRD ? IOTLB_DESC_DR : 0) | (u->cap & CAP_DWD ? IOTLB_DESC_DW : 0);
	u->select = u->tables != VTD_FIRST && u->cap & CAP_PSI ? (int)FGET(u->cap, CAP_MAMV) : -1;
	if (u->irq_only && !(u->ecap & ECAP_IR && vtd_has_queue(u)))
		return unusable(u, SL_UNSUPPORTED, "CAP.SAGAW offers no second-stage tables");
	return SL_OK;
}

enum sl_err vtd_unit_probe(struct vtd_unit *u)
{
	u->ver = vtd_rd32(&u->io, VTD_VER);
	u->cap = vtd_rd64(&u->io, VTD_CAP);
	u->ecap = vtd_rd64(&u->io, VTD_ECAP);
	if (u->ver == UINT32_MAX || u->cap == UINT64_MAX || u->ecap == UINT64_MAX)
		return unusable(u, SL_DEVICE, "its registers read all ones");
	if (u->ver == 0 || u->cap == 0)
		return unusable(u, SL_DEVICE, "its registers read zero");
	enum sl_err e = vtd_unit_choose(u, VTD_WANT_AUTO);
	if (e)
		return e;
	if (!vtd_has_queue(u) && FGET(u->ver, VER_MAX) >= 6) /* then there are no registers either: §6.5.1 */
		return unusable(u, SL_UNSUPPORTED, "ECAP.QI is clear: no invalidation at all");
	vtd_regs_read(&u->io, 0, &u->found);
	return SL_OK;
}

uint64_t vtd_unit_window(const struct vtd_unit *u)
{
	uint64_t end = VTD_FIXED_END;
	uint64_t frcd = vtd_fault_offset(u) + (uint64_t)vtd_fault_records(u) * FRCD_BYTES;
	uint64_t iotlb = FGET(u->ecap, ECAP_IRO) * 16 + 16;
	if (frcd > end)
		end = frcd;
	if (iotlb > end)
		end = iotlb;
	return ALIGN_UP(end, PAGE_SIZE);
}

enum sl_err vtd_unit_init(struct vtd_unit *u)
{
	u->root = pmm_page();
	u->queue = pmm_page();
	u->status = pmm_keep(2 * sizeof(*u->status));
	if (!u->root || !u->queue || !u->status)
		return SL_NOMEM;
	vtd_table_flush(u, u->root, PAGE_SIZE);
	return SL_OK;
}

/* RTADDR.TTM */
static unsigned table_mode(const struct vtd_unit *u)
{
	return u->tables == VTD_LEGACY ? 0 : 1;
}

/* Whether translation may stay on while the root table changes, so that no request passes untranslated
 * between the firmware's tables and ours. It may within one table mode, and with CAP.ESRTPS between any two:
 * VT-d §6.6. Until the caches are invalidated a request uses either set of tables, which allows at most what
 * the firmware allowed. */
static bool may_stay(const struct vtd_unit *u, uint32_t gsts)
{
	if (!(gsts & GCMD_TE) || u->irq_only)
		return false;
	return u->cap & CAP_ESRTPS || FGET(vtd_rd64(&u->io, VTD_RTADDR), RTADDR_TTM) == table_mode(u);
}

/* Translation goes off last, and only where the table mode changes (VT-d §6.6); protected memory regions stay
 * until our translation protects. */
static enum sl_err take_over(struct vtd_unit *u)
{
	enum sl_err e = vtd_ir_disable(u);
	uint32_t gsts = vtd_rd32(&u->io, VTD_GSTS);
	if (!e)
		e = vtd_qi_end(u);
	if (e || !(gsts & GCMD_TE) || may_stay(u, gsts))
		return e;
	return vtd_command(u, GCMD_TE, false, "turning off the firmware's translation");
}

static enum sl_err set_root(struct vtd_unit *u)
{
	vtd_wr64(&u->io, VTD_RTADDR, (va_phys(u->root).v & RTADDR_RTA) | FPUT(RTADDR_TTM, table_mode(u)));
	enum sl_err e = vtd_command(u, GCMD_SRTP, true, "setting the root table pointer");
	return e ? e : vtd_write_flush(u);
}

static enum sl_err start_invalidation(struct vtd_unit *u)
{
	enum sl_err e = vtd_inv_reset(u);
	if (e || !vtd_has_queue(u))
		return e;
	return vtd_command(u, GCMD_QIE, true, "turning on the invalidation queue");
}

/* VT-d §6.6: where SRTP does not imply it. */
static enum sl_err invalidate_all(struct vtd_unit *u)
{
	return u->cap & CAP_ESRTPS ? SL_OK : vtd_inv_all(u);
}

/* Disables the firmware's fault interrupt; pending records date from before Sluice. */
static void start_faults(struct vtd_unit *u)
{
	if (!u->event)
		vtd_wr32(&u->io, VTD_FECTL, vtd_rd32(&u->io, VTD_FECTL) | (uint32_t)FECTL_IM);
	vtd_fault_clear(u);
}

/* VT-d §11.4.8.1 */
static enum sl_err regions_off(struct vtd_unit *u)
{
	uint32_t pmen = vtd_rd32(&u->io, VTD_PMEN);
	if (!(u->cap & (CAP_PLMR | CAP_PHMR)) || !(pmen & (PMEN_EPM | PMEN_PRS)))
		return SL_OK;
	vtd_wr32(&u->io, VTD_PMEN, pmen & (uint32_t)~PMEN_EPM);
	return vtd_wait32(u, VTD_PMEN, PMEN_PRS, 0, "turning off protected memory regions");
}

enum sl_err vtd_unit_enable(struct vtd_unit *u)
{
	enum sl_err e = take_over(u);
	if (u->irq_only) {
		e = e ? e : start_invalidation(u);
		if (!e)
			start_faults(u);
		return e;
	}
	bool stays = (vtd_rd32(&u->io, VTD_GSTS) & GCMD_TE) != 0;
	if (e)
		return e;
	u->on = stays; /* from here on it may use our tables even if it does not answer */
	e = set_root(u);
	if (!e)
		e = start_invalidation(u);
	if (!e)
		e = invalidate_all(u);
	if (e)
		return e;
	start_faults(u);
	u->on = true;
	if (!stays)
		e = vtd_command(u, GCMD_TE, true, "turning on translation");
	if (!e && regions_off(u)) /* translation stands all the same: VT-d §11.4.8.1, EPM */
		log_warn(u->name,
			 "memory that the firmware protected may stay out of reach of every function");
	return e;
}
