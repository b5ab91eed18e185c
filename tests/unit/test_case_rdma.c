/* The cases of RDMA peers in stage isolate: who attacks whom, and what each end of an access comes to. The
 * accesses are made up here; tests/unit/test_rdma_cases.c has them. */
#include <stdio.h>
#include <string.h>
#include "apps/proof/case.h"
#include "apps/proof/case_rdma.h"
#include "apps/work/rdma_cases.h"
#include "drivers/roce/roce.h"
#include "kernel/console.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

#define VFS 3u

static struct rdma_end end[VFS];
static const struct vf *pairs[8][2]; /* server and client */
static unsigned n_pairs, opened, closed, stop_after, judged, without, broken;
static enum sl_err open_is, close_is, cases_are;
static struct rdma_ended told[16];
static unsigned n_told;
static struct {
	struct attack a;
	struct attack_result r;
	char who[16], name[32];
} last;

/* ---- what it calls */

struct rdma_end *rdma_end_of(const struct vf *vf)
{
	return &end[vf - mach.vf];
}

enum sl_err rdma_ends_open(struct machine *m, const char *stage)
{
	assert_true(m == &mach && !strcmp(stage, "isolate"));
	opened++;
	return open_is;
}

enum sl_err rdma_ends_close(struct machine *m, const char *stage)
{
	assert_true(m == &mach && !strcmp(stage, "isolate"));
	closed++;
	return close_is;
}

enum sl_err rdma_turn(struct vf *vf)
{
	(void)vf;
	return SL_OK;
}

enum sl_err rdma_cases(const struct rdma_pair *p)
{
	assert_true(p->m == &mach && p->turn == rdma_turn && n_pairs < ARRAY_LEN(pairs));
	pairs[n_pairs][0] = &mach.vf[p->server - end];
	pairs[n_pairs++][1] = &mach.vf[p->client - end];
	for (unsigned i = 0; i < n_told; i++)
		p->ended(p->ctx, &told[i]);
	return cases_are;
}

bool console_stop(void)
{
	return stop_after && n_pairs == stop_after;
}

static void note(const struct trial *t, const struct attack *a, const struct attack_result *r)
{
	assert_true(t->m == &mach && *t->by->dom == t->m->vf[0].dom &&
		    t->by->fn == pairs[n_pairs - 1][1]->fn);
	snprintf(last.who, sizeof last.who, "%s", t->by->name);
	snprintf(last.name, sizeof last.name, "%s", a->name);
	last.a = *a;
	if (r)
		last.r = *r;
}

void trial_judged(const struct trial *t, const struct attack *a, const struct attack_result *r)
{
	note(t, a, r);
	judged++;
}

void trial_no_effect(const struct trial *t, const struct attack *a)
{
	note(t, a, NULL);
	without++;
}

void trial_broken(const struct trial *t, const char *what)
{
	note(t, &(struct attack){.name = what}, NULL);
	broken++;
}

static int start(void **state)
{
	static struct packet packet;
	(void)state;
	stages_start(VFS, (struct domain *)&mach);
	for (unsigned v = 0; v < VFS; v++)
		vf_networks(&mach.vf[v], &packet);
	n_pairs = opened = closed = stop_after = judged = without = broken = n_told = 0;
	open_is = close_is = cases_are = SL_OK;
	memset(&last, 0, sizeof last);
	return 0;
}

static void tell(struct rdma_ended e)
{
	told[n_told++] = e;
}

/* Both controls, as they have to be. */
static void tell_controls(bool write, bool read)
{
	tell((struct rdma_ended){.which = RDMA_MAY_WRITE, .write = true, .allowed = true, .right = write});
	tell((struct rdma_ended){.which = RDMA_MAY_READ, .allowed = true, .right = read});
}

/* ---- cases */

/* Each attacks the next one, the last the first. */
static void test_pairs(void **state)
{
	(void)state;
	assert_int_equal(case_rdma_run(&mach), SL_OK);
	assert_true(n_pairs == VFS && opened == 1 && closed == 1);
	for (unsigned v = 0; v < VFS; v++)
		assert_true(pairs[v][1] == &mach.vf[v] && pairs[v][0] == &mach.vf[(v + 1) % VFS]);
}

/* Nobody to attack, nothing that connects them, nothing that refuses. */
static void test_none(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		start(state);
		if (i == 0)
			mach.vfs = 1;
		if (i == 1)
			vf_networks(&mach.vf[0], NULL);
		if (i == 2)
			boot.cfg.iommu = CONFIG_IOMMU_OFF;
		assert_int_equal(case_rdma_run(&mach), SL_OK);
		assert_true(!n_pairs && !opened && !closed);
	}
	start(state);
	mach.vfs = 2;
	assert_int_equal(case_rdma_run(&mach), SL_OK);
	assert_int_equal(n_pairs, 2);
}

/* What is not right has been counted; other errors end it. End points are closed in any case. */
static void test_errors(void **state)
{
	static const struct {
		enum sl_err open, cases, close, is;
		unsigned pairs;
	} row[] = {
		{SL_NOMEM, SL_OK, SL_OK, SL_NOMEM, 0},       {SL_NOMEM, SL_OK, SL_BUSY, SL_NOMEM, 0},
		{SL_OK, SL_VERIFY, SL_OK, SL_OK, VFS},       {SL_OK, SL_NOSPACE, SL_OK, SL_NOSPACE, 1},
		{SL_OK, SL_TIMEOUT, SL_BUSY, SL_TIMEOUT, 1}, {SL_OK, SL_OK, SL_BUSY, SL_BUSY, VFS},
	};
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		start(state);
		open_is = row[i].open;
		cases_are = row[i].cases;
		close_is = row[i].close;
		assert_int_equal(case_rdma_run(&mach), row[i].is);
		assert_true(n_pairs == row[i].pairs && opened == 1 && closed == 1);
	}
	start(state);
	stop_after = 1;
	assert_int_equal(case_rdma_run(&mach), SL_STOPPED);
	assert_true(n_pairs == 1 && closed == 1);
}

static const struct {
	bool right, reached, by_iommu, recorded;
	uint8_t answer;
	enum attack_outcome outcome;
	const char *said;
} ends[] = {
	{true, false, false, false, 0x62, ATTACK_REFUSED, "NAK 62"},
	{true, false, true, true, ROCE_NO_ANSWER, ATTACK_REFUSED, "no data"},
	{false, true, false, false, 0x62, ATTACK_SUCCEEDED, "NAK 62"},
	{false, true, true, true, ROCE_NO_ANSWER, ATTACK_SUCCEEDED, "no data"},
	{false, false, false, false, 0, ATTACK_MISANSWERED, "NAK 00"},
	{false, false, false, true, 0x63, ATTACK_MISANSWERED, "NAK 63"},
	{false, false, true, false, ROCE_NO_ANSWER, ATTACK_SILENT, "no data"},
	{false, false, true, true, 0x62, ATTACK_MISTOLD, "NAK 62"},
};

static void test_outcomes(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(ends) * 2; i++) {
		start(state);
		bool write = i & 1;
		mach.vfs = 2;
		tell_controls(write, !write); /* only the control of its kind counts */
		tell((struct rdma_ended){.which = write ? RDMA_UNMAPPED_WRITE : RDMA_UNMAPPED_READ,
					 .write = write,
					 .right = ends[i / 2].right,
					 .reached = ends[i / 2].reached,
					 .by_iommu = ends[i / 2].by_iommu,
					 .recorded = ends[i / 2].recorded,
					 .answer = ends[i / 2].answer,
					 .fault = {.iova = IOVA(0x1234)}});
		assert_int_equal(case_rdma_run(&mach), SL_OK);
		assert_true(judged == 2 && !without && !broken);
		assert_string_equal(last.who, "VF1");
		assert_string_equal(last.name, "RDMA, unmapped");
		assert_true(last.a.write == write && last.a.by_key == !ends[i / 2].by_iommu);
		assert_int_equal(last.r.outcome, ends[i / 2].outcome);
		assert_string_equal(last.r.said, ends[i / 2].said);
		assert_true(last.r.recorded == ends[i / 2].recorded && last.r.fault.iova.v == 0x1234);
	}
}

/* Each that must be refused has a name that its table has room for; without its control it was not tried. */
static void test_names(void **state)
{
	for (unsigned i = RDMA_WRONG_WRITE; i < RDMA_MAPPED_AGAIN; i++) {
		bool write = i != RDMA_WRONG_READ && i != RDMA_UNMAPPED_READ;
		start(state);
		tell_controls(!write, write);
		tell((struct rdma_ended){.which = i, .write = write, .right = true});
		assert_int_equal(case_rdma_run(&mach), SL_OK);
		assert_true(without == VFS && !judged && !broken && last.a.write == write);
		assert_true(!strncmp(last.name, "RDMA, ", 6) && strlen(last.name) < 20);
	}
}

/* The region that was taken out has to work again. */
static void test_again(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		start(state);
		tell_controls(true, true);
		tell((struct rdma_ended){.which = RDMA_MAPPED_AGAIN, .allowed = true, .right = i});
		assert_int_equal(case_rdma_run(&mach), SL_OK);
		assert_true(broken == (i ? 0 : VFS) && !judged && !without);
		assert_string_equal(last.name, i ? "" : "RDMA, mapped again");
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {T(test_pairs),    T(test_none),  T(test_errors),
					   T(test_outcomes), T(test_names), T(test_again)};
	return cmocka_run_group_tests_name("case_rdma", tests, NULL, NULL);
}
