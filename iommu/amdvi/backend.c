#include "iommu/amdvi/cmd.h"
#include "iommu/amdvi/devtab.h"
#include "iommu/amdvi/explain.h"
#include "iommu/amdvi/format.h"
#include "iommu/amdvi/log.h"
#include "iommu/amdvi/own.h"
#include "iommu/amdvi/regs_seen.h"
#include "kernel/log.h"
#include "kernel/msi.h"

static struct amdvi_unit *unit_at(const struct iommu *mmu, unsigned unit)
{
	return &mmu->amdvi->unit[unit];
}

static void info(const struct iommu *mmu, unsigned unit, struct iommu_unit_info *out)
{
	const struct amdvi_unit *u = unit_at(mmu, unit);
	*out = (struct iommu_unit_info){
		.seg = u->ivhd.unit.seg,
		.base = u->ivhd.base,
		.width = AMDVI_WIDTH,
		.efr = u->efr,
		.control = u->control_found,
		.state = amdvi_state(mmu, unit, NULL),
		.unusable = u->unusable,
		.on = u->on,
		.descriptors = u->count.commands,
		.waits = u->count.waits,
		.faults = u->count.faults,
		.overflows = u->count.overflows,
	};
}

enum sl_err amdvi_read_registers(const struct iommu *mmu, unsigned unit, struct amdvi_regs_seen *out)
{
	const struct amdvi_unit *u = unit_at(mmu, unit);
	if (!u->io.rd)
		return SL_NOTFOUND;
	amdvi_regs_read(&u->io, out);
	return SL_OK;
}

static bool translates(const struct iommu *mmu, unsigned unit)
{
	return amdvi_driven(unit_at(mmu, unit));
}

/* By the first unit that is driven. */
static uint64_t now(const struct iommu *mmu)
{
	for (const struct amdvi_unit *u = mmu->amdvi->unit; u < mmu->amdvi->unit + mmu->unit_count; u++)
		if (amdvi_driven(u))
			return u->io.now_us(u->io.ctx);
	return 0;
}

/* ---- a domain's tables and functions ---- */

static struct iommu_form form(const struct iommu *mmu, unsigned unit, unsigned levels)
{
	(void)mmu;
	(void)unit;
	(void)levels;
	return amdvi_form();
}

static bool can_pass(const struct iommu *mmu, unsigned unit)
{
	(void)mmu;
	(void)unit;
	return true;
}

static enum sl_err attach(struct iommu *mmu, unsigned unit, uint16_t rid, const struct iommu_root *root)
{
	return amdvi_dte_attach(unit_at(mmu, unit), rid, root);
}

/* Guest tables are not used, so there are no PASIDs. */
static uint32_t pasids(const struct iommu *mmu, unsigned unit)
{
	(void)mmu;
	(void)unit;
	return 0;
}

static enum sl_err detach(struct iommu *mmu, unsigned unit, uint16_t rid, uint32_t pasid)
{
	(void)pasid;
	return amdvi_dte_detach(unit_at(mmu, unit), rid);
}

static bool find(const struct iommu *mmu, unsigned unit, uint16_t rid, uint16_t *did)
{
	return amdvi_dte_find(unit_at(mmu, unit)->devtab, rid, did);
}

/* ---- caches ---- */

static enum sl_err invalidate(struct iommu *mmu, unsigned unit, uint16_t did, uint32_t pasid,
			      const struct iommu_gather *g)
{
	(void)pasid;
	struct amdvi_unit *u = unit_at(mmu, unit);
	if (!u->on)
		return SL_OK;
	struct amdvi_cmd c = amdvi_cmd_pages(did, g->at, g->differ, g->tables);
	return amdvi_cmd_run(u, &c, 1);
}

static bool wants_announce(const struct iommu *mmu, unsigned unit)
{
	return unit_at(mmu, unit)->caches_empty;
}

/* ---- faults ---- */

static enum sl_err fault_next(struct iommu *mmu, unsigned unit, struct iommu_fault *out)
{
	struct amdvi_unit *u = unit_at(mmu, unit);
	return u->on && amdvi_driven(u) ? amdvi_log_next(u, out) : SL_END;
}

static void fault_clear(struct iommu *mmu, unsigned unit)
{
	struct amdvi_unit *u = unit_at(mmu, unit);
	if (u->on && amdvi_driven(u))
		amdvi_log_clear(u);
}

/* The unit's own message is not remapped. */
static void fault_event(struct iommu *mmu, unsigned unit, uint8_t vector, uint32_t apic)
{
	struct amdvi_unit *u = unit_at(mmu, unit);
	const struct amdvi_regs *regs = mmu->amdvi->regs;
	if (!amdvi_driven(u))
		return;
	if (apic >= MSI_APICS || regs->interrupt(regs->ctx, &u->ivhd, msi_address(apic), vector) != SL_OK) {
		log_line(u->name, "its own function sends no interrupt: its events are polled");
		return;
	}
	u->event = true;
	amdvi_wr(&u->io, AMDVI_STATUS, STS_LOG_INT);
	amdvi_wr(&u->io, AMDVI_CONTROL, amdvi_rd(&u->io, AMDVI_CONTROL) | CTL_LOG_INT);
}

/* QEMU's unit goes on recording, and does not say whose requests these are. */
static enum sl_err fault_silence(struct iommu *mmu, unsigned unit, bdf_t requester)
{
	struct amdvi_unit *u = unit_at(mmu, unit);
	if (!amdvi_driven(u) || u->ivhd.unit.seg != requester.seg)
		return SL_OK;
	return u->emulated ? SL_UNSUPPORTED : amdvi_dte_silence(u, requester.rid);
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
	(void)pasid;
	amdvi_explain(unit_at(mmu, unit), fn, iova, out);
}

static void walk_text(const struct iommu *mmu, unsigned unit, bdf_t fn, uint32_t pasid, iova_t iova,
		      char *buf, size_t n)
{
	(void)pasid;
	amdvi_explain_text(unit_at(mmu, unit), fn, iova, buf, n);
}

static bool interrupt_text(const struct iommu *mmu, unsigned unit, bdf_t fn, unsigned index, char *buf,
			   size_t n)
{
	if (!unit_at(mmu, unit)->remaps)
		return false;
	amdvi_explain_interrupt(unit_at(mmu, unit), fn, index, buf, n);
	return true;
}

const struct iommu_backend amdvi_backend = {
	.memory = "IVMD",
	.reasons = "1 no sound entry in the device table, 2 the tables do not allow the access or\n"
		   "  the interrupt (codes of AMD-Vi's event log, specification 2.5)",
	.domain = "ivmd",
	.enable = amdvi_enable,
	.state = amdvi_state,
	.info = info,
	.unit_listed = amdvi_unit_listed,
	.translates = translates,
	.now_us = now,
	.form = form,
	.can_pass = can_pass,
	.pasids = pasids,
	.attach = attach,
	.detach = detach,
	.find = find,
	.reserved_next = amdvi_reserved_next,
	.invalidate = invalidate,
	.wants_announce = wants_announce,
	.announce = invalidate,
	.fault_next = fault_next,
	.fault_clear = fault_clear,
	.fault_event = fault_event,
	.fault_silence = fault_silence,
	.fault_overflows = fault_overflows,
	.walk = walk,
	.walk_text = walk_text,
	.interrupt_text = interrupt_text,
	.irq_opt_out = amdvi_irq_opt_out,
	.irq_lacks = amdvi_irq_lacks,
	.irq_enable = amdvi_irq_enable,
	.irq_info = amdvi_irq_info,
	.irq_apics = amdvi_irq_apics,
	.irq_take = amdvi_irq_take,
	.irq_give = amdvi_irq_give,
	.irq_set = amdvi_irq_set,
	.irq_clear = amdvi_irq_clear,
	.irq_message = amdvi_irq_message,
};
