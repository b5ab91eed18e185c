#include "apps/vf/wait.h"
#include "apps/bringup/faults.h"
#include "apps/vf/workers.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"

const char *wait_mode_name(enum wait_mode mode)
{
	static const char *const names[] = {CONFIG_MODES(CONFIG_WORD)};
	return names[mode];
}

static enum wait_mode mode_of(const struct machine *m)
{
	return (enum wait_mode)m->cfg->mode;
}

/* --- waiting */

static uint64_t irqs_of(const struct waiter *r)
{
	return __atomic_load_n(&r->irqs, __ATOMIC_RELAXED);
}

static bool ready(const struct waiter *r)
{
	return r->a->ops->ready(r->a);
}

void wait_arm(struct wait_set *r)
{
	for (unsigned i = 0; i < r->n && r->mode != WAIT_POLL; i++) {
		struct waiter *waiter = r->waiter[i];
		if (r->mode == WAIT_ADAPTIVE)
			msix_vector_mask(&waiter->vector, false);
		waiter->a->ops->arm(waiter->a);
		waiter->arms++;
	}
}

void wait_disarm(struct wait_set *r)
{
	for (unsigned i = 0; i < r->n && r->mode == WAIT_ADAPTIVE; i++)
		msix_vector_mask(&r->waiter[i]->vector, true);
}

static bool other(const struct wait_set *r)
{
	return r->other && r->other(r->ctx);
}

/* The look with interrupts off: a result that comes after it, and its interrupt, end the halt. */
static bool need_not_halt(void *ctx)
{
	struct wait_set *r = ctx;
	bool any = other(r);
	for (unsigned i = 0; i < r->n; i++) {
		struct waiter *waiter = r->waiter[i];
		bool caught = ready(waiter);
		waiter->irqs_seen = irqs_of(waiter);
		waiter->caught += caught;
		any |= caught;
	}
	return any;
}

/* Another interrupt ended the halt, and a result is here. Its own may still be on its way. */
static bool is_lost(struct waiter *r)
{
	uint64_t end = now_us() + WAIT_LATE_US;
	while (irqs_of(r) == r->irqs_seen && now_us() < end)
		cpu_pause();
	bool lost = irqs_of(r) == r->irqs_seen;
	r->lost += lost;
	return lost;
}

static bool halt(struct wait_set *r)
{
	bool any = false;
	bool halted = core_halt_unless(need_not_halt, r);
	for (unsigned i = 0; i < r->n; i++) {
		r->waiter[i]->halts += halted;
		if (!ready(r->waiter[i]))
			continue;
		any = true;
		if (halted && irqs_of(r->waiter[i]) == r->waiter[i]->irqs_seen)
			r->lost |= is_lost(r->waiter[i]);
	}
	return any;
}

static bool look(struct wait_set *r)
{
	cpu_pause();
	for (unsigned i = 0; i < r->n; i++)
		if (ready(r->waiter[i]))
			return true;
	return false;
}

bool wait_result(struct wait_set *r, uint64_t until)
{
	bool any = false;
	wait_arm(r);
	while (!any && now_us() < until && !other(r))
		any = r->mode == WAIT_POLL || !r->n ? look(r) : halt(r);
	wait_disarm(r);
	return any;
}

void wait_turn(struct wait_set *r, unsigned results, uint64_t until)
{
	if (results) {
		r->idle_from = 0;
		return;
	}
	if (r->mode == WAIT_ADAPTIVE) {
		uint64_t now = now_us();
		if (!r->idle_from)
			r->idle_from = now;
		if (now - r->idle_from < WAIT_IDLE_US) {
			cpu_pause();
			return;
		}
	}
	(void)wait_result(r, until);
	r->idle_from = 0;
}

/* --- set-up */

static void on_ring_irq(void *ctx)
{
	struct waiter *r = ctx;
	__atomic_store_n(&r->irqs, r->irqs + 1, __ATOMIC_RELAXED);
}

static bool fault_waits(void *ctx)
{
	return faults_waiting(ctx);
}

void wait_of(struct machine *m, unsigned first, unsigned n, struct wait_set *out)
{
	*out = (struct wait_set){.mode = mode_of(m), .n = n};
	for (unsigned i = 0; i < n; i++)
		out->waiter[i] = &m->vf[first + i].wait;
	if (core_index() == 0) {
		out->other = fault_waits;
		out->ctx = m;
	}
}

static enum sl_err can_not(const struct machine *m, const char *why)
{
	log_fail("rings", "mode=poll needs no interrupts", "mode=%s needs interrupts, and there are none: %s",
		 wait_mode_name(mode_of(m)), why);
	return SL_UNSUPPORTED;
}

enum sl_err wait_check(const struct machine *m, bool *irqs)
{
	*irqs = mode_of(m) != WAIT_POLL;
	if (!*irqs)
		return SL_OK;
	if (m->cfg->queues > 1)
		return can_not(m, "queues= works only with polled queues");
	if (!m->cfg->iommu)
		return can_not(m, "with iommu=off they are not remapped");
	if (!core_can_halt())
		return can_not(m, "there is no MADT table, or the local APIC's timer does not count");
	return m->irqs_remapped ? SL_OK : can_not(m, "no unit remaps them (the lines above say why)");
}

static enum sl_err open_ring(struct machine *m, struct vf *vf, unsigned core)
{
	struct waiter *r = &vf->wait;
	*r = (struct waiter){.a = vf->queue};
	if (!vf->msix.vectors)
		return can_not(m, "a VF has no MSI-X that can be used");
	enum sl_err e = irq_alloc(on_ring_irq, r, &r->irq_vector);
	if (!e)
		e = iommu_irq_alloc(&m->iommu, vf->fn->bdf, 1, r->irq_vector, core_apic_id(core), &r->entry);
	if (e) {
		log_fail("rings", "fewer VFs (vfs=), or mode=poll", BDF_FMT " gets no interrupt: %s",
			 BDF_ARG(vf->fn->bdf), sl_err_text(e));
		return e;
	}
	struct iommu_msi message = iommu_irq_message(&r->entry, 0);
	e = msix_set(&vf->msix, 0, message.addr, message.data);
	r->vector = msix_vector(&vf->msix, 0);
	if (!e && mode_of(m) == WAIT_ADAPTIVE)
		e = msix_mask(&vf->msix, 0, true);
	return e;
}

enum sl_err wait_open(struct machine *m)
{
	unsigned first;
	enum sl_err e = SL_OK;
	for (unsigned v = 0; v < m->vfs; v++)
		m->vf[v].wait = (struct waiter){.a = m->vf[v].queue};
	for (unsigned place = 0; place < core_count(); place++) {
		unsigned core = workers_core(place), n = workers_share(m->vfs, core_count(), place, &first);
		for (unsigned v = first; v < first + n && !e; v++) {
			m->vf[v].core = core;
			if (mode_of(m) != WAIT_POLL)
				e = open_ring(m, &m->vf[v], core);
		}
	}
	return e;
}

void wait_close(struct machine *m)
{
	for (unsigned v = 0; v < m->vfs; v++) {
		struct vf *vf = &m->vf[v];
		struct waiter *r = &vf->wait;
		if (!r->irq_vector)
			continue;
		if (msix_mask(&vf->msix, 0, true) || iommu_irq_free(&m->iommu, &r->entry) ||
		    irq_set(r->irq_vector, NULL, NULL))
			log_warn("rings", "VF %u keeps its interrupt", v);
		r->irq_vector = 0;
	}
}

enum sl_err wait_print(const struct machine *m, const char *stage)
{
	struct waiter all = {0};
	if (mode_of(m) == WAIT_POLL)
		return SL_OK;
	for (unsigned v = 0; v < m->vfs; v++) {
		const struct waiter *r = &m->vf[v].wait;
		log_line(
			stage,
			"VF %u on core %u, mode=%s: interrupts %llu, armed %llu, results there when armed %llu, halted %llu, wake-ups lost %llu",
			v, m->vf[v].core, wait_mode_name(mode_of(m)), (ull)r->irqs, (ull)r->arms,
			(ull)r->caught, (ull)r->halts, (ull)r->lost);
		all.lost += r->lost;
	}
	if (!all.lost)
		return SL_OK;
	log_fail("rings", "mode=poll; and report this with the lines above",
		 "results arrived without an interrupt, %llu times: wake-ups were lost", (ull)all.lost);
	return SL_VERIFY;
}
