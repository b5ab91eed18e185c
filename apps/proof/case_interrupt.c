/* Forged interrupts: messages that a function is not entitled to, written by DMA and, where it has MSI-X,
 * sent as such. Where one can arrive, its vector has a handler that counts, so that it does no harm and its
 * arrival is seen.
 *
 * A DMA write to 0xfee00000.. is an interrupt whatever the tables of DMA say (VT-d §3.15): only interrupt
 * remapping can refuse it, by its format, by its index, and by the requester id that comes with it. A
 * platform that hands such a write to the unit without the requester id cannot compare it. edu writes any
 * four bytes, NVMe controllers the first of the Firmware Slot log, which are below 80h: no valid vector, but
 * in remappable format the data does not count. */
#include "apps/bringup/faults.h"
#include "apps/proof/case.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/msi.h"
#include "kernel/irq.h"

#define HARMLESS  0x40u /* fixed delivery, an unused vector, to a processor that does not exist */
#define INDEX_END 65536u

struct interrupts {
	uint64_t *arrived; /* on vector */
	uint8_t vector;
	struct iommu_irq own;     /* of the attacker: an entry that is tied to it, for the control */
	struct iommu_irq foreign; /* tied to another function */
};

static void on_arrival(void *ctx)
{
	__atomic_fetch_add((uint64_t *)ctx, 1, __ATOMIC_RELEASE);
}

/* The message that it may send: by its own entry; where nothing remaps, in compatibility format, for which it
 * has to send data of our choice. */
static struct iommu_msi own_message(const struct trial *t, const struct attack *a)
{
	if (t->irq->own.count)
		return iommu_irq_message(&t->irq->own, 0);
	if ((t->by->ops->any_data || a->msix) && core_apic_id(0) < MSI_APICS)
		return (struct iommu_msi){msi_address(core_apic_id(0)), t->irq->vector};
	return (struct iommu_msi){0};
}

static enum step send(const struct trial *t, struct attack *a, bool enforceable)
{
	a->interrupt = true;
	a->arrived = t->irq->arrived;
	a->own = own_message(t, a);
	a->len = 4;
	trial_run(t, a, enforceable);
	return STEP_DONE;
}

static enum step to_nobody(const struct trial *t, const struct attack_case *c)
{
	struct attack a = case_attack(c);
	uint32_t id = 0xfe;
	while (id && madt_has(&t->m->madt, id))
		id--;
	if (!id) {
		log_line("isolate", "MSI to no processor left out: no processor number is free");
		return STEP_DONE;
	}
	a.to = msi_address(id);
	a.data = HARMLESS;
	a.unseen = true;
	a.why = WHY_IRQ_UNREMAPPED;
	return send(t, &a, false);
}

static enum step compatibility(const struct trial *t, struct attack *a)
{
	if (core_apic_id(0) >= MSI_APICS)
		return STEP_DONE;
	a->to = msi_address(core_apic_id(0));
	a->data = t->irq->vector;
	a->why = WHY_IRQ_UNREMAPPED;
	return send(t, a, false);
}

static enum step to_processor(const struct trial *t, const struct attack_case *c)
{
	struct attack a = case_attack(c);
	return t->by->ops->any_data ? compatibility(t, &a) : STEP_DONE;
}

static enum step msix_compatibility(const struct trial *t, const struct attack_case *c)
{
	struct attack a = case_attack(c);
	a.msix = true;
	return compatibility(t, &a);
}

static enum step by_foreign(const struct trial *t, struct attack *a, bool enforceable)
{
	struct iommu_msi message = iommu_irq_message(&t->irq->foreign, 0);
	a->why = WHY_IRQ_SOURCE;
	a->to = message.addr;
	a->data = message.data;
	a->index = t->irq->foreign.index;
	return send(t, a, enforceable);
}

static enum step others_entry(const struct trial *t, const struct attack_case *c)
{
	struct attack a = case_attack(c);
	if (!t->m->irqs_remapped)
		return STEP_DONE;
	return t->irq->foreign.count ? by_foreign(t, &a, false) : STEP_BROKEN;
}

static enum step msix_others_entry(const struct trial *t, const struct attack_case *c)
{
	struct attack a = case_attack(c);
	a.msix = true;
	return t->irq->foreign.count ? by_foreign(t, &a, true) : STEP_DONE;
}

static enum step beyond_table(const struct trial *t, const struct attack_case *c)
{
	struct attack a = case_attack(c);
	struct iommu_irq_info info;
	unsigned unit;
	if (!t->m->irqs_remapped || iommu_unit_of(&t->m->iommu, t->by->fn->bdf, &unit))
		return STEP_DONE;
	iommu_irq_info(&t->m->iommu, unit, &info);
	if (info.lacks || info.entries == INDEX_END)
		return STEP_DONE;
	struct iommu_irq irq = {.hw = t->m->iommu.hw, .index = (uint16_t)info.entries, .count = 1};
	a.to = iommu_irq_message(&irq, 0).addr;
	a.data = iommu_irq_message(&irq, 0).data;
	a.index = irq.index;
	a.why = WHY_IRQ_INDEX;
	return send(t, &a, true);
}

#define INTERRUPT_CASE CASE_ROW
const struct attack_case cases_interrupt[] = {
#include "apps/proof/cases.def"
	{0},
};

static void entry_free(struct machine *m, struct iommu_irq *irq)
{
	if (irq->count && iommu_irq_free(&m->iommu, irq))
		log_warn("isolate", "an interrupt entry could not be taken back");
}

/* An entry of the attacker's unit that is tied to fn, and not to whole buses. */
static bool entry_for(const struct trial *t, bdf_t fn, uint8_t vector, struct iommu_irq *irq)
{
	bdf_t by = t->by->fn->bdf;
	unsigned unit;
	if (bdf_eq(function_requester(t->m, fn), function_requester(t->m, by)) ||
	    iommu_unit_of(&t->m->iommu, by, &unit) ||
	    iommu_irq_alloc(&t->m->iommu, fn, 1, vector, core_apic_id(0), irq))
		return false;
	if (irq->unit == unit && !irq->last)
		return true;
	entry_free(t->m, irq);
	return false;
}

static bool foreign_entry(const struct trial *t, uint8_t vector, struct iommu_irq *irq)
{
	for (unsigned i = 0; i < t->all->n; i++)
		if (entry_for(t, t->all->one[i].fn->bdf, vector, irq))
			return true;
	PCI_EACH(f, &t->m->pci)
		if (entry_for(t, f->bdf, vector, irq))
			return true;
	return false;
}

/* Without an entry of its own its cases have no control, and are not tried. */
static void entries_alloc(const struct trial *t, struct interrupts *irq)
{
	irq->own.count = irq->foreign.count = 0;
	if (!t->m->irqs_remapped)
		return;
	if (iommu_irq_alloc(&t->m->iommu, t->by->fn->bdf, 1, irq->vector, core_apic_id(0), &irq->own))
		irq->own.count = 0;
	if (!foreign_entry(t, irq->vector, &irq->foreign))
		irq->foreign.count = 0;
}

void case_interrupt_run(const struct trial *t)
{
	static uint64_t arrived;
	struct interrupts irq = {.arrived = &arrived};
	struct trial with = *t;
	if (!t->m->madt.cpus) {
		log_line("isolate", "forged interrupts left out: firmware names no processors");
		return;
	}
	if (irq_alloc(on_arrival, &arrived, &irq.vector)) {
		trial_broken(t, "forged interrupts");
		return;
	}
	entries_alloc(t, &irq);
	with.irq = &irq;
	cases_run(&with, cases_interrupt, WHEN_INTERRUPT);
	entry_free(t->m, &irq.foreign);
	entry_free(t->m, &irq.own);
	if (irq_set(irq.vector, NULL, NULL))
		log_warn("isolate", "vector 0x%x could not be given back", irq.vector);
}
