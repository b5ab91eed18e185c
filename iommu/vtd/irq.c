/* Interrupts of functions, as iommu/irq.c wants them, in the table of a unit: VT-d §5.1. */
#include "iommu/vtd/ir.h"
#include "iommu/vtd/own.h"
#include "kernel/msi.h"

/* Remappable format: VT-d §5.1.2.2 */
#define MSI_INDEX   BITS(19, 5)
#define MSI_FORMAT  BIT(4)
#define MSI_INDEX15 BIT(2)

const char *vtd_irq_opt_out(const struct iommu *mmu)
{
	const uint8_t asks = DMAR_INTR_REMAP | DMAR_X2APIC_OPT_OUT;
	return (mmu->vtd->table.flags & asks) == asks
		       ? "the firmware asks not to use it (DMAR x2APIC opt-out)"
		       : NULL;
}

const char *vtd_irq_lacks(const struct iommu *mmu, unsigned unit, bool x2apic)
{
	if (!(mmu->vtd->table.flags & DMAR_INTR_REMAP))
		return "the firmware says that the platform does not remap interrupts (DMAR flags)";
	return vtd_ir_lacks(&mmu->vtd->unit[unit], x2apic);
}

enum sl_err vtd_irq_enable(struct iommu *mmu, unsigned unit, unsigned entries, bool x2apic)
{
	struct vtd_unit *u = &mmu->vtd->unit[unit];
	u->starting = true; /* its troubles do not end the run */
	enum sl_err e = vtd_ir_enable(u, entries, x2apic);
	u->starting = false;
	return e;
}

void vtd_irq_info(const struct iommu *mmu, unsigned unit, struct iommu_irq_info *out)
{
	const struct vtd_unit *u = &mmu->vtd->unit[unit];
	*out = (struct iommu_irq_info){.lacks = vtd_irq_lacks(mmu, unit, false),
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

/* All ones is a broadcast in either format, and processors have no such id. */
uint32_t vtd_irq_apics(const struct iommu *mmu, unsigned unit)
{
	const struct vtd_unit *u = &mmu->vtd->unit[unit];
	if (u->unusable || !u->ir || !u->ir->on || u->ir->failed)
		return 0;
	return u->ir->x2apic ? UINT32_MAX : MSI_APICS;
}

enum sl_err vtd_irq_take(struct iommu *mmu, const struct iommu_irq *irq, uint16_t *index)
{
	return vtd_ir_take(&mmu->vtd->unit[irq->unit], irq->count, index);
}

void vtd_irq_give(struct iommu *mmu, const struct iommu_irq *irq)
{
	vtd_ir_give(&mmu->vtd->unit[irq->unit], irq->index, irq->count);
}

enum sl_err vtd_irq_set(struct iommu *mmu, const struct iommu_irq *irq, unsigned i, uint8_t vector,
			uint32_t apic)
{
	struct vtd_unit *u = &mmu->vtd->unit[irq->unit];
	struct vtd_irte made = vtd_irte_make(irq->from.rid, vector, apic, u->ir->x2apic);
	if (irq->last)
		made = vtd_irte_buses(made, irq->first, irq->last);
	return vtd_ir_set(u, (uint16_t)(irq->index + i), made);
}

enum sl_err vtd_irq_clear(struct iommu *mmu, const struct iommu_irq *irq)
{
	return vtd_ir_clear(&mmu->vtd->unit[irq->unit], irq->index, irq->count);
}

struct iommu_msi vtd_irq_message(const struct iommu_irq *irq, unsigned i)
{
	unsigned index = irq->index + i;
	return (struct iommu_msi){.addr = MSI_WINDOW | MSI_FORMAT | FPUT(MSI_INDEX, index & 0x7fff) |
					  FPUT(MSI_INDEX15, index >> 15)};
}
