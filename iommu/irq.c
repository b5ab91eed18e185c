#include "iommu/irq.h"
#include "iommu/iommu.h"
#include "iommu/vtd/fault.h"
#include "iommu/vtd/ir.h"
#include "kernel/log.h"
#include "kernel/msi.h"

#define VECTOR_MIN 32u
#define IRQ_IDS    12u  /* requester ids of a function that are looked at */
#define VECTOR_MAX 254u /* 255 is the spurious interrupt's */

/* Remappable format: VT-d §5.1.2.2 */
#define MSI_INDEX   BITS(19, 5)
#define MSI_FORMAT  BIT(4)
#define MSI_INDEX15 BIT(2)

static const char *lacks(const struct iommu *mmu, const struct vtd_unit *u, bool x2apic)
{
	if (!(mmu->table.flags & DMAR_INTR_REMAP))
		return "the firmware says that the platform does not remap interrupts (DMAR flags)";
	return vtd_ir_lacks(u, x2apic);
}

const char *iommu_irq_x2apic_objection(const struct iommu *mmu)
{
	if (mmu->table.flags & DMAR_INTR_REMAP && mmu->table.flags & DMAR_X2APIC_OPT_OUT)
		return "the firmware asks not to use it (DMAR x2APIC opt-out)";
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		const char *why = lacks(mmu, &mmu->unit[i], true);
		if (why)
			return why;
	}
	return mmu->unit_count ? NULL : "there is no unit";
}

enum sl_err iommu_irq_enable(struct iommu *mmu, unsigned entries, bool x2apic)
{
	enum sl_err first = SL_OK;
	unsigned n = 0;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		struct vtd_unit *u = &mmu->unit[i];
		const char *why = lacks(mmu, u, x2apic);
		if (why) {
			log_line(u->name, "interrupts are not remapped: %s", why);
			continue;
		}
		u->starting = true; /* its troubles do not end the run */
		enum sl_err e = vtd_ir_enable(u, entries, x2apic);
		u->starting = false;
		if (e == SL_NOMEM || e == SL_BUSY)
			return e;
		if (e)
			log_warn(u->name, "interrupts are not remapped: %s; the functions below it get none",
				 sl_err_text(e));
		first = first ? first : e;
		n += !e;
	}
	return n ? SL_OK : first ? first : SL_UNSUPPORTED;
}

void iommu_irq_info(const struct iommu *mmu, unsigned unit, struct iommu_irq_info *out)
{
	const struct vtd_unit *u = &mmu->unit[unit];
	*out = (struct iommu_irq_info){.lacks = lacks(mmu, u, false),
				       .firmware_had_on = (u->found.gsts & GCMD_IRE) != 0};
	if (!out->lacks && !(u->ir && u->ir->on))
		out->lacks = "it is off";
	else if (!out->lacks && u->ir->failed)
		out->lacks = "it did not come on in time";
	if (out->lacks)
		return;
	out->entries = u->ir->entries;
	for (unsigned i = 0; i < u->ir->entries / 64; i++)
		out->used += (unsigned)__builtin_popcountll(u->ir->taken[i]);
	out->x2apic = u->ir->x2apic;
	out->compat_blocked = vtd_ir_blocks_compat(u);
}

static enum sl_err usable(const struct vtd_unit *u, unsigned count, unsigned vector, uint32_t apic)
{
	if (u->unusable || !u->ir || !u->ir->on || u->ir->failed)
		return SL_UNSUPPORTED;
	/* All ones is a broadcast in either format, and processors have no such id. */
	if (vector < VECTOR_MIN || vector + count - 1 > VECTOR_MAX ||
	    apic >= (u->ir->x2apic ? UINT32_MAX : 0xffu))
		return SL_RANGE;
	return SL_OK;
}

static enum sl_err write_entry(struct vtd_unit *u, const struct iommu_irq *irq, unsigned i, unsigned vector,
			       uint32_t apic)
{
	struct vtd_irte made = vtd_irte_make(irq->from.rid, (uint8_t)vector, apic, u->ir->x2apic);
	if (irq->last)
		made = vtd_irte_buses(made, irq->first, irq->last);
	return vtd_ir_set(u, (uint16_t)(irq->index + i), made);
}

static enum sl_err alloc(struct iommu *mmu, struct iommu_irq irq, unsigned vector, uint32_t apic,
			 struct iommu_irq *out)
{
	struct vtd_unit *u = &mmu->unit[irq.unit];
	enum sl_err e = usable(u, irq.count, vector, apic);
	if (!e)
		e = vtd_ir_take(u, irq.count, &irq.index);
	if (e)
		return e;
	for (unsigned i = 0; !e && i < irq.count; i++)
		e = write_entry(u, &irq, i, vector + i, apic);
	if (!e)
		*out = irq;
	else if (vtd_ir_clear(u, irq.index, irq.count) == SL_OK)
		vtd_ir_give(u, irq.index, irq.count);
	return e;
}

/* The id that a function's messages carry. Several on one bus are those of its phantom functions, which send
 * none (PCIe §2.2.6.2); on several buses they are a bridge's, which may put in either. */
static void source_of(const struct iommu *mmu, bdf_t fn, struct iommu_irq *irq)
{
	const struct iommu_groups *groups = mmu->groups;
	uint16_t id[IRQ_IDS];
	unsigned n = groups && groups->ids ? groups->ids(groups->ctx, fn, id, IRQ_IDS) : 0;
	irq->from = fn;
	if (!n)
		return;
	irq->from.rid = id[0];
	uint8_t first = (uint8_t)(id[0] >> 8), last = first;
	for (unsigned i = 1; i < n; i++) {
		uint8_t bus = (uint8_t)(id[i] >> 8);
		first = bus < first ? bus : first;
		last = bus > last ? bus : last;
	}
	if (first != last) {
		irq->first = first;
		irq->last = last;
	}
}

enum sl_err iommu_irq_alloc(struct iommu *mmu, bdf_t fn, unsigned count, uint8_t vector, uint32_t apic,
			    struct iommu_irq *out)
{
	struct iommu_irq irq = {.count = (uint16_t)count};
	if (count == 0 || count > 32 || count & (count - 1))
		return SL_BADVAL;
	source_of(mmu, fn, &irq);
	enum sl_err e = iommu_unit_listed(mmu, fn, &irq.unit);
	return e ? e : alloc(mmu, irq, vector, apic, out);
}

enum sl_err iommu_irq_move(struct iommu *mmu, const struct iommu_irq *irq, unsigned i, uint8_t vector,
			   uint32_t apic)
{
	struct vtd_unit *u = &mmu->unit[irq->unit];
	enum sl_err e = i < irq->count ? usable(u, 1, vector, apic) : SL_RANGE;
	return e ? e : write_entry(u, irq, i, vector, apic);
}

enum sl_err iommu_irq_free(struct iommu *mmu, struct iommu_irq *irq)
{
	struct vtd_unit *u = &mmu->unit[irq->unit];
	if (!irq->count)
		return SL_OK;
	enum sl_err e = vtd_ir_clear(u, irq->index, irq->count);
	if (!e)
		vtd_ir_give(u, irq->index, irq->count);
	irq->count = 0;
	return e;
}

static uint64_t address(unsigned index)
{
	return MSI_WINDOW | MSI_FORMAT | FPUT(MSI_INDEX, index & 0x7fff) | FPUT(MSI_INDEX15, index >> 15);
}

struct iommu_msi iommu_irq_message(const struct iommu_irq *irq, unsigned i)
{
	return (struct iommu_msi){.addr = address(irq->index + i), .data = 0};
}

void iommu_fault_event(struct iommu *mmu, uint8_t vector, uint32_t apic)
{
	for (unsigned i = 0; i < mmu->unit_count; i++)
		if (!mmu->unit[i].unusable)
			vtd_fault_event(&mmu->unit[i], vector, apic);
}
