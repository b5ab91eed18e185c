#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/ram.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/cpu.h"
#include "kernel/hwerr.h"
#include "kernel/paging.h"
#include "kernel/x86/percore.h"
#include "kernel/smp.h"

#define INIT_US     10000u    /* SDM §9.4.4.1 */
#define STARTUP_US  200u      /* between the two STARTUPs */
#define COME_US     2000000u  /* without a core that comes: the others are silent, */
#define ALL_US      10000000u /* and this long in all */
#define STACK_PAGES 4u
#define ROUNDS      64u
#define SKEW_US     100000u /* for all rounds with one core; COME_US for the first */

/* A core that is called. States, in order: awaited until it is there or the time is over; then AP_LEFT, or
 * AP_GO and the index it gets. Only core 0 takes it on from AP_CAME. */
struct ap_slot { /* kernel/x86/ap.S */
	uint32_t apic_id, state;
};
enum { AP_AWAITED, AP_CAME, AP_LEFT, AP_GO = 16 };

struct ap_data { /* kernel/x86/ap.S */
	uint64_t cores, entry;
	uint32_t core_size, slots;
	uint32_t cr0, cr3, cr4;
	uint32_t far32;
	uint16_t far32_cs, pad0;
	uint32_t far64;
	uint16_t far64_cs, pad1;
	uint16_t pad2, gdt_limit;
	uint32_t gdt_base;
};
_Static_assert(offsetof(struct core, stack) == 16, "kernel/x86/ap.S");

/* The pages that cores start in: code, slots, and the tables of paging_low_root(). */
struct start {
	struct ap_data *data;
	struct ap_slot *slot;
	unsigned slots;
	phys_t page, root;
};

extern const uint8_t ap_start[], ap_data[], ap_end[];

/* A question and its answer, for the time stamp counters. */
static struct ping {
	uint32_t ask __attribute__((aligned(64)));
	uint32_t answer __attribute__((aligned(64)));
	uint64_t tsc, until;
} ping;

static uint64_t tsc_now(void)
{
	uint32_t lo, hi;
	__asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

/* The other core's part. Its clock is not reliable yet, so core 0 ends it: ask goes beyond the last round. */
static void answer(void *arg)
{
	(void)arg;
	uint32_t last = 0;
	while (last < ROUNDS) {
		uint32_t ask = __atomic_load_n(&ping.ask, __ATOMIC_ACQUIRE);
		if (ask == last) {
			cpu_pause();
			continue;
		}
		ping.tsc = tsc_now();
		last = ask;
		__atomic_store_n(&ping.answer, ask, __ATOMIC_RELEASE);
	}
}

static void measure(struct core *c)
{
	uint64_t now = now_us(), end = now + SKEW_US, last = now + COME_US;
	ping = (struct ping){0};
	if (core_run(c->index, answer, NULL))
		return;
	for (uint32_t round = 1; round <= ROUNDS && now_us() < (c->skew.rounds ? end : last); round++) {
		uint64_t before = tsc_now();
		__atomic_store_n(&ping.ask, round, __ATOMIC_RELEASE);
		while (__atomic_load_n(&ping.answer, __ATOMIC_ACQUIRE) != round && now_us() < last)
			cpu_pause();
		uint64_t after = tsc_now();
		if (__atomic_load_n(&ping.answer, __ATOMIC_ACQUIRE) == round)
			skew_add(&c->skew, before, ping.tsc, after);
	}
	__atomic_store_n(&ping.ask, ROUNDS, __ATOMIC_RELEASE);
	if (core_join(c->index, now_us() + COME_US))
		return; /* core_join() has said so */
	if (!skew_explained(&c->skew))
		c->tsc_offset = c->skew.offset;
}

/* On the new core, on its own stack, with the tables of paging_low_root(). */
static _Noreturn void ap_main(struct core *c)
{
	cpu_load(c->index);
	hwerr_begin();
	apic_on();
	core_idle();
}

static bool wanted(const struct madt_cpu *cpu)
{
	return cpu->enabled && cpu->apic_id != cores[0].apic_id;
}

static uint32_t state_of(const struct ap_slot *slot)
{
	return __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);
}

/* A slot for each processor that can be called. */
static enum sl_err prepare(const struct madt *m, struct start *st, struct cores_started *s)
{
	unsigned n = 0;
	for (unsigned i = 0; i < m->cpus; i++) {
		n += wanted(&m->cpu[i]) && m->cpu[i].apic_id <= apic_reach();
		s->too_far += wanted(&m->cpu[i]) && m->cpu[i].apic_id > apic_reach();
	}
	uint64_t pages = 1 + ALIGN_UP(n * sizeof *st->slot, PAGE_SIZE) / PAGE_SIZE;
	if (!n)
		return SL_OK;
	if (ram_low(pages + PAGING_LOW_PAGES, &st->page))
		return SL_NOSPACE;
	st->root = PHYS(st->page.v + pages * PAGE_SIZE);
	uint8_t *at = phys_va(st->page);
	memcpy(at, ap_start, (size_t)(ap_end - ap_start));
	st->data = (struct ap_data *)(at + (ap_data - ap_start));
	st->slot = (struct ap_slot *)(at + PAGE_SIZE);
	for (unsigned i = 0; i < m->cpus; i++)
		if (wanted(&m->cpu[i]) && m->cpu[i].apic_id <= apic_reach())
			st->slot[st->slots++].apic_id = m->cpu[i].apic_id;
	return SL_OK;
}

static void fill(const struct start *st)
{
	struct ap_data *d = st->data;
	uint64_t cr0, cr4;
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	d->cores = (uintptr_t)cores;
	d->entry = (uintptr_t)ap_main;
	d->core_size = sizeof cores[0];
	d->slots = st->slots;
	d->cr0 = (uint32_t)cr0;
	d->cr3 = (uint32_t)st->root.v;
	d->cr4 = (uint32_t)(CR4_PAE | (cr4 & CR4_LA57));
	d->far32 += (uint32_t)st->page.v;
	d->far64 += (uint32_t)st->page.v;
	d->gdt_base += (uint32_t)st->page.v;
}

/* INIT, STARTUP, STARTUP, each to all before the next, so that there is one wait (SDM vol. 3 §9.4.4.1). An
 * IPI that cannot be sent shows as a core that does not come up. A second STARTUP reaches no core that has
 * started. */
static void call_all(const struct start *st)
{
	for (unsigned i = 0; i < st->slots; i++)
		(void)apic_send_init(st->slot[i].apic_id);
	delay_us(INIT_US);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < st->slots; i++)
			if (state_of(&st->slot[i]) == AP_AWAITED)
				(void)apic_send_startup(st->slot[i].apic_id, (uint32_t)st->page.v);
		delay_us(STARTUP_US);
	}
}

static unsigned still_awaited(const struct start *st)
{
	unsigned n = 0;
	for (unsigned i = 0; i < st->slots; i++)
		n += state_of(&st->slot[i]) == AP_AWAITED;
	return n;
}

static unsigned still_off(unsigned end)
{
	unsigned n = 0;
	for (unsigned i = core_count(); i < end; i++)
		n += __atomic_load_n(&cores[i].state, __ATOMIC_ACQUIRE) == CORE_OFF;
	return n;
}

/* Until all are there, or none has come for COME_US: where cores share few processors of a host they come one
 * after another. */
static void await(const struct start *st, unsigned end)
{
	uint64_t until = now_us() + COME_US, last = now_us() + ALL_US;
	unsigned left = UINT32_MAX, now;
	while ((now = end ? still_off(end) : still_awaited(st)) && now_us() < until) {
		if (now < left)
			until = now_us() + COME_US < last ? now_us() + COME_US : last;
		left = now;
		cpu_pause();
	}
}

/* Cores that did not come up must not do so later. */
static void leave_silent(const struct start *st, struct cores_started *s)
{
	for (unsigned i = 0; i < st->slots; i++) {
		uint32_t state = AP_AWAITED;
		if (__atomic_compare_exchange_n(&st->slot[i].state, &state, AP_LEFT, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			s->silent_id[s->silent++] = st->slot[i].apic_id;
	}
}

/* Cores in the order of the MADT; returns the index after the last. */
static unsigned make_cores(const struct start *st)
{
	unsigned n = core_count();
	for (unsigned i = 0; i < st->slots; i++) {
		if (state_of(&st->slot[i]) != AP_CAME || n == CORES_MAX)
			continue;
		struct core *c = &cores[n];
		*c = (struct core){.self = c, .index = n++, .apic_id = st->slot[i].apic_id};
		cpu_prepare(c->index);
		c->stack = (uintptr_t)stack_make(c->index, STACK_WORK, STACK_PAGES);
	}
	return n;
}

static void let_go(const struct start *st, struct cores_started *s)
{
	uint32_t n = core_count();
	for (unsigned i = 0; i < st->slots; i++) {
		if (state_of(&st->slot[i]) != AP_CAME)
			continue;
		bool room = n < CORES_MAX;
		s->too_many += !room;
		__atomic_store_n(&st->slot[i].state, room ? AP_GO + n++ : AP_LEFT, __ATOMIC_RELEASE);
	}
}

static void start_all(const struct madt *m, struct cores_started *s)
{
	struct start st = {0};
	s->failed = prepare(m, &st, s);
	if (s->failed || !st.slots)
		return;
	fill(&st);
	call_all(&st);
	await(&st, 0);
	leave_silent(&st, s);
	unsigned end = make_cores(&st);
	s->failed = paging_low_root(st.root, st.page);
	if (s->failed)
		return;
	let_go(&st, s);
	await(&st, end);
	while (core_count() < end &&
	       __atomic_load_n(&cores[core_count()].state, __ATOMIC_ACQUIRE) != CORE_OFF)
		core_add();
	if (core_count() == end)
		return;
	log_warn("cores", "the processor with APIC id %u begins and gets stuck: those after it are not used",
		 cores[core_count()].apic_id);
	s->failed = SL_DEVICE;
}

void cores_compare(void)
{
	for (unsigned i = 1; i < core_count(); i++)
		measure(&cores[i]);
}

void cores_start(const struct madt *m, struct cores_started *s)
{
	memset(s, 0, sizeof *s);
	chipset_irqs_off(m);
	s->failed = apic_init(madt_highest(m));
	if (!s->failed) {
		apic_on();
		cores[0].apic_id = apic_id();
		s->failed = core_init_irqs();
	}
	if (!s->failed) {
		cpu_irqs_on();
		start_all(m, s);
	}
	s->running = core_count();
}
