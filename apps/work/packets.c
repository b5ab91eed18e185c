/* Stage packets: frames from every VF to every other. Each core sends and receives for its VFs, all at the
 * same time. The receiver knows what the next frame from each sender has to be, so that content, order and
 * count are compared by one look; a sender has only as many frames on the way as the receiver's ring has room
 * for, so that none may be lost. */
#include "apps/work/packets.h"
#include "apps/vf/igb.h"
#include "apps/vf/workers.h"
#include "apps/bringup/faults.h"
#include "kernel/cpu.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define LIMIT_US  1800000000u
#define SILENT_US 5000000u
#define BURST     32u
#define NOBODY    IGB_VFS

/* One core writes a member: sent the sender's, got the receiver's. */
static struct {
	uint64_t sent __attribute__((aligned(64)));
	uint64_t got __attribute__((aligned(64)));
} way[IGB_VFS][IGB_VFS]; /* [from][to] */

static struct side {
	uint64_t put;      /* frames put into send buffers */
	uint64_t bytes;    /* received and compared */
	unsigned flying;   /* sent, and its buffer is not back */
	unsigned to;       /* the receiver that is next */
	uint64_t moved_us; /* when a frame last came or went */
	char why[160];
} __attribute__((aligned(64))) side[IGB_VFS];

/* ---- one frame at a time */

uint8_t *packets_place(struct vf *vf)
{
	return packet_buffer(vf->packet, (uint8_t)(PACKET_RING + side[vf->index].put % PACKET_RING));
}

enum sl_err packets_send(struct vf *vf, uint32_t len)
{
	struct packet *p = vf->packet;
	struct side *s = &side[vf->index];
	struct queue_done done[BURST];
	struct packet_frame f = {.index = (uint8_t)(PACKET_RING + s->put++ % PACKET_RING),
				 .len = (uint16_t)len};
	struct deadline d = deadline_in(SILENT_US);
	if (p->ops->send(p, &f, 1) != 1)
		return p->q.refused ? p->q.refused : SL_NOSPACE;
	p->q.ops->ring(&p->q);
	for (s->flying++; s->flying && deadline_look(&d);)
		s->flying -= p->q.ops->poll(&p->q, done, BURST);
	return s->flying ? SL_TIMEOUT : SL_OK;
}

uint32_t packets_take(struct vf *vf, uint8_t *to)
{
	struct packet *p = vf->packet;
	struct packet_frame f;
	if (!p->ops->receive(p, &f, 1))
		return 0;
	uint32_t len = f.len < FRAME_MOST ? f.len : FRAME_MOST;
	memcpy(to, packet_buffer(p, f.index), len);
	p->ops->release(p, 1);
	p->q.ops->ring(&p->q);
	return len;
}

/* ---- many */

/* Who a frame says that it is from: VFs' addresses differ in their second byte. */
static unsigned sender_of(const struct machine *m, const uint8_t *p)
{
	for (unsigned i = 0; i < m->vfs; i++)
		if (memcmp(p + 6, m->vf[i].packet->mac, 6) == 0)
			return i;
	return NOBODY;
}

static bool right(const struct machine *m, unsigned to, const struct packet_frame *got)
{
	const struct packet *p = m->vf[to].packet;
	const uint8_t *bytes = packet_buffer(p, got->index);
	unsigned from = sender_of(m, bytes);
	uint64_t number = from == NOBODY ? 0 : way[from][to].got;
	struct frame want = frame_of(from, to, number);
	if (from != NOBODY && from != to && number < m->cfg->ops &&
	    frame_is(bytes, got->len, &want, p->mac, m->vf[from].packet->mac)) {
		__atomic_store_n(&way[from][to].got, number + 1, __ATOMIC_RELEASE);
		return true;
	}
	if (from == NOBODY)
		fmt_print(side[to].why, sizeof side[to].why,
			  "VF %u received a frame of %u bytes that no VF has sent", to, got->len);
	else
		fmt_print(side[to].why, sizeof side[to].why,
			  "VF %u received %u bytes from VF %u that are not frame %llu of %u bytes", to,
			  got->len, from, (ull)number, want.len);
	return false;
}

static enum sl_err take(const struct machine *m, unsigned v)
{
	struct packet *p = m->vf[v].packet;
	struct packet_frame f[BURST];
	unsigned n = p->ops->receive(p, f, BURST);
	for (unsigned i = 0; i < n; i++) {
		if (!right(m, v, &f[i]))
			return SL_VERIFY;
		side[v].bytes += f[i].len;
	}
	if (!n)
		return SL_OK;
	side[v].moved_us = now_us();
	p->ops->release(p, n);
	return SL_OK;
}

/* Frames that may be sent now: all senders share the receiver's ring, where up to BURST buffers are counted
 * and not yet given back. */
static unsigned credit(const struct machine *m, unsigned from, unsigned to)
{
	uint64_t got = __atomic_load_n(&way[from][to].got, __ATOMIC_ACQUIRE);
	uint64_t flying = way[from][to].sent - got, left = m->cfg->ops - way[from][to].sent;
	uint64_t most = (PACKET_RING - 1 - BURST) / (m->vfs - 1);
	uint64_t n = flying < most ? most - flying : 0;
	n = n < left ? n : left;
	return (unsigned)(n < BURST ? n : BURST);
}

static void send_some(const struct machine *m, unsigned v)
{
	struct packet *p = m->vf[v].packet;
	struct side *s = &side[v];
	struct queue_done done[BURST];
	struct packet_frame f[BURST];
	s->flying -= p->q.ops->poll(&p->q, done, BURST);
	s->to = (s->to + 1) % m->vfs;
	if (s->to == v)
		return;
	unsigned n = credit(m, v, s->to), room = p->q.depth - s->flying;
	n = n < room ? n : room;
	for (unsigned i = 0; i < n; i++) {
		struct frame one = frame_of(v, s->to, way[v][s->to].sent + i);
		f[i] = (struct packet_frame){.index = (uint8_t)(PACKET_RING + s->put++ % PACKET_RING),
					     .len = (uint16_t)one.len};
		frame_fill(packet_buffer(p, f[i].index), &one, m->vf[s->to].packet->mac, p->mac);
	}
	if (!n)
		return;
	n = p->ops->send(p, f, n);
	way[v][s->to].sent += n; /* before the doorbell: they can be there when it returns */
	s->flying += n;
	s->moved_us = now_us();
}

static bool finished(const struct machine *m, unsigned v)
{
	for (unsigned i = 0; i < m->vfs; i++)
		if (i != v && (way[v][i].sent < m->cfg->ops ||
			       __atomic_load_n(&way[i][v].got, __ATOMIC_ACQUIRE) < m->cfg->ops))
			return false;
	return true;
}

static enum sl_err turn(const struct machine *m, unsigned v, uint64_t now)
{
	struct packet *p = m->vf[v].packet;
	enum sl_err e = take(m, v);
	if (e)
		return e;
	send_some(m, v);
	p->q.ops->ring(&p->q);
	if (p->q.stats.bad || p->dropped) {
		(void)p->q.ops->explain(&p->q, side[v].why, sizeof side[v].why);
		return SL_DEVICE;
	}
	if (now < side[v].moved_us + SILENT_US)
		return SL_OK;
	(void)p->q.ops->explain(&p->q, side[v].why, sizeof side[v].why);
	return SL_TIMEOUT;
}

static volatile bool stop; /* some core has found an error */

static void packets_worker(void *arg)
{
	struct worker *w = arg;
	bool more = w->n || w->core == 0;
	for (unsigned v = w->first; v < w->first + w->n; v++)
		side[v].moved_us = now_us();
	for (; more && !w->err && !stop; w->rounds++) {
		uint64_t now = now_us();
		more = false;
		for (unsigned v = w->first; v < w->first + w->n && !w->err; v++) {
			if (finished(w->m, v))
				continue;
			more = true;
			w->err = turn(w->m, v, now);
		}
		core_progress();
	}
	if (w->err)
		stop = true;
}

static void say_wrong(const struct machine *m)
{
	for (unsigned v = 0; v < m->vfs; v++)
		if (side[v].why[0])
			log_fail(
				"packets",
				"run again; if this persists, the card or the path to memory damages or loses frames",
				BDF_FMT ": %s", BDF_ARG(m->vf[v].fn->bdf), side[v].why);
}

static void say_verified(const struct machine *m, uint64_t us)
{
	uint64_t bytes = 0;
	for (unsigned v = 0; v < m->vfs; v++)
		bytes += side[v].bytes;
	log_line(
		"packets",
		"%llu frames of %u to %u bytes, %u from each of %u VFs to each other, a quarter with a VLAN tag: content, order and count as sent; %llu MB in %llu ms",
		(ull)m->tally.verified, FRAME_LEAST, FRAME_MOST, m->cfg->ops, m->vfs, (ull)(bytes / 1000000),
		(ull)(us / 1000));
}

static enum sl_err join(struct machine *m)
{
	enum sl_err e = SL_OK;
	for (unsigned v = 0; v < m->vfs && !e; v++)
		e = igb_join(&m->vf[v], FRAME_VLAN);
	if (e)
		log_fail("packets", "report this: it is a bug in Sluice",
			 "the card's VLAN filter has no room: %s", sl_err_text(e));
	return e;
}

enum sl_err stage_packets(struct machine *m)
{
	if (m->vfs < 2) {
		log_fail("packets", "set vfs= to 2 or more", "frames between VFs need two of them");
		return SL_CONFIG;
	}
	memset(side, 0, sizeof side);
	memset(way, 0, sizeof way);
	stop = false;
	enum sl_err e = join(m);
	if (e)
		return e;
	uint64_t begin = now_us();
	e = workers_run(m, packets_worker, LIMIT_US);
	for (unsigned from = 0; from < m->vfs; from++)
		for (unsigned to = 0; to < m->vfs; to++)
			m->tally.verified += way[from][to].got;
	if (!e)
		say_verified(m, now_us() - begin);
	else
		say_wrong(m);
	return e ? e : packets_rules(m);
}
