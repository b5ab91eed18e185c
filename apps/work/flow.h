/* A timed loop's engine: requests in flight at a fixed depth on a queue, each sent again when its result has
 * come, until the clock stops. A workload adds what its requests are and what a result means.
 *
 * Order, on the core that works the queue: flow_begin() and the first requests, flow_turn() again and again,
 * flow_end(). flow_work() does this for all of a worker's queues. The functions that a workload passes to
 * FAST_INLINE ones are constants there: they are inlined and cost no indirect call. */
#pragma once
#include "apps/bringup/faults.h"
#include "apps/report/latency.h"
#include "apps/vf/workers.h"
#include "apps/work/pattern.h"
#include "kernel/cpu.h"
#include "kernel/time.h"
#include "kernel/tsc.h"

#define FLOW_TAKE     32u       /* results of one turn, at most */
#define FLOW_DRAIN_US 10000000u /* for what is in flight when the clock stops */

/* One queue's. Accessed only by the core that works it, as are the members of vf that the loop counts in: ops
 * and timed. */
struct flow {
	struct vf *vf;
	unsigned waiting;               /* in vf->batch.req, to be sent */
	unsigned flying, errors;        /* errors: requests not taken or ended with one */
	uint64_t random, places;        /* places: of the medium, where a request may start */
	uint64_t started[BUFFER_SLOTS]; /* TSC by tag */
	uint32_t place[BUFFER_SLOTS];   /* of the tag's last request */
} __attribute__((aligned(64)));

/* Nothing is in flight, and vf's counters start at 0. */
void flow_begin(struct flow *f, struct vf *vf);

/* The clock has stopped: vf->timed is what the queue's counters grew by. Then the results of what is in
 * flight are taken by turn(), which sends nothing. SL_DEVICE when the VF was cut off, its queue reports
 * completions that cannot be, or f->errors is not 0; SL_TIMEOUT when something is still in flight at deadline
 * (now_us()).
 */
enum sl_err flow_end(struct flow *f, uint64_t deadline, unsigned (*turn)(struct flow *f)) MUST_CHECK;

/* Takes fault records, and keys while they count; returns when to look again at the latest, as now in TSC
 * ticks. Core 0. */
uint64_t flow_look(struct machine *m, uint64_t now);

/* From now on q, Esc and Ctrl-C end the work of all cores within FLOW_PART of a second, and work of seconds
 * prints how far it is; until flow_keys_end(). */
void flow_keys_begin(uint32_t seconds);
/* True when a key ended the work. */
bool flow_keys_end(void);
bool flow_stopped(void);
#define FLOW_PART 4u /* of a second: between two looks at flow_stopped(), which stay out of the loop */

/* A random place, which is then the tag's. */
static inline uint32_t flow_place(struct flow *f, uint32_t tag)
{
	f->place[tag] = (uint32_t)(pattern_random(&f->random) % f->places);
	return f->place[tag];
}

/* Sends the waiting requests to a VF that stores, with one doorbell. */
static inline void flow_send(struct flow *f)
{
	struct block *a = f->vf->medium;
	unsigned sent = a->ops->submit(a, f->vf->batch.req, f->waiting);
	f->errors += f->waiting - sent;
	f->flying += sent;
	f->waiting = 0;
	a->q.ops->ring(&a->q);
}

/* What a workload adds. now: TSC of the turn. */
typedef void flow_take(struct flow *f, const struct queue_done *done, uint64_t now, bool again);
typedef void flow_next(struct flow *f, uint32_t tag, unsigned slot, uint64_t now);
typedef void flow_push(struct flow *f);

/* Takes the results that have come, each by take(). With again set they count, next() makes the tag's next
 * request, at slot of vf->batch.req if it waits there, and push() sends what waits when it is time to.
 * Returns how many came. */
FAST_INLINE unsigned flow_turn(struct flow *f, bool again, flow_take *take, flow_next *next, flow_push *push)
{
	struct queue_done done[FLOW_TAKE];
	struct queue *q = f->vf->queue;
	unsigned n = q->ops->poll(q, done, FLOW_TAKE);
	if (!n)
		return 0;
	uint64_t now = cpu_tsc();
	unsigned slot = f->waiting;
	for (unsigned i = 0; i < n; i++) {
		take(f, &done[i], now, again);
		if (again)
			next(f, done[i].tag, slot++, now);
	}
	f->flying -= n;
	if (again) {
		f->waiting = slot;
		f->vf->ops += n;
		push(f);
	}
	return n;
}

/* A workload's functions for place v of its flows. */
struct flow_ops {
	enum sl_err (*begin)(struct worker *w, unsigned v);
	unsigned (*turn)(unsigned v);
	enum sl_err (*end)(unsigned v, uint64_t deadline); /* deadline: now_us() */
};

/* Turns over the flows first .. end - 1 of a worker until ticks of the TSC are over or a key ends it. Core 0
 * also takes fault records. rings: how the core waits when nothing comes; NULL: it polls. Returns the ticks
 * that it took. */
FAST_INLINE uint64_t flow_turns(struct worker *w, unsigned end, uint64_t ticks, struct wait_set *rings,
				unsigned (*turn)(unsigned v))
{
	uint64_t start = cpu_tsc(), now = start, look_at = start, part = tsc_info()->hz / FLOW_PART,
		 until = 0;
	while (until < ticks && !flow_stopped()) {
		until = ticks - until > part ? until + part : ticks;
		uint64_t end_us = now_us() + report_ns(start + until - now) / 1000;
		for (; now - start < until; now = cpu_tsc()) {
			unsigned n = 0;
			for (unsigned v = w->first; v < end; v++)
				n += turn(v);
			core_progress();
			if (w->core == 0 && (now >= look_at || faults_waiting(w->m)))
				look_at = flow_look(w->m, now);
			if (rings)
				wait_turn(rings, n, end_us);
			else if (!n)
				cpu_pause();
		}
	}
	return now - start;
}

/* The whole of it on the worker's core: the first error is w->err, and w->ops and w->ticks are set. */
FAST_INLINE void flow_work(struct worker *w, unsigned end, uint64_t ticks, struct wait_set *rings,
			   const struct flow_ops *ops)
{
	for (unsigned v = w->first; v < end && !w->err; v++)
		w->err = ops->begin(w, v);
	if (w->err)
		return;
	w->ticks = flow_turns(w, end, ticks, rings, ops->turn);
	uint64_t deadline = now_us() + FLOW_DRAIN_US;
	for (unsigned v = w->first; v < end; v++) {
		enum sl_err e = ops->end(v, deadline);
		w->ops += w->m->vf[v].ops;
		w->err = w->err ? w->err : e;
	}
}
