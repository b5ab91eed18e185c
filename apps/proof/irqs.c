/* Stage irqs, which shows that a VF's message arrives by its own
 * entry and by no other. The data path polls: every vector is masked but in that stage. */
#include "apps/machine.h"
#include "apps/vf/nvme.h"
#include "apps/bringup/irqs.h"
#include "apps/proof/irqs.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/msi.h"
#include "kernel/time.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"

#define ARRIVE_US 2000000u /* an idle core of an emulator waits for its host */
#define QUIET_US  5000u    /* QEMU delivers within the store that causes it */

static void on_vf_irq(void *ctx)
{
	struct vf *vf = ctx;
	__atomic_store_n(&vf->irq_core, core_index(), __ATOMIC_RELAXED);
	__atomic_fetch_add(&vf->irqs, 1, __ATOMIC_RELEASE);
}

static uint64_t count_of(const uint64_t *n)
{
	return __atomic_load_n(n, __ATOMIC_ACQUIRE);
}

static enum sl_err no_irqs(enum sl_err e)
{
	log_fail("irqs", "see the lines above; restart the machine", "interrupts could not be set up: %s",
		 sl_err_text(e));
	return e;
}

/* Vector 0 is the admin queue's: any admin command makes an interrupt. */
static enum sl_err provoke(struct vf *vf)
{
	const volatile void *page;
	return nvme_identify(nvme_of(vf)->ctrl, NVME_CNS_CTRL, 0, 0, &page);
}

static uint64_t strays(void)
{
	uint8_t last;
	return irq_strays(&last);
}

static uint64_t all_irqs(const struct machine *m)
{
	uint64_t n = strays();
	for (unsigned i = 0; i < m->vfs; i++)
		n += count_of(&m->vf[i].irqs);
	return n;
}

#define LINES_VFS 4u /* up to so many VFs each case has a line */

/* With more of them only VF 0's cases, and the others have one line each. */
static bool in_full(const struct machine *m, const struct vf *vf)
{
	return m->vfs <= LINES_VFS || !vf->index;
}

static bool moved(const uint64_t *n, uint64_t from, unsigned us)
{
	uint64_t end = now_us() + us;
	while (count_of(n) == from && now_us() < end)
		cpu_pause();
	return count_of(n) != from;
}

/* Puts a message into vector 0 and lets what was waiting behind the mask out. */
static enum sl_err load(struct vf *vf, struct iommu_msi message)
{
	enum sl_err e = msix_set(&vf->msix, 0, message.addr, message.data);
	delay_us(QUIET_US);
	return e;
}

static bool arrives(struct machine *m, struct vf *vf, struct iommu_msi message)
{
	if (load(vf, message))
		return false;
	uint64_t mine = count_of(&vf->irqs), all = all_irqs(m);
	if (provoke(vf) || !moved(&vf->irqs, mine, ARRIVE_US))
		return false;
	delay_us(QUIET_US);
	return all_irqs(m) - all == count_of(&vf->irqs) - mine; /* and nowhere else */
}

/* True when none arrives. The record has to be right where there is one: QEMU before 8 makes none. */
static bool is_refused(struct machine *m, struct vf *vf, const char *name, struct iommu_msi message,
		       enum iommu_why why)
{
	char text[256];
	struct iommu_fault f;
	uint64_t all = all_irqs(m);
	uint64_t events = count_of(&m->faults.events);
	iommu_fault_claim(&m->iommu, vf->fn->bdf);
	enum sl_err e = load(vf, message);
	if (!e)
		e = provoke(vf);
	delay_us(QUIET_US);
	enum sl_err recorded = iommu_fault_claimed(&m->iommu, &f);
	iommu_fault_unclaim(&m->iommu);
	if (e || all_irqs(m) != all)
		return false;
	if (recorded) {
		if (in_full(m, vf))
			log_line("irqs", "VF %u, %s: refused; this unit makes no record of it", vf->index,
				 name);
		return true;
	}
	bool event = moved(&m->faults.events, events, QUIET_US);
	iommu_fault_describe(&m->iommu, &f, text, sizeof text);
	if (in_full(m, vf))
		log_line("irqs", "VF %u, %s: refused, %s; %s", vf->index, name,
			 event ? "reported by an interrupt" : "recorded", text);
	return iommu_why_fits(f.why, why) && bdf_eq(f.bdf, vf->fn->bdf);
}

/* Whether compatibility format passes is measured: the registers are not always right about it. */
static void try_compat(struct machine *m, struct vf *vf)
{
	struct iommu_msi message = {msi_address(core_apic_id(0)), vf->vector};
	if (core_apic_id(0) > 254)
		return;
	iommu_fault_claim(&m->iommu, vf->fn->bdf);
	bool passed = arrives(m, vf, message);
	iommu_fault_unclaim(&m->iommu);
	log_line("irqs", "VF %u, compatibility format: %s", vf->index,
		 passed ? "DELIVERED, whatever the unit's registers say: not enforced here" : "refused");
}

/* A vector without a handler stops nothing: the core counts it and continues. */
static bool stray_is_dropped(struct machine *m, struct vf *vf)
{
	uint64_t before = strays();
	if (iommu_irq_move(&m->iommu, &vf->irq, 0, IRQ_LAST, core_apic_id(0)) ||
	    load(vf, iommu_irq_message(&vf->irq, 0)) || provoke(vf))
		return false;
	delay_us(QUIET_US);
	m->strays_made = strays() - before;
	log_line("irqs", "VF %u, a vector without a handler: %llu dropped, and the core continues", vf->index,
		 (ull)m->strays_made);
	return m->strays_made && iommu_irq_move(&m->iommu, &vf->irq, 0, vf->vector, core_apic_id(0)) == SL_OK;
}

/* To the last core and back: only the entry changes, the message in the device stays. */
static bool follows(struct machine *m, struct vf *vf)
{
	unsigned last = core_count() - 1;
	struct iommu_msi own = iommu_irq_message(&vf->irq, 0);
	if (!last)
		return true;
	if (iommu_irq_move(&m->iommu, &vf->irq, 0, vf->vector, core_apic_id(last)) || !arrives(m, vf, own) ||
	    vf->irq_core != last)
		return false;
	log_line("irqs", "VF %u, its entry moved: arrived on core %u (APIC id %u)", vf->index, vf->irq_core,
		 core_apic_id(last));
	return iommu_irq_move(&m->iommu, &vf->irq, 0, vf->vector, core_apic_id(0)) == SL_OK;
}

static enum sl_err failed(const struct vf *vf, const char *what)
{
	log_fail("irqs", "poll, and do not assign this machine's functions to anyone you do not trust",
		 BDF_FMT ": %s", BDF_ARG(vf->fn->bdf), what);
	return SL_VERIFY;
}

static enum sl_err try_vf(struct machine *m, struct vf *vf, const struct iommu_irq *other)
{
	struct iommu_msi own = iommu_irq_message(&vf->irq, 0);
	if (!arrives(m, vf, own))
		return failed(vf, "its interrupt does not arrive");
	unsigned entry = vf->irq.index;
	if (in_full(m, vf))
		log_line("irqs", "VF %u, its own entry %u: vector 0x%x arrived on core 0", vf->index, entry,
			 vf->vector);
	if (!is_refused(m, vf, "another function's entry", iommu_irq_message(other, 0), WHY_IRQ_SOURCE))
		return failed(vf, "an interrupt through another function's entry was not refused correctly");
	if (vf->index == 0) {
		struct iommu_irq beyond = {.hw = m->iommu.hw, .index = IRQ_ENTRIES, .count = 1};
		if (!is_refused(m, vf, "beyond the table", iommu_irq_message(&beyond, 0), WHY_IRQ_INDEX))
			return failed(vf, "an interrupt beyond the table was not refused correctly");
		try_compat(m, vf);
		if (!stray_is_dropped(m, vf))
			return failed(vf, "an interrupt without a handler was not counted");
	}
	if (vf->index == 0 && !follows(m, vf))
		return failed(vf, "its interrupt does not follow its entry to another core");
	if (!arrives(m, vf, own) || vf->irq_core)
		return failed(vf, "its interrupt no longer arrives");
	if (iommu_irq_free(&m->iommu, &vf->irq) ||
	    !is_refused(m, vf, "its entry after it was freed", own, WHY_IRQ_EMPTY))
		return failed(vf, "an interrupt through a freed entry was not refused correctly");
	m->tally.irqs_checked++;
	if (!in_full(m, vf))
		log_line("irqs", "VF %u, entry %u: arrived; refused: another function's, its own when freed",
			 vf->index, entry);
	return SL_OK;
}

static enum sl_err give_entry(struct machine *m, struct vf *vf)
{
	enum sl_err e = irq_alloc(on_vf_irq, vf, &vf->vector);
	return e ? e : iommu_irq_alloc(&m->iommu, vf->fn->bdf, 1, vf->vector, core_apic_id(0), &vf->irq);
}

enum sl_err stage_irqs(struct machine *m)
{
	enum sl_err e = SL_OK;
	if (!m->irqs_remapped) {
		log_line("irqs", "interrupts are not remapped, so no VF gets any");
		return SL_OK;
	}
	for (unsigned i = 0; !e && i < m->vfs; i++)
		e = give_entry(m, &m->vf[i]);
	if (!e) /* for a machine with one VF */
		e = iommu_irq_alloc(&m->iommu, m->pf->bdf, 1, m->vf[0].vector, core_apic_id(0), &m->pf_irq);
	if (e)
		return no_irqs(e);
	for (unsigned i = 0; !e && i < m->vfs; i++)
		if (m->vf[i].msix.vectors)
			e = try_vf(m, &m->vf[i], i + 1 < m->vfs ? &m->vf[i + 1].irq : &m->pf_irq);
	if (!e)
		log_line(
			"irqs",
			"%u VFs: interrupts arrive through their own entries and are refused through others'; %llu fault events so far",
			m->tally.irqs_checked, (ull)count_of(&m->faults.events));
	return e;
}

void undo_irqs(struct machine *m)
{
	for (unsigned i = 0; i < m->vfs; i++) {
		struct vf *vf = &m->vf[i];
		if (vf->msix.vectors && msix_mask(&vf->msix, 0, true))
			log_warn("irqs", "VF %u could not be masked", i);
		if (iommu_irq_free(&m->iommu, &vf->irq) || (vf->vector && irq_set(vf->vector, NULL, NULL)))
			log_warn("irqs", "VF %u keeps its entry", i);
		vf->vector = 0;
	}
	if (iommu_irq_free(&m->iommu, &m->pf_irq))
		log_warn("irqs", "the PF keeps its entry");
}
