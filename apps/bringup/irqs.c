/* Interrupt remapping, in stage iommu: VT-d units report faults by interrupt, and functions get their own
 * entries. */
#include "apps/machine.h"
#include "apps/bringup/irqs.h"
#include "apps/bringup/quirks.h"
#include "kernel/core.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/irq.h"
#include "kernel/cpu.h"

#define RFLAGS_IF BIT(9)

static void on_fault_event(void *ctx)
{
	__atomic_fetch_add((uint64_t *)ctx, 1, __ATOMIC_RELAXED);
}

/* Without a MADT or a local APIC core 0 takes none. */
static bool taking_irqs(void)
{
	uint64_t flags = cpu_irqs_off();
	cpu_irqs_restore(flags);
	return (flags & RFLAGS_IF) != 0;
}

static void print_unit(const struct iommu *mmu, unsigned unit)
{
	struct iommu_irq_info i;
	char name[16];
	iommu_irq_info(mmu, unit, &i);
	if (i.lacks)
		return; /* has been reported */
	fmt_print(name, sizeof name, "iommu%u", unit);
	log_line(
		name,
		"interrupts are remapped: %u entries, %u-bit destinations, compatibility format %s according to the unit's registers; the firmware had left it %s",
		i.entries, i.x2apic ? 32 : 8, i.compat_blocked ? "refused" : "let through",
		i.firmware_had_on ? "on" : "off");
}

static enum sl_err no_irqs(enum sl_err e)
{
	log_fail("irqs", "see the lines above; restart the machine", "interrupts could not be set up: %s",
		 sl_err_text(e));
	return e;
}

enum sl_err irqs_start(struct machine *m)
{
	struct iommu *mmu = &m->iommu;
	bool x2apic = apic_reach() > 254; /* SDM §11.12 */
	const char *objection = iommu_irq_x2apic_objection(mmu);
	log_line("iommu", "local APICs: %s; x2APIC mode %s%s", apic_mode(),
		 objection ? "cannot be used: " : "can be used", objection ? objection : "");
	if (!taking_irqs()) {
		log_line("iommu",
			 "this processor accepts no interrupts: none are remapped, faults are polled");
		return SL_OK;
	}
	uint8_t vector;
	enum sl_err e = irq_alloc(on_fault_event, &m->faults.events, &vector);
	if (e)
		return no_irqs(e);
	iommu_fault_event(mmu, vector, core_apic_id(0));
	log_line("iommu", "faults are reported by an interrupt (vector 0x%x)", vector);
	if (quirks_no_remapping(&m->pci))
		return SL_OK;
	e = iommu_irq_enable(mmu, IRQ_ENTRIES, x2apic);
	if (e && e != SL_UNSUPPORTED)
		return no_irqs(e);
	m->irqs_remapped = !e;
	for (unsigned i = 0; i < mmu->unit_count; i++)
		print_unit(mmu, i);
	return SL_OK;
}
