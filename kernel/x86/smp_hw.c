#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/start.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/paging.h"
#include "kernel/x86/percore.h"
#include "kernel/x86/smp.h"

#define INIT_US     10000u   /* SDM §9.4.4.1 */
#define STARTUP_US  200u     /* between the two STARTUPs */
#define COME_US     2000000u /* until a core is taken for silent */
#define STACK_PAGES 4u
#define ROUNDS      64u
#define SKEW_US     100000u /* for all rounds with one core; COME_US for the first */

struct ap_data { /* kernel/x86/ap.S */
	uint64_t stack, core, entry;
	uint32_t claim; /* APIC id of the core that may come; AP_NOBODY */
	uint32_t cr0, cr3, cr4;
	uint32_t far32;
	uint16_t far32_cs, pad0;
	uint32_t far64;
	uint16_t far64_cs, pad1;
	uint16_t pad2, gdt_limit;
	uint32_t gdt_base;
};
#define AP_NOBODY 0xffffffffu

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

/* The other core's part. Its clock is not to be relied on yet, so core 0 ends it: ask goes beyond the last
 * round. */
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
	apic_on();
	core_idle();
}

static struct ap_data *prepare(phys_t *page)
{
	static uint64_t root_cr4;
	if (start_low_memory(1 + PAGING_LOW_PAGES, page))
		return NULL;
	phys_t root = PHYS(page->v + PAGE_SIZE);
	uint8_t *at = phys_va(*page);
	memcpy(at, ap_start, (size_t)(ap_end - ap_start));
	struct ap_data *d = (struct ap_data *)(at + (ap_data - ap_start));
	uint64_t cr0;
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %%cr4, %0" : "=r"(root_cr4));
	d->cr0 = (uint32_t)cr0;
	d->cr3 = (uint32_t)root.v;
	d->cr4 = (uint32_t)(CR4_PAE | (root_cr4 & CR4_LA57));
	d->entry = (uintptr_t)ap_main;
	d->far32 += (uint32_t)page->v;
	d->far64 += (uint32_t)page->v;
	d->gdt_base += (uint32_t)page->v;
	return d;
}

static bool came(const struct core *c, uint64_t end)
{
	while (__atomic_load_n(&c->state, __ATOMIC_ACQUIRE) == CORE_OFF && now_us() < end)
		cpu_pause();
	return __atomic_load_n(&c->state, __ATOMIC_ACQUIRE) != CORE_OFF;
}

/* SL_TIMEOUT: silent. SL_DEVICE: it began and got stuck, so the page can not be used for another one. */
static enum sl_err start_one(struct core *c, struct ap_data *d, phys_t page)
{
	c->self = c;
	c->index = core_count();
	cpu_prepare(c->index);
	d->stack = (uintptr_t)stack_make(c->index, STACK_WORK, STACK_PAGES);
	d->core = (uintptr_t)c;
	enum sl_err e = paging_low_root(PHYS(page.v + PAGE_SIZE), page);
	if (e)
		return e;
	__atomic_store_n(&d->claim, c->apic_id, __ATOMIC_SEQ_CST);
	e = apic_send_startup(c->apic_id, (uint32_t)page.v);
	if (!e && !came(c, now_us() + STARTUP_US) &&
	    __atomic_load_n(&d->claim, __ATOMIC_SEQ_CST) == c->apic_id)
		e = apic_send_startup(c->apic_id, (uint32_t)page.v);
	if (!e && came(c, now_us() + COME_US)) {
		core_add();
		return SL_OK;
	}
	uint32_t id = c->apic_id;
	return __atomic_compare_exchange_n(&d->claim, &id, AP_NOBODY, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST)
		       ? SL_TIMEOUT
		       : SL_DEVICE;
}

static bool wanted(const struct madt_cpu *cpu)
{
	return cpu->enabled && cpu->apic_id != cores[0].apic_id;
}

/* All at once, so that there is one wait; also those that are not started then, which so leave firmware's
 * code. An INIT that can not be sent shows as a core that does not come. */
static void init_all(const struct madt *m)
{
	for (unsigned i = 0; i < m->cpus; i++)
		if (wanted(&m->cpu[i]) && m->cpu[i].apic_id <= apic_reach())
			(void)apic_send_init(m->cpu[i].apic_id);
	delay_us(INIT_US);
}

static void start_all(const struct madt *m, struct cores_started *s)
{
	phys_t page;
	struct ap_data *d = prepare(&page);
	if (!d) {
		s->failed = SL_NOSPACE;
		return;
	}
	init_all(m);
	for (unsigned i = 0; i < m->cpus && !s->failed; i++) {
		const struct madt_cpu *cpu = &m->cpu[i];
		if (!wanted(cpu))
			continue;
		if (cpu->apic_id > apic_reach()) {
			s->too_far++;
			continue;
		}
		if (core_count() == CORES_MAX) {
			s->too_many++;
			continue;
		}
		struct core *c = &cores[core_count()];
		*c = (struct core){.apic_id = cpu->apic_id};
		enum sl_err e = start_one(c, d, page);
		if (!e)
			continue;
		log_warn("cores", "the processor with APIC id %u does not start: %s", cpu->apic_id,
			 sl_err_text(e));
		s->silent++;
		s->failed = e == SL_TIMEOUT ? SL_OK : e;
	}
}

void cores_compare(void)
{
	for (unsigned i = 1; i < core_count(); i++)
		measure(&cores[i]);
}

struct cores_started cores_start(const struct madt *m)
{
	struct cores_started s = {0};
	chipset_irqs_off(m);
	s.failed = apic_init(madt_highest(m));
	if (!s.failed) {
		apic_on();
		cores[0].apic_id = apic_id();
		s.failed = core_init_irqs();
	}
	if (!s.failed) {
		cpu_irqs_on();
		start_all(m, &s);
	}
	s.running = core_count();
	return s;
}
