#include "kernel/log.h"
#include "kernel/time.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/cpu.h"
#include "kernel/hwerr.h"
#include "kernel/irq.h"
#include "kernel/x86/percore.h"

#define GS_BASE   0xc0000101
#define ANSWER_US 1000000u  /* for the answer to an NMI */
#define SHOW_US   20000000u /* and then for its asker to be done */

struct core cores[CORES_MAX];
static unsigned count = 1;
static uint8_t wake_vector, watch_vector;
static bool watching, ticks;

void core_init_first(void)
{
	cores[0].self = &cores[0];
	cores[0].state = CORE_IDLE;
	cpu_wrmsr(GS_BASE, (uintptr_t)&cores[0]);
}

void core_add(void)
{
	count++;
}

unsigned core_count(void)
{
	return count;
}

unsigned core_index(void)
{
	return core_self()->index;
}

uint32_t core_apic_id(unsigned core)
{
	return cores[core].apic_id;
}

const struct skew *core_skew(unsigned core)
{
	return &cores[core].skew;
}

void core_progress(void)
{
	struct core *c = core_self();
	__atomic_store_n(&c->progress, c->progress + 1, __ATOMIC_RELAXED);
}

static uint32_t state_of(const struct core *c)
{
	return __atomic_load_n(&c->state, __ATOMIC_ACQUIRE);
}

static void work(struct core *c)
{
	core_progress(); /* its time begins */
	hwerr_look();
	c->fn(c->arg);
	hwerr_look();
	__atomic_store_n(&c->state, CORE_IDLE, __ATOMIC_RELEASE);
}

/* Interrupts are off between the check and the halt, so the one that brings work ends the halt. */
void core_idle(void)
{
	struct core *c = core_self();
	__atomic_store_n(&c->state, CORE_IDLE, __ATOMIC_RELEASE);
	for (;;) {
		(void)cpu_irqs_off();
		if (state_of(c) != CORE_BUSY) {
			cpu_sleep();
			continue;
		}
		cpu_irqs_on();
		work(c);
	}
}

bool core_can_halt(void)
{
	return ticks;
}

/* Interrupts are off between the check and the halt, as in core_idle(). */
bool core_halt_unless(bool (*look)(void *ctx), void *ctx)
{
	struct core *c = core_self();
	if (!watching)
		return false;
	(void)cpu_irqs_off();
	if (look(ctx)) {
		cpu_irqs_on();
		return false;
	}
	__atomic_store_n(&c->halted, true, __ATOMIC_RELAXED);
	cpu_sleep();
	__atomic_store_n(&c->halted, false, __ATOMIC_RELAXED);
	core_progress();
	return true;
}

/* --- where a core is */

bool core_on_nmi(const struct trap_frame *f)
{
	struct core *c = core_self();
	uint32_t what = __atomic_load_n(&c->nmi, __ATOMIC_ACQUIRE);
	if (what == NMI_LATE) {
		__atomic_store_n(&c->nmi, NMI_NONE, __ATOMIC_RELEASE);
		return true;
	}
	if (what != NMI_WHERE && what != NMI_STOP)
		return false;
	c->frame = f;
	__atomic_store_n(&c->nmi, NMI_HERE, __ATOMIC_RELEASE);
	uint64_t end = now_us() + SHOW_US;
	while (__atomic_load_n(&c->nmi, __ATOMIC_ACQUIRE) == NMI_HERE && now_us() < end)
		cpu_pause();
	if (what == NMI_STOP)
		cpu_halt();
	return true;
}

void core_park(const struct trap_frame *f)
{
	for (;;) {
		(void)core_on_nmi(f);
		cpu_pause();
	}
}

static const char *doing(const struct core *c)
{
	switch (state_of(c)) {
	case CORE_IDLE:
		return "idle";
	case CORE_BUSY:
		return "at work";
	default:
		return "given up";
	}
}

/* Sends the NMI and waits until the core stands still. One NMI at a time: a late answer to the first would be
 * taken for an answer to the second. */
static bool halt_for_a_look(struct core *c, uint32_t what)
{
	uint32_t before = __atomic_exchange_n(&c->nmi, what, __ATOMIC_SEQ_CST);
	if (before == NMI_NONE && apic_send_nmi(c->apic_id))
		return false;
	uint64_t end = now_us() + ANSWER_US;
	while (__atomic_load_n(&c->nmi, __ATOMIC_ACQUIRE) != NMI_HERE && now_us() < end)
		cpu_pause();
	if (what == NMI_WHERE) /* a late NMI_STOP still stops the core */
		__atomic_compare_exchange_n(&c->nmi, &what, NMI_LATE, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
	return __atomic_load_n(&c->nmi, __ATOMIC_ACQUIRE) == NMI_HERE;
}

/* Prints where another core is. That core waits meanwhile, so that its stack does not change; with NMI_STOP
 * it never resumes. */
static void show(struct core *c, enum core_nmi what)
{
	if (!halt_for_a_look(c, what)) {
		log_text("core %u (APIC id %u), %s: does not answer a non-maskable interrupt\n", c->index,
			 c->apic_id, doing(c));
		return;
	}
	log_text("core %u (APIC id %u), %s:\n", c->index, c->apic_id, doing(c));
	trap_backtrace(c->frame->rip, c->frame->rbp, c->frame->rsp);
	__atomic_store_n(&c->nmi, NMI_NONE, __ATOMIC_RELEASE);
}

void core_stop_others(void)
{
	for (unsigned i = 0; i < count; i++)
		if (&cores[i] != core_self())
			show(&cores[i], NMI_STOP);
}

/* --- the watchdog: core 0's timer, while there is work */

static void show_busy(void)
{
	for (unsigned i = 0; i < count; i++) {
		struct core *c = &cores[i];
		if (c != core_self() && (state_of(c) == CORE_BUSY))
			show(c, NMI_WHERE);
	}
	const struct trap_frame *f = core_self()->interrupted;
	log_text("core %u, %s:\n", core_index(), doing(core_self()));
	trap_backtrace(f->rip, f->rbp, f->rsp);
}

/* Cores that are halted in their work: those that are alive wake and count. Core 0 has been woken by the
 * timer. */
static void wake_halted(struct core *c)
{
	if (c != core_self() && __atomic_load_n(&c->halted, __ATOMIC_RELAXED) &&
	    apic_send(c->apic_id, wake_vector))
		log_warn("cores", "core %u is halted and cannot be woken", c->index);
}

static void watch(void *ctx)
{
	static bool
		shown; /* once a run: a machine that is short of processors would fill the log with them */
	bool stuck = false;
	(void)ctx;
	for (unsigned i = 0; i < count; i++) {
		struct core *c = &cores[i];
		uint64_t n = __atomic_load_n(&c->progress, __ATOMIC_RELAXED);
		enum watch_says says = watch_look(&c->watch, state_of(c) == CORE_BUSY, n, now_us(),
						  WATCH_SECONDS * 1000000u);
		if (says == WATCH_STUCK && !shown)
			log_warn("cores", "core %u has made no progress for %u s; where each core is:", i,
				 WATCH_SECONDS);
		else if (says == WATCH_STUCK)
			log_warn("cores", "core %u has made no progress for %u s", i, WATCH_SECONDS);
		if (says == WATCH_AGAIN)
			log_line("cores", "core %u goes on", i);
		stuck |= says == WATCH_STUCK;
		wake_halted(c);
	}
	if (stuck && !shown)
		show_busy();
	shown |= stuck;
}

static void watch_on(void)
{
	if (!watching && apic_tick(watch_vector))
		return; /* cores_start() has reported the missing timer */
	watching = true;
}

static void watch_off(void)
{
	for (unsigned i = 0; i < count; i++)
		if (state_of(&cores[i]) == CORE_BUSY)
			return;
	if (watching && !apic_tick(0))
		watching = false;
}

static void wake(void *ctx)
{
	(void)ctx; /* the halt has ended; core_idle() checks */
}

enum sl_err core_init_irqs(void)
{
	enum sl_err e = irq_alloc(wake, NULL, &wake_vector);
	if (!e)
		e = irq_alloc(watch, NULL, &watch_vector);
	if (e)
		return e;
	ticks = apic_tick(watch_vector) == SL_OK;
	if (!ticks)
		log_warn("cores", "the local APIC's timer does not count: no watchdog");
	return apic_tick(0);
}

/* --- work */

enum sl_err core_run(unsigned core, core_fn *fn, void *arg)
{
	if (core >= count)
		return SL_RANGE;
	struct core *c = &cores[core];
	if (state_of(c) != CORE_IDLE)
		return SL_BUSY;
	c->fn = fn;
	c->arg = arg;
	watch_on();
	__atomic_store_n(&c->state, CORE_BUSY, __ATOMIC_RELEASE);
	if (c == core_self()) {
		work(c);
		watch_off();
		return SL_OK;
	}
	enum sl_err e = apic_send(c->apic_id, wake_vector);
	if (e)
		c->state = CORE_GIVEN_UP;
	return e;
}

enum sl_err core_join(unsigned core, uint64_t deadline)
{
	if (core >= count)
		return SL_RANGE;
	struct core *c = &cores[core];
	while (state_of(c) == CORE_BUSY && now_us() < deadline)
		cpu_wait(&c->state, CORE_BUSY);
	enum sl_err e = state_of(c) == CORE_IDLE ? SL_OK : SL_TIMEOUT;
	if (e && state_of(c) == CORE_BUSY) {
		log_fail("cores", "run again; if this persists, report this with the lines below",
			 "core %u is not back from its work; it is stopped here:", core);
		__atomic_store_n(&c->state, CORE_GIVEN_UP, __ATOMIC_RELEASE);
		show(c, NMI_STOP);
	}
	watch_off();
	return e;
}
