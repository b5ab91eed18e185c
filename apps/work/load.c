#include "apps/work/load.h"
#include "apps/report/latency.h"
#include "apps/work/timed.h"
#include "kernel/time.h"
#include "kernel/x86/cpu.h"

#define DRAIN_US 10000000u

static struct {
	struct lane lane[CORES_MAX];
	struct machine *m;
	uint64_t started; /* now_us() */
	bool on, here;    /* here: core 0 has a lane */
	bool stop;        /* to the other cores */
} load;

static void lane_begin(struct lane *l)
{
	for (unsigned v = l->first; v < l->first + l->n && !l->err; v++)
		l->err = poller_start(l, v, l->m->cfg->qd);
	l->ticks = cpu_tsc();
}

/* True when something came back. */
static bool lane_turn(struct lane *l)
{
	unsigned n = 0, errors = 0;
	for (unsigned v = l->first; v < l->first + l->n && !l->err; v++)
		n += poller_turn(&poller[v], true, &errors);
	if (errors && !l->err)
		l->err = SL_DEVICE;
	return n > 0;
}

static void lane_end(struct lane *l)
{
	unsigned errors = 0;
	uint64_t deadline = now_us() + DRAIN_US;
	l->ticks = cpu_tsc() - l->ticks;
	for (unsigned v = l->first; v < l->first + l->n; v++) {
		if (poller[v].vf != &l->m->vf[v])
			continue; /* it never began */
		l->ops += poller[v].vf->ops;
		enum sl_err e = poller_stop(&poller[v], l->m->cfg->qd, deadline, &errors);
		l->err = l->err ? l->err : e;
	}
	if (errors && !l->err)
		l->err = SL_DEVICE;
}

static void lane_run(void *arg)
{
	struct lane *l = arg;
	lane_begin(l);
	while (!__atomic_load_n(&load.stop, __ATOMIC_RELAXED)) {
		if (!lane_turn(l))
			cpu_pause();
		core_progress();
	}
	lane_end(l);
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
		poller[v].vf = NULL;
	for (unsigned i = cores; i-- > 0;) {
		unsigned core = lanes_core(i);
		struct lane *l = &load.lane[core];
		*l = (struct lane){.m = m, .core = core};
		if (load.here)
			l->n = lanes_share(m->pairs, cores, i, &l->first);
		else if (i)
			l->n = lanes_share(m->pairs, cores - 1, i - 1, &l->first);
		if (l->n && i && !e)
			e = core_run(core, lane_run, l);
		if (e)
			l->n = 0; /* nobody works it */
	}
	if (!e && load.lane[0].n) {
		lane_begin(&load.lane[0]);
		e = load.lane[0].err;
	}
	if (!e)
		return SL_OK;
	enum sl_err stopped = load_stop(m);
	return stopped ? stopped : e;
}

void load_turn(void)
{
	if (load.on && load.lane[0].n)
		(void)lane_turn(&load.lane[0]);
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
	uint64_t ticks = 0, deadline = now_us() + 2 * DRAIN_US;
	__atomic_store_n(&load.stop, true, __ATOMIC_RELEASE);
	if (load.lane[0].n)
		lane_end(&load.lane[0]);
	m->tally.timed_ops = 0;
	for (unsigned i = 0; i < core_count(); i++) {
		const struct lane *l = &load.lane[i];
		enum sl_err e = l->n && i ? core_join(i, deadline) : SL_OK;
		if (!e)
			e = l->err;
		first = first ? first : e;
		m->tally.timed_ops += l->ops;
		ticks = l->ticks > ticks ? l->ticks : ticks;
	}
	m->tally.timed_us = report_ns(ticks) / 1000;
	load.on = false;
	return first ? first : timed_sample(m, m->cfg->qd);
}
