#include "iommu/vtd/ats.h"
#include "iommu/vtd/backend.h"
#include "iommu/vtd/cmd.h"
#include "iommu/vtd/ctx.h"
#include "iommu/vtd/explain.h"
#include "iommu/vtd/fault.h"
#include "iommu/vtd/format.h"
#include "iommu/vtd/inv.h"
#include "iommu/vtd/ir.h"
#include "iommu/vtd/own.h"
#include "iommu/vtd/pasid.h"
#include "iommu/vtd/regs_seen.h"

static struct vtd_unit *unit_at(const struct iommu *mmu, unsigned unit)
{
	return &mmu->vtd->unit[unit];
}

static void info(const struct iommu *mmu, unsigned unit, struct iommu_unit_info *out)
{
	const struct vtd_unit *u = unit_at(mmu, unit);
	*out = (struct iommu_unit_info){
		.seg = u->seg,
		.base = u->base,
		.width = vtd_translates(u) ? vtd_mgaw(u) : 0,
		.ver = u->ver,
		.cap = u->cap,
		.ecap = u->ecap,
		.state = vtd_state(mmu, unit, NULL),
		.unusable = u->unusable,
		.on = u->on,
		.found = &u->found,
		.descriptors = u->count.descriptors,
		.waits = u->count.waits,
		.faults = u->count.faults,
		.overflows = u->count.overflows,
	};
}

enum sl_err vtd_read_registers(const struct iommu *mmu, unsigned unit, struct vtd_regs_seen *out)
{
	const struct vtd_unit *u = unit_at(mmu, unit);
	if (!u->io.rd32)
		return SL_DEVICE;
	vtd_regs_read(&u->io, u->unusable ? 0 : vtd_unit_window(u), out);
	return SL_OK;
}

static bool translates(const struct iommu *mmu, unsigned unit)
{
	return vtd_translates(unit_at(mmu, unit));
}

/* By the first unit that is driven. */
static uint64_t now(const struct iommu *mmu)
{
	for (const struct vtd_unit *u = mmu->vtd->unit; u < mmu->vtd->unit + mmu->unit_count; u++)
		if (!u->unusable)
			return u->io.now_us(u->io.ctx);
	return 0;
}

/* ---- a domain's tables and functions ---- */

static struct iommu_form form(const struct iommu *mmu, unsigned unit, unsigned levels)
{
	return vtd_format_of(unit_at(mmu, unit), levels);
}

/* ECAP.PSS 0 would be one bit. QEMU 10's unit says so and takes 20, and no unit is known that has so few;
 * what a unit does not take it refuses. */
static uint32_t pasids(const struct iommu *mmu, unsigned unit)
{
	const struct vtd_unit *u = unit_at(mmu, unit);
	unsigned bits = (unsigned)FGET(u->ecap, ECAP_PSS) + 1;
	if (u->tables == VTD_LEGACY || !(u->ecap & ECAP_PASID))
		return 0;
	return bits > 1 && BIT(bits) < PASIDS_MAX ? (uint32_t)BIT(bits) : PASIDS_MAX;
}

static bool can_pass(const struct iommu *mmu, unsigned unit)
{
	return (unit_at(mmu, unit)->ecap & ECAP_PT) != 0;
}

static struct vtd_pasid pasid_entry(const struct vtd_unit *u, const struct iommu_root *root)
{
	if (root->pass)
		return vtd_pasid_make_pass(u->tables == VTD_FIRST ? 4 : vtd_max_levels(u), root->did);
	return u->tables == VTD_FIRST
		       ? vtd_pasid_make_first(root->top, root->did, vtd_pages_snooped(u))
		       : vtd_pasid_make_second(root->top, root->levels, root->did, vtd_pages_snooped(u));
}

static enum sl_err attach(struct iommu *mmu, unsigned unit, uint16_t rid, const struct iommu_root *root)
{
	struct vtd_unit *u = unit_at(mmu, unit);
	uint64_t allowed = (u->ecap & ECAP_PASID ? SCTX_PASIDE : 0) | (root->ats ? SCTX_DTE : 0) |
			   (root->pages ? SCTX_PRE : 0);
	if (u->tables != VTD_LEGACY)
		return vtd_pasid_attach(u, rid, root->pasid, pasid_entry(u, root), allowed);
	return vtd_ctx_attach(u, rid,
			      root->pass ? vtd_ctx_make_pass(vtd_max_levels(u), root->did)
					 : vtd_ctx_make(root->top, root->levels, root->did));
}

static enum sl_err detach(struct iommu *mmu, unsigned unit, uint16_t rid, uint32_t pasid)
{
	struct vtd_unit *u = unit_at(mmu, unit);
	return u->tables == VTD_LEGACY ? vtd_ctx_detach(u, rid) : vtd_pasid_detach(u, rid, pasid);
}

static bool find(const struct iommu *mmu, unsigned unit, uint16_t rid, uint16_t *did)
{
	const struct vtd_unit *u = unit_at(mmu, unit);
	return u->tables == VTD_LEGACY ? vtd_ctx_find(u, rid, did) : vtd_pasid_find(u, rid, 0, did);
}

/* ---- caches ---- */

/* First-stage tables: by PASID. */
static struct vtd_desc range_desc_first(const struct vtd_unit *u, uint16_t did, uint32_t pasid, uint64_t at,
					unsigned am, bool leaf_only)
{
	if (!(u->cap & CAP_PSI) || am > FGET(u->cap, CAP_MAMV))
		return vtd_desc_piotlb(did, pasid);
	return vtd_desc_piotlb_page(did, pasid, IOVA(ALIGN_DOWN(at, PAGE_SIZE << am)), am, leaf_only);
}

/* One page-selective descriptor over the smallest block of 2^am pages that has the address and all that
 * differ from it in those bits, where the unit supports it, else the whole domain: VT-d §6.5.2.3, and
 * §6.5.2.4 for first-stage tables. leaf_only: no table has been added or removed. */
static struct vtd_desc range_desc(const struct vtd_unit *u, uint16_t did, uint32_t pasid, uint64_t at,
				  uint64_t bits, bool leaf_only)
{
	bits /= PAGE_SIZE;
	unsigned am = bits ? 64 - (unsigned)__builtin_clzll(bits) : 0;
	if ((int)am <= u->select)
		return vtd_desc_iotlb_page(did, IOVA(ALIGN_DOWN(at, PAGE_SIZE << am)), am, leaf_only,
					   vtd_drain(u));
	return u->tables == VTD_FIRST ? range_desc_first(u, did, pasid, at, am, leaf_only)
				      : vtd_desc_iotlb_domain(did, vtd_drain(u));
}

static enum sl_err invalidate(struct iommu *mmu, unsigned unit, uint16_t did, uint32_t pasid,
			      const struct iommu_gather *g)
{
	struct vtd_unit *u = unit_at(mmu, unit);
	if (!u->on)
		return SL_OK;
	struct vtd_desc d = range_desc(u, did, pasid, g->at, g->differ, !g->tables);
	return vtd_inv_run(u, &d, 1);
}

/* After entries went from not present to present, caching mode needs an invalidation (VT-d §6.1), a write
 * buffer a flush (§6.8), any other unit nothing. */
static bool wants_announce(const struct iommu *mmu, unsigned unit)
{
	return (unit_at(mmu, unit)->cap & (CAP_CM | CAP_RWBF)) != 0;
}

static enum sl_err announce(struct iommu *mmu, unsigned unit, uint16_t did, uint32_t pasid,
			    const struct iommu_gather *g)
{
	struct vtd_unit *u = unit_at(mmu, unit);
	if (!u->on)
		return SL_OK;
	return u->cap & CAP_CM ? invalidate(mmu, unit, did, pasid, g) : vtd_write_flush(u);
}

/* ---- faults ---- */

static enum sl_err fault_next(struct iommu *mmu, unsigned unit, struct iommu_fault *out)
{
	struct vtd_unit *u = unit_at(mmu, unit);
	return u->unusable ? SL_END : vtd_fault_next(u, out);
}

static void fault_clear(struct iommu *mmu, unsigned unit)
{
	if (!unit_at(mmu, unit)->unusable)
		vtd_fault_clear(unit_at(mmu, unit));
}

static void fault_event(struct iommu *mmu, unsigned unit, uint8_t vector, uint32_t apic)
{
	if (!unit_at(mmu, unit)->unusable)
		vtd_fault_event(unit_at(mmu, unit), vector, apic);
}

static enum sl_err fault_silence(struct iommu *mmu, unsigned unit, bdf_t requester)
{
	struct vtd_unit *u = unit_at(mmu, unit);
	if (!vtd_translates(u) || u->seg != requester.seg)
		return SL_OK;
	return u->tables == VTD_LEGACY ? vtd_ctx_silence(u, requester.rid)
				       : vtd_pasid_silence(u, requester.rid);
}

static uint64_t fault_overflows(const struct iommu *mmu)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < mmu->unit_count; i++)
		n += unit_at(mmu, i)->count.overflows;
	return n;
}

static void walk(const struct iommu *mmu, unsigned unit, bdf_t fn, uint32_t pasid, iova_t iova,
		 struct iommu_walk *out)
{
	vtd_explain(unit_at(mmu, unit), mmu->vtd->table.haw, fn, pasid, iova, out);
}

static void walk_text(const struct iommu *mmu, unsigned unit, bdf_t fn, uint32_t pasid, iova_t iova,
		      char *buf, size_t n)
{
	vtd_explain_text(unit_at(mmu, unit), mmu->vtd->table.haw, fn, pasid, iova, buf, n);
}

static bool interrupt_text(const struct iommu *mmu, unsigned unit, bdf_t fn, unsigned index, char *buf,
			   size_t n)
{
	const struct vtd_unit *u = unit_at(mmu, unit);
	if (!u->ir || !u->ir->on)
		return false;
	vtd_explain_interrupt(u, fn, index, buf, n);
	return true;
}

const struct iommu_backend vtd_backend = {
	.memory = "RMRR",
	.reasons = "2 no context entry, 4 beyond the width, 5 may not write, 6 may not read; of\n"
		   "  interrupts 21 beyond the table, 25 compatibility format, 26 another's entry\n"
		   "  (fault reasons of VT-d 7.1.3 and 5.1.4.1, hexadecimal)",
	.domain = "rmrr",
	.enable = vtd_enable,
	.state = vtd_state,
	.info = info,
	.unit_listed = vtd_unit_listed,
	.translates = translates,
	.now_us = now,
	.form = form,
	.pasids = pasids,
	.can_pass = can_pass,
	.attach = attach,
	.detach = detach,
	.find = find,
	.reserved_next = vtd_reserved_next,
	.invalidate = invalidate,
	.wants_announce = wants_announce,
	.announce = announce,
	.ats_allow = vtd_ats_allow,
	.ats_forget = vtd_ats_forget,
	.page_request_next = vtd_page_request_next,
	.page_request_answer = vtd_page_request_answer,
	.fault_next = fault_next,
	.fault_clear = fault_clear,
	.fault_event = fault_event,
	.fault_silence = fault_silence,
	.fault_overflows = fault_overflows,
	.walk = walk,
	.walk_text = walk_text,
	.interrupt_text = interrupt_text,
	.irq_opt_out = vtd_irq_opt_out,
	.irq_lacks = vtd_irq_lacks,
	.irq_enable = vtd_irq_enable,
	.irq_info = vtd_irq_info,
	.irq_apics = vtd_irq_apics,
	.irq_take = vtd_irq_take,
	.irq_give = vtd_irq_give,
	.irq_set = vtd_irq_set,
	.irq_clear = vtd_irq_clear,
	.irq_message = vtd_irq_message,
};
