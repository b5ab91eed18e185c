/* Waiting for rings: a result comes at every single point between the last look and the halt, and none is
 * missed. The device here is the strictest that there may be: it interrupts only for a result that comes when
 * all before it are known to be taken and its vector is not masked. */
#include <string.h>
#include "apps/vf/workers.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "kernel/irq.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

#define DEVS 2u

static struct dev {
	struct queue a; /* first */
	unsigned posted, taken, acked;
	bool masked, mute; /* mute: it forgets its interrupts */
	bool vector_irr;   /* at the processor */
	struct waiter *ring;
} dev[DEVS];

static struct machine m;
static struct boot_info boot;
static bool irqs_on = true;
static unsigned points, post_at, ticks, cores_there = 1;
static unsigned post_to;
static bool can_halt = true;

/* --- the processor */

static irq_fn *handler[DEVS];
static void *handler_ctx[DEVS];
static unsigned handlers;

static void deliver(void)
{
	for (unsigned i = 0; i < DEVS && irqs_on; i++)
		if (dev[i].vector_irr) {
			dev[i].vector_irr = false;
			if (handler[i])
				handler[i](handler_ctx[i]);
		}
}

static void post(struct dev *d)
{
	bool all_known = d->acked == d->posted;
	d->posted++;
	if (all_known && !d->masked && !d->mute)
		d->vector_irr = true;
	deliver();
}

/* A moment in which a device could do something. */
static void point(void)
{
	if (points++ == post_at)
		post(&dev[post_to]);
}

bool core_halt_unless(bool (*look)(void *ctx), void *ctx)
{
	irqs_on = false;
	point();
	bool stays = look(ctx);
	point();
	if (!stays) {
		for (unsigned i = 0; i < 100 && !dev[0].vector_irr && !dev[1].vector_irr; i++)
			point();
		if (!dev[0].vector_irr && !dev[1].vector_irr) {
			ticks++; /* the watchdog's */
			delay_us(1000000);
		}
	}
	irqs_on = true;
	deliver();
	return !stays;
}

bool core_can_halt(void)
{
	return can_halt;
}

unsigned core_count(void)
{
	return cores_there;
}

uint32_t core_apic_id(unsigned core)
{
	return 10 + core;
}

void core_progress(void) {}

enum sl_err core_run(unsigned core, core_fn *fn, void *arg)
{
	(void)core, (void)fn, (void)arg;
	return SL_RANGE;
}

enum sl_err core_join(unsigned core, uint64_t deadline)
{
	(void)core, (void)deadline;
	return SL_RANGE;
}

enum sl_err irq_alloc(irq_fn *fn, void *ctx, uint8_t *vector)
{
	handler[handlers] = fn;
	handler_ctx[handlers++] = ctx;
	*vector = (uint8_t)(0x2f + handlers);
	return SL_OK;
}

enum sl_err irq_set(unsigned vector, irq_fn *fn, void *ctx)
{
	(void)ctx;
	handler[vector - 0x30] = fn;
	return SL_OK;
}

/* --- the unit and MSI-X */

static unsigned entries;
static uint32_t sent_to[DEVS];

enum sl_err iommu_irq_alloc(struct iommu *mmu, bdf_t fn, unsigned count, uint8_t vector, uint32_t apic,
			    struct iommu_irq *out)
{
	(void)mmu, (void)vector;
	assert_int_equal(count, 1);
	sent_to[fn.rid] = apic;
	*out = (struct iommu_irq){.index = fn.rid, .count = 1};
	entries++;
	return SL_OK;
}

enum sl_err iommu_irq_free(struct iommu *mmu, struct iommu_irq *irq)
{
	(void)mmu;
	entries -= irq->count;
	irq->count = 0;
	return SL_OK;
}

struct iommu_msi iommu_irq_message(const struct iommu_irq *irq, unsigned i)
{
	return (struct iommu_msi){.addr = 0xfee00010 + irq->index, .data = i};
}

static struct dev *dev_of(const struct msix_table *t)
{
	return &dev[t->fn->bdf.rid];
}

enum sl_err msix_set(const struct msix_table *t, unsigned vector, uint64_t addr, uint32_t data)
{
	(void)addr, (void)data;
	assert_int_equal(vector, 0);
	dev_of(t)->masked = false;
	return SL_OK;
}

enum sl_err msix_mask(const struct msix_table *t, unsigned vector, bool masked)
{
	(void)vector;
	dev_of(t)->masked = masked;
	return SL_OK;
}

struct msix_vector msix_vector(const struct msix_table *t, unsigned vector)
{
	(void)vector;
	return (struct msix_vector){.ctl = (volatile uint8_t *)(volatile void *)dev_of(t)};
}

void msix_vector_mask(const struct msix_vector *v, bool masked)
{
	struct dev *d = (struct dev *)(uintptr_t)v->ctl;
	point();
	d->masked = masked;
	point();
}

/* --- the accelerator */

static bool dev_ready(const struct queue *a)
{
	const struct dev *d = (const struct dev *)a;
	return d->posted != d->taken;
}

static void dev_arm(struct queue *a)
{
	struct dev *d = (struct dev *)a;
	point();
	d->acked = d->taken;
	point();
}

static const struct queue_ops queue_ops = {.name = "strict", .ready = dev_ready, .arm = dev_arm};

static struct pci_func fn[DEVS];

static void begin(enum wait_mode mode, struct wait_set *r)
{
	memset(dev, 0, sizeof dev);
	boot.cfg.mode = mode;
	boot.cfg.iommu = 1;
	m.boot = &boot;
	m.cfg = &boot.cfg;
	m.vfs = DEVS;
	m.irqs_remapped = true;
	m.faults.events = m.faults.events_seen = 0;
	handlers = points = ticks = 0;
	post_at = UINT32_MAX;
	irqs_on = true;
	for (unsigned i = 0; i < DEVS; i++) {
		fn[i].bdf.rid = (uint16_t)i;
		dev[i].a.ops = &queue_ops;
		dev[i].masked = true;
		m.vf[i].fn = &fn[i];
		m.vf[i].queue = &dev[i].a;
		m.vf[i].msix = (struct msix_table){.fn = &fn[i], .vectors = 1};
	}
	assert_int_equal(wait_open(&m), SL_OK);
	wait_of(&m, 0, DEVS, r);
}

static void end(void)
{
	wait_close(&m);
	assert_int_equal(entries, 0);
	for (unsigned i = 0; i < DEVS; i++)
		assert_true(m.cfg->mode == WAIT_POLL || dev[i].masked);
}

/* For every point there is: the result is found, and nothing but its interrupt ended a halt. */
static void every_point(enum wait_mode mode, unsigned to)
{
	struct wait_set r;
	for (unsigned at = 0; at < 60; at++) {
		begin(mode, &r);
		/* Two are taken of which the device has not been told. */
		dev[to].posted = dev[to].taken = 2;
		post_at = at;
		post_to = to;
		uint64_t start = now_us();
		while (!wait_result(&r, start + 10000000))
			assert_true(now_us() < start + 10000000);
		assert_true(points > at);
		assert_int_equal(ticks, 0);
		assert_int_equal(m.vf[to].wait.lost, 0);
		assert_true(m.vf[to].wait.caught || m.vf[to].wait.irqs == 1);
		assert_int_equal(m.vf[!to].wait.irqs, 0);
		assert_true(dev[to].masked == (mode == WAIT_ADAPTIVE)); /* it interrupts no more */
		assert_false(r.lost);
		end();
	}
}

static void test_every_point(void **state)
{
	(void)state;
	for (unsigned to = 0; to < DEVS; to++) {
		every_point(WAIT_IRQ, to);
		every_point(WAIT_ADAPTIVE, to);
	}
}

/* An interrupt that does not come is not made good by the watchdog in silence. */
static void test_lost_is_told(void **state)
{
	struct wait_set r;
	(void)state;
	begin(WAIT_IRQ, &r);
	assert_int_equal(wait_print(&m, "rings"), SL_OK);
	dev[1].mute = true;
	post_at = 20;
	post_to = 1;
	assert_true(wait_result(&r, now_us() + 10000000));
	assert_int_equal(ticks, 1);
	assert_int_equal(m.vf[1].wait.lost, 1);
	assert_int_equal(m.vf[0].wait.lost, 0);
	assert_true(r.lost);
	assert_int_equal(wait_print(&m, "rings"), SL_VERIFY);
	end();
}

/* Nothing comes at all: it ends, within a second. */
static void test_deadline(void **state)
{
	struct wait_set r;
	(void)state;
	for (enum wait_mode mode = WAIT_POLL; mode <= WAIT_ADAPTIVE; mode++) {
		begin(mode, &r);
		uint64_t until = now_us() + 3000000;
		assert_false(wait_result(&r, until));
		assert_true(now_us() >= until && now_us() < until + 1100000);
		assert_int_equal(m.vf[0].wait.lost, 0);
		end();
	}
}

/* A fault event ends the wait of core 0, and of no other core. */
static void test_fault_event(void **state)
{
	struct wait_set r;
	(void)state;
	begin(WAIT_IRQ, &r);
	m.faults.events++;
	uint64_t start = now_us();
	assert_false(wait_result(&r, start + 3000000));
	assert_true(now_us() < start + 1000);
	support_core = 1;
	wait_of(&m, 0, DEVS, &r);
	support_core = 0;
	assert_false(wait_result(&r, start + 3000000));
	assert_true(now_us() >= start + 3000000);
	end();
}

/* adaptive looks for a while before it arms; irq does not. */
static void test_turn(void **state)
{
	struct wait_set r;
	(void)state;
	begin(WAIT_ADAPTIVE, &r);
	uint64_t start = now_us();
	wait_turn(&r, 0, start + 500000);
	assert_int_equal(m.vf[0].wait.arms, 0);
	delay_us(WAIT_IDLE_US / 2);
	wait_turn(&r, 3, start + 500000); /* busy: it begins again */
	wait_turn(&r, 0, start + 500000);
	delay_us(WAIT_IDLE_US / 2);
	wait_turn(&r, 0, start + 500000);
	assert_int_equal(m.vf[0].wait.arms, 0);
	delay_us(WAIT_IDLE_US);
	post_at = points + 8;
	wait_turn(&r, 0, start + 500000);
	assert_int_equal(m.vf[0].wait.arms, 1);
	assert_int_equal(ticks, 0);
	end();
	begin(WAIT_IRQ, &r);
	post_at = points + 8;
	wait_turn(&r, 0, now_us() + 500000);
	assert_int_equal(m.vf[0].wait.arms, 1);
	end();
	begin(WAIT_POLL, &r);
	post_at = UINT32_MAX;
	dev[0].posted = 1;
	wait_turn(&r, 0, now_us() + 500000);
	assert_int_equal(m.vf[0].wait.arms, 0);
	assert_int_equal(handlers, 0); /* none was assigned */
	end();
}

/* Interrupts go to the core that works the VF. */
static void test_cores(void **state)
{
	struct wait_set r;
	(void)state;
	cores_there = 2;
	begin(WAIT_IRQ, &r);
	for (unsigned v = 0; v < DEVS; v++)
		assert_int_equal(sent_to[v], 10 + m.vf[v].core);
	assert_int_equal(m.vf[0].core, 1);
	assert_int_equal(m.vf[1].core, 0);
	end();
	cores_there = 1;
}

static char said[4096];

static void sink(const char *text, size_t len)
{
	size_t at = strlen(said);
	if (at + len >= sizeof said)
		at = 0;
	memcpy(said + at, text, len);
	said[at + len] = 0;
}

static void assert_why(const char *words)
{
	bool irqs;
	said[0] = 0;
	assert_int_equal(wait_check(&m, &irqs), SL_UNSUPPORTED);
	if (!strstr(said, words))
		fail_msg("expected \"%s\" in: %s", words, said);
}

static void test_check(void **state)
{
	struct wait_set r;
	bool irqs;
	(void)state;
	log_sink_add(sink);
	begin(WAIT_ADAPTIVE, &r);
	end();
	assert_int_equal(wait_check(&m, &irqs), SL_OK);
	assert_true(irqs);
	m.irqs_remapped = false;
	assert_why("mode=adaptive needs interrupts, and there are none: no unit remaps them");
	can_halt = false;
	assert_why("there is no MADT table");
	boot.cfg.iommu = 0;
	assert_why("iommu=off");
	boot.cfg.mode = WAIT_POLL;
	assert_int_equal(wait_check(&m, &irqs), SL_OK);
	assert_false(irqs);
	begin(WAIT_IRQ, &r);
	end();
	m.vf[1].msix.vectors = 0;
	said[0] = 0;
	handlers = 0;
	assert_int_equal(wait_open(&m), SL_UNSUPPORTED);
	assert_non_null(strstr(said, "a VF has no MSI-X"));
	wait_close(&m);
	assert_int_equal(entries, 0);
	can_halt = true;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_point), cmocka_unit_test(test_lost_is_told),
		cmocka_unit_test(test_deadline),    cmocka_unit_test(test_fault_event),
		cmocka_unit_test(test_turn),        cmocka_unit_test(test_cores),
		cmocka_unit_test(test_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
