/* Attacks by functions that have lost their domain: in which order a function is seen to reach a place, taken
 * out of its domain, and told to try again. Domains, functions and the cases themselves are made up here. */
#include <string.h>
#include "apps/proof/bystanders.h"
#include "apps/vf/stages.h"
#include "apps/proof/case.h"
#include "apps/vf/batch.h"
#include "apps/work/timed.h"
#include "apps/vf/domain.h"
#include "apps/vf/msix.h"
#include "apps/vf/nvme.h"
#include "apps/work/pattern.h"
#include "drivers/nvme/reset.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/never_proof.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

#define PLACE (2 * PAGE_SIZE)

static struct attackers all;
static struct trial trial[2];
static struct domain *edu_dom;
static struct pci_func fn[4]; /* of VFs 0 and 1, the PF, and edu */
static struct nvme_own nvme[STAGES_VFS];
static struct nvme_pf pf_nvme;
static struct nvme_ctrl ctrl;
static _Alignas(PAGE_SIZE) uint8_t place[PLACE];
static struct domain *const own = (struct domain *)&mach, *const brief = (struct domain *)&boot;
static struct domain *in; /* the function is in that domain */
static bool mapped, ready, master, guarded, guards_vf[2], guards_pf, deaf, deaf_later, slow, unmap_fails,
	busy, pf_fails, irqs;
static const struct dma_buf scratch = {.iova = {WINDOW + 0x80000}, .phys = {0x8000000}, .len = 3 * PAGE_SIZE};
static unsigned scratch_mapped, scratch_maps;
static unsigned share;
static unsigned turn; /* both ends of the second page are written to */
static unsigned due;  /* looks at the clock until what was sent lands */
static unsigned n_tried, n_no_effect, n_broken, opened, closed, freed, returned, stages, registers;
static char log_of[512];  /* what happened, one letter each */
static const char *again; /* the VF that fetched */

static void note(const char *what)
{
	strncat(log_of, what, sizeof log_of - strlen(log_of) - 1);
}

/* As edu: nothing keeps it from being detached. */
static enum sl_err writer_release(struct machine *machine, struct attacker *by, struct attacker *bare)
{
	assert_ptr_equal(machine, &mach);
	*bare = *by;
	return SL_OK;
}

static enum sl_err writer_restore(struct machine *machine, struct attacker *by)
{
	assert_true(machine == &mach && in == own && by == &all.one[1]);
	return SL_OK;
}

static const struct strike_ops writer = {.release = writer_release, .restore = writer_restore};
const struct bystanders bystanders_block;
const struct strike_ops strike_packet_fetch;

/* How they strike is made up, so nothing of it is called. */
NEVER(attackers_add(struct machine *m, struct attackers *a, const struct attacker *who))
NEVER_STRIKES
NEVER_VOID(guard_regs(uint64_t (*sum)(const void *of), const void *of))

uint64_t timed_seed(const struct vf *vf, uint64_t chunk)
{
	fail();
	return 0;
}

/* A controller that is closed can only fetch. */
bool attack_possible(const struct attacker *by, const struct attack *a)
{
	return !a->write || by->ops == &writer;
}

/* What a function is to find is laid before each access to the place: in the first page, not in what it
 * changes. */
void attack_bait(const struct attacker *by, const struct attack *a, void *p)
{
	assert_true(p == place && !guarded && a->seen);
	if (by->ops->bait)
		by->ops->bait(by, a, p);
}

enum sl_err attack_ready(struct machine *machine, struct attacker *by, const struct attack *a)
{
	(void)machine;
	(void)by;
	(void)a;
	assert_ptr_equal(in, own); /* afterwards it could not be */
	ready = true;
	return stages_call();
}

enum sl_err attack_strike(struct machine *machine, struct attacker *by, const struct attack *a, char *text,
			  size_t n)
{
	(void)machine;
	(void)text;
	(void)n;
	assert_true(ready && a->seen && in && mapped && master);
	assert_int_equal(a->to, WINDOW + PAGE_PASSING);
	assert_int_equal(a->write, by->ops == &writer);
	assert_int_equal(by->ops == &strike_nvme_fetch, by->fn != &fn[3]);
	due = slow ? 5 : 0;
	if (!deaf && !slow && !(deaf_later && in == brief))
		place[!by->ops->bait ? 0 : turn++ % 2 ? PLACE - 5 : PAGE_SIZE + 5] = 1;
	if (deaf &&
	    by->ops->bait) /* what it has read it marks as read, which shows nothing of the second page */
		place[PAGE_SIZE - 3] = 9;
	note("s");
	return stages_call();
}

/* The attack itself writes the registers of a controller that is closed; those of an open one must not
 * change. */
static void assert_guards_now(void)
{
	for (unsigned v = 0; v < 2; v++)
		assert_int_equal(guards_vf[v], mach.vf[v].queue != NULL);
	assert_int_equal(guards_pf, mach.pf_open);
}

void trial_run(const struct trial *t, const struct attack *what, bool enforceable)
{
	struct attack a = *what;
	assert_true(enforceable && a.seen && a.why == WHY_NO_DOMAIN);
	assert_true(!in && !*t->by->dom && master && t->by->others == &bystanders_block);
	assert_true(t->by->ops->bait || t->by->ops == (a.write ? &writer : &strike_nvme_fetch));
	if (t->by->ops->bait)
		assert_true(guarded && place[3] == 7 && pattern_is_zero(place + PAGE_SIZE, PAGE_SIZE));
	else if (a.to == WINDOW + PAGE_PASSING)
		assert_true(guarded && pattern_is_zero(place, PLACE));
	else
		assert_true(!a.write && a.to == WINDOW + WINDOW_QUEUES && !strcmp(t->by->name, again));
	assert_guards_now();
	n_tried++;
	note(!strcmp(a.name, "after detach")          ? "D"
	     : !strcmp(a.name, "its domain is gone")  ? "G"
	     : !strcmp(a.name, "VF off and on again") ? "A"
						      : "?");
}

void trial_no_effect(const struct trial *t, const struct attack *a)
{
	(void)t;
	(void)a;
	n_no_effect++;
}

void trial_broken(const struct trial *t, const char *what)
{
	(void)t;
	(void)what;
	n_broken++;
}

void attackers_guard(struct machine *machine, const struct attackers *p)
{
	assert_true(machine == &mach && p == &all);
	guarded = false;
	for (unsigned v = 0; v < 2; v++)
		guards_vf[v] = mach.vf[v].queue != NULL;
	guards_pf = mach.pf_open;
}

void guard_add(const void *va, size_t len)
{
	guarded = va == place && len == PLACE;
}

enum sl_err make_domain(struct machine *machine, const char *name, bdf_t f, struct domain **dom)
{
	(void)machine;
	(void)name;
	(void)f;
	*dom = brief;
	return stages_call();
}

enum sl_err dma_get(struct domain *dom, iova_t iova, uint64_t len, unsigned perm, struct dma_buf *out)
{
	assert_true(len == PLACE && perm == DOMAIN_RW && iova.v == WINDOW + PAGE_PASSING);
	enum sl_err e = stages_call();
	if (e)
		return e;
	memset(place, 0, sizeof place);
	mapped = true;
	*out = (struct dma_buf){place, iova, PHYS(0x9000000), len, dom};
	return SL_OK;
}

/* Memory that is given back may change, so it is not guarded any more. */
enum sl_err dma_put(struct dma_buf *b)
{
	assert_false(guarded);
	mapped = false;
	b->len = 0;
	returned++;
	return stages_call();
}

enum sl_err domain_attach(struct domain *dom, bdf_t f)
{
	enum sl_err e = in ? SL_BUSY : stages_call();
	(void)f;
	if (e)
		return e;
	in = dom;
	note("a");
	return SL_OK;
}

enum sl_err domain_detach(struct domain *dom, bdf_t f)
{
	(void)f;
	enum sl_err e = stages_call();
	assert_ptr_equal(in, dom);
	if (e)
		return e;
	in = NULL;
	note("d");
	return SL_OK;
}

/* What the function needs besides: in the brief domain while it is attached to that. */
enum sl_err domain_map(struct domain *dom, iova_t iova, phys_t phys, uint64_t len, unsigned perm)
{
	assert_true(dom == brief && !in && iova.v == scratch.iova.v && phys.v == scratch.phys.v &&
		    len == scratch.len && perm == DOMAIN_RW);
	enum sl_err e = stages_call();
	scratch_mapped += !e;
	scratch_maps++;
	return e;
}

enum sl_err domain_unmap(struct domain *dom, iova_t iova, uint64_t len)
{
	if (iova.v == scratch.iova.v) {
		assert_true(dom == brief && len == scratch.len && !in && scratch_mapped);
		scratch_mapped--;
		return stages_call();
	}
	assert_true(dom == brief && len == PLACE && !in && !scratch_mapped);
	mapped = false;
	return unmap_fails ? SL_TIMEOUT : stages_call();
}

enum sl_err domain_destroy(struct domain *dom)
{
	assert_true(dom == brief && !in && !mapped);
	note("x");
	return stages_call();
}

void pmm_free(phys_t base, uint64_t n)
{
	assert_true(base.v == 0x9000000 && n == 2 && !guarded);
	freed++;
}

void pci_bus_master(struct pci_func *f, bool on)
{
	(void)f;
	master = on;
	note(on ? "+" : "-");
}

enum sl_err wait_check(const struct machine *machine, bool *want)
{
	(void)machine;
	*want = irqs;
	return stages_call();
}

enum sl_err nvme_vf_close(struct nvme_vf *vf)
{
	(void)vf;
	closed++;
	return busy ? SL_TIMEOUT : stages_call();
}

/* As it was: queues, interrupt, shadow doorbells, depth. */
enum sl_err nvme_vf_open(struct nvme_vf *vf, const struct nvme_vf_cfg *cfg)
{
	(void)vf;
	assert_true(in == own && master);
	assert_true(cfg->depth == 31 && cfg->queues == 2 && cfg->shadow &&
		    cfg->irq == (irqs && mach.vf[share].msix.vectors) && cfg->share == share &&
		    cfg->shares == 2);
	opened++;
	return stages_call();
}

enum sl_err nvme_pf_close(struct nvme_pf *pf)
{
	(void)pf;
	note("c");
	return pf_fails ? SL_TIMEOUT : stages_call();
}

static bool flr; /* the controller needs a function level reset, */
static unsigned msix_opened;

enum sl_err nvme_fatal_reset(const struct pci *pci, struct pci_func *f, const struct nvme_io *io, bool *done)
{
	(void)pci;
	(void)f;
	(void)io;
	assert_ptr_equal(in, own);
	*done = flr;
	return stages_call();
}

void vf_msix_close(struct vf *vf)
{
	vf->msix.vectors = 0;
}

enum sl_err vf_msix_open(struct vf *vf)
{
	assert_int_equal(vf->msix.vectors, 0);
	vf->msix.vectors = 1;
	msix_opened++;
	return stages_call();
}

struct nvme_io nvme_io_mmio(const struct pci_func *f, volatile void *regs)
{
	assert_true(f == &fn[0] || f == &fn[1]);
	(void)regs;
	registers++;
	return (struct nvme_io){0};
}

enum sl_err vf_give_queues(struct machine *machine, struct vf *vf)
{
	(void)machine;
	(void)vf;
	return stages_call();
}

enum sl_err function_connect(struct pci_func *f, struct domain *dom, volatile void **regs)
{
	(void)f;
	(void)regs;
	assert_true(!dom && !in);
	enum sl_err e = stages_call();
	master = !e;
	return e;
}

void function_disconnect(struct pci_func *f, struct domain *dom)
{
	(void)f;
	assert_null(dom);
	master = false;
}

void undo_domains(struct machine *machine)
{
	(void)machine;
	note("1");
}

void undo_sriov(struct machine *machine)
{
	(void)machine;
	note("2");
	in = own; /* what follows is the PF's */
	master = true;
}

void undo_pf(struct machine *machine)
{
	(void)machine;
	assert_true(in == own || stages_calls >= stages_fail_at);
	in = NULL;
	note("3");
}

enum sl_err stage_pf(struct machine *machine)
{
	enum sl_err e = stages_call();
	stages++;
	machine->pf_open = !e;
	return e;
}

enum sl_err stage_sriov(struct machine *machine)
{
	(void)machine;
	stages++;
	return stages_call();
}

static void meanwhile(void)
{
	if (due && --due == 0)
		place[PAGE_SIZE + 5] = 1;
}

static int start(void **state)
{
	static struct block accel;
	(void)state;
	stages_start(0, own);
	memset(&all, 0, sizeof all);
	mach.vfs = 2;
	mach.pf_own = &pf_nvme;
	mach.pf = &fn[2];
	mach.pf_dom = own;
	mach.pf_open = true;
	boot.cfg.queues = 2;
	boot.cfg.doorbell = DOORBELL_SHADOW;
	accel.q.depth = 31;
	for (unsigned v = 0; v < 2; v++) {
		mach.vf[v] = (struct vf){.index = v, .fn = &fn[v], .dom = own};
		vf_stores(&mach.vf[v], &accel);
		nvme[v].vf.ctrl = &ctrl;
		mach.vf[v].own = &nvme[v];
		mach.vf[v].msix.vectors = 1;
	}
	edu_dom = own;
	all.one[0] = (struct attacker){.fn = &fn[1],
				       .dom = &mach.vf[1].dom,
				       .ops = &strike_nvme_vf,
				       .dev = &mach.vf[1],
				       .others = &bystanders_block};
	all.one[1] =
		(struct attacker){.fn = &fn[3], .dom = &edu_dom, .ops = &writer, .others = &bystanders_block};
	for (unsigned i = 0; i < 2; i++)
		trial[i] = (struct trial){.m = &mach, .all = &all, .by = &all.one[i]};
	again = "VF1";
	share = 1;
	in = own;
	master = true;
	attackers_guard(&mach, &all);
	scratch_mapped = scratch_maps = 0;
	ready = mapped = guarded = deaf = deaf_later = slow = unmap_fails = busy = pf_fails = false;
	irqs = true;
	support_meanwhile = meanwhile;
	n_tried = n_no_effect = n_broken = opened = closed = freed = returned = stages = registers = 0;
	log_of[0] = 0;
	return 0;
}

static void assert_counts(unsigned tried, unsigned no_effect, unsigned broken)
{
	assert_int_equal(n_tried, tried);
	assert_int_equal(n_no_effect, no_effect);
	assert_int_equal(n_broken, broken);
}

static void test_edu(void **state)
{
	(void)state;
	assert_int_equal(case_detached_run(&trial[1]), SL_OK);
	assert_string_equal(log_of, "sdDasdxG-a+");
	assert_counts(2, 0, 0);
	assert_true(in == own && master && returned == 1 && freed == 1);
	start(state);
	slow = true; /* what it writes needs some time */
	assert_int_equal(case_detached_run(&trial[1]), SL_OK);
	assert_counts(2, 0, 0);
}

/* What it needs besides is in the domain that is made for it, and in no other. */
static void test_along(void **state)
{
	(void)state;
	all.one[1].along = &scratch;
	assert_int_equal(case_detached_run(&trial[1]), SL_OK);
	assert_string_equal(log_of, "sdDasdxG-a+");
	assert_counts(2, 0, 0);
	assert_true(scratch_maps == 1 && !scratch_mapped);
}

static void lays(const struct attacker *by, const struct attack *a, void *p)
{
	assert_true(by->fn && a->to == WINDOW + PAGE_PASSING);
	((uint8_t *)p)[3] = 7;
	note("b");
}

/* What has to be fetched is laid before each access, and again before the attack; it is not what shows that
 * the place was reached. */
static void test_bait(void **state)
{
	static struct strike_ops fetches;
	fetches = writer;
	fetches.bait = lays;
	all.one[1].ops = &fetches;
	(void)state;
	assert_int_equal(case_detached_run(&trial[1]), SL_OK);
	assert_string_equal(log_of, "bsdbDabsdxbG-a+");
	assert_counts(2, 0, 0);
	start(state);
	all.one[1].ops = &fetches;
	deaf = true; /* what was laid is there all the same */
	assert_int_equal(case_detached_run(&trial[1]), SL_OK);
	assert_counts(0, 2, 0);
	all.one[1].ops = &writer;
}

static void lays_both(const struct attacker *by, const struct attack *a, void *p)
{
	lays(by, a, p);
	((uint8_t *)p)[PAGE_SIZE + 7] = 7;
}

/* What is laid into the second page is not what shows that it was reached. */
static void test_bait_of_both(void **state)
{
	static struct strike_ops fetches;
	(void)state;
	fetches = writer;
	fetches.bait = lays_both;
	all.one[1].ops = &fetches;
	deaf = true;
	assert_int_equal(case_detached_run(&trial[1]), SL_OK);
	assert_counts(0, 2, 0);
	all.one[1].ops = &writer;
}

static void test_vf(void **state)
{
	(void)state;
	assert_int_equal(case_detached_run(&trial[0]), SL_OK);
	assert_string_equal(log_of, "sdDasdxG-a+");
	assert_counts(2, 0, 0);
	assert_true(opened == 1 && closed == 1 && mach.vf[1].medium == &nvme[1].vf.block);
	assert_int_equal(msix_opened, 0);
	start(state);
	flr = true; /* its interrupts are off afterwards */
	mach.vf[1].msix.vectors = 1;
	assert_int_equal(case_detached_run(&trial[0]), SL_OK);
	assert_true(opened == 1 && msix_opened == 1);
	flr = false;
	start(state);
	busy = true; /* it does not stop: nothing is tried, and it is not open any more */
	assert_int_equal(case_detached_run(&trial[0]), SL_TIMEOUT);
	assert_counts(0, 0, 0);
	assert_null(mach.vf[1].queue);
	for (unsigned way = 0; way < 2; way++) { /* interrupts where both are for them */
		start(state);
		irqs = way;
		mach.vf[1].msix.vectors = !way;
		assert_int_equal(case_detached_run(&trial[0]), SL_OK);
		assert_int_equal(opened, 1);
	}
	start(state);
	stages_fail_at = 1; /* its queues are not as they should be: nothing is begun */
	assert_int_equal(case_detached_run(&trial[0]), SL_DEVICE);
	assert_true(!closed && mach.vf[1].queue);
}

static void test_never_reached(void **state)
{
	(void)state;
	deaf = true;
	assert_int_equal(case_detached_run(&trial[1]), SL_OK);
	assert_counts(0, 2, 0);
	assert_true(in == own && master);
}

static void test_broken(void **state)
{
	(void)state;
	unmap_fails = true; /* what is still mapped somewhere is not given back */
	assert_int_equal(case_detached_run(&trial[1]), SL_OK);
	assert_counts(1, 0, 1);
	assert_int_equal(freed, 0);
}

/* Nothing without a domain, and not the PF while its VFs are on. */
static void test_left_out(void **state)
{
	static struct domain *none;
	(void)state;
	all.one[0] = (struct attacker){.fn = &fn[2], .dom = &mach.pf_dom, .ops = &strike_nvme_pf};
	assert_int_equal(case_detached_run(&trial[0]), SL_OK);
	all.one[1].dom = &none;
	assert_int_equal(case_detached_run(&trial[1]), SL_OK);
	assert_counts(0, 0, 0);
}

/* A VF that is on again is tried when its fetches were seen while it had a domain: VF 1 here, and not VF 0.
 */
static void test_functions(void **state)
{
	(void)state;
	assert_int_equal(case_detached_run(&trial[0]), SL_OK);
	log_of[0] = 0;
	n_tried = n_no_effect = 0;
	assert_int_equal(case_functions_run(&mach, &all), SL_OK);
	assert_string_equal(log_of, "12csdDasdxG-a3A");
	assert_counts(3, 1, 0);
	assert_true(stages == 2 && registers == 2);
	unsigned calls = stages_calls;
	start(state);
	stages_fail_at = calls; /* the last VF cannot be brought up */
	assert_int_equal(case_detached_run(&trial[0]), SL_OK);
	assert_int_equal(case_functions_run(&mach, &all), SL_DEVICE);
	start(state);
	deaf_later = true; /* seen once, and not in the domain that came after: no control */
	assert_int_equal(case_detached_run(&trial[0]), SL_OK);
	assert_counts(1, 1, 0);
	deaf_later = false;
	n_tried = n_no_effect = 0;
	assert_int_equal(case_functions_run(&mach, &all), SL_OK);
	assert_counts(2, 2, 0);
	start(state);
	pf_fails = true;
	assert_int_equal(case_functions_run(&mach, &all), SL_TIMEOUT);
	assert_counts(0, 0, 0);
}

/* The same of the first VF; what an entry behind the last VF says does not count. */
static void test_functions_first(void **state)
{
	(void)state;
	again = "VF0";
	share = 0;
	all.one[0].fn = &fn[0];
	all.one[0].dom = &mach.vf[0].dom;
	all.one[0].dev = &mach.vf[0];
	mach.vf[2].fn = &fn[0];
	assert_int_equal(case_detached_run(&trial[0]), SL_OK);
	assert_true(all.fetched[0] && !all.fetched[1] && !all.fetched[2]);
	mach.vf[2].fn = &fn[1];
	all.fetched[2] = true;
	n_tried = 0;
	assert_int_equal(case_functions_run(&mach, &all), SL_OK);
	assert_counts(3, 1, 0);
}

/* Whichever call fails: the error comes out, or the case counts as broken or as one that had no effect; never
 * is all well. It is not left with bus mastering where nobody attached it, and what may still be mapped is
 * not freed. */
static void every_call_fails(enum sl_err (*run)(void), unsigned cases)
{
	for (unsigned n = 1;; n++) {
		start(NULL);
		stages_fail_at = n;
		enum sl_err e = run();
		if (stages_calls < n) {
			assert_int_equal(e, SL_OK);
			assert_int_equal(n_tried + n_no_effect, cases);
			return;
		}
		if (!e && !n_broken && n_tried == cases)
			fail_msg("call %u fails, and all is well", n);
		if (master && in != own && in != brief)
			fail_msg("call %u fails, and it masters the bus in no domain", n);
		assert_true(freed <= 1 && !(freed && mapped));
	}
}

static enum sl_err run_edu(void)
{
	return case_detached_run(&trial[1]);
}

static enum sl_err run_with_scratch(void)
{
	all.one[1].along = &scratch;
	return case_detached_run(&trial[1]);
}

static enum sl_err run_vf(void)
{
	return case_detached_run(&trial[0]);
}

static enum sl_err run_functions(void)
{
	return case_functions_run(&mach, &all);
}

static void test_every_call_fails(void **state)
{
	(void)state;
	every_call_fails(run_edu, 2);
	every_call_fails(run_with_scratch, 2);
	every_call_fails(run_vf, 2);
	every_call_fails(run_functions, 4);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {T(test_functions), T(test_functions_first), T(test_edu),
					   T(test_along),     T(test_bait_of_both),    T(test_vf),
					   T(test_bait),      T(test_never_reached),   T(test_broken),
					   T(test_left_out),  T(test_every_call_fails)};
	support_clock_step = 20; /* a wait of a second ends after 50,000 looks at the clock */
	return cmocka_run_group_tests_name("case_detached", tests, NULL, NULL);
}
