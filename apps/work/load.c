#include "apps/work/load.h"
#include "apps/work/timed.h"

static struct {
	struct worker worker[CORES_MAX];
	struct machine *m;
	uint64_t started; /* now_us() */
	bool on, here;    /* here: core 0 has a part */
	bool stop;        /* to the other cores */
} load;

static void worker_begin(struct worker *w)
{
	for (unsigned v = w->first; v < w->first + w->n && !w->err; v++)
		w->err = timed_start(w, v);
	w->ticks = cpu_tsc();
}

/* True when something came back. */
static bool worker_turn(struct worker *w)
{
	unsigned n = 0;
	for (unsigned v = w->first; v < w->first + w->n && !w->err; v++) {
		n += timed_turn(&timed_flow[v]);
		w->err = timed_flow[v].errors ? SL_DEVICE : SL_OK;
	}
	return n > 0;
}

static void worker_end(struct worker *w)
{
	uint64_t deadline = now_us() + FLOW_DRAIN_US;
	w->ticks = cpu_tsc() - w->ticks;
	for (unsigned v = w->first; v < w->first + w->n; v++) {
		if (timed_flow[v].vf != &w->m->vf[v])
			continue; /* it never began */
		enum sl_err e = timed_stop(v, deadline);
		w->ops += w->m->vf[v].ops;
		w->err = w->err ? w->err : e;
	}
}

static void worker_run(void *arg)
{
	struct worker *w = arg;
	worker_begin(w);
	while (!__atomic_load_n(&load.stop, __ATOMIC_RELAXED)) {
		if (!worker_turn(w))
			cpu_pause();
		core_progress();
	}
	worker_end(w);
}

bool load_running(void)
{
	return load.on;
}

enum sl_err load_start(struct machine *m, bool here)
{
	unsigned cores = core_count();
	enum sl_err e = SL_OK;
	load.m = m;
	load.on = true;
	load.here = here || cores == 1;
	load.started = now_us();
	__atomic_store_n(&load.stop, false, __ATOMIC_RELEASE);
	for (unsigned v = 0; v < m->pairs; v++)
		timed_flow[v].vf = NULL;
	for (unsigned i = cores; i-- > 0;) {
		unsigned core = workers_core(i);
		struct worker *w = &load.worker[core];
		*w = (struct worker){.m = m, .core = core};
		if (load.here)
			w->n = workers_share(m->pairs, cores, i, &w->first);
		else if (i)
			w->n = workers_share(m->pairs, cores - 1, i - 1, &w->first);
		if (w->n && i && !e)
			e = core_run(core, worker_run, w);
		if (e)
			w->n = 0; /* no core works it */
	}
	if (!e && load.worker[0].n) {
		worker_begin(&load.worker[0]);
		e = load.worker[0].err;
	}
	if (!e)
		return SL_OK;
	enum sl_err stopped = load_stop(m);
	return stopped ? stopped : e;
}

void load_turn(void)
{
	if (load.on && load.worker[0].n)
		(void)worker_turn(&load.worker[0]);
}

uint64_t load_ops(const struct machine *m)
{
	uint64_t n = 0;
	for (unsigned v = 0; v < m->pairs; v++)
		n += __atomic_load_n(&m->vf[v].ops, __ATOMIC_RELAXED);
	return n;
}

uint64_t load_us(void)
{
	return now_us() - load.started;
}

enum sl_err load_stop(struct machine *m)
{
	enum sl_err first = SL_OK;
	uint64_t ticks = 0, deadline = now_us() + 2 * FLOW_DRAIN_US;
	__atomic_store_n(&load.stop, true, __ATOMIC_RELEASE);
	if (load.worker[0].n)
		worker_end(&load.worker[0]);
	m->tally.timed_ops = 0;
	for (unsigned i = 0; i < core_count(); i++) {
		const struct worker *w = &load.worker[i];
		enum sl_err e = w->n && i ? core_join(i, deadline) : SL_OK;
		if (!e)
			e = w->err;
		first = first ? first : e;
		m->tally.timed_ops += w->ops;
		ticks = w->ticks > ticks ? w->ticks : ticks;
	}
	m->tally.timed_us = report_ns(ticks) / 1000;
	load.on = false;
	return first ? first : timed_sample(m, m->cfg->qd);
}
