#include "drivers/igb/queue.h"
#include "kernel/str.h"

static struct igb_vf *of(struct packet *p)
{
	return (struct igb_vf *)p;
}

static struct igb_vf *of_queue(struct queue *q)
{
	return (struct igb_vf *)q;
}

/* Drops what the next descriptor reports, which is no good frame; its slot goes back to the device after
 * those of the frames before it, so only when none of these is held. */
static bool drop(struct igb_vf *vf, uint64_t w)
{
	struct igb_rx *r = &vf->rx;
	if (!igb_rx_written(w) || r->held)
		return false;
	vf->packet.dropped += !r->partial;
	vf->packet.q.stats.bad += FGET(w, RX_LEN) >= PACKET_ROOM;
	r->partial = !(w & RX_EOP);
	igb_rx_ready(r, r->next);
	r->next = (r->next + 1) & IGB_MASK;
	return true;
}

/* What ends a burst early: nothing has come, the ring's end, or a frame that is dropped. At most a ring full
 * of these, so that a device cannot hold us here. */
static NOINLINE void skip_bad(struct igb_vf *vf)
{
	const struct igb_rx *r = &vf->rx;
	for (unsigned i = 0; i < PACKET_RING; i++) {
		uint64_t w = __atomic_load_n(&r->ring[r->next].word, __ATOMIC_ACQUIRE);
		if (((w & IGB_RX_MASK) == IGB_RX_GOOD && !r->partial) || !drop(vf, w))
			return;
	}
}

unsigned igb_queue_receive(struct packet *p, struct packet_frame *f, unsigned max)
{
	struct igb_vf *vf = of(p);
	struct igb_rx *r = &vf->rx;
	unsigned n = 0, some;
	p->q.stats.polls++;
	if (UNLIKELY(r->partial))
		skip_bad(vf);
	while (n < max && !r->partial) {
		unsigned i = r->next, most = IGB_MASK - r->held;
		some = igb_rx_take(r, max - n < most ? max - n : most);
		memcpy(f + n, &r->frame[i], some * sizeof *f);
		n += some;
		if (!some)
			break;
	}
	if (!n)
		skip_bad(vf);
	p->q.stats.empty_polls += !n;
	p->received += n;
	return n;
}

void igb_queue_release(struct packet *p, unsigned n)
{
	struct igb_rx *r = &of(p)->rx;
	r->held -= n < r->held ? n : r->held;
}

unsigned igb_queue_send(struct packet *p, const struct packet_frame *f, unsigned n)
{
	struct igb_tx *t = &of(p)->tx;
	unsigned room = igb_tx_room(t), sent = 0;
	p->q.refused = SL_OK;
	n = n < room ? n : room;
	for (unsigned i = 0; i < n; i++)
		if (UNLIKELY(f[i].len < PACKET_LEAST || f[i].len > PACKET_MOST)) {
			p->q.refused = SL_RANGE;
			n = i;
		}
	while (sent < n)
		sent += igb_tx_fill(t, f + sent, n - sent);
	return sent;
}

/* igb_tx_finished(), whose impossible heads the queue counts too. */
FAST_INLINE uint32_t finished(struct igb_vf *vf)
{
	uint64_t bad = vf->tx.bad;
	uint32_t n = igb_tx_finished(&vf->tx);
	vf->packet.q.stats.bad += vf->tx.bad - bad;
	return n;
}

bool igb_vf_room(struct igb_vf *vf, unsigned n)
{
	struct igb_tx *t = &vf->tx;
	uint32_t done = finished(vf);
	vf->packet.q.stats.ops += done;
	t->done = (t->done + done) & IGB_MASK;
	return igb_tx_room(t) >= n;
}

void igb_queue_ring(struct queue *q)
{
	struct igb_vf *vf = of_queue(q);
	q->stats.doorbells += igb_rx_ring(&vf->rx);
	q->stats.doorbells += igb_tx_ring(&vf->tx);
}

unsigned igb_queue_poll(struct queue *q, struct queue_done *done, unsigned max)
{
	struct igb_tx *t = &of_queue(q)->tx;
	unsigned n = finished(of_queue(q));
	n = n < max ? n : max;
	for (unsigned i = 0; i < n; i++, t->done = (t->done + 1) & IGB_MASK)
		done[i] = (struct queue_done){.tag = igb_tx_index(t, t->done)};
	q->stats.ops += n;
	return n;
}

bool igb_queue_ready(const struct queue *q)
{
	const struct igb_vf *vf = (const struct igb_vf *)q;
	return igb_rx_came(&vf->rx.ring[vf->rx.next]) ||
	       __atomic_load_n(vf->tx.head, __ATOMIC_ACQUIRE) != vf->tx.done;
}

uint32_t igb_vf_forward(struct igb_vf *vf, struct igb_hop hop, uint32_t max)
{
	struct igb_rx *r = &vf->rx;
	struct igb_tx *t = &vf->tx;
	uint32_t done = igb_tx_finished(t), n = 0, some;
	t->done = (t->done + done) & IGB_MASK;
	r->held -= done;
	uint32_t room = igb_tx_room(t), most = IGB_MASK - r->held;
	max = max < room ? max : room;
	max = max < most ? max : most;
	do { /* each ring has an end */
		some = igb_forward(r, t, vf->packet.receive, hop, max - n);
		n += some;
	} while (some && n < max);
	vf->packet.q.stats.doorbells += igb_tx_ring(t);
	vf->packet.q.stats.doorbells += igb_rx_ring(r);
	return n;
}
