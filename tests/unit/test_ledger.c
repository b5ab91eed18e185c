/* How the cases of stage isolate are counted and told, and which cases of memory there are: attack_run() is
 * made up here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "apps/proof/case.h"
#include "apps/proof/cases.h"
#include "apps/proof/standin.h"
#include "apps/work/pattern.h"
#include "kernel/pmm.h"
#include "kernel/console.h"
#include "kernel/paging.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

static struct attack_result next; /* what attack_run() comes to */
static struct attack tried[64];
static char names[64][32]; /* of those: the caller's are gone by then */
static unsigned n_tried, guarded, refilled, unmapped, freed;
static bool passing_guarded;
static bool stopped, strike_lands, no_buffer, keeps_mapped;
static _Alignas(PAGE_SIZE) uint8_t kernel_data[PAGE_SIZE], passing[PAGE_SIZE], pages[3][6][PAGE_SIZE];
static struct attackers all;
static struct trial trial[3];
static struct domain *dom = (struct domain *)&mach;

static const struct strike_ops pf_ops;

static bool only_reads; /* the last attacker */
static unsigned strikes;

/* The PF cannot read. */
bool attack_possible(const struct attacker *by, const struct attack *a)
{
	return (by->ops != &pf_ops || a->write) && !(only_reads && by == &all.one[2] && a->write);
}

void attack_run(struct machine *machine, struct attacker *by, const struct attack *a,
		struct attack_result *out)
{
	(void)by;
	assert_ptr_equal(machine, &mach);
	assert_true(n_tried < ARRAY_LEN(tried));
	assert_true(a->fault_at && a->why);
	if (a->secret) /* what must not be read is there to be read */
		assert_false(pattern_is_zero(a->secret, PAGE_SIZE));
	if (!strcmp(a->name, "runs out of mapping"))
		passing[9] = 1; /* its first half is allowed, and lands */
	snprintf(names[n_tried], sizeof names[0], "%s", a->name);
	tried[n_tried] = *a;
	tried[n_tried].name = names[n_tried];
	n_tried++;
	*out = next;
}

enum sl_err attack_strike(struct machine *machine, struct attacker *by, const struct attack *a, char *s,
			  size_t n)
{
	(void)machine;
	(void)by;
	(void)a;
	(void)s;
	(void)n;
	strikes++;
	if (strike_lands)
		passing[5] = 1;
	return SL_OK;
}

const char *attack_outcome_text(enum attack_outcome o)
{
	return o == ATTACK_SUCCEEDED ? "SUCCEEDED: memory was reached" : "something else";
}

uint8_t *standin_data(void)
{
	return kernel_data;
}

const uint8_t *standin_text(void)
{
	return kernel_data;
}

void standin_fill(void)
{
	pattern_fill(kernel_data, PAGE_SIZE, 5);
	refilled++;
}

bool console_stop(void)
{
	return stopped;
}

void attackers_guard(struct machine *machine, const struct attackers *p)
{
	assert_true(machine == &mach && p == &all);
	passing_guarded = false;
}

void guard_add(const void *va, size_t len)
{
	passing_guarded |= va == passing;
	guarded += (unsigned)len;
}

void attacker_fill(const struct attacker *by)
{
	const struct dma_buf *bufs[] = {&by->target, &by->readonly, &by->writeonly};
	for (unsigned k = 0; k < 3; k++)
		pattern_fill(bufs[k]->va, PAGE_SIZE, 100 + k);
}

phys_t paging_phys(const void *va)
{
	assert_ptr_equal(va, kernel_data);
	return PHYS(0x7000000);
}

enum sl_err dma_get(struct domain *d, iova_t iova, uint64_t len, unsigned perm, struct dma_buf *out)
{
	assert_ptr_equal(d, dom);
	*out = (struct dma_buf){.va = passing, .iova = iova, .phys = PHYS(0x9000000), .len = len, .dom = d};
	assert_int_equal(perm, DOMAIN_RW);
	return no_buffer ? SL_NOMEM : SL_OK;
}

/* As the real one: what stays mapped is not freed. */
enum sl_err dma_put(struct dma_buf *b)
{
	assert_ptr_equal(b->va, passing);
	memset(passing, 0, sizeof passing);
	enum sl_err e = domain_unmap(b->dom, b->iova, b->len);
	if (!e)
		pmm_free(b->phys, 1);
	return e;
}

uint64_t domain_aperture(const struct domain *d)
{
	assert_ptr_equal(d, dom);
	return 1ull << 39;
}

static bool first_stage; /* whose tables have no pages that can only be written */

unsigned domain_grants(const struct domain *d, unsigned perm)
{
	assert_ptr_equal(d, dom);
	return first_stage && perm == DOMAIN_W ? DOMAIN_RW : perm;
}

enum sl_err domain_unmap(struct domain *d, iova_t iova, uint64_t len)
{
	assert_ptr_equal(d, dom);
	assert_int_equal(iova.v, WINDOW + PAGE_PASSING);
	assert_int_equal(len, PAGE_SIZE);
	unmapped++;
	return keeps_mapped ? SL_TIMEOUT : SL_OK;
}

void pmm_free(phys_t base, uint64_t n)
{
	assert_int_equal(base.v, 0x9000000);
	assert_int_equal(n, 1);
	assert_false(passing_guarded); /* who gets it next may change it */
	freed++;
}

/* The last case that was kept. */
static const struct proof_case *kept(void)
{
	return &proof_cases()->tried[proof_cases()->n - 1];
}

static void has_registers(struct machine *machine)
{
	(void)machine;
}

static const struct strike_ops vf_ops = {.least = 4, .most = 2 * CHUNK, .guard = has_registers};
static const struct strike_ops edu_ops = {.least = 1, .most = CHUNK, .any_data = true};
static const struct strike_ops pf_ops = {.least = 4, .most = CHUNK, .guard = has_registers};

static void add(unsigned i, const char *name, const struct strike_ops *ops)
{
	static struct pci_func func[3];
	struct attacker *by = &all.one[i];
	func[i].bdf.rid = (uint16_t)(0x100 + i);
	func[i].bar[0].addr = 0xfeb00000 + func[i].bdf.rid * 0x1000u;
	*by = (struct attacker){.fn = &func[i], .dom = &dom, .ops = ops};
	strcpy(by->name, name);
	struct dma_buf *bufs[] = {&by->target, &by->readonly, &by->writeonly};
	const uint64_t at[] = {PAGE_TARGET, PAGE_READONLY, PAGE_WRITEONLY};
	for (unsigned k = 0; k < 3; k++)
		*bufs[k] = (struct dma_buf){.va = pages[i][k],
					    .iova = IOVA(WINDOW + at[k]),
					    .phys = PHYS(0x10000000ull + i * 0x10000 + k * 0x2000),
					    .len = PAGE_SIZE};
	attacker_fill(by);
	trial[i] = (struct trial){.m = &mach, .all = &all, .by = by};
	all.n = i + 1;
}

static int start(void **state)
{
	(void)state;
	stages_start(0, NULL);
	memset(&all, 0, sizeof all);
	memset(passing, 0, sizeof passing);
	boot.cfg.passes = 1;
	next = (struct attack_result){.outcome = ATTACK_REFUSED, .recorded = true};
	n_tried = guarded = refilled = unmapped = freed = 0;
	stopped = no_buffer = keeps_mapped = passing_guarded = false;
	strike_lands = true;
	all.decoy = PHYS(0x6000000);
	add(0, "VF0", &vf_ops);
	add(1, "PF", &pf_ops);
	add(2, "edu", &edu_ops);
	ledger_clear();
	cases_clear(proof_cases());
	return 0;
}

/* Everything but interrupts, as stage isolate does it. */
static void run_memory(const struct trial *t)
{
	cases_run(t, cases_memory, WHEN_ATTACHED);
	cases_run(t, cases_memory, WHEN_UNMAPPING);
}

/* ---- counts ---- */

enum counted { REFUSED, NOT_REFUSED, NOT_ENFORCED, NOT_TRIED };

static const struct {
	enum attack_outcome outcome;
	bool enforceable, translated;
	enum counted counted;
	enum case_outcome audit;
} outcomes[] = {
	{ATTACK_REFUSED, true, true, REFUSED, CASE_REFUSED},
	{ATTACK_REFUSED, false, true, REFUSED, CASE_REFUSED},
	{ATTACK_SUCCEEDED, true, true, NOT_REFUSED, CASE_SUCCEEDED},
	{ATTACK_SUCCEEDED, false, true, NOT_REFUSED, CASE_SUCCEEDED},
	{ATTACK_FOREIGN, true, true, NOT_REFUSED, CASE_SUCCEEDED},
	{ATTACK_ARRIVED, true, true, NOT_REFUSED, CASE_SUCCEEDED},
	{ATTACK_ARRIVED, false, true, NOT_ENFORCED, CASE_NOT_ENFORCED},
	{ATTACK_ARRIVED, false, false, NOT_REFUSED, CASE_SUCCEEDED},
	{ATTACK_SILENT, true, true, NOT_REFUSED, CASE_NOT_PROVED},
	{ATTACK_SILENT, false, true, NOT_ENFORCED, CASE_NOT_ENFORCED},
	{ATTACK_SILENT, false, false, NOT_REFUSED, CASE_NOT_PROVED},
	{ATTACK_MISTOLD, true, true, NOT_REFUSED, CASE_NOT_PROVED},
	{ATTACK_MISTOLD, false, true, NOT_REFUSED, CASE_NOT_PROVED},
	{ATTACK_OTHERWISE, true, true, NOT_REFUSED, CASE_NOT_PROVED},
	{ATTACK_MISANSWERED, true, true, NOT_REFUSED, CASE_NOT_PROVED},
	{ATTACK_HARMED, true, true, NOT_REFUSED, CASE_NOT_PROVED},
	{ATTACK_HARMED, false, true, NOT_REFUSED, CASE_NOT_PROVED},
	{ATTACK_NOT_TRIED, true, true, NOT_TRIED, CASE_NOT_TRIED},
	{ATTACK_NOT_TRIED, false, true, NOT_TRIED, CASE_NOT_TRIED},
	{ATTACK_NOT_TRIED, false, false, NOT_TRIED, CASE_NOT_TRIED},
};

/* What the caller has judged comes to the same. */
static void test_judged(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		struct attack a = {.name = "a key", .write = true, .by_key = true};
		struct attack_result r = {.outcome = outcomes[i].outcome, .said = "NAK 62"};
		if (outcomes[i].counted != REFUSED && outcomes[i].counted != NOT_REFUSED)
			continue;
		start(state);
		trial_judged(&trial[0], &a, &r);
		assert_int_equal(mach.tally.refused, outcomes[i].counted == REFUSED);
		assert_true(mach.tally.cases == 1 && !n_tried);
		assert_true(proof_cases()->n == 1 && kept()->outcome == outcomes[i].audit);
		assert_string_equal(kept()->what, "a key");
		assert_said("VF0  write a key ");
		assert_said(r.outcome == ATTACK_ARRIVED ? " arrived\n" : " NAK 62\n");
	}
}

/* With ledger_brief() only what fails has a line, and everything counts. */
static void test_brief(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		start(state);
		struct attack a = {.name = "a page", .write = true, .to = 0x1000};
		next.outcome = outcomes[i].outcome;
		boot.cfg.iommu = outcomes[i].translated ? CONFIG_IOMMU_ON : CONFIG_IOMMU_OFF;
		said_clear();
		ledger_brief(true);
		ledger_print_head();
		trial_run(&trial[0], &a, outcomes[i].enforceable);
		ledger_brief(false);
		assert_int_equal(strstr(said, "a page") != NULL, outcomes[i].counted == NOT_REFUSED);
		assert_int_equal(said[0] != 0, outcomes[i].counted == NOT_REFUSED);
		assert_int_equal(mach.tally.cases + mach.tally.not_enforced + mach.tally.not_tried, 1);
	}
}

static void test_every_outcome_is_counted_once(void **state)
{
	static const char *const verdicts[] = {" refused ", " NOT REFUSED ", " not enforced here ",
					       " not tried "};
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		start(state);
		next.outcome = outcomes[i].outcome;
		next.recorded = next.outcome == ATTACK_REFUSED;
		next.fault = (struct iommu_fault){.bdf = {0, 0x101},
						  .iova = IOVA(0x1000),
						  .write = true,
						  .why = WHY_NO_WRITE,
						  .code = 5};
		boot.cfg.iommu = outcomes[i].translated ? CONFIG_IOMMU_ON : CONFIG_IOMMU_OFF;
		trial_run(&trial[0], &(struct attack){.name = "somewhere", .write = true, .to = 0x1000},
			  outcomes[i].enforceable);
		uint64_t sum[] = {mach.tally.refused, mach.tally.cases - mach.tally.refused,
				  mach.tally.not_enforced, mach.tally.not_tried};
		for (unsigned k = 0; k < 4; k++)
			assert_int_equal(sum[k], outcomes[i].counted == k);
		assert_int_equal(proof_cases()->n, 1);
		assert_int_equal(kept()->outcome, outcomes[i].audit);
		assert_string_equal(kept()->who, "VF0");
		assert_string_equal(kept()->what, "somewhere");
		assert_said(verdicts[outcomes[i].counted]);
		assert_int_equal(kept()->recorded, next.recorded);
		assert_int_equal(kept()->bdf.rid, next.recorded ? 0x101 : 0);
		assert_int_equal(kept()->iova, next.recorded ? 0x1000 : 0);
		assert_int_equal(kept()->reason, next.recorded ? 5 : 0);
		if (next.recorded)
			assert_said(" 01:00.1 write 1000          5 ");
		else
			assert_not_said("01:00.1");
		if (!next.recorded && next.outcome != ATTACK_NOT_TRIED)
			assert_said(" no fault recorded ");
		else
			assert_not_said("no fault recorded");
		assert_int_equal(tried[0].fault_at, 0x1000);
		assert_int_equal(tried[0].why, WHY_NO_WRITE);
	}
}

/* An address beyond the width of the tables is refused for that, also that of another function's registers.
 */
static void test_beyond_the_width(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		start(state);
		bool write = i & 1;
		uint64_t to = i & 2 ? 1ull << 39 : (1ull << 39) - 0x1000;
		trial_run(&trial[0], &(struct attack){.name = "somewhere", .write = write, .to = to}, true);
		assert_int_equal(tried[0].why, i & 2 ? WHY_TOO_WIDE : write ? WHY_NO_WRITE : WHY_NO_READ);
	}
	start(state);
	trial_run(&trial[0],
		  &(struct attack){.name = "somewhere",
				   .write = true,
				   .to = (1ull << 39) - 0x800,
				   .fault_at = 1ull << 39},
		  true);
	assert_int_equal(tried[0].why, WHY_TOO_WIDE);
}

/* The classes of what was tried, once each. */
static void test_classes(void **state)
{
	static const char *const who[] = {"VF0",      "VF9", "PF", "AHCI",   "AHCI+msi",   "AHCI1",
					  "VF12+msi", "edu", "A",  "e1000e", "e1000e1+msi"};
	char text[64];
	(void)state;
	cases_classes(proof_cases(), text, sizeof text);
	assert_string_equal(text, "");
	for (unsigned i = 0; i < ARRAY_LEN(who); i++) {
		struct proof_case c = {.outcome = CASE_REFUSED};
		strcpy(c.who, who[i]);
		cases_add(proof_cases(), &c);
	}
	cases_classes(proof_cases(), text, sizeof text);
	assert_string_equal(text, "VF, PF, AHCI, edu, A, e1000e");
	static const char *const cut[] = {
		[1] = "",
		[4] = "...",
		[7] = "...",
		[8] = "VF, ...",
		[11] = "VF, ...",
		[12] = "VF, PF, ...",
		[17] = "VF, PF, ...",
		[18] = "VF, PF, AHCI, ...",
		[28] = "VF, PF, AHCI, edu, A, ...",
		[29] = "VF, PF, AHCI, edu, A, e1000e",
	};
	for (unsigned n = 1; n < ARRAY_LEN(cut); n++)
		if (cut[n]) {
			cases_classes(proof_cases(), text, n);
			assert_string_equal(text, cut[n]);
		}
	ledger_print_sum(&mach);
	assert_said("classes that attacked: VF, PF, AHCI, edu, A");
}

static void test_broken_and_without_effect(void **state)
{
	struct attack a = {.name = "after detach"};
	(void)state;
	trial_broken(&trial[2], "after detach");
	assert_true(mach.tally.cases == 1 && mach.tally.refused == 0 && mach.tally.not_tried == 0);
	assert_int_equal(kept()->outcome, CASE_NOT_PROVED);
	assert_said("FAIL isolate: edu: after detach could not be set up");
	trial_no_effect(&trial[2], &a);
	assert_true(mach.tally.cases == 1 && mach.tally.refused == 0 && mach.tally.not_tried == 1);
	assert_int_equal(kept()->outcome, CASE_NOT_TRIED);
	stopped = true;
	trial_run(&trial[0], &a, true);
	assert_int_equal(n_tried, 0);
	assert_int_equal(proof_cases()->n, 2);
}

/* The sentences at the end say what was counted. */
static void test_sentences(void **state)
{
	struct attack dma = {.name = "somewhere", .write = true, .to = 0x1000};
	struct attack msi = {.name = "MSI", .write = true, .interrupt = true, .to = 0xfee00000};
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		trial_run(&trial[0], &dma, true);
	next.fault = (struct iommu_fault){.bdf = {0, FAULT_NAMELESS}, .why = WHY_IRQ_INDEX};
	for (unsigned i = 0; i < 3; i++)
		trial_run(&trial[0], &msi, true);
	next.recorded = false;
	trial_run(&trial[0], &msi, true);
	trial_run(&trial[0], &msi, true);
	next.outcome = ATTACK_ARRIVED;
	trial_run(&trial[0], &msi, false);
	trial_run(&trial[0], &msi, false);
	next.outcome = ATTACK_SILENT;
	trial_run(&trial[0], &msi, false);
	next.outcome = ATTACK_NOT_TRIED;
	trial_run(&trial[0], &msi, false);
	trial_judged(&trial[0], &(struct attack){.by_key = true}, &(struct attack_result){.recorded = false});
	trial_judged(&trial[0], &(struct attack){.by_key = true}, &(struct attack_result){.recorded = true});
	said_start();
	mach.tally.verified = 77;
	ledger_print_sum(&mach);
	assert_said("       and 2 accesses of RDMA peers, refused by the answer of the end point\n");
	assert_said("shown: 12 of 12 forbidden accesses were refused,");
	assert_said("5 DMAs, 5 interrupts");
	assert_said("none of those 5 DMAs changed or leaked anything");
	assert_said("5 forged interrupts did not arrive");
	assert_said("Recorded: 3, of which 3 name FFFF");
	assert_said("(of 2 of them the unit keeps no record)");
	assert_said("not shown: 3 forged interrupts: not enforced here; 2 of them were seen to");
	assert_not_said("after each pass");
	assert_said("not tried: 1 accesses that had no effect where they are allowed either");
	assert_said("77 reads and writes of other VFs");
	assert_not_said("written by DMA");
	for (unsigned i = 0; i < 4; i++) { /* only the last has an entry of its own, and is a DMA */
		msi.own.addr = i > 0 ? 0xfee00010 : 0;
		msi.msix = i == 1;
		mach.irqs_remapped = i > 2;
		trial_run(&trial[0], &msi, false);
	}
	ledger_print_sum(&mach);
	assert_said("not tried: 5 accesses that had no effect");
	assert_said("1 of them are interrupts written by DMA: by the sender's own entry they do not");
	ledger_clear();
	said_start();
	mach = (struct machine){.boot = &boot, .cfg = &boot.cfg};
	boot.cfg.passes = 2;
	ledger_print_sum(&mach);
	assert_said("shown: after each pass as much memory was free as after the first");
	assert_said("shown: 0 of 0 forbidden accesses");
	assert_null(strstr(said, "did not arrive"));
	assert_null(strstr(said, "not shown"));
	assert_null(strstr(said, "RDMA"));
	next = (struct attack_result){.outcome = ATTACK_REFUSED, .recorded = true, .fault = {.vague = true}};
	trial_run(&trial[0], &dma, true);
	ledger_clear(); /* also what was not told of them */
	said_start();
	ledger_print_sum(&mach);
	assert_null(strstr(said, "not shown: bus and address"));
}

/* ---- which cases there are ---- */

static const struct attack *find(const char *name, bool write)
{
	for (unsigned i = 0; i < n_tried; i++)
		if (!strcmp(tried[i].name, name) && tried[i].write == write)
			return &tried[i];
	fail_msg("no case \"%s\"", name);
	return NULL;
}

struct want {
	const char *name;
	bool write;
	uint64_t to;
	uint32_t len;
	enum iommu_why why;
	const void *secret;
};

static void assert_cases(const struct want *want, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct attack *a = find(want[i].name, want[i].write);
		assert_int_equal(a->to, want[i].to);
		assert_int_equal(a->len, want[i].len);
		assert_int_equal(a->why, want[i].why);
		assert_ptr_equal(a->secret, want[i].secret);
		assert_false(a->seen || a->interrupt);
	}
	assert_int_equal(n_tried, n);
}

static void test_cases_of_a_vf(void **state)
{
	const uint64_t pf = 0x10010000, edu = 0x10020000, hole = WINDOW + WINDOW_HOLE;
	(void)state;
	run_memory(&trial[0]);
	/* names of others' memory are gone by now: the addresses tell them apart */
	const struct {
		bool write;
		uint64_t to;
		const void *secret;
	} others[] = {{true, pf, NULL},
		      {false, pf, pages[1][0]},
		      {true, edu, NULL},
		      {false, edu, pages[2][0]},
		      {true, 0xfec01000, NULL}}; /* the PF's registers */
	unsigned found = 0;
	for (unsigned i = 0; i < n_tried; i++)
		for (size_t k = 0; k < ARRAY_LEN(others); k++)
			if (tried[i].to == others[k].to && tried[i].write == others[k].write) {
				assert_ptr_equal(tried[i].secret, others[k].secret);
				assert_int_equal(tried[i].len, CHUNK);
				tried[i].name = "other";
				found++;
			}
	assert_int_equal(found, ARRAY_LEN(others));
	unsigned n = 0;
	for (unsigned i = 0; i < n_tried; i++)
		if (strcmp(tried[i].name, "other") != 0)
			tried[n++] = tried[i];
	n_tried = n;
	const struct want want[] = {
		{"unmapped page", true, hole + 9 * PAGE_SIZE, CHUNK, WHY_NO_WRITE, NULL},
		{"unmapped page", false, hole + 9 * PAGE_SIZE, CHUNK, WHY_NO_READ, NULL},
		{"read-only page", true, hole + 2 * PAGE_SIZE, CHUNK, WHY_NO_WRITE, NULL},
		{"write-only page", false, hole + 4 * PAGE_SIZE, CHUNK, WHY_NO_READ, pages[0][2]},
		{"page before mapping", true, hole - PAGE_SIZE, CHUNK, WHY_NO_WRITE, NULL},
		{"page after mapping", true, hole + PAGE_SIZE, CHUNK, WHY_NO_WRITE, NULL},
		{"last byte before it", true, hole - 4, 4, WHY_NO_WRITE, NULL},
		{"first byte after it", true, hole + PAGE_SIZE, 4, WHY_NO_WRITE, NULL},
		{"kernel data", true, 0x7000000, CHUNK, WHY_NO_WRITE, NULL},
		{"kernel data", false, 0x7000000, CHUNK, WHY_NO_READ, kernel_data},
		{"kernel text", true, 0x7000000, CHUNK, WHY_NO_WRITE, NULL},
		{"kernel page table", true, 0x6000000, CHUNK, WHY_NO_WRITE, NULL},
		{"beyond the width", true, 1ull << 39, CHUNK, WHY_TOO_WIDE, NULL},
		{"runs out of mapping", true, WINDOW + PAGE_PASSING, 2 * CHUNK, WHY_NO_WRITE, NULL},
		{"buffer after unmap", true, WINDOW + PAGE_PASSING, CHUNK, WHY_NO_WRITE, NULL},
	};
	assert_cases(want, ARRAY_LEN(want));
	assert_int_equal(find("runs out of mapping", true)->fault_at, WINDOW + PAGE_PASSING + PAGE_SIZE);
	assert_int_equal(guarded, PAGE_SIZE); /* of the buffer that was unmapped */
	assert_true(pattern_is_zero(passing, PAGE_SIZE));
	assert_true(unmapped == 2 && freed == 2); /* two buffers that come and go */
	assert_true(mach.tally.cases == mach.tally.refused &&
		    mach.tally.cases == ARRAY_LEN(want) + ARRAY_LEN(others));
}

/* One that writes less than a chunk has half of that within the mapping. */
static void test_runs_out_by_half(void **state)
{
	static const struct strike_ops ops = {.least = 2, .most = 508};
	(void)state;
	all.one[2].ops = &ops;
	run_memory(&trial[2]);
	assert_int_equal(find("runs out of mapping", true)->to, WINDOW + PAGE_PASSING + PAGE_SIZE - 254);
}

/* One that cannot write has no buffer to be unmapped, and its functions for writes are not called. */
static void test_only_reads(void **state)
{
	(void)state;
	only_reads = true;
	strikes = 0;
	run_memory(&trial[2]);
	for (unsigned i = 0; i < n_tried; i++)
		assert_false(tried[i].write);
	assert_true(!strikes && !mach.tally.not_tried && mach.tally.cases == mach.tally.refused);
	only_reads = false;
}

/* Where a page that can be written can be read, too, that read is no case. */
static void test_no_page_is_write_only(void **state)
{
	(void)state;
	first_stage = true;
	run_memory(&trial[2]);
	first_stage = false;
	for (unsigned i = 0; i < n_tried; i++)
		assert_string_not_equal(tried[i].name, "write-only page");
	assert_true(n_tried && mach.tally.cases == mach.tally.refused);
}

/* The buffer was not reached while it was mapped: nothing is known of afterwards. */
static void test_buffer_was_never_reached(void **state)
{
	(void)state;
	strike_lands = false;
	run_memory(&trial[2]);
	for (unsigned i = 0; i < n_tried; i++)
		assert_string_not_equal(tried[i].name, "buffer after unmap");
	assert_int_equal(mach.tally.not_tried, 1);
	assert_string_equal(kept()->what, "buffer after unmap");
	assert_int_equal(find("last byte before it", true)->len, 1);
	assert_int_equal(find("runs out of mapping", true)->to, WINDOW + PAGE_PASSING + PAGE_SIZE - 0x400);
	assert_int_equal(find("runs out of mapping", true)->len, CHUNK);
}

/* The memory of all others, the first among them. */
static void test_memory_of_all_others(void **state)
{
	(void)state;
	run_memory(&trial[2]);
	for (unsigned i = 0; i < 2; i++) {
		char name[32];
		snprintf(name, sizeof name, "memory of %s", all.one[i].name);
		assert_int_equal(find(name, true)->to, all.one[i].target.phys.v);
		assert_ptr_equal(find(name, false)->secret, pages[i][0]);
	}
	assert_int_equal(find("registers of VF0", true)->to, 0xfec00000 - 0x100000 + 0x100 * 0x1000);
}

/* The tables that the attacker's unit reads for it have the names of its kind and mode; of others there is no
 * case. */
static void test_tables_of_the_unit(void **state)
{
	static const char *const name[] = {"its own VT-d table", "VT-d context table", "PASID directory",
					   "PASID table",        "its I/O page table", "AMD device table"};
	(void)state;
	run_memory(&trial[0]);
	unsigned none = n_tried;
	for (unsigned i = 0; i < ARRAY_LEN(name); i++) {
		n_tried = 0;
		all.one[0].table[WALK_PASIDS] = (struct iommu_walk_table){name[i], PHYS(0x7000 + i)};
		all.one[0].table[WALK_PAGES].name = name[(i + 1) % ARRAY_LEN(name)]; /* and not there */
		run_memory(&trial[0]);
		assert_int_equal(n_tried, none + 1);
		assert_int_equal(find(name[i], true)->to, 0x7000 + i);
	}
}

/* No buffer, or one that stays mapped: the proof is broken, and memory that a device may still reach is not
 * used again. */
static void test_buffer_cannot_be_set_up(void **state)
{
	(void)state;
	no_buffer = true;
	run_memory(&trial[0]);
	assert_true(mach.tally.cases == mach.tally.refused + 2 && kept()->outcome == CASE_NOT_PROVED);
	assert_true(unmapped == 0 && freed == 0);
	start(state);
	keeps_mapped = true;
	run_memory(&trial[0]);
	assert_true(mach.tally.cases == mach.tally.refused + 1 && kept()->outcome == CASE_NOT_PROVED);
	assert_true(unmapped == 2 && freed == 0);
	assert_said("memory of VF0 could not be taken back");
	for (unsigned i = 0; i < n_tried; i++)
		assert_string_not_equal(tried[i].name, "buffer after unmap");
}

/* Where no other attacker has registers: those of any function, but its own, that are memory and a page at
 * least. */
static void test_registers_of_any_function(void **state)
{
	static const struct pci_bar good = {.addr = 0xe0000000, .size = CHUNK};
	static struct pci_func f[3];
	(void)state;
	for (unsigned at = 0; at < PCI_BARS; at++) {
		start(state);
		add(2, "PF", &pf_ops); /* does not attack */
		add(0, "VF0", &vf_ops);
		add(1, "edu", &edu_ops);
		memset(f, 0, sizeof f);
		TAILQ_INIT(&mach.pci.funcs);
		for (unsigned i = 0; i < ARRAY_LEN(f); i++) {
			f[i].bdf.rid = (uint16_t)(0x100 + 0x100 * i);
			TAILQ_INSERT_TAIL(&mach.pci.funcs, &f[i], link);
		}
		f[0].bar[0] = (struct pci_bar){.addr = 0xd0000000, .size = CHUNK}; /* its own */
		f[1].bar[0] = (struct pci_bar){.addr = 0xc000, .size = CHUNK, .io = true};
		f[1].bar[1] = (struct pci_bar){.size = CHUNK};
		f[1].bar[2] = (struct pci_bar){.addr = 0xd1000000, .size = CHUNK / 2};
		f[1].rom = good; /* nothing writes there */
		run_memory(&trial[0]);
		for (unsigned i = 0; i < n_tried; i++)
			assert_null(strstr(tried[i].name, "registers"));
		n_tried = 0;
		f[2].bar[at] = good;
		run_memory(&trial[0]);
		assert_int_equal(find("registers 03:00.0", true)->to, good.addr);
	}
}

/* Secrets are put back before they are to be read: where nothing translates, earlier cases have changed them.
 */
static void test_secrets_are_put_back(void **state)
{
	(void)state;
	boot.cfg.iommu = CONFIG_IOMMU_OFF;
	dom = NULL;
	memset(pages, 0, sizeof pages);
	memset(kernel_data, 0, sizeof kernel_data);
	run_memory(&trial[0]); /* attack_run() looks */
	assert_true(n_tried >= 8 && refilled);
	dom = (struct domain *)&mach;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {T(test_judged),
					   T(test_brief),
					   T(test_every_outcome_is_counted_once),
					   T(test_beyond_the_width),
					   T(test_classes),
					   T(test_broken_and_without_effect),
					   T(test_sentences),
					   T(test_cases_of_a_vf),
					   T(test_runs_out_by_half),
					   T(test_only_reads),
					   T(test_no_page_is_write_only),
					   T(test_buffer_was_never_reached),
					   T(test_memory_of_all_others),
					   T(test_tables_of_the_unit),
					   T(test_buffer_cannot_be_set_up),
					   T(test_registers_of_any_function),
					   T(test_secrets_are_put_back)};
	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
