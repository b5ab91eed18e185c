/* Stage timed of VFs that send and receive. First a ring of all VFs: VF 0 sends, each other VF forwards to
 * the next, and what the last one forwards comes back to VF 0. Then round trips: VF 0 sends one frame to
 * another VF, which returns it. Each VF is worked by its own core. With fewer cores than VFs one core works
 * them all, since frames would else wait for the turn of a core that is busy with others. All frames are
 * alike, so what comes back last is compared after the clock has stopped. */
#include "apps/work/packets.h"
#include "apps/vf/igb.h"
#include "apps/work/flow.h"
#include "apps/work/timed.h"
#include "drivers/igb/queue.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/tsc.h"

#define BURST    32u
#define WINDOW   64u /* frames on the way in the ring; each VF's ring has room for them */
#define LENGTH   FRAME_LEAST
#define DRAIN_US 5000000u

/* Of a VF, accessed by its core alone. */
static struct side {
	struct igb_vf *vf;
	struct igb_hop hop; /* a forwarder's */
	uint64_t frames;    /* forwarded; VF 0: that came back */
} __attribute__((aligned(64))) side[IGB_VFS];

/* VF 0's. */
static struct {
	struct machine *m;
	unsigned to;        /* where it sends */
	bool single, again; /* one frame at a time; while it goes on */
	uint64_t sent, wrong;
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

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
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
	s->frames += n;
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

static unsigned generate(void)
{
	struct packet *p = &side[0].vf->packet;
	struct queue_done done[BURST];
	unsigned n = take(!gen.again), flying = (unsigned)(gen.sent - side[0].frames);
	(void)p->q.ops->poll(&p->q, done, BURST);
	if (gen.single && n)
		hist_add(&gen.m->vf[gen.to].latency, cpu_tsc() - gen.started);
	if (gen.again && flying < (gen.single ? 1 : WINDOW)) {
		gen.started = cpu_tsc();
		send_some(gen.single ? 1 : least(BURST, WINDOW - flying));
	}
	ring(side[0].vf);
	return n;
}

static unsigned turn(unsigned v)
{
	return v ? forward(&side[v]) : generate();
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

/* Nothing is on the way any more, and the last frames were compared. */
static enum sl_err drain(struct machine *m)
{
	struct deadline d = deadline_in(DRAIN_US);
	gen.again = false;
	while (gen.sent != side[0].frames && deadline_look(&d))
		for (unsigned v = 0; v < m->vfs; v++)
			(void)turn(v);
	for (unsigned v = 1; v < m->vfs; v++)
		(void)turn(v); /* the buffers of the last ones */
	return gen.wrong ? SL_VERIFY : gen.sent == side[0].frames ? SL_OK : SL_TIMEOUT;
}

/* VF 0's send buffers, all with the same frame. */
static void fill(struct machine *m)
{
	const struct packet *p = m->vf[0].packet;
	gen.want = (struct frame){.len = LENGTH, .seed = pattern_seed(0, 0x71e, gen.to)};
	for (unsigned i = 0; i < PACKET_RING; i++)
		frame_fill(packet_buffer(p, (uint8_t)(PACKET_RING + i)), &gen.want, m->vf[gen.to].packet->mac,
			   p->mac);
}

/* One part: VF 0 sends to VF `to`, and VF `last` returns frames to it. */
static enum sl_err part(struct machine *m, unsigned to, unsigned last, bool single, uint64_t ticks)
{
	gen.to = to;
	gen.last = last;
	gen.single = single;
	gen.again = true;
	fill(m);
	part_ticks = ticks;
	enum sl_err e = SL_OK;
	alone = (struct worker){.m = m, .n = m->vfs};
	if (one_core(m))
		part_worker(&alone);
	else
		e = workers_run(m, part_worker, m->cfg->seconds * 1000000ull + 2 * FLOW_DRAIN_US);
	return e ? e : drain(m);
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
		vf->timed = vf->queue->stats;
	}
}

/* What the counters grew by in the first part. */
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
	const struct vf *first = &m->vf[0];
	char name[24], core[8];
	uint64_t us = m->tally.timed_us;
	log_line(
		"timed",
		"a ring of %u VFs: VF 0 sent and received %llu frames of %u bytes, %llu in a second, with %llu doorbells; each other VF forwards them with new addresses; the latencies are round trips from VF 0 to that VF",
		m->vfs, (ull)first->ops, LENGTH, (ull)(first->ops * 1000000 / us),
		(ull)first->timed.doorbells);
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

/* Half of the time for the ring, half for the round trips. */
static enum sl_err run(struct machine *m)
{
	uint64_t half = m->cfg->seconds * tsc_info()->hz / 2;
	enum sl_err e = part(m, 1, m->vfs - 1, false, half);
	if (e)
		return e;
	m->tally.timed_us = report_ns(one_core(m) ? alone.ticks : worker_of(0)->ticks) / 1000;
	count(m);
	for (unsigned v = 1; v < m->vfs; v++)
		side[v].hop = hop_of(&m->vf[v], &m->vf[0]);
	for (unsigned v = 1; v < m->vfs && !e && !flow_stopped(); v++)
		e = part(m, v, v, true, half / (m->vfs - 1));
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
	log_line("timed",
		 "frames forwarded from VF to VF, then one at a time and back, polled by %u cores, %u s",
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
	return SL_OK;
}
