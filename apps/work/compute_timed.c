/* Stage timed of VFs that compute: mixed operations and sizes at a fixed depth on every VF, each worked by
 * its own core, or by a core that goes round its VFs. Each tag does the job that was prepared for it again
 * and again; what that came to last is checked after the clock has stopped. */
#include "apps/work/compute.h"
#include "apps/vf/workers.h"
#include "apps/report/latency.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/cpu.h"
#include "kernel/tsc.h"

#define SLACK_US 20000000u /* for a core that is late */

/* One VF's side of the loop, accessed only by its core. */
struct poller {
	struct vf *vf;
	uint32_t depth, left; /* in flight */
	uint64_t ops, odd;    /* odd: not the status that the job has to end with */
	struct compute_job job[JOB_TAGS];
	uint64_t started[JOB_TAGS]; /* TSC by tag */
	uint16_t status[JOB_TAGS];  /* the last one */
	uint8_t service[JOB_TAGS];
	uint64_t bytes[COMPUTE_SERVICES];
	struct hist latency[COMPUTE_SERVICES];
	enum sl_err err;
} __attribute__((aligned(64)));

static struct poller poller[VFS_COMPUTING];

static const char *const service_names[COMPUTE_SERVICES] = {"cipher", "hash",    "HMAC",   "chain",
							    "AEAD",   "deflate", "inflate"};

static void send(struct poller *p, uint32_t tag, uint64_t now)
{
	struct compute *a = p->vf->compute;
	p->started[tag] = now;
	unsigned n = a->ops->submit(a, &p->job[tag], 1);
	p->left += n;
	p->odd += !n;
}

/* Takes what came back and, while the time runs, sends it again: one doorbell for each ring. */
static unsigned turn(struct poller *p, bool again)
{
	struct queue_done done[JOB_TAGS];
	struct jobs *j = &compute_of(p->vf)->jobs;
	struct compute *a = p->vf->compute;
	unsigned n = a->q.ops->poll(&a->q, done, JOB_TAGS);
	if (!n)
		return 0;
	uint64_t now = cpu_tsc();
	p->left -= n;
	for (unsigned i = 0; i < n; i++) {
		uint32_t tag = done[i].tag;
		unsigned s = p->service[tag];
		hist_add(&p->latency[s], now - p->started[tag]);
		p->bytes[s] += p->job[tag].len;
		p->status[tag] = done[i].status;
		p->odd += (done[i].status != 0) != j->state[tag].spoilt;
		if (again)
			send(p, tag, now);
	}
	p->ops += n;
	if (again)
		a->q.ops->ring(&a->q);
	return n;
}

/* On the VF's core: its rings filled for the first time. */
static void begin(struct poller *p, struct vf *vf, uint32_t qd)
{
	struct jobs *j = &compute_of(vf)->jobs;
	memset(p, 0, sizeof *p);
	p->vf = vf;
	p->depth = qd < JOB_TAGS ? qd : JOB_TAGS;
	for (unsigned s = 0; s < COMPUTE_SERVICES; s++)
		hist_reset(&p->latency[s]);
	for (uint32_t tag = 0; tag < p->depth; tag++) {
		jobs_prepare(j, j->round, tag, &p->job[tag]);
		p->service[tag] = j->spec[j->state[tag].kind].service;
	}
	j->round++;
	vf->timed = vf->queue->stats;
	for (uint32_t tag = 0; tag < p->depth; tag++)
		send(p, tag, cpu_tsc());
	vf->queue->ops->ring(vf->queue);
}

/* The clock has stopped: what is in flight, and what every tag came to. Latencies and counts stay as they
 * were. */
static void end(struct poller *p)
{
	struct jobs *j = &compute_of(p->vf)->jobs;
	struct compute *a = p->vf->compute;
	struct queue_done done[JOB_TAGS];
	struct deadline d = deadline_in(JOBS_SILENT_US);
	while (p->left && !a->q.stats.bad) {
		bool late = deadline_passed(&d);
		unsigned n = a->q.ops->poll(&a->q, done, JOB_TAGS);
		for (unsigned i = 0; i < n; i++) {
			p->status[done[i].tag] = done[i].status;
			p->odd += (done[i].status != 0) != j->state[done[i].tag].spoilt;
		}
		p->left -= n;
		if (!n && late)
			break;
		core_progress();
	}
	j->left = p->left;
	p->err = a->q.stats.bad ? SL_DEVICE : p->left ? SL_TIMEOUT : SL_OK;
	if (p->err) {
		(void)a->q.ops->explain(&a->q, j->why, sizeof j->why);
		return;
	}
	for (uint32_t tag = 0; tag < p->depth && !p->err; tag++)
		p->err = jobs_check(j, tag, p->status[tag]);
	if (!p->err && p->odd) {
		p->err = SL_DEVICE;
		fmt_print(j->why, sizeof j->why, "operations with a wrong status in the timed phase: %llu",
			  (ull)p->odd);
	}
}

static void timed_worker(void *arg)
{
	struct worker *w = arg;
	const struct config *cfg = w->m->cfg;
	unsigned end_vf = w->first + w->n;
	for (unsigned v = w->first; v < end_vf; v++)
		begin(&poller[v], &w->m->vf[v], cfg->qd);
	uint64_t start = cpu_tsc(), stop = start + cfg->seconds * tsc_info()->hz, now;
	while ((now = cpu_tsc()) < stop) {
		unsigned n = 0;
		for (unsigned v = w->first; v < end_vf; v++)
			n += turn(&poller[v], true);
		core_progress();
		if (!n)
			cpu_pause();
	}
	w->ticks = now - start;
	for (unsigned v = w->first; v < end_vf; v++) {
		struct vf *vf = &w->m->vf[v];
		vf->core = w->core;
		vf->ops = poller[v].ops;
		vf->timed.doorbells = vf->queue->stats.doorbells - vf->timed.doorbells;
		vf->timed.empty_polls = vf->queue->stats.empty_polls - vf->timed.empty_polls;
		end(&poller[v]);
	}
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
		hist_merge(&h, &poller[v].latency[s]);
		bytes += poller[v].bytes[s];
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
		hist_merge(&h, &poller[v].latency[s]);
		bytes += poller[v].bytes[s];
	}
	if (h.count)
		report_row(t, &(struct report_row){service_names[s], "", &h, h.count, bytes, NULL});
}

static void print_json(const struct machine *m, unsigned v, unsigned s)
{
	const struct hist *h = &poller[v].latency[s];
	if (!h->count)
		return;
	log_text(
		"{\"t\":\"accel\",\"v\":1,\"vf\":%u,\"service\":\"%s\",\"ops\":%llu,\"bytes\":%llu,\"us\":%llu",
		v, service_names[s], (ull)h->count, (ull)poller[v].bytes[s], (ull)m->tally.timed_us);
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
	enum sl_err e = workers_run(m, timed_worker, seconds * 1000000ull + SLACK_US);
	if (e)
		return e;
	for (unsigned i = 0; i < core_count(); i++)
		ticks = worker_of(i)->ticks > ticks ? worker_of(i)->ticks : ticks;
	m->tally.timed_us = report_ns(ticks) / 1000;
	if (!m->tally.timed_us)
		return SL_DEVICE;
	print_table(m);
	for (unsigned v = 0; v < m->vfs; v++) {
		enum sl_err mine = poller[v].err ? compute_fault(m, &m->vf[v], poller[v].err) : SL_OK;
		e = e ? e : mine;
	}
	return e;
}
