#include "iommu/irq.h"
#include "iommu/backend.h"
#include "iommu/iommu.h"
#include "kernel/fmt.h"
#include "kernel/log.h"

#define VECTOR_MIN 32u
#define IRQ_IDS    12u  /* requester ids of a function that are considered */
#define VECTOR_MAX 254u /* 255 is the spurious interrupt's */

const char *iommu_irq_x2apic_objection(const struct iommu *mmu)
{
	const char *why = mmu->hw ? mmu->hw->irq_opt_out(mmu) : NULL;
	for (unsigned i = 0; !why && i < mmu->unit_count; i++)
		why = mmu->hw->irq_lacks(mmu, i, true);
	return why || mmu->unit_count ? why : "there is no unit";
}

enum sl_err iommu_irq_enable(struct iommu *mmu, unsigned entries, bool x2apic)
{
	enum sl_err first = SL_OK;
	unsigned n = 0;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		char name[16];
		const char *why = mmu->hw->irq_lacks(mmu, i, x2apic);
		fmt_print(name, sizeof(name), "iommu%u", i);
		if (why) {
			log_line(name, "interrupts are not remapped: %s", why);
			continue;
		}
		enum sl_err e = mmu->hw->irq_enable(mmu, i, entries, x2apic);
		if (e == SL_NOMEM || e == SL_BUSY)
			return e;
		if (e)
			log_warn(name, "interrupts are not remapped: %s; the functions below it get none",
				 sl_err_text(e));
		first = first ? first : e;
		n += !e;
	}
	return n ? SL_OK : first ? first : SL_UNSUPPORTED;
}

void iommu_irq_info(const struct iommu *mmu, unsigned unit, struct iommu_irq_info *out)
{
	mmu->hw->irq_info(mmu, unit, out);
}

static enum sl_err usable(const struct iommu *mmu, unsigned unit, unsigned count, unsigned vector,
			  uint32_t apic)
{
	uint32_t apics = mmu->hw->irq_apics(mmu, unit);
	if (!apics)
		return SL_UNSUPPORTED;
	if (vector < VECTOR_MIN || vector + count - 1 > VECTOR_MAX || apic >= apics)
		return SL_RANGE;
	return SL_OK;
}

static enum sl_err alloc(struct iommu *mmu, struct iommu_irq irq, unsigned vector, uint32_t apic,
			 struct iommu_irq *out)
{
	const struct iommu_backend *hw = mmu->hw;
	enum sl_err e = usable(mmu, irq.unit, irq.count, vector, apic);
	if (!e)
		e = hw->irq_take(mmu, &irq, &irq.index);
	if (e)
		return e;
	for (unsigned i = 0; !e && i < irq.count; i++)
		e = hw->irq_set(mmu, &irq, i, (uint8_t)(vector + i), apic);
	if (!e)
		*out = irq;
	else if (hw->irq_clear(mmu, &irq) == SL_OK)
		hw->irq_give(mmu, &irq);
	return e;
}

/* The id that a function's messages carry. Several ids on one bus are those of its phantom functions, which
 * send no messages (PCIe §2.2.6.2); ids on several buses are a bridge's, which may substitute either. */
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
	struct iommu_irq irq = {.hw = mmu->hw, .count = (uint16_t)count};
	if (count == 0 || count > 32 || count & (count - 1))
		return SL_BADVAL;
	source_of(mmu, fn, &irq);
	enum sl_err e = iommu_unit_listed(mmu, fn, &irq.unit);
	return e ? e : alloc(mmu, irq, vector, apic, out);
}

enum sl_err iommu_irq_move(struct iommu *mmu, const struct iommu_irq *irq, unsigned i, uint8_t vector,
			   uint32_t apic)
{
	enum sl_err e = i < irq->count ? usable(mmu, irq->unit, 1, vector, apic) : SL_RANGE;
	return e ? e : mmu->hw->irq_set(mmu, irq, i, vector, apic);
}

enum sl_err iommu_irq_free(struct iommu *mmu, struct iommu_irq *irq)
{
	if (!irq->count)
		return SL_OK;
	enum sl_err e = mmu->hw->irq_clear(mmu, irq);
	if (!e)
		mmu->hw->irq_give(mmu, irq);
	irq->count = 0;
	return e;
}

struct iommu_msi iommu_irq_message(const struct iommu_irq *irq, unsigned i)
{
	return irq->hw->irq_message(irq, i);
}
