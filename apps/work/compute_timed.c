/* Stage timed of VFs that compute: mixed operations and sizes at a fixed depth on every VF, each worked by
 * its own core, or by a core that goes round its VFs. Each tag does the job that was prepared for it again
 * and again; what that came to last is checked after the clock has stopped. */
#include "apps/work/compute.h"
#include "apps/work/timed.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/tsc.h"

/* One VF's side of the loop, accessed only by its core. */
struct side {
	struct flow flow; /* first */
	uint32_t depth;
	uint64_t odd; /* not taken, or not the status that the job has to end with */
	struct compute_job job[JOB_TAGS];
	uint16_t status[JOB_TAGS]; /* the last one */
	uint8_t service[JOB_TAGS];
	uint64_t bytes[COMPUTE_SERVICES];
	struct hist latency[COMPUTE_SERVICES];
	enum sl_err err;
};

static struct side side[VFS_COMPUTING];

static const char *const service_names[COMPUTE_SERVICES] = {"cipher", "hash",    "HMAC",   "chain",
							    "AEAD",   "deflate", "inflate"};

static struct side *side_of(struct flow *f)
{
	return (struct side *)(void *)f;
}

static void take(struct flow *f, const struct queue_done *done, uint64_t now, bool again)
{
	struct side *p = side_of(f);
	uint32_t tag = done->tag;
	unsigned s = p->service[tag];
	p->status[tag] = done->status;
	p->odd += (done->status != 0) != compute_of(f->vf)->jobs.state[tag].spoilt;
	if (!again)
		return;
	hist_add(&p->latency[s], now - f->started[tag]);
	p->bytes[s] += p->job[tag].len;
}

static void next(struct flow *f, uint32_t tag, unsigned slot, uint64_t now)
{
	struct side *p = side_of(f);
	struct compute *a = f->vf->compute;
	(void)slot;
	f->started[tag] = now;
	unsigned n = a->ops->submit(a, &p->job[tag], 1);
	f->flying += n;
	p->odd += !n;
}

/* One doorbell for each ring. */
static void push(struct flow *f)
{
	f->waiting = 0;
	f->vf->queue->ops->ring(f->vf->queue);
}

static unsigned turn(unsigned v)
{
	return flow_turn(&side[v].flow, true, take, next, push);
}

static unsigned last_turn(struct flow *f)
{
	return flow_turn(f, false, take, next, push);
}

/* On the VF's core: its rings filled for the first time. */
static enum sl_err begin(struct worker *w, unsigned v)
{
	struct vf *vf = &w->m->vf[v];
	struct jobs *j = &compute_of(vf)->jobs;
	struct side *p = &side[v];
	uint32_t qd = w->m->cfg->qd;
	memset(p, 0, sizeof *p);
	vf->core = w->core;
	p->depth = qd < JOB_TAGS ? qd : JOB_TAGS;
	for (unsigned s = 0; s < COMPUTE_SERVICES; s++)
		hist_reset(&p->latency[s]);
	for (uint32_t tag = 0; tag < p->depth; tag++) {
		jobs_prepare(j, j->round, tag, &p->job[tag]);
		p->service[tag] = j->spec[j->state[tag].kind].service;
	}
	j->round++;
	flow_begin(&p->flow, vf);
	for (uint32_t tag = 0; tag < p->depth; tag++)
		next(&p->flow, tag, tag, cpu_tsc());
	push(&p->flow);
	return SL_OK;
}

/* What every tag came to. A VF that failed has its error in err and in jobs.why, and the others go on: core 0
 * resets it when all are done. */
static enum sl_err end(unsigned v, uint64_t deadline)
{
	struct side *p = &side[v];
	struct queue *q = p->flow.vf->queue;
	struct jobs *j = &compute_of(p->flow.vf)->jobs;
	p->err = flow_end(&p->flow, deadline, last_turn);
	j->left = p->flow.flying;
	if (p->err) {
		(void)q->ops->explain(q, j->why, sizeof j->why);
		return SL_OK;
	}
	for (uint32_t tag = 0; tag < p->depth && !p->err; tag++)
		p->err = jobs_check(j, tag, p->status[tag]);
	if (!p->err && p->odd) {
		p->err = SL_DEVICE;
		fmt_print(j->why, sizeof j->why, "operations with a wrong status in the timed phase: %llu",
			  (ull)p->odd);
	}
	return SL_OK;
}

static const struct flow_ops ops = {begin, turn, end};

static void timed_worker(void *arg)
{
	struct worker *w = arg;
	flow_work(w, w->first + w->n, w->m->cfg->seconds * tsc_info()->hz, NULL, &ops);
}

/* --- the table */

static void print_vf(struct machine *m, unsigned v, struct report_table *t)
{
	static struct hist h;
	const struct vf *vf = &m->vf[v];
	char name[24], core[8];
	uint64_t bytes = 0;
	hist_reset(&h);
	for (unsigned s = 0; s < COMPUTE_SERVICES; s++) {
		hist_merge(&h, &side[v].latency[s]);
		bytes += side[v].bytes[s];
	}
	fmt_print(name, sizeof name, BDF_FMT, BDF_ARG(vf->fn->bdf));
	fmt_print(core, sizeof core, "%u", vf->core);
	report_add(t, &(struct report_row){name, core, &h, h.count, bytes, &vf->timed});
}

static void print_service(const struct machine *m, unsigned s, const struct report_table *t)
{
	static struct hist h;
	uint64_t bytes = 0;
	hist_reset(&h);
	for (unsigned v = 0; v < m->vfs; v++) {
		hist_merge(&h, &side[v].latency[s]);
		bytes += side[v].bytes[s];
	}
	if (h.count)
		report_row(t, &(struct report_row){service_names[s], "", &h, h.count, bytes, NULL});
}

static void print_json(const struct machine *m, unsigned v, unsigned s)
{
	const struct hist *h = &side[v].latency[s];
	if (!h->count)
		return;
	log_text(
		"{\"t\":\"accel\",\"v\":1,\"vf\":%u,\"service\":\"%s\",\"ops\":%llu,\"bytes\":%llu,\"us\":%llu",
		v, service_names[s], (ull)h->count, (ull)side[v].bytes[s], (ull)m->tally.timed_us);
	report_latency_json(h);
	log_text("}\n");
}

static void print_table(struct machine *m)
{
	struct report_table t;
	report_begin(&t, REPORT_TENTHS, m->tally.timed_us, &m->tally.latency);
	for (unsigned v = 0; v < m->vfs; v++)
		print_vf(m, v, &t);
	for (unsigned s = 0; s < COMPUTE_SERVICES; s++)
		print_service(m, s, &t);
	m->tally.fair_permille = report_end(&t);
	m->tally.timed_ops = t.ops;
	for (unsigned v = 0; v < m->vfs && m->cfg->json; v++)
		for (unsigned s = 0; s < COMPUTE_SERVICES; s++)
			print_json(m, v, s);
}

enum sl_err compute_timed(struct machine *m)
{
	uint32_t qd = m->cfg->qd, seconds = m->cfg->seconds;
	uint64_t ticks = 0;
	log_line(
		"timed",
		"mixed operations of 16 to 4096 bytes, %u in flight on each of %u VFs, polled by %u cores, %u s",
		qd < JOB_TAGS ? qd : JOB_TAGS, m->vfs, m->vfs < core_count() ? m->vfs : core_count(),
		seconds);
	flow_keys_begin(seconds);
	enum sl_err e = workers_run(m, timed_worker, seconds * 1000000ull + 2 * FLOW_DRAIN_US);
	m->tally.stopped = flow_keys_end();
	if (e)
		return e;
	for (unsigned i = 0; i < core_count(); i++)
		ticks = worker_of(i)->ticks > ticks ? worker_of(i)->ticks : ticks;
	m->tally.timed_us = report_ns(ticks) / 1000;
	if (!m->tally.timed_us)
		return SL_DEVICE;
	timed_say_stopped(m);
	print_table(m);
	for (unsigned v = 0; v < m->vfs; v++) {
		enum sl_err mine = side[v].err ? compute_fault(m, &m->vf[v], side[v].err) : SL_OK;
		e = e ? e : mine;
	}
	return e;
}
