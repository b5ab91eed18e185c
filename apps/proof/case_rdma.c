/* The cases of RDMA peers: VFs that send and receive, each with a RoCEv2 end point. The attacker is a peer of
 * the next VF's end point, through the card's switch, and asks for what its keys do not allow. What it may do
 * is done first, and is the control of the rest. */
#include "apps/proof/case_rdma.h"
#include "apps/proof/case.h"
#include "apps/work/rdma_cases.h"
#include "drivers/roce/roce.h"
#include "kernel/console.h"
#include "kernel/fmt.h"

/* Of those that must be refused. */
static const char *const names[RDMA_CASES] = {
#define RDMA_CASE(name, does, when, which, what, why, vulnerable) [which] = name,
#include "apps/proof/cases.def"
};

struct turn { /* of one attacker */
	struct trial trial;
	bool reads, writes; /* what it may do was done */
};

static void judge(const struct turn *t, const struct rdma_ended *e)
{
	struct attack a = {.name = names[e->which], .write = e->write, .by_key = !e->by_iommu};
	struct attack_result r = {.recorded = e->recorded, .fault = e->fault};
	if (!(e->write ? t->writes : t->reads)) {
		trial_no_effect(&t->trial, &a);
		return;
	}
	r.outcome = e->reached     ? ATTACK_SUCCEEDED
		    : e->right     ? ATTACK_REFUSED
		    : !e->by_iommu ? ATTACK_MISANSWERED
		    : !e->recorded ? ATTACK_SILENT
				   : ATTACK_MISTOLD;
	if (e->answer == ROCE_NO_ANSWER)
		fmt_print(r.said, sizeof r.said, "no data");
	else
		fmt_print(r.said, sizeof r.said, "NAK %02x", e->answer);
	trial_judged(&t->trial, &a, &r);
}

static void on_ended(void *ctx, const struct rdma_ended *e)
{
	struct turn *t = ctx;
	if (names[e->which])
		judge(t, e);
	else if (e->which == RDMA_MAY_WRITE)
		t->writes = e->right;
	else if (e->which == RDMA_MAY_READ)
		t->reads = e->right;
	else if (!e->right)
		trial_broken(&t->trial, "RDMA, mapped again");
}

/* The VF attacks the next one. SL_VERIFY of rdma_cases() has been counted. */
static enum sl_err attack_next(struct machine *m, unsigned v)
{
	struct attacker by = {.fn = m->vf[v].fn, .dom = &m->vf[v].dom};
	struct turn t = {.trial = {.m = m, .by = &by}};
	struct rdma_pair pair = {.m = m,
				 .server = rdma_end_of(&m->vf[(v + 1) % m->vfs]),
				 .client = rdma_end_of(&m->vf[v]),
				 .turn = rdma_turn,
				 .ended = on_ended,
				 .ctx = &t};
	fmt_print(by.name, sizeof by.name, "VF%u", v);
	enum sl_err e = rdma_cases(&pair);
	return e == SL_VERIFY ? SL_OK : e;
}

enum sl_err case_rdma_run(struct machine *m)
{
	if (m->vfs < 2 || !m->vf[0].packet || !translated(m))
		return SL_OK;
	enum sl_err e = rdma_ends_open(m, "isolate");
	for (unsigned v = 0; v < m->vfs && !e; v++)
		e = console_stop() ? SL_STOPPED : attack_next(m, v);
	enum sl_err closed = rdma_ends_close(m, "isolate");
	return e ? e : closed;
}
