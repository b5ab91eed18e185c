/* Stage isolate: who attacks, with which pages, what is guarded, and what is given back whichever call fails.
 * The cases and the hardware are made up here; tests/unit/test_attack.c, test_ledger.c and test_case_*.c
 * have the cases. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "apps/proof/bystanders.h"
#include "apps/vf/stages.h"
#include "apps/proof/case.h"
#include "apps/proof/case_rdma.h"
#include "drivers/edu/edu.h"
#include "apps/bringup/faults.h"
#include "apps/vf/domain.h"
#include "apps/vf/nvme.h"
#include "apps/work/timed.h"
#include "apps/proof/stages.h"
#include "apps/proof/cases.h"
#include "apps/proof/standin.h"
#include "apps/report/pace.h"
#include "apps/vf/own_memory.h"
#include "apps/work/pattern.h"
#include "kernel/pmm.h"
#include "kernel/console.h"
#include "kernel/paging.h"
#include "pci/path.h"
#include "apps/vf/batch.h"
#include "apps/vf/msix.h"
#include "drivers/nvme/reset.h"
#include "tests/unit/never_proof.h"
#include "tests/unit/support.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

#define FULL      0xffu /* requester id of an attacker that stage isolate does not make */
#define VFS       2u
#define ATTACKERS (VFS + 2) /* and the PF, and edu */
#define BUFFERS   (ATTACKERS * 4 + 1)
#define DECOY     0x6000000ull
#define TABLE     0x40001000ull
#define CONTEXT   0x40003000ull

static struct domain *const dom = (struct domain *)&mach, *const pf_dom = (struct domain *)&boot;
static struct domain *const edu_dom = (struct domain *)vf_fn;
static struct pci_func pf_fn, edu_fn;
static struct block accel[VFS_MAX];
static struct block_store store[VFS_MAX];
static struct nvme_own own[VFS_MAX];
static struct nvme_pf pf_nvme;
static struct nvme_ctrl ctrl[VFS_MAX];
static uint8_t kernel_data[PAGE_SIZE], kernel_text[PAGE_SIZE];
static uint8_t *edu_page;
static unsigned steps; /* of an attacker's turn */
static unsigned live, put_fails, domains, connected, watched, decoys, exact, memory_runs, detached_runs,
	function_runs, rdma_runs, made_domains, prepared, sums, heads, freed, forgotten, cleared,
	kernel_fills;
static bool has_edu, edu_misses, claimed, stopped, not_refused, no_tables;
static uint64_t pages_free, lost_each; /* pages that each pass loses */
static const void *guarded[512];
static uint64_t guarded_len[512];
static unsigned n_guarded, n_regs, n_tables;

/* ---- what it calls ---- */

struct proof_cases *proof_cases(void)
{
	static struct proof_cases cases;
	return &cases;
}

void cases_clear(struct proof_cases *all)
{
	assert_ptr_equal(all, proof_cases());
	forgotten++;
}

void ledger_clear(void)
{
	cleared++;
}

static unsigned briefs;

void ledger_brief(bool on)
{
	briefs += on;
}

void standin_fill(void)
{
	kernel_fills++;
}

uint8_t *standin_data(void)
{
	return kernel_data;
}

const uint8_t *standin_text(void)
{
	return kernel_text;
}

uint64_t bystanders_frames(void)
{
	return 0;
}

uint64_t bystanders_verified(void)
{
	return 77;
}

phys_t paging_decoy_table(void)
{
	decoys++;
	return PHYS(DECOY);
}

uint64_t pmm_free_pages(void)
{
	return pages_free;
}

bool console_stop(void)
{
	return stopped;
}

void ledger_print_head(void)
{
	heads++;
}

void ledger_print_sum(const struct machine *machine)
{
	assert_ptr_equal(machine, &mach);
	sums++;
}

enum sl_err dma_get(struct domain *d, iova_t iova, uint64_t len, unsigned perm, struct dma_buf *out)
{
	enum sl_err e = stages_call();
	(void)perm;
	if (e)
		return e;
	live++;
	*out = (struct dma_buf){
		.va = calloc(1, len), .iova = iova, .phys = PHYS(TABLE), .len = len, .dom = d};
	if (d == edu_dom && iova.v == WINDOW + WINDOW_BUFFERS)
		edu_page = out->va;
	return SL_OK;
}

enum sl_err dma_put(struct dma_buf *buf)
{
	if (!buf->va)
		return SL_OK;
	live--;
	free(buf->va);
	*buf = (struct dma_buf){0};
	return put_fails && !--put_fails ? SL_TIMEOUT : SL_OK;
}

enum sl_err iommu_walk(struct iommu *mmu, bdf_t fn, iova_t iova, struct iommu_walk *out)
{
	assert_ptr_equal(mmu, &mach.iommu);
	assert_int_equal(iova.v, WINDOW + PAGE_TARGET);
	*out = (struct iommu_walk){.table = {[WALK_FUNCTION] = {"contexts", PHYS(CONTEXT)},
					     [WALK_PAGES] = {"pages", PHYS(TABLE + fn.rid * PAGE_SIZE)}}};
	return no_tables ? SL_NOTFOUND : SL_OK;
}

const char *iommu_reasons(const struct iommu *mmu)
{
	assert_ptr_equal(mmu, &mach.iommu);
	return "7 as the unit has it";
}

static bool no_unit, in_domain, no_path;

enum sl_err iommu_unit_of(const struct iommu *mmu, bdf_t fn, unsigned *unit)
{
	(void)mmu;
	(void)fn;
	*unit = 0;
	return no_unit ? SL_NOTFOUND : SL_OK;
}

struct domain *iommu_domain_of(struct iommu *mmu, bdf_t fn)
{
	(void)mmu;
	return in_domain && fn.rid == edu_fn.bdf.rid ? dom : NULL;
}

const struct pci_func *pci_path_stop(const struct pci_func *fn, const struct pci_bar *bar)
{
	assert_ptr_equal(bar, &fn->bar[0]);
	return no_path ? fn : NULL;
}

struct pci_func *edu_find(const struct pci *pci)
{
	assert_ptr_equal(pci, &mach.pci);
	return has_edu ? &edu_fn : NULL;
}

enum sl_err make_domain(struct machine *machine, const char *name, bdf_t fn, struct domain **d)
{
	enum sl_err e = stages_call();
	assert_ptr_equal(machine, &mach);
	assert_string_equal(name, "edu");
	assert_int_equal(fn.rid, edu_fn.bdf.rid);
	if (e)
		return e;
	*d = edu_dom;
	domains++;
	return SL_OK;
}

void drop_domain(struct domain **d)
{
	domains -= *d != NULL;
	*d = NULL;
}

enum sl_err function_connect(struct pci_func *fn, struct domain *d, volatile void **regs)
{
	enum sl_err e = stages_call();
	assert_true(fn == &edu_fn && d == edu_dom);
	*regs = kernel_data;
	connected += !e;
	return e;
}

void function_disconnect(struct pci_func *fn, struct domain *d)
{
	assert_ptr_equal(fn, &edu_fn);
	assert_true(live == 0 || live == 1); /* edu's own page is the last, and is not freed under it */
	if (connected)
		assert_ptr_equal(d, edu_dom);
	connected = 0;
}

enum sl_err edu_open(struct edu *edu, volatile void *regs)
{
	(void)edu;
	assert_ptr_equal(regs, kernel_data);
	return stages_call();
}

/* Brings what it took before, at its own page. */
enum sl_err edu_dma(struct edu *edu, uint64_t at, uint32_t len, bool to_memory)
{
	static uint8_t byte;
	(void)edu;
	assert_true(claimed && at == WINDOW + WINDOW_BUFFERS && len == EDU_BUFFER);
	if (!to_memory)
		byte = edu_page[EDU_BUFFER - 1];
	else if (!edu_misses)
		memset(edu_page, byte, len);
	return stages_call();
}

void faults_watch(struct machine *machine, bdf_t fn)
{
	assert_ptr_equal(machine, &mach);
	assert_int_equal(fn.rid, edu_fn.bdf.rid);
	watched++;
}

bdf_t function_requester(const struct machine *machine, bdf_t fn)
{
	assert_ptr_equal(machine, &mach);
	return fn.rid == edu_fn.bdf.rid ? (bdf_t){0, 0x300} : fn;
}

void iommu_fault_claim(struct iommu *mmu, bdf_t id)
{
	(void)mmu;
	assert_int_equal(id.rid, 0x300);
	claimed = true;
}

void iommu_fault_unclaim(struct iommu *mmu)
{
	(void)mmu;
	claimed = false;
}

bool iommu_fault_waits(struct iommu *mmu)
{
	(void)mmu;
	return false;
}

static void assert_range(const struct table_range *r, uint64_t off, uint64_t pages, unsigned perm)
{
	assert_int_equal(r->buf->iova.v, WINDOW + off);
	assert_int_equal(r->buf->len, pages * PAGE_SIZE);
	assert_int_equal(r->perm, perm);
}

enum sl_err tables_exact(struct iommu *mmu, bdf_t fn, const struct table_range *want, unsigned n)
{
	(void)mmu;
	if (fn.rid == FULL) {
		assert_int_equal(n, 4 + VF_RANGES);
		return stages_call();
	}
	assert_range(&want[0], PAGE_TARGET, 1, DOMAIN_RW);
	assert_range(&want[1], PAGE_READONLY, 1, DOMAIN_R);
	assert_range(&want[2], PAGE_WRITEONLY, 1, DOMAIN_W);
	assert_range(&want[3], PAGE_ALLOWED, ALLOWED_PAGES, DOMAIN_RW);
	assert_int_equal(want[4].perm, DOMAIN_RW);
	if (fn.rid == edu_fn.bdf.rid) {
		assert_range(&want[4], WINDOW_BUFFERS, 1, DOMAIN_RW);
	} else if (fn.rid == pf_fn.bdf.rid) {
		assert_ptr_equal(want[4].buf, &pf_nvme.ctrl.mem);
	} else {
		const struct vf *vf = &mach.vf[fn.rid - STAGES_FIRST];
		assert_true(want[4].buf == &vf->block && want[5].buf == &vf->readonly);
		assert_int_equal(want[5].perm, DOMAIN_R);
	}
	assert_int_equal(n, fn.rid == edu_fn.bdf.rid || fn.rid == pf_fn.bdf.rid ? 5 : 6);
	exact++;
	return stages_call();
}

enum sl_err domains_check(struct machine *machine)
{
	assert_ptr_equal(machine, &mach);
	return stages_call();
}

enum sl_err stage_domains(struct machine *machine)
{
	assert_ptr_equal(machine, &mach);
	made_domains++;
	return stages_call();
}

enum sl_err timed_prepare(struct machine *machine)
{
	assert_ptr_equal(machine, &mach);
	prepared++;
	return stages_call();
}

const struct attack_case cases_memory[1];

void case_interrupt_run(const struct trial *t)
{
	assert_ptr_equal(t->m, &mach);
	assert_int_equal(++steps, 2);
}

void cases_run(const struct trial *t, const struct attack_case *table, enum case_when when)
{
	assert_ptr_equal(table, cases_memory);
	assert_int_equal(when, ++steps == 1 ? WHEN_ATTACHED : WHEN_UNMAPPING);
	if (when != WHEN_ATTACHED) {
		assert_int_equal(steps, 3);
		steps = 0;
		return;
	}
	assert_int_equal(n_tables, 1); /* guarded before */
	struct machine *machine = t->m;
	const struct attacker *by = t->by;
	bool known = *by->dom && !no_tables;
	assert_true(by == &t->all->one[memory_runs % t->all->n] && t->all->decoy.v == DECOY);
	assert_true(by->target.va && by->readonly.va && by->writeonly.va && by->allowed.va);
	assert_false(pattern_is_zero(by->target.va, PAGE_SIZE));
	assert_int_equal(by->table[WALK_PAGES].at.v, known ? TABLE + by->fn->bdf.rid * PAGE_SIZE : 0);
	assert_int_equal(by->table[WALK_FUNCTION].at.v, known ? CONTEXT : 0);
	assert_ptr_equal(by->others, mach.vf[0].packet ? &bystanders_packet : &bystanders_block);
	assert_true(by->ops == &strike_ahci || by->ops == (by->fn == &edu_fn  ? &strike_edu
							   : by->fn == &pf_fn ? &strike_nvme_pf
									      : &strike_nvme_vf));
	assert_ptr_equal(by->msix,
			 by->ops == &strike_nvme_vf ? &mach.vf[memory_runs % t->all->n].msix : NULL);
	for (unsigned v = 0; v < VFS_MAX; v++)
		assert_false(t->all->fetched[v]);
	memory_runs++;
	machine->tally.cases += 10;
	machine->tally.refused += not_refused ? 9 : 10;
}

enum sl_err case_detached_run(const struct trial *t)
{
	assert_true(t->m == &mach && t->by == &t->all->one[detached_runs % t->all->n]);
	detached_runs++;
	return stages_call();
}

enum sl_err case_rdma_run(struct machine *machine)
{
	assert_ptr_equal(machine, &mach);
	assert_true(!live && !connected && !domains);
	assert_true(!translated(machine) || rdma_runs == function_runs); /* before these */
	rdma_runs++;
	return stages_call();
}

enum sl_err case_functions_run(struct machine *machine, struct attackers *all)
{
	assert_ptr_equal(machine, &mach);
	assert_true(!live && !connected && !domains && !all->n && all->decoy.v == DECOY);
	function_runs++;
	for (unsigned v = 0; v < VFS_MAX; v++) /* of this pass: the next one begins without */
		all->fetched[v] = true;
	pages_free -= lost_each;
	return stages_call();
}

void guard_none(void)
{
	n_guarded = n_regs = n_tables = 0;
}

void guard_add(const void *va, size_t len)
{
	guarded[n_guarded] = va;
	guarded_len[n_guarded++] = len;
}

void guard_regs(uint64_t (*sum)(const void *of), const void *of)
{
	const struct nvme_io *io = of;
	assert_non_null(sum);
	assert_true(n_regs < mach.vfs ? io == &ctrl[n_regs].io : io == &pf_nvme.ctrl.io);
	n_regs++;
}

void guard_tables(struct machine *machine)
{
	assert_ptr_equal(machine, &mach);
	n_tables++;
}

void guard_free(void)
{
	freed++;
}

bool guard_changed_soon(void)
{
	return false;
}

/* Other classes have no function here. */
const struct strike_ops strike_hda, strike_xhci, strike_ehci, strike_nvme_drive, strike_e1000e, strike_igb,
	strike_vrng, strike_vblk, strike_ioat, strike_dsa;

static bool fill; /* of this class there are as many as still fit */

static enum sl_err fill_open(struct machine *machine, struct attackers *a, const struct strike_ops *self)
{
	static struct pci_func any = {.bdf = {0, 0x800}};
	enum sl_err e = SL_OK;
	while (fill && a->n < ATTACKERS_MAX && !e)
		e = attackers_add(machine, a,
				  &(struct attacker){.fn = &any, .dom = &mach.pf_dom, .ops = self});
	if (fill)
		assert_int_equal(attackers_add(machine, a, &(struct attacker){.fn = &any}), SL_NOSPACE);
	return e;
}

const struct strike_ops strike_ahci = {.how = "any", .open = fill_open};

/* Nothing attacks here. */
NEVER_VOID(edu_interrupt(const struct edu *e))
NEVER_STRIKES
NEVER(edu_start(struct edu *edu, uint64_t at, uint32_t len, bool to_memory))
NEVER(edu_poll(const struct edu *edu))
NEVER_RELEASES
NEVER_VOID(bystanders_turn(struct machine *machine))

const struct bystanders bystanders_block, bystanders_packet;
const struct strike_ops strike_packet;

uint64_t timed_seed(const struct vf *vf, uint64_t chunk)
{
	fail();
	return 0;
}

/* ---- cases ---- */

static int start(void **state)
{
	(void)state;
	stages_start(VFS, dom);
	mach.pf = &pf_fn;
	mach.pf_dom = pf_dom;
	mach.pf_open = true;
	mach.pf_own = &pf_nvme;
	pf_fn.bdf.rid = 0x100;
	edu_fn = (struct pci_func){.vendor = EDU_VENDOR,
				   .device = EDU_DEVICE,
				   .bdf = {0, 0x200},
				   .bar = {{.addr = 0xe0000000, .size = PAGE_SIZE}}};
	TAILQ_INIT(&mach.pci.funcs);
	TAILQ_INSERT_TAIL(&mach.pci.funcs, &edu_fn, link);
	no_unit = in_domain = no_path = fill = false;
	boot.cfg.passes = 1;
	support_clock_step = 1;
	boot.cfg.prove = PROVE_SAFE;
	mach.vf[VFS] = (struct vf){.queue = &accel[0].q, .own = &own[0]}; /* does not count */
	for (unsigned v = 0; v < VFS; v++) {
		store[v] = (struct block_store){.block = 512, .blocks = 16 * CHUNK / 512};
		vf_stores(&mach.vf[v], &accel[v]);
		mach.vf[v].data = &store[v];
		own[v].vf.ctrl = &ctrl[v];
		mach.vf[v].own = &own[v];
	}
	rdma_runs = put_fails = watched = exact = steps = memory_runs = detached_runs = function_runs = 0;
	made_domains = prepared = sums = heads = freed = forgotten = cleared = kernel_fills = 0;
	has_edu = true;
	edu_misses = claimed = stopped = not_refused = no_tables = false;
	pages_free = 1000;
	lost_each = 0;
	return 0;
}

static void assert_all_given_back(void)
{
	assert_int_equal(live, 0);
	assert_int_equal(domains, 0);
	assert_int_equal(connected, 0);
	assert_false(claimed);
	assert_int_equal(freed, 1);
}

static void test_one_pass(void **state)
{
	(void)state;
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_all_given_back();
	assert_int_equal(memory_runs, ATTACKERS);
	assert_int_equal(detached_runs, ATTACKERS);
	assert_int_equal(exact, ATTACKERS);
	assert_true(function_runs == 1 && rdma_runs == 1 && made_domains == 0 && prepared == 1 && sums == 1 &&
		    heads == 1);
	assert_true(watched == 1 && forgotten == 1 && cleared == 1 && kernel_fills == 1 && decoys == 1);
	assert_true(mach.tally.verified == 77 && mach.tally.cases == 40 && mach.tally.refused == 40 &&
		    !mach.tally.proof_failed);
	assert_said("attacker VF0 is 0000:01:00.1: reads and writes on its ring");
	assert_said("attacker PF is 0000:01:00.0: Identify and Get Log Page");
	assert_said("attacker edu is 0000:02:00.0, behind a bridge that says 0000:03:00.0: copies");
	assert_not_said("attacker VF1 is 0000:01:00.2,"); /* behind no bridge */
	assert_said("every other VF reads and writes");
	assert_said("why: 7 as the unit has it. An interrupt counts as");
	assert_said(
		"arrived when its handler ran; who FFFF: the unit names no sender.\n"); /* its last line */
	assert_said("so far 40 of 40 refused");
	assert_not_said("FAIL");
}

/* The next ones start with the domains; what they have is what is free after the first. */
static void test_passes(void **state)
{
	(void)state;
	boot.cfg.passes = 3;
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_all_given_back();
	assert_true(memory_runs == 3 * ATTACKERS && function_runs == 3 && made_domains == 2 && prepared == 3);
	assert_true(sums == 1 && decoys == 1 && forgotten == 1 && mach.tally.cases == 120);
	assert_said("pass 3 of 3 done");
	assert_int_equal(briefs, 0);
	assert_not_said("the other passes have lines only");
	assert_null(strstr(strstr(said, "attacker PF") + 1, "attacker PF")); /* introduced once */
}

/* A thousand passes do not print the same table a thousand times. */
static void test_many_passes(void **state)
{
	(void)state;
	briefs = 0;
	boot.cfg.passes = 8;
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_int_equal(briefs, 5);
	assert_said("isolate: the other passes have lines only for cases that fail\n");
	assert_said("pass 8 of 8 done");
}

/* The time left is printed every ten seconds at most, and not after the last pass. */
static void test_time_left(void **state)
{
	(void)state;
	boot.cfg.passes = 4;
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_not_said(" s left");
	start(state);
	boot.cfg.passes = 2;
	support_clock_step = PACE_US; /* at each look */
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_said("pass 1 of 2 done");
	const char *left = strstr(said, " s left\n");
	assert_non_null(left);
	assert_non_null(strstr(left, "pass 2 of 2 done"));
	assert_null(strstr(left + 1, " s left\n"));
	start(state);
	boot.cfg.passes = 3; /* as many as have every line: nothing changes behind them */
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_not_said("the other passes have lines only");
}

static void test_memory(void **state)
{
	(void)state;
	lost_each = 1;
	boot.cfg.passes = 3;
	assert_int_equal(stage_isolate(&mach), SL_VERIFY);
	assert_said("after pass 2 998 pages are free; after the first there were 999");
	assert_int_equal(function_runs, 2);
	start(state); /* a run of its own, with what is free now */
	pages_free = 500;
	boot.cfg.passes = 2;
	assert_int_equal(stage_isolate(&mach), SL_OK);
}

/* Any call may fail: the error comes out, and all that was taken is given back. */
static void test_every_call_fails(void **state)
{
	unsigned n;
	(void)state;
	for (n = 1;; n++) {
		start(state);
		boot.cfg.passes = 2;
		stages_fail_at = n;
		enum sl_err e = stage_isolate(&mach);
		assert_all_given_back();
		if (stages_calls < n) {
			assert_int_equal(e, SL_OK);
			break;
		}
		if (e != SL_DEVICE || stages_calls != n)
			fail_msg("call %u of %u fails: %s", n, stages_calls, sl_err_name(e));
		assert_said("FAIL isolate: not all cases could be run");
		assert_int_equal(sums, 0);
	}
	/* of each pass: buffers, edu's domain, connect, open and two copies, tables of each and those
	 * without, media, cases without a domain of each and of all, those of RDMA; and the domains of the
	 * second */
	assert_int_equal(n - 1, 2 * (BUFFERS + 5 + ATTACKERS + 1 + 1 + ATTACKERS + 1 + 1) + 1);
}

static void test_not_refused(void **state)
{
	(void)state;
	not_refused = true;
	assert_int_equal(stage_isolate(&mach), SL_VERIFY);
	assert_true(mach.tally.proof_failed && sums == 1);
	assert_said("FAIL isolate: 4 of 40 forbidden accesses were not refused");
	start(state);
	not_refused = true; /* and it stops: what was seen stays */
	stages_fail_at = 30;
	assert_int_equal(stage_isolate(&mach), SL_DEVICE);
	assert_true(mach.tally.proof_failed);
	start(state);
	mach.vfs = 0; /* no attackers: nothing is shown */
	mach.pf = NULL;
	has_edu = false;
	assert_int_equal(stage_isolate(&mach), SL_END);
	assert_true(!mach.tally.proof_failed && memory_runs == 0 && prepared == 0);
	assert_said("FAIL isolate: no function could attack, so nothing was tried");
}

/* In the console and for the audit it is no failure that nothing could attack; any other error is one. */
static void test_for_others(void **state)
{
	(void)state;
	mach.attacking = true;
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_int_equal(sums, 1);
	start(state);
	mach.attacking = true;
	stages_fail_at = 30;
	assert_int_equal(stage_isolate(&mach), SL_DEVICE);
	assert_said("FAIL isolate: not all cases could be run");
	start(state);
	mach.attacking = true;
	mach.vfs = 0;
	mach.pf = NULL;
	has_edu = false;
	assert_int_equal(stage_isolate(&mach), SL_END);
	assert_said("isolate: no function could attack, so nothing was tried\n");
	assert_not_said("FAIL");
}

static void test_stopped(void **state)
{
	(void)state;
	stopped = true;
	assert_int_equal(stage_isolate(&mach), SL_STOPPED);
	assert_true(memory_runs == 1 && detached_runs == 1 && function_runs == 0 && sums == 0);
	assert_all_given_back();
	assert_said("stopped by Ctrl-C");
	assert_not_said("FAIL");
}

static void test_without_edu(void **state)
{
	(void)state;
	edu_misses = true;
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_all_given_back();
	assert_int_equal(memory_runs, VFS + 1);
	assert_said("edu does not attack: it does not reach its own page");
	start(state);
	has_edu = false;
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_int_equal(memory_runs, VFS + 1);
	assert_int_equal(watched, 0);
	start(state);
	mach.pf = NULL;
	mach.vfs = 1;
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_int_equal(memory_runs, 2);
	assert_said("no other VF is there to work");
}

/* Nothing is read from tables that are not used, and nothing is refused. */
static void test_no_translation(void **state)
{
	(void)state;
	boot.cfg.iommu = CONFIG_IOMMU_OFF;
	boot.cfg.passes = 2;
	not_refused = true;
	assert_int_equal(stage_isolate(&mach), SL_VERIFY);
	assert_all_given_back();
	assert_true(exact == 0 && function_runs == 0 && made_domains == 0 && sums == 0);
	assert_true(memory_runs == 2 * ATTACKERS && mach.tally.proof_failed);
	start(state);
	boot.cfg.iommu = CONFIG_IOMMU_OFF;
	mach.vf[0].dom = mach.vf[1].dom = NULL;
	assert_int_equal(stage_isolate(&mach), SL_OK); /* cases_run() looks: no tables of theirs are known */
	start(state);
	no_tables = true;
	assert_int_equal(stage_isolate(&mach), SL_OK);
}

/* As many as there may be. */
static void test_most(void **state)
{
	static struct pci_func fns[VFS_MAX];
	(void)state;
	mach.vfs = VFS_MAX;
	boot.cfg.iommu = CONFIG_IOMMU_OFF; /* tables of theirs are not looked at */
	for (unsigned v = 0; v < VFS_MAX; v++) {
		fns[v].bdf.rid = (uint16_t)(0x400 + v);
		store[v] = store[0];
		mach.vf[v] = (struct vf){.fn = &fns[v], .dom = dom, .data = &store[v], .index = v};
		vf_stores(&mach.vf[v], &accel[v]);
		own[v].vf.ctrl = &ctrl[v];
		mach.vf[v].own = &own[v];
	}
	fill = true;
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_all_given_back();
	assert_int_equal(memory_runs, ATTACKERS_MAX);
	assert_said("attacker VF63 is 0000:04:07.7");
}

static void test_room(void **state)
{
	(void)state;
	store[1].blocks--; /* of 16 chunks */
	assert_int_equal(stage_isolate(&mach), SL_NOSPACE);
	assert_said("FAIL isolate: 0000:01:00.2 has 60 KiB of medium; at least 64 are needed");
	assert_int_equal(memory_runs, 0);
	assert_int_equal(prepared, 0);
	start(state);
	store[0].blocks--;
	assert_int_equal(stage_isolate(&mach), SL_NOSPACE);
	assert_said("FAIL isolate: 0000:01:00.1 has 60 KiB");
}

/* One VF is enough to have a medium that is prepared. */
static void test_one_vf(void **state)
{
	(void)state;
	mach.vfs = 1;
	vf_stores(&mach.vf[1], NULL);
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_int_equal(prepared, 1);
	start(state);
	mach.vfs = 1;
	store[1].blocks = 0; /* it is not one of them */
	assert_int_equal(stage_isolate(&mach), SL_OK);
}

/* As many ranges besides as there can be. */
static void test_full(void **state)
{
	static struct attackers full;
	static struct pci_func fn = {.bdf = {0, FULL}};
	struct dma_buf buf;
	(void)state;
	full.n = 1;
	full.one[0].fn = &fn;
	for (unsigned k = 0; k < VF_RANGES; k++)
		full.one[0].own[k] = (struct table_range){&buf, DOMAIN_RW};
	unsigned calls = stages_calls;
	assert_int_equal(attackers_check(&mach, &full), SL_OK);
	assert_int_equal(stages_calls - calls, 1);
}

/* The others are VFs that send and receive, even if there is only one. */
static void test_one_network_vf(void **state)
{
	static struct packet card;
	(void)state;
	mach.vfs = 1;
	mach.vf[0].packet = &card;
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_int_equal(memory_runs, 3);
}

/* As many as there may be, and what cannot be taken back. */
static void test_put_fails(void **state)
{
	for (unsigned i = 1; i <= BUFFERS; i++) {
		start(state);
		put_fails = i;
		assert_int_equal(stage_isolate(&mach), SL_OK);
		assert_said("could not be taken back");
		if (i == BUFFERS)
			assert_said("edu's memory could not be taken back");
	}
	start(state);
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_not_said("could not be taken back");
}

/* Of the functions that need no scratch=: edu. */
static void test_there(void **state)
{
	(void)state;
	assert_true(attackers_there(&mach));
	boot.cfg.prove = PROVE_NONE;
	assert_false(attackers_there(&mach));
	boot.cfg.prove = PROVE_LISTED;
	boot.cfg.prover[0] = (bdf_t){0, 0x201};
	boot.cfg.provers = 1;
	assert_false(attackers_there(&mach));
	boot.cfg.prover[0] = edu_fn.bdf;
	assert_true(attackers_there(&mach));
	boot.cfg.prover[0] = (bdf_t){0, 0x201};
	boot.cfg.prover[1] = edu_fn.bdf;
	assert_false(attackers_there(&mach));
	boot.cfg.provers = 2;
	assert_true(attackers_there(&mach));
	boot.cfg.prove = PROVE_SAFE;
	edu_fn.cap_sriov = 0x100; /* a PF is not started unless it is named */
	assert_false(attackers_there(&mach));
	boot.cfg.prove = PROVE_ALL;
	assert_true(attackers_there(&mach));
	edu_fn.device++;
	assert_false(attackers_there(&mach));
	edu_fn.device--;
	edu_fn.vendor++;
	assert_false(attackers_there(&mach));
	edu_fn.vendor--;
	assert_true(attackers_there(&mach));
	TAILQ_INIT(&mach.pci.funcs);
	assert_false(attackers_there(&mach));
}

/* Each reason why a function does not attack is printed once. */
static void test_left_out(void **state)
{
	static const char *const why[] = {"prove=none",
					  "prove= does not name it",
					  "it has SR-IOV",
					  "its Bus Master Enable cannot be changed",
					  "its registers have no address that reaches it",
					  "its registers have no address that reaches it",
					  "its registers have no address that reaches it",
					  "no unit that translates covers it",
					  "an RMRR ties it to the firmware"};
	char line[128];
	for (unsigned i = 0; i < ARRAY_LEN(why); i++) {
		start(state);
		boot.cfg.passes = 2;
		boot.cfg.prove = i == 0 ? PROVE_NONE : i == 1 ? PROVE_LISTED : PROVE_SAFE;
		edu_fn.cap_sriov = i == 2 ? 0x100 : 0;
		edu_fn.stuck = i == 3;
		if (i == 4)
			edu_fn.bar[0].addr = 0;
		edu_fn.bar[0].io = i == 5;
		no_path = i == 6;
		no_unit = i == 7;
		in_domain = i == 8;
		assert_int_equal(stage_isolate(&mach), SL_OK);
		assert_int_equal(memory_runs, 2 * (VFS + 1));
		snprintf(line, sizeof line, "0000:02:00.0 edu does not attack: %s", why[i]);
		assert_said(line);
		assert_null(
			strstr(strstr(said, line) + strlen(line), "does not attack")); /* in the first pass */
		assert_said("isolate: 0 of 1 functions attack");
		assert_all_given_back();
	}
}

static void test_neighbours(void **state)
{
	(void)state;
	static struct pci_func other;
	other = (struct pci_func){.bdf = {0, 0x300}, .group = 3};
	edu_fn.group = 3;
	TAILQ_INSERT_TAIL(&mach.pci.funcs, &other, link);
	in_domain = true;
	assert_string_equal(attackers_barred(&mach, &other, 0, false),
			    "its registers have no address that reaches it");
	other.bar[0] = edu_fn.bar[0];
	assert_string_equal(attackers_barred(&mach, &other, 0, false),
			    "another function of its group attacks, or is tied to the firmware");
	other.group = 4;
	assert_null(attackers_barred(&mach, &other, 0, false));
	edu_fn.group = 0; /* a class that can take its functions over from the firmware */
	assert_null(attackers_barred(&mach, &edu_fn, 0, true));
	assert_string_equal(attackers_barred(&mach, &edu_fn, 0, false), "an RMRR ties it to the firmware");
	boot.cfg.iommu = CONFIG_IOMMU_OFF;
	no_unit = true;
	assert_null(attackers_barred(&mach, &other, 0, false));
	in_domain = false;
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_said("  no class of attackers drives 0000:03:00.0\n");
	assert_said("isolate: 1 of 2 functions attack; 0 are bridges");
}

static const struct pci_func *lent;
static unsigned back;

static void lend(struct machine *machine, const struct pci_func *fn)
{
	assert_true(machine == &mach && !lent && !memory_runs && !live);
	lent = fn;
}

static void take_back(struct machine *machine)
{
	assert_true(machine == &mach && !live && !connected && !domains);
	back++;
}

/* Functions that may attack, and no others, are asked of the console before the first pass, and are returned
 * after the last, also when the stage fails. */
static void test_borrow(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		start(state);
		lent = NULL;
		back = 0;
		mach.keyboards_lend = lend;
		mach.keyboards_back = take_back;
		boot.cfg.passes = 2;
		boot.cfg.prove = i == 1 ? PROVE_NONE : PROVE_SAFE;
		stages_fail_at = i == 2 ? 1 : 0;
		assert_int_equal(stage_isolate(&mach) == SL_OK, i != 2);
		assert_true(back == 1 && lent == (i == 1 ? NULL : &edu_fn));
	}
}

static void test_rest(void **state)
{
	static struct pci_func other = {.bdf = {0, 0x300}};
	(void)state; /* the first attacker, a bridge, and one that is barred are not in that list */
	other.is_bridge = true;
	TAILQ_INSERT_TAIL(&mach.pci.funcs, &other, link);
	TAILQ_INSERT_TAIL(&mach.pci.funcs, mach.vf[0].fn, link);
	boot.cfg.prove = PROVE_NONE;
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_not_said("no class of attackers drives");
	assert_said("isolate: 1 of 3 functions attack; 1 are bridges");
	start(state); /* six on a line */
	static struct pci_func many[7];
	for (unsigned i = 0; i < ARRAY_LEN(many); i++) {
		many[i] = (struct pci_func){.bdf = {0, (uint16_t)(0x400 + i)}};
		TAILQ_INSERT_TAIL(&mach.pci.funcs, &many[i], link);
	}
	assert_int_equal(stage_isolate(&mach), SL_OK);
	assert_said(
		"drives 0000:04:00.0 0000:04:00.1 0000:04:00.2 0000:04:00.3 0000:04:00.4 0000:04:00.5\n  no class "
		"of attackers drives 0000:04:00.6\n");
}

static bool is_guarded(const void *va, uint64_t len)
{
	unsigned n = 0;
	for (unsigned i = 0; i < n_guarded; i++)
		n += guarded[i] == va && guarded_len[i] == len;
	return n == 1;
}

static void test_guard(void **state)
{
	static struct attackers two;
	static uint8_t pages[2][5][PAGE_SIZE];
	(void)state;
	support_ram(PAGE_2M, DECOY);
	two.n = 2;
	two.decoy = PHYS(DECOY);
	for (unsigned i = 0; i < 2; i++) {
		two.one[i].target.va = pages[i][0];
		two.one[i].readonly.va = pages[i][1];
		two.one[i].writeonly.va = pages[i][2];
		two.one[i].allowed = (struct dma_buf){.va = pages[i][3], .len = ALLOWED_PAGES * PAGE_SIZE};
	}
	for (unsigned k = 0; k < 2; k++) { /* each time anew */
		attackers_guard(&mach, &two);
		assert_true(is_guarded(kernel_data, PAGE_SIZE) && is_guarded(kernel_text, PAGE_SIZE));
		assert_true(is_guarded(phys_va(PHYS(DECOY)), PAGE_SIZE));
		for (unsigned i = 0; i < 2; i++)
			for (unsigned p = 0; p < 4; p++)
				assert_true(is_guarded(pages[i][p],
						       p == 3 ? ALLOWED_PAGES * PAGE_SIZE : PAGE_SIZE));
		assert_int_equal(n_guarded, 11);
		assert_int_equal(n_regs, VFS + 1);
		assert_int_equal(n_tables, 1);
	}
	mach.pf_open = false;
	vf_stores(&mach.vf[1], NULL);
	attackers_guard(&mach, &two);
	assert_int_equal(n_regs, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {
		T(test_one_pass),    T(test_passes),         T(test_many_passes),
		T(test_memory),      T(test_time_left),      T(test_every_call_fails),
		T(test_not_refused), T(test_for_others),     T(test_stopped),
		T(test_without_edu), T(test_no_translation), T(test_room),
		T(test_one_vf),      T(test_one_network_vf), T(test_full),
		T(test_put_fails),   T(test_most),           T(test_left_out),
		T(test_neighbours),  T(test_rest),           T(test_borrow),
		T(test_guard),       T(test_there)};
	return cmocka_run_group_tests_name("isolate", tests, NULL, NULL);
}
