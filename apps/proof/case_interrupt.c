/* Forged interrupts: messages that a function is not entitled to, written by DMA and, by VFs, sent as MSI-X.
 * Where one can arrive, its vector has a handler that counts, so that nobody is harmed and arriving is seen.
 *
 * A DMA write to 0xfee00000.. is an interrupt whatever the tables of DMA say (VT-d §3.15): only interrupt
 * remapping can refuse it, by its format, by its index, and by the requester id that comes with it. A
 * platform that hands such a write to the unit without the requester id can not compare it. edu writes any
 * four bytes, NVMe controllers the first of the Firmware Slot log, which are below 80h: no vector that
 * anybody has, but in remappable format the data does not count. */
#include "apps/proof/attackers.h"
#include "apps/bringup/faults.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/x86/irq.h"

#define HARMLESS     0x40u /* fixed delivery, a vector that nobody uses, to a processor that is not there */
#define INDEX_END    65536u
#define COMPAT(apic) (IOMMU_MSI_BASE | (uint64_t)(apic) << 12) /* physical destination: SDM 3A §11.11 */
#define COMPAT_APICS 0xffu

static uint64_t arrived;

static void on_forged(void *ctx)
{
	__atomic_fetch_add((uint64_t *)ctx, 1, __ATOMIC_RELEASE);
}

static struct iommu_irq own; /* of the attacker: an entry that is tied to it, for the control */

/* The message that it may send: by its own entry; where nothing remaps, in compatibility format, which only
 * edu can send by DMA with the data that this takes. */
static struct iommu_msi own_message(const struct party *p, const struct attack *a, uint8_t vector)
{
	if (own.count)
		return iommu_irq_message(&own, 0);
	if ((p->by.edu || a->msix) && core_apic_id(0) < COMPAT_APICS)
		return (struct iommu_msi){COMPAT(core_apic_id(0)), vector};
	return (struct iommu_msi){0};
}

static void forge(struct machine *m, struct party *p, struct attack a, uint8_t vector, bool enforceable)
{
	a.write = a.interrupt = true;
	a.arrived = &arrived;
	a.own = own_message(p, &a, vector);
	a.len = 4;
	party_try(m, p, a, enforceable);
}

static void to_nobody(struct machine *m, struct party *p, uint8_t vector)
{
	uint32_t id = 0xfe;
	while (id && madt_has(&m->madt, id))
		id--;
	if (id)
		forge(m, p,
		      (struct attack){.name = "MSI to no processor",
				      .to = COMPAT(id),
				      .data = HARMLESS,
				      .unseen = true,
				      .why = WHY_IRQ_UNREMAPPED},
		      vector, false);
	else
		log_line("isolate", "MSI to no processor left out: no processor number is free");
}

static void compatibility(struct machine *m, struct party *p, uint8_t vector)
{
	struct attack a = {.name = "MSI to processor 0",
			   .to = COMPAT(core_apic_id(0)),
			   .data = vector,
			   .why = WHY_IRQ_UNREMAPPED};
	if (core_apic_id(0) >= COMPAT_APICS)
		return;
	if (p->by.edu)
		forge(m, p, a, vector, false);
	a.name = "MSI-X compatibility";
	a.msix = true;
	forge(m, p, a, vector, false);
}

/* An entry of the attacker's unit that is tied to fn, and not to whole buses. */
static bool entry_for(struct machine *m, const struct party *p, bdf_t fn, uint8_t vector,
		      struct iommu_irq *irq)
{
	unsigned unit;
	if (bdf_eq(function_requester(m, fn), function_requester(m, p->by.fn)) ||
	    iommu_unit_of(&m->iommu, p->by.fn, &unit) ||
	    iommu_irq_alloc(&m->iommu, fn, 1, vector, core_apic_id(0), irq))
		return false;
	if (irq->unit == unit && !irq->last)
		return true;
	if (iommu_irq_free(&m->iommu, irq))
		log_warn("isolate", "an interrupt entry could not be taken back");
	return false;
}

static bool foreign_entry(struct machine *m, const struct parties *all, const struct party *p, uint8_t vector,
			  struct iommu_irq *irq)
{
	for (unsigned i = 0; i < all->n; i++)
		if (entry_for(m, p, all->party[i].by.fn, vector, irq))
			return true;
	PCI_EACH(f, &m->pci)
		if (entry_for(m, p, f->bdf, vector, irq))
			return true;
	return false;
}

static void foreign(struct machine *m, const struct parties *all, struct party *p, uint8_t vector)
{
	struct iommu_irq irq;
	struct attack a = {.name = "MSI, other's entry", .why = WHY_IRQ_SOURCE};
	if (!foreign_entry(m, all, p, vector, &irq)) {
		party_broken(m, p, a.name);
		return;
	}
	a.to = iommu_irq_message(&irq, 0).addr;
	a.index = irq.index;
	forge(m, p, a, vector, false);
	a.name = "MSI-X other's entry";
	a.msix = true;
	forge(m, p, a, vector, true);
	if (iommu_irq_free(&m->iommu, &irq))
		log_warn("isolate", "an interrupt entry could not be taken back");
}

static void beyond(struct machine *m, struct party *p, uint8_t vector)
{
	struct iommu_irq_info info;
	unsigned unit;
	if (iommu_unit_of(&m->iommu, p->by.fn, &unit))
		return;
	iommu_irq_info(&m->iommu, unit, &info);
	if (info.lacks || info.entries == INDEX_END)
		return;
	struct iommu_irq irq = {.index = (uint16_t)info.entries, .count = 1};
	forge(m, p,
	      (struct attack){.name = "MSI beyond table",
			      .to = iommu_irq_message(&irq, 0).addr,
			      .index = irq.index,
			      .why = WHY_IRQ_INDEX},
	      vector, true);
}

void forged_run(struct machine *m, const struct parties *all, struct party *p)
{
	uint8_t vector;
	if (!m->madt.cpus) {
		log_line("isolate", "forged interrupts left out: firmware names no processors");
		return;
	}
	if (irq_alloc(on_forged, &arrived, &vector)) {
		party_broken(m, p, "forged interrupts");
		return;
	}
	own.count = 0;
	if (m->irqs_remapped && iommu_irq_alloc(&m->iommu, p->by.fn, 1, vector, core_apic_id(0), &own))
		own.count = 0; /* no control, then: its cases are not tried */
	parties_guard(m, all);
	to_nobody(m, p, vector);
	compatibility(m, p, vector);
	if (m->irqs_remapped) {
		foreign(m, all, p, vector);
		beyond(m, p, vector);
	}
	if (own.count && iommu_irq_free(&m->iommu, &own))
		log_warn("isolate", "an interrupt entry could not be taken back");
	if (irq_set(vector, NULL, NULL))
		log_warn("isolate", "vector 0x%x could not be given back", vector);
}
