/* Stage timed: random 4 KiB reads at a fixed depth on every VF, each worked by its own core, or by a core
 * that goes round its VFs in turn, at most FLOW_TAKE operations of one before the next. What a core does when
 * there is nothing to take depends on mode=: apps/vf/wait.h. The data read last is checked after the clock
 * has stopped. */
#include "apps/work/timed.h"
#include "apps/work/compute.h"
#include "apps/work/packets_timed.h"
#include "apps/vf/batch.h"
#include "apps/vf/overwrite.h"
#include "apps/report/pace.h"
#include "apps/work/stages.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/tsc.h"

#define TIMED_MARK 0x7fffffffu /* a round that stage_verify never reaches */

uint64_t timed_seed(const struct vf *vf, uint64_t chunk)
{
	return pattern_seed(vf->index, TIMED_MARK, chunk);
}

struct flow timed_flow[VFS_MAX];

static void take(struct flow *f, const struct queue_done *done, uint64_t now, bool again)
{
	f->errors += done->status != 0;
	if (again)
		hist_add(&f->vf->latency, now - f->started[done->tag]);
}

static void next(struct flow *f, uint32_t tag, unsigned slot, uint64_t now)
{
	f->started[tag] = now;
	f->vf->batch.req[slot] = vf_request(f->vf, f->vf->data, BLOCK_READ, flow_place(f, tag), tag);
}

unsigned timed_turn(struct flow *f)
{
	return flow_turn(f, true, take, next, flow_send);
}

static unsigned last_turn(struct flow *f)
{
	return flow_turn(f, false, take, next, flow_send);
}

#define TOGETHER 32u /* chunks of a VF in flight, outside the timed phase */

/* All VFs write or read chunks first .. first + TOGETHER - 1. */
static enum sl_err pass_over(struct machine *m, enum block_op op, uint32_t first)
{
	enum sl_err e = SL_OK;
	for (unsigned v = 0; v < m->vfs && !e; v++) {
		struct vf *vf = &m->vf[v];
		vf->batch.n = vf->batch.done = 0;
		for (uint32_t i = 0; i < TOGETHER && first + i < store_chunks(vf->data); i++) {
			vf->batch.req[vf->batch.n++] = vf_request(vf, vf->data, op, first + i, i);
			pattern_fill(vf_buffer(vf, i), CHUNK, timed_seed(vf, first + i));
		}
		e = batch_start(vf);
	}
	if (!e)
		e = batch_finish(m);
	for (unsigned v = 0; v < m->vfs && !e; v++)
		e = batch_status(&m->vf[v]);
	return e;
}

/* Writes the data that is read later: TIMED_CHUNKS of each VF, or its whole store where that is smaller. */
enum sl_err timed_prepare(struct machine *m)
{
	enum sl_err e = overwrite_check(m);
	struct pace pace;
	pace_start(&pace, now_us(), 0);
	for (uint32_t first = 0; first < TIMED_CHUNKS && !e; first += TOGETHER) {
		uint64_t now = now_us();
		if (first && pace_due(&pace, now))
			log_line(
				"medium",
				"%u of %u chunks of 4 KiB written on each VF after %llu s, about %llu s left",
				first, TIMED_CHUNKS, (ull)pace_seconds(&pace, now),
				(ull)pace_left(&pace, now, first, TIMED_CHUNKS));
		e = pass_over(m, BLOCK_WRITE, first);
	}
	return e;
}

void timed_find_bad(struct machine *m)
{
	enum sl_err e = SL_OK;
	for (unsigned v = 0; v < m->vfs; v++)
		if (!m->vf[v].queue || m->vf[v].cut)
			return;
	for (uint32_t first = 0; first < TIMED_CHUNKS && !e; first += TOGETHER)
		e = pass_over(m, BLOCK_READ, first);
	if (!e)
		log_line("medium",
			 "requests failed under load; read once more, every chunk comes without an error");
}

enum sl_err timed_start(struct worker *w, unsigned v)
{
	struct vf *vf = &w->m->vf[v];
	struct flow *f = &timed_flow[v];
	uint64_t room = store_chunks(vf->data);
	flow_begin(f, vf);
	f->random = pattern_seed(v, 1, 1);
	f->places = room < TIMED_CHUNKS ? room : TIMED_CHUNKS;
	hist_reset(&vf->latency);
	vf->core = w->core;
	vf->batch.n = w->m->cfg->qd;
	for (uint32_t tag = 0; tag < vf->batch.n; tag++)
		next(f, tag, tag, cpu_tsc());
	enum sl_err e = batch_start(vf);
	f->flying = vf->batch.n;
	return e;
}

enum sl_err timed_stop(unsigned v, uint64_t deadline)
{
	return flow_end(&timed_flow[v], deadline, last_turn);
}

static unsigned turn(unsigned v)
{
	return timed_turn(&timed_flow[v]);
}

static const struct flow_ops ops = {timed_start, turn, timed_stop};

/* On each core. Core 0 comes here even without a VF, for the fault records. */
static void timed_worker(void *arg)
{
	struct worker *w = arg;
	const struct config *cfg = w->m->cfg;
	struct wait_set rings;
	wait_of(w->m, w->first, w->n, &rings);
	flow_work(w, w->first + w->n, cfg->seconds * tsc_info()->hz, cfg->mode == WAIT_POLL ? NULL : &rings,
		  &ops);
}

static enum sl_err run(struct machine *m)
{
	uint64_t ticks = 0;
	enum sl_err e = workers_run_pairs(m, timed_worker, m->cfg->seconds * 1000000ull + 2 * FLOW_DRAIN_US);
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
					   timed_seed(&m->vf[v], timed_flow[v].place[tag])))
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

void timed_say_stopped(const struct machine *m)
{
	if (m->tally.stopped)
		log_line("timed",
			 "a key ended this phase after %llu.%llu of %u s; the figures are of that time",
			 (ull)(m->tally.timed_us / 1000000), (ull)(m->tally.timed_us / 100000 % 10),
			 m->cfg->seconds);
}

enum sl_err stage_timed(struct machine *m)
{
	if (m->kind->service == VF_COMPUTES)
		return compute_timed(m);
	if (m->kind->service == VF_NETWORKS)
		return packets_timed(m);
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
	flow_keys_begin(seconds);
	if (!e)
		e = run(m);
	m->tally.stopped = flow_keys_end();
	if (!e)
		e = timed_sample(m, qd);
	enum sl_err lost = wait_print(m, "timed");
	wait_close(m);
	if (e == SL_DEVICE)
		timed_find_bad(m);
	if (e) {
		log_fail("timed", "run again; if this persists, the device fails under load",
			 "reads under load failed: %s", sl_err_text(e));
		return e;
	}
	timed_say_stopped(m);
	print_table(m);
	return lost;
}
