#include "apps/vf/wait.h"
#include "apps/bringup/faults.h"
#include "apps/vf/workers.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/irq.h"

const char *ring_mode_name(enum ring_mode mode)
{
	static const char *const names[] = {CONFIG_MODES(CONFIG_WORD)};
	return names[mode];
}

static enum ring_mode mode_of(const struct machine *m)
{
	return (enum ring_mode)m->cfg->mode;
}

/* --- waiting */

static uint64_t irqs_of(const struct ring *r)
{
	return __atomic_load_n(&r->irqs, __ATOMIC_RELAXED);
}

static bool ready(const struct ring *r)
{
	return r->a->drv->ready(r->a);
}

void rings_arm(struct rings *r)
{
	for (unsigned i = 0; i < r->n && r->mode != RING_POLL; i++) {
		struct ring *ring = r->ring[i];
		if (r->mode == RING_ADAPTIVE)
			msix_vector_mask(&ring->vector, false);
		ring->a->drv->arm(ring->a);
		ring->arms++;
	}
}

void rings_disarm(struct rings *r)
{
	for (unsigned i = 0; i < r->n && r->mode == RING_ADAPTIVE; i++)
		msix_vector_mask(&r->ring[i]->vector, true);
}

static bool other(const struct rings *r)
{
	return r->other && r->other(r->ctx);
}

/* The look with interrupts off: a result that comes after it, and its interrupt, end the halt. */
static bool need_not_halt(void *ctx)
{
	struct rings *r = ctx;
	bool any = other(r);
	for (unsigned i = 0; i < r->n; i++) {
		struct ring *ring = r->ring[i];
		bool caught = ready(ring);
		ring->irqs_seen = irqs_of(ring);
		ring->caught += caught;
		any |= caught;
	}
	return any;
}

/* Somebody else woke us, and here is a result. Its interrupt may be on its way. */
static bool is_lost(struct ring *r)
{
	uint64_t end = now_us() + RINGS_LATE_US;
	while (irqs_of(r) == r->irqs_seen && now_us() < end)
		cpu_pause();
	bool lost = irqs_of(r) == r->irqs_seen;
	r->lost += lost;
	return lost;
}

static bool halt(struct rings *r)
{
	bool any = false;
	bool halted = core_halt_unless(need_not_halt, r);
	for (unsigned i = 0; i < r->n; i++) {
		r->ring[i]->halts += halted;
		if (!ready(r->ring[i]))
			continue;
		any = true;
		if (halted && irqs_of(r->ring[i]) == r->ring[i]->irqs_seen)
			r->lost |= is_lost(r->ring[i]);
	}
	return any;
}

static bool look(struct rings *r)
{
	cpu_pause();
	for (unsigned i = 0; i < r->n; i++)
		if (ready(r->ring[i]))
			return true;
	return false;
}

bool rings_wait(struct rings *r, uint64_t until)
{
	bool any = false;
	rings_arm(r);
	while (!any && now_us() < until && !other(r))
		any = r->mode == RING_POLL || !r->n ? look(r) : halt(r);
	rings_disarm(r);
	return any;
}

void rings_turn(struct rings *r, unsigned results, uint64_t until)
{
	if (results) {
		r->idle_from = 0;
		return;
	}
	if (r->mode == RING_ADAPTIVE) {
		uint64_t now = now_us();
		if (!r->idle_from)
			r->idle_from = now;
		if (now - r->idle_from < RINGS_IDLE_US) {
			cpu_pause();
			return;
		}
	}
	(void)rings_wait(r, until);
	r->idle_from = 0;
}

/* --- set-up */

static void on_ring_irq(void *ctx)
{
	struct ring *r = ctx;
	__atomic_store_n(&r->irqs, r->irqs + 1, __ATOMIC_RELAXED);
}

static bool fault_waits(void *ctx)
{
	return faults_waiting(ctx);
}

void rings_of(struct machine *m, unsigned first, unsigned n, struct rings *out)
{
	*out = (struct rings){.mode = mode_of(m), .n = n};
	for (unsigned i = 0; i < n; i++)
		out->ring[i] = &m->vf[first + i].ring;
	if (core_index() == 0) {
		out->other = fault_waits;
		out->ctx = m;
	}
}

static enum sl_err can_not(const struct machine *m, const char *why)
{
	log_fail("rings", "mode=poll needs no interrupts", "mode=%s needs interrupts, and there are none: %s",
		 ring_mode_name(mode_of(m)), why);
	return SL_UNSUPPORTED;
}

enum sl_err rings_check(const struct machine *m, bool *irqs)
{
	*irqs = mode_of(m) != RING_POLL;
	if (!*irqs)
		return SL_OK;
	if (m->cfg->queues > 1)
		return can_not(m, "queues= has polled queues alone");
	if (!m->cfg->iommu)
		return can_not(m, "with iommu=off they are not remapped");
	if (!core_can_halt())
		return can_not(m, "there is no MADT table, or the local APIC's timer does not count");
	return m->irqs_remapped ? SL_OK : can_not(m, "no unit remaps them (the lines above say why)");
}

static enum sl_err open_ring(struct machine *m, struct vf *vf, unsigned core)
{
	struct ring *r = &vf->ring;
	*r = (struct ring){.a = vf->accel};
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
	if (!e && mode_of(m) == RING_ADAPTIVE)
		e = msix_mask(&vf->msix, 0, true);
	return e;
}

enum sl_err rings_open(struct machine *m)
{
	unsigned first;
	enum sl_err e = SL_OK;
	for (unsigned v = 0; v < m->vfs; v++)
		m->vf[v].ring = (struct ring){.a = m->vf[v].accel};
	for (unsigned place = 0; place < core_count(); place++) {
		unsigned core = lanes_core(place), n = lanes_share(m->vfs, core_count(), place, &first);
		for (unsigned v = first; v < first + n && !e; v++) {
			m->vf[v].core = core;
			if (mode_of(m) != RING_POLL)
				e = open_ring(m, &m->vf[v], core);
		}
	}
	return e;
}

void rings_close(struct machine *m)
{
	for (unsigned v = 0; v < m->vfs; v++) {
		struct vf *vf = &m->vf[v];
		struct ring *r = &vf->ring;
		if (!r->irq_vector)
			continue;
		if (msix_mask(&vf->msix, 0, true) || iommu_irq_free(&m->iommu, &r->entry) ||
		    irq_set(r->irq_vector, NULL, NULL))
			log_warn("rings", "VF %u keeps its interrupt", v);
		r->irq_vector = 0;
	}
}

enum sl_err rings_print(const struct machine *m, const char *stage)
{
	struct ring all = {0};
	if (mode_of(m) == RING_POLL)
		return SL_OK;
	for (unsigned v = 0; v < m->vfs; v++) {
		const struct ring *r = &m->vf[v].ring;
		log_line(
			stage,
			"VF %u on core %u, mode=%s: interrupts %llu, armed %llu, results there when armed %llu, halted %llu, wake-ups lost %llu",
			v, m->vf[v].core, ring_mode_name(mode_of(m)), (ull)r->irqs, (ull)r->arms,
			(ull)r->caught, (ull)r->halts, (ull)r->lost);
		all.lost += r->lost;
	}
	if (!all.lost)
		return SL_OK;
	log_fail("rings", "mode=poll; and report this with the lines above",
		 "results came without an interrupt, %llu times: wake-ups are lost", (ull)all.lost);
	return SL_VERIFY;
}
