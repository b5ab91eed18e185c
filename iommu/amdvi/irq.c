/* Interrupts of functions, as iommu/irq.c wants them, in the table of the function. */
#include "iommu/amdvi/ir.h"
#include "iommu/amdvi/own.h"
#include "kernel/msi.h"

const char *amdvi_irq_opt_out(const struct iommu *mmu)
{
	(void)mmu;
	return NULL;
}

const char *amdvi_irq_lacks(const struct iommu *mmu, unsigned unit, bool x2apic)
{
	return amdvi_ir_lacks(&mmu->amdvi->unit[unit], x2apic);
}

/* Tables are made a function at a time, so the number of entries is theirs. */
enum sl_err amdvi_irq_enable(struct iommu *mmu, unsigned unit, unsigned entries, bool x2apic)
{
	(void)entries;
	return amdvi_ir_enable(&mmu->amdvi->unit[unit], x2apic);
}

/* A message without an entry does not exist: its data is an index. */
void amdvi_irq_info(const struct iommu *mmu, unsigned unit, struct iommu_irq_info *out)
{
	const struct amdvi_unit *u = &mmu->amdvi->unit[unit];
	*out = (struct iommu_irq_info){.lacks = amdvi_ir_lacks(u, false)};
	if (!out->lacks && !u->remaps)
		out->lacks = "it is off";
	if (out->lacks)
		return;
	out->entries = AMDVI_IRQS;
	out->used = amdvi_ir_used(u);
	out->x2apic = u->x2apic;
	out->compat_blocked = true;
}

uint32_t amdvi_irq_apics(const struct iommu *mmu, unsigned unit)
{
	const struct amdvi_unit *u = &mmu->amdvi->unit[unit];
	return u->unusable || !u->remaps ? 0 : u->x2apic ? UINT32_MAX : MSI_APICS;
}

/* Behind a bridge that may substitute ids on several buses it is not known in which table the unit looks. */
enum sl_err amdvi_irq_take(struct iommu *mmu, const struct iommu_irq *irq, uint16_t *index)
{
	if (irq->last)
		return SL_UNSUPPORTED;
	return amdvi_ir_take(&mmu->amdvi->unit[irq->unit], irq->from.rid, irq->count, index);
}

void amdvi_irq_give(struct iommu *mmu, const struct iommu_irq *irq)
{
	amdvi_ir_give(&mmu->amdvi->unit[irq->unit], irq->from.rid, irq->index, irq->count);
}

enum sl_err amdvi_irq_set(struct iommu *mmu, const struct iommu_irq *irq, unsigned i, uint8_t vector,
			  uint32_t apic)
{
	return amdvi_ir_set(&mmu->amdvi->unit[irq->unit], irq->from.rid, (uint16_t)(irq->index + i), vector,
			    apic);
}

enum sl_err amdvi_irq_clear(struct iommu *mmu, const struct iommu_irq *irq)
{
	return amdvi_ir_clear(&mmu->amdvi->unit[irq->unit], irq->from.rid, irq->index, irq->count);
}

struct iommu_msi amdvi_irq_message(const struct iommu_irq *irq, unsigned i)
{
	return (struct iommu_msi){.addr = MSI_WINDOW, .data = irq->index + i};
}
