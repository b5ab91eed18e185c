/* Stage timed of VFs that send and receive. First a ring of all VFs: VF 0 has put frames into it, and each VF
 * forwards what comes to the next. Then round trips: VF 0 sends one frame to another VF, which returns it.
 * Then sending and receiving alone: apps/work/packets_rates.c. Each VF is worked by its own core. With fewer
 * cores than VFs one core works them all, since frames would else wait for the turn of a core that is busy
 * with others. All frames are alike. After the clock has stopped VF 0 takes all that are in the ring, and
 * compares them. */
#include "apps/work/packets_timed.h"
#include "apps/vf/igb.h"
#include "apps/work/flow.h"
#include "apps/work/timed.h"
#include "drivers/igb/queue.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/tsc.h"

#define BURST    32u
#define LENGTH   FRAME_LEAST
#define DRAIN_US 5000000u
#define PARTS    4u /* of the stage's time: ring, round trips, sending, receiving */
#define WARM     8u /* before the ring counts: this part of its time */

/* Of a VF, accessed by its core alone. */
static struct side {
	struct igb_vf *vf;
	struct igb_hop hop; /* to the VF that it forwards to */
	uint64_t frames;    /* forwarded */
} __attribute__((aligned(64))) side[IGB_VFS];

/* VF 0's. */
static struct {
	struct machine *m;
	unsigned to;        /* where it sends */
	bool single, again; /* one frame at a time, not a ring; while it goes on */
	uint64_t sent, back, wrong;
	uint64_t started; /* TSC, of the single frame */
	struct frame want;
	unsigned last; /* the VF that returns frames */
} gen;

static struct igb_hop hop_of(const struct vf *from, const struct vf *to)
{
	uint8_t h[12];
	struct igb_hop hop;
	memcpy(h, to->packet->mac, 6);
	memcpy(h + 6, from->packet->mac, 6);
	memcpy(&hop.first, h, sizeof hop.first);
	memcpy(&hop.rest, h + sizeof hop.first, sizeof hop.rest);
	return hop;
}

static void ring(struct igb_vf *vf)
{
	vf->packet.q.ops->ring(&vf->packet.q);
}

static unsigned forward(struct side *s)
{
	unsigned n = igb_vf_forward(s->vf, s->hop, BURST);
	s->vf->packet.q.stats.polls++;
	s->vf->packet.q.stats.empty_polls += !n;
	s->frames += n;
	return n;
}

/* The frames that came back, of which `compare` looks at each byte. */
static unsigned take(bool compare)
{
	struct side *s = &side[0];
	struct packet *p = &s->vf->packet;
	struct packet_frame f[BURST];
	unsigned n = p->ops->receive(p, f, BURST);
	for (unsigned i = 0; i < n && compare; i++)
		gen.wrong += !frame_is(packet_buffer(p, f[i].index), f[i].len, &gen.want, p->mac,
				       gen.m->vf[gen.last].packet->mac);
	p->ops->release(p, n);
	gen.back += n;
	return n;
}

static void send_some(unsigned n)
{
	struct packet *p = &side[0].vf->packet;
	struct packet_frame f[BURST];
	for (unsigned i = 0; i < n; i++)
		f[i] = (struct packet_frame){.index = (uint8_t)(PACKET_RING + (gen.sent + i) % PACKET_RING),
					     .len = LENGTH};
	gen.sent += p->ops->send(p, f, n);
}

/* One round trip after the other; and what comes back in the end. */
static unsigned trip(void)
{
	struct packet *p = &side[0].vf->packet;
	struct queue_done done[BURST];
	unsigned n = take(!gen.again);
	(void)p->q.ops->poll(&p->q, done, BURST);
	if (gen.again && n)
		hist_add(&gen.m->vf[gen.to].latency, cpu_tsc() - gen.started);
	if (gen.again && gen.sent == gen.back) {
		gen.started = cpu_tsc();
		send_some(1);
	}
	ring(side[0].vf);
	return n;
}

static unsigned turn(unsigned v)
{
	return v || (gen.again && !gen.single) ? forward(&side[v]) : trip();
}

static uint64_t part_ticks; /* of the part that runs */
static struct worker alone; /* core 0, where it works all VFs */

static bool one_core(const struct machine *m)
{
	return core_count() < m->vfs;
}

static void part_worker(void *arg)
{
	struct worker *w = arg;
	for (unsigned v = w->first; v < w->first + w->n; v++)
		w->m->vf[v].core = w->core;
	w->ticks = flow_turns(w, w->first + w->n, part_ticks, NULL, turn);
}

/* All that it has forwarded is sent: from then on it may release buffers. */
static bool settle(struct side *s, struct deadline *d)
{
	while (s->vf->tx.done != s->vf->tx.next && deadline_look(d))
		(void)igb_vf_forward(s->vf, s->hop, 0);
	return s->vf->tx.done == s->vf->tx.next;
}

/* Nothing is on the way any more, and the last frames were compared. */
static enum sl_err drain(struct machine *m)
{
	struct deadline d = deadline_in(DRAIN_US);
	if (!gen.single && !settle(&side[0], &d))
		return SL_TIMEOUT;
	gen.again = false;
	while (gen.sent != gen.back && deadline_look(&d))
		for (unsigned v = 0; v < m->vfs; v++)
			(void)turn(v);
	for (unsigned v = 1; v < m->vfs; v++)
		(void)settle(&side[v], &d);
	return gen.wrong ? SL_VERIFY : gen.sent == gen.back ? SL_OK : SL_TIMEOUT;
}

struct frame packets_fill(const struct machine *m, unsigned to)
{
	const struct packet *p = m->vf[0].packet;
	struct frame f = {.len = LENGTH, .seed = pattern_seed(0, 0x71e, to)};
	for (unsigned i = 0; i < PACKET_RING; i++)
		frame_fill(packet_buffer(p, (uint8_t)(PACKET_RING + i)), &f, m->vf[to].packet->mac, p->mac);
	return f;
}

/* VF 0 sends to VF `to`, and VF `last` returns frames to it. */
static void aim(struct machine *m, unsigned to, unsigned last, bool single)
{
	gen.to = to;
	gen.last = last;
	gen.single = single;
	gen.again = true;
	gen.want = packets_fill(m, to);
}

static enum sl_err work(struct machine *m, uint64_t ticks)
{
	part_ticks = ticks;
	alone = (struct worker){.m = m, .n = m->vfs};
	if (!one_core(m))
		return workers_run(m, part_worker, m->cfg->seconds * 1000000ull + 2 * FLOW_DRAIN_US);
	part_worker(&alone);
	return SL_OK;
}

/* Frames on the way in the ring: one VF's has room for all of them, beside a burst that it has
 * forwarded. Where each VF has its core, that burst may come back while the next is still being
 * sent. */
static unsigned window(const struct machine *m)
{
	return PACKET_RING - 1 - (one_core(m) ? BURST : 2 * BURST);
}

/* The frames that are to go around, and all of them are sent: what VF 0 forwards from then on are
 * receive buffers. */
static enum sl_err put_in(const struct machine *m)
{
	const unsigned all = window(m);
	struct packet *p = &side[0].vf->packet;
	struct queue_done done[BURST];
	struct deadline d = deadline_in(DRAIN_US);
	for (unsigned left = 0; gen.sent < all || left;) {
		if (!left) {
			left = all - gen.sent < BURST ? (unsigned)(all - gen.sent) : BURST;
			send_some(left);
			ring(side[0].vf);
		}
		left -= p->q.ops->poll(&p->q, done, left);
		if (left && !deadline_look(&d))
			return SL_TIMEOUT;
	}
	return SL_OK;
}

static void begin(struct machine *m)
{
	memset(side, 0, sizeof side);
	memset(&gen, 0, sizeof gen);
	gen.m = m;
	for (unsigned v = 0; v < m->vfs; v++) {
		struct vf *vf = &m->vf[v];
		side[v].vf = igb_of(vf);
		side[v].hop = hop_of(vf, &m->vf[(v + 1) % m->vfs]);
		hist_reset(&vf->latency);
	}
}

/* From now on frames and doorbells count. */
static void count_from_here(struct machine *m)
{
	for (unsigned v = 0; v < m->vfs; v++) {
		side[v].frames = 0;
		m->vf[v].timed = m->vf[v].queue->stats;
	}
}

/* What the counters grew by since. */
static void count(struct machine *m)
{
	for (unsigned v = 0; v < m->vfs; v++) {
		struct vf *vf = &m->vf[v];
		vf->ops = side[v].frames;
		vf->timed.doorbells = vf->queue->stats.doorbells - vf->timed.doorbells;
		vf->timed.empty_polls = vf->queue->stats.empty_polls - vf->timed.empty_polls;
		vf->timed.ops = side[v].frames;
	}
}

static void print(struct machine *m)
{
	struct report_table t;
	char name[24], core[8];
	uint64_t us = m->tally.timed_us, all = 0, bells = 0;
	for (unsigned v = 0; v < m->vfs; v++) {
		all += m->vf[v].ops;
		bells += m->vf[v].timed.doorbells;
	}
	log_line(
		"timed",
		"a ring of %u VFs forwarded %llu frames of %u bytes with new addresses, %llu in a second, with %llu doorbells; the latencies are round trips from VF 0 to that VF",
		m->vfs, (ull)all, LENGTH, (ull)(all * 1000000 / us), (ull)bells);
	report_begin(&t, REPORT_WIDE, us, &m->tally.latency);
	for (unsigned v = 1; v < m->vfs; v++) {
		const struct vf *vf = &m->vf[v];
		fmt_print(name, sizeof name, BDF_FMT, BDF_ARG(vf->fn->bdf));
		fmt_print(core, sizeof core, "%u", vf->core);
		report_add(&t, &(struct report_row){name, core, &vf->latency, vf->ops, vf->ops * LENGTH,
						    &vf->timed});
	}
	m->tally.fair_permille = report_end(&t);
	m->tally.timed_ops = t.ops;
}

static enum sl_err run_ring(struct machine *m, uint64_t ticks)
{
	aim(m, 1, m->vfs - 1, false);
	enum sl_err e = put_in(m);
	if (!e)
		e = work(m, ticks / WARM);
	count_from_here(m);
	if (!e)
		e = work(m, ticks);
	if (e)
		return e;
	m->tally.timed_us = report_ns(one_core(m) ? alone.ticks : worker_of(0)->ticks) / 1000;
	count(m);
	return drain(m);
}

static enum sl_err run_trips(struct machine *m, uint64_t ticks)
{
	enum sl_err e = SL_OK;
	for (unsigned v = 1; v < m->vfs; v++)
		side[v].hop = hop_of(&m->vf[v], &m->vf[0]);
	for (unsigned v = 1; v < m->vfs && !e && !flow_stopped(); v++) {
		aim(m, v, v, true);
		e = work(m, ticks / (m->vfs - 1));
		if (!e)
			e = drain(m);
	}
	return e;
}

static enum sl_err run(struct machine *m)
{
	uint64_t ticks = m->cfg->seconds * tsc_info()->hz / PARTS;
	enum sl_err e = run_ring(m, ticks);
	if (!e)
		e = run_trips(m, ticks);
	if (!e)
		e = packets_rates(m, ticks);
	return e ? e : m->tally.timed_us ? SL_OK : SL_DEVICE;
}

static void explain(const struct machine *m)
{
	char why[160];
	for (unsigned v = 0; v < m->vfs; v++)
		log_line("timed", "VF %u: %s", v,
			 m->vf[v].queue->ops->explain(m->vf[v].queue, why, sizeof why));
}

enum sl_err packets_timed(struct machine *m)
{
	log_line(
		"timed",
		"frames forwarded from VF to VF, one at a time and back, sent and received alone, polled by %u cores, %u s",
		one_core(m) ? 1 : m->vfs, m->cfg->seconds);
	begin(m);
	flow_keys_begin(m->cfg->seconds);
	enum sl_err e = run(m);
	m->tally.stopped = flow_keys_end();
	if (e) {
		explain(m);
		log_fail("timed", "run again; if this persists, the card damages or loses frames under load",
			 "frames under load failed: %s", sl_err_text(e));
		return e;
	}
	timed_say_stopped(m);
	print(m);
	packets_rates_print();
	return SL_OK;
}
