/* Stage bursts: load that stops and starts, BURSTS times on each VF. How long a VF rests between two bursts
 * is random around the time after which mode=adaptive arms; when its core begins to wait for the results of
 * one, random around the time at which they come: then a result comes just before the interrupt is armed,
 * while it is, and just after. Every result is compared. */
#include "apps/work/stages.h"
#include "apps/work/timed.h"
#include "kernel/log.h"
#include "kernel/str.h"

#define BURSTS       10000u
#define BURST_MAX    8u
#define DELAY_MAX_US 20000u
#define STALL_US     10000000u
#define LIMIT_US     1800000000ull /* of the whole stage: for an emulated machine on a busy host */

/* One VF's load, its core's own. */
struct load {
	struct flow flow;  /* first; errors: requests that were not taken */
	uint64_t start_at; /* us; the next burst's */
	uint64_t look_at;  /* us; when the burst in flight is looked after */
	uint64_t delay;    /* us; how long after it was sent, about */
	uint64_t armed;    /* the ring's arms when it was sent */
	uint64_t polls;
	uint32_t bursts;
	uint32_t wrong;  /* chunk of the result that was wrong: */
	enum sl_err err; /* how, */
	uint16_t status; /* and what the device said */
};

static struct load loads[VFS_MAX];

static uint64_t below(struct load *b, uint64_t n)
{
	return (pattern_random(&b->flow.random) >> 11) % n;
}

static bool over(const struct load *b)
{
	return b->bursts == BURSTS && !b->flow.flying;
}

static bool send(struct load *b)
{
	struct flow *f = &b->flow;
	f->waiting = 1 + (unsigned)below(b, BURST_MAX);
	for (uint32_t tag = 0; tag < f->waiting; tag++) {
		uint32_t chunk = flow_place(f, tag);
		pattern_fill(vf_buffer(f->vf, tag), 64, ~timed_seed(f->vf, chunk));
		f->vf->batch.req[tag] = vf_request(f->vf, f->vf->data, BLOCK_READ, chunk, tag);
	}
	flow_send(f);
	b->bursts++;
	b->armed = f->vf->wait.arms;
	b->look_at = now_us() + b->delay * 3 / 4 + below(b, b->delay / 2 + 1);
	return !f->errors;
}

/* Looked after later when this burst had to be waited for with interrupts, and sooner when not: so that
 * arming stays about where the last result comes. */
static void aim(struct load *b)
{
	if (b->flow.vf->wait.arms == b->armed)
		b->delay -= b->delay / 8;
	else if (b->delay < DELAY_MAX_US)
		b->delay += b->delay / 8 + 1;
}

/* Keeps what was wrong with a result, for print_wrong(). */
static void look(struct flow *f, const struct queue_done *d, uint64_t now, bool again)
{
	struct load *b = (struct load *)(void *)f;
	(void)now, (void)again;
	if (b->err)
		return;
	if (!d->status && d->tag < BURST_MAX &&
	    pattern_check(vf_buffer(f->vf, d->tag), CHUNK, timed_seed(f->vf, f->place[d->tag])))
		return;
	b->err = d->status ? SL_DEVICE : SL_VERIFY;
	b->status = d->status;
	b->wrong = d->tag < BURST_MAX ? f->place[d->tag] : 0;
}

/* Takes what came; the number of results. One that is wrong: b->err. */
static unsigned take(struct load *b, struct wait_set *r)
{
	unsigned n = flow_turn(&b->flow, false, look, NULL, NULL);
	b->polls++;
	b->flow.vf->ops += n;
	if (n && !b->flow.flying) {
		aim(b);
		b->start_at = now_us() + below(b, 4 * WAIT_IDLE_US);
		if (below(b, 4) == 0) /* the next one starts while interrupts are on */
			wait_arm(r);
	}
	return n;
}

/* True when something has to be done at a time that no interrupt will tell. */
static bool has_time(const struct load *b, uint64_t now)
{
	return b->flow.flying ? now < b->look_at : b->bursts < BURSTS;
}

/* One turn over the core's VFs: results that came; *halts stays true when there is nothing to do but to wait
 * for results. SL_DEVICE when a request is not taken or has an error status, SL_VERIFY when its data is
 * wrong. */
static enum sl_err turn(struct worker *w, struct wait_set *r, unsigned *results, bool *halts, unsigned *left)
{
	uint64_t now = now_us();
	*results = *left = 0;
	*halts = true;
	for (unsigned v = w->first; v < w->first + w->n; v++) {
		struct load *b = &loads[v];
		if (over(b))
			continue;
		if (!b->flow.flying && now >= b->start_at && !send(b))
			return SL_DEVICE;
		if (b->flow.flying && now >= b->look_at) {
			*results += take(b, r);
			if (b->err)
				return b->err;
		}
		*left += !over(b);
		*halts &= over(b) || !has_time(b, now);
	}
	return SL_OK;
}

static void bursts_worker(void *arg)
{
	struct worker *w = arg;
	struct wait_set rings;
	unsigned results, left = w->n;
	bool halts;
	wait_of(w->m, w->first, w->n, &rings);
	uint64_t moved = now_us();
	while (left && !w->err && !rings.lost) {
		w->err = turn(w, &rings, &results, &halts, &left);
		core_progress();
		if (w->core == 0 && faults_waiting(w->m))
			(void)faults_poll(w->m);
		uint64_t now = now_us();
		if (results || !halts)
			moved = now;
		else if (now - moved > STALL_US)
			w->err = SL_TIMEOUT;
		if (!results && !halts)
			cpu_pause();
		else if (left && !w->err)
			wait_turn(&rings, results, moved + STALL_US);
	}
	for (unsigned v = w->first; v < w->first + w->n; v++)
		w->ops += w->m->vf[v].ops;
}

static void print(const struct machine *m)
{
	for (unsigned v = 0; v < m->vfs; v++)
		log_line("bursts", "VF %u: %u bursts, %llu operations, %llu polls", v, loads[v].bursts,
			 (ull)m->vf[v].ops, (ull)loads[v].polls);
}

static void print_wrong(const struct load *b)
{
	char text[64];
	const struct vf *vf = b->flow.vf;
	struct block_req req = vf_request(vf, vf->data, BLOCK_READ, b->wrong, 0);
	log_warn("bursts", "VF %u " BDF_FMT ", LBA 0x%llx: %s (status: %s)", vf->index, BDF_ARG(vf->fn->bdf),
		 (ull)req.lba, sl_err_text(b->err),
		 b->status ? vf->queue->ops->status_text(b->status, text, sizeof text) : "success");
}

/* What may help, by what went wrong. */
static const char *advice(const struct machine *m, enum sl_err e)
{
	return e == SL_DEVICE   ? "the status above says why; a worn-out medium does this"
	       : e == SL_VERIFY ? "run again; if this persists, the device or the path to memory damages data"
	       : m->cfg->mode == WAIT_POLL ? "run again; if this persists, the device stops answering"
					   : "run again with mode=poll: if that works, an interrupt is lost";
}

enum sl_err stage_bursts(struct machine *m)
{
	enum sl_err e = timed_prepare(m);
	if (!e)
		e = wait_open(m);
	for (unsigned v = 0; v < m->vfs; v++) {
		struct load *b = &loads[v];
		uint64_t room = store_chunks(m->vf[v].data);
		memset(b, 0, sizeof *b);
		flow_begin(&b->flow, &m->vf[v]);
		b->flow.random = pattern_seed(v, 1, 2);
		b->flow.places = room < TIMED_CHUNKS ? room : TIMED_CHUNKS;
		b->delay = WAIT_IDLE_US;
	}
	if (!e)
		e = workers_run(m, bursts_worker, LIMIT_US);
	print(m);
	for (unsigned i = 0; i < core_count(); i++)
		m->tally.timed_ops += worker_of(i)->ops;
	for (unsigned v = 0; v < m->vfs; v++)
		if (loads[v].err)
			print_wrong(&loads[v]);
	if (e)
		log_fail("bursts", advice(m, e), "load that stops and starts failed: %s", sl_err_text(e));
	enum sl_err lost = wait_print(m, "bursts");
	wait_close(m);
	return e ? e : lost;
}
