/* Stage timed: random 4 KiB reads at a fixed depth on every VF, each worked by its own core, or by a core
 * that goes round its VFs in turn, at most POLL_MAX operations of one before the next. What a core does when
 * there is nothing to take depends on mode=: apps/vf/wait.h. The data read last is checked after the clock
 * has stopped. */
#include "apps/work/timed.h"
#include "apps/work/compute.h"
#include "apps/bringup/faults.h"
#include "apps/vf/batch.h"
#include "apps/work/stages.h"
#include "apps/work/pattern.h"
#include "apps/report/latency.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "kernel/cpu.h"
#include "kernel/tsc.h"

#define POLL_MAX   32u
#define LOOK_EACH  65536u   /* turns of the loop between two looks at the fault records, */
#define LOOK_US    1000000u /* and time between two where a turn may halt */
#define DRAIN_US   10000000u
#define TIMED_MARK 0x7fffffffu /* a round that stage_verify never reaches */

uint64_t timed_seed(const struct vf *vf, uint64_t chunk)
{
	return pattern_seed(vf->index, TIMED_MARK, chunk);
}

struct poller poller[VFS_MAX];

static struct block_req next_request(struct poller *p, uint32_t tag)
{
	uint32_t chunk = (uint32_t)(pattern_random(&p->random) % p->chunks);
	p->chunk[tag] = chunk;
	return vf_request(p->vf, p->vf->data, BLOCK_READ, chunk, tag);
}

unsigned poller_turn(struct poller *p, bool again, unsigned *errors)
{
	struct queue_done done[POLL_MAX];
	struct block_req req[POLL_MAX];
	struct block *a = p->vf->medium;
	unsigned n = a->q.ops->poll(&a->q, done, POLL_MAX);
	if (!n)
		return 0;
	uint64_t now = cpu_tsc();
	for (unsigned i = 0; i < n; i++) {
		uint32_t tag = done[i].tag;
		hist_add(&p->vf->latency, now - p->started[tag]);
		*errors += done[i].status != 0;
		if (again) {
			p->started[tag] = now;
			req[i] = next_request(p, tag);
		}
	}
	p->vf->ops += n;
	if (again) {
		*errors += n - a->ops->submit(a, req, n);
		a->q.ops->ring(&a->q);
	}
	return n;
}

/* Writes the data that is read later: TIMED_CHUNKS of each VF, or its whole store where that is smaller. */
enum sl_err timed_prepare(struct machine *m)
{
	for (uint32_t first = 0; first < TIMED_CHUNKS; first += 32) {
		for (unsigned v = 0; v < m->vfs; v++) {
			struct vf *vf = &m->vf[v];
			vf->batch.n = vf->batch.done = 0;
			for (uint32_t i = 0; i < 32 && first + i < store_chunks(vf->data); i++) {
				vf->batch.req[vf->batch.n++] =
					vf_request(vf, vf->data, BLOCK_WRITE, first + i, i);
				pattern_fill(vf_buffer(vf, i), CHUNK, timed_seed(vf, first + i));
			}
			enum sl_err e = batch_start(vf);
			if (e)
				return e;
		}
		enum sl_err e = batch_finish(m);
		if (e)
			return e;
	}
	return SL_OK;
}

enum sl_err poller_start(struct worker *w, unsigned v, uint32_t qd)
{
	struct vf *vf = &w->m->vf[v];
	uint64_t room = store_chunks(vf->data);
	poller[v] = (struct poller){.vf = vf,
				    .random = pattern_seed(v, 1, 1),
				    .chunks = room < TIMED_CHUNKS ? room : TIMED_CHUNKS};
	hist_reset(&vf->latency);
	vf->core = w->core;
	vf->ops = 0;
	vf->timed = vf->queue->stats;
	vf->batch.n = qd;
	for (uint32_t tag = 0; tag < qd; tag++) {
		poller[v].started[tag] = cpu_tsc();
		vf->batch.req[tag] = next_request(&poller[v], tag);
	}
	return batch_start(vf);
}

enum sl_err poller_stop(struct poller *p, uint32_t qd, uint64_t deadline, unsigned *errors)
{
	struct vf *vf = p->vf;
	struct queue_stats before = vf->timed;
	vf->timed = vf->queue->stats;
	vf->timed.doorbells -= before.doorbells;
	vf->timed.polls -= before.polls;
	vf->timed.empty_polls -= before.empty_polls;
	uint64_t counted = vf->ops;
	while (vf->ops < counted + qd && !vf->cut && now_us() < deadline)
		(void)poller_turn(p, false, errors);
	*errors += vf->cut;
	bool empty = vf->cut || vf->ops == counted + qd;
	vf->ops = counted;
	return empty ? SL_OK : SL_TIMEOUT;
}

/* mode=poll. Returns the time at which it ended, TSC ticks as end is. */
static uint64_t poll_until(struct worker *w, uint64_t end, unsigned *errors)
{
	unsigned end_vf = w->first + w->n;
	uint64_t now = cpu_tsc();
	uint32_t turns = 0;
	for (; now < end; now = cpu_tsc()) {
		unsigned n = 0;
		for (unsigned v = w->first; v < end_vf; v++)
			n += poller_turn(&poller[v], true, errors);
		if (!n)
			cpu_pause();
		core_progress();
		if (w->core == 0 && (++turns % LOOK_EACH == 0 || faults_waiting(w->m)))
			(void)faults_poll(w->m);
	}
	return now;
}

/* The other modes. */
static uint64_t wait_until(struct worker *w, uint64_t end, unsigned *errors)
{
	struct wait_set rings;
	uint64_t now = cpu_tsc(), left_us = report_ns(end - now) / 1000, end_us = now_us() + left_us;
	uint64_t look_at = 0;
	wait_of(w->m, w->first, w->n, &rings);
	for (; now < end; now = cpu_tsc()) {
		unsigned n = 0;
		for (unsigned v = w->first; v < w->first + w->n; v++)
			n += poller_turn(&poller[v], true, errors);
		core_progress();
		if (w->core == 0 && (faults_waiting(w->m) || now_us() >= look_at)) {
			(void)faults_poll(w->m);
			look_at = now_us() + LOOK_US;
		}
		wait_turn(&rings, n, end_us);
	}
	return now;
}

/* On each core: works its VFs in turn until the time is over, then until their queues are empty. Core 0 comes
 * here even without a VF. */
static void timed_worker(void *arg)
{
	struct worker *w = arg;
	const struct config *cfg = w->m->cfg;
	unsigned errors = 0, end_vf = w->first + w->n;
	for (unsigned v = w->first; v < end_vf && !w->err; v++)
		w->err = poller_start(w, v, cfg->qd);
	if (w->err)
		return;
	uint64_t start = cpu_tsc(), end = start + cfg->seconds * tsc_info()->hz;
	w->ticks = (cfg->mode == WAIT_POLL ? poll_until : wait_until)(w, end, &errors) - start;
	uint64_t deadline = now_us() + DRAIN_US;
	for (unsigned v = w->first; v < end_vf; v++) {
		w->ops += poller[v].vf->ops;
		enum sl_err e = poller_stop(&poller[v], cfg->qd, deadline, &errors);
		w->err = w->err ? w->err : e;
	}
	if (!w->err && errors)
		w->err = SL_DEVICE;
}

static enum sl_err run(struct machine *m)
{
	uint64_t ticks = 0;
	enum sl_err e = workers_run_pairs(m, timed_worker, m->cfg->seconds * 1000000ull + 2 * DRAIN_US);
	for (unsigned i = 0; i < core_count(); i++) {
		const struct worker *w = worker_of(i);
		m->tally.timed_ops += w->ops;
		ticks = w->ticks > ticks ? w->ticks : ticks;
	}
	m->tally.timed_us = report_ns(ticks) / 1000;
	return e;
}

enum sl_err timed_sample(struct machine *m, uint32_t qd)
{
	for (unsigned v = 0; v < m->pairs; v++)
		for (uint32_t tag = 0; tag < qd; tag++)
			if (!pattern_check(vf_buffer(&m->vf[v], tag), CHUNK,
					   timed_seed(&m->vf[v], poller[v].chunk[tag])))
				return SL_VERIFY;
	return SL_OK;
}

static void print_table(struct machine *m)
{
	struct report_table t;
	char name[24], core[8];
	report_begin(&t, REPORT_WIDE, m->tally.timed_us, &m->tally.latency);
	for (unsigned v = 0; v < m->pairs; v++) {
		const struct vf *vf = &m->vf[v];
		fmt_print(name, sizeof name, BDF_FMT, BDF_ARG(vf->fn->bdf));
		if (vf->first)
			fmt_print(name, sizeof name, BDF_FMT "/%u", BDF_ARG(vf->fn->bdf), vf->pair);
		fmt_print(core, sizeof core, "%u", vf->core);
		report_add(&t, &(struct report_row){name, core, &vf->latency, vf->ops, vf->ops * CHUNK,
						    &vf->timed});
	}
	m->tally.fair_permille = report_end(&t);
	log_line("timed", "the slowest VF reached %u.%u %% of the fastest VF's throughput",
		 m->tally.fair_permille / 10, m->tally.fair_permille % 10);
}

enum sl_err stage_timed(struct machine *m)
{
	if (m->kind->service == VF_COMPUTES)
		return compute_timed(m);
	uint32_t qd = m->cfg->qd, seconds = m->cfg->seconds;
	enum sl_err e = timed_prepare(m);
	if (e)
		return e;
	bool polled = m->cfg->mode == WAIT_POLL;
	log_line("timed",
		 "random 4 KiB reads, %u in flight on each of %u queues of %u VFs, %s by %u cores, %s, %u s",
		 qd, m->pairs, m->vfs, polled ? "polled" : "worked",
		 m->pairs < core_count() ? m->pairs : core_count(),
		 polled ? "no interrupts from devices" : wait_mode_name((enum wait_mode)m->cfg->mode),
		 seconds);
	e = wait_open(m);
	if (!e)
		e = run(m);
	if (!e)
		e = timed_sample(m, qd);
	enum sl_err lost = wait_print(m, "timed");
	wait_close(m);
	if (e) {
		log_fail("timed", "run again; if this persists, the device fails under load",
			 "reads under load failed: %s", sl_err_text(e));
		return e;
	}
	print_table(m);
	return lost;
}
