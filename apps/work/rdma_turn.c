#include "apps/vf/igb.h"
#include "apps/work/rdma_client.h"
#include "apps/work/rdma_end.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define BURST 64u

/* ---- frames out: the head and the tail in a send buffer, the data where they are */

static NOINLINE uint8_t *place_again(struct rdma_end *d)
{
	if (igb_vf_room(igb_of(d->vf), IGB_PARTS))
		return d->vf->packet->send + d->next * PACKET_STRIDE;
	d->vf->queue->ops->ring(d->vf->queue);
	return NULL;
}

/* No more frames than slots are in flight, so that a buffer comes round when its frame is sent. */
static uint8_t *place(void *ctx)
{
	struct rdma_end *d = ctx;
	const struct igb_vf *igb = igb_of(d->vf);
	if (UNLIKELY(igb_tx_room(&igb->tx) < IGB_PARTS))
		return place_again(d);
	return igb->packet.send + d->next * PACKET_STRIDE;
}

_Static_assert(ROCE_PLACE + ROCE_MTU_MOST <= PACKET_MOST, "a frame's length");

static void send(void *ctx, const struct roce_frame *f)
{
	struct rdma_end *d = ctx;
	uint64_t at = igb_own_of(d->vf)->mem.send.iova.v + d->next * PACKET_STRIDE;
	struct igb_part part[IGB_PARTS] = {
		{at, f->head_bytes}, {f->data_at, f->data_bytes}, {at + ROCE_HEAD_ROOM, f->tail_bytes}};
	struct igb_tx *t = &igb_of(d->vf)->tx;
	if (f->data_bytes)
		igb_tx_gather(t, part, IGB_PARTS);
	else
		igb_tx_gather(t, part, 1);
	d->next = (uint8_t)((d->next + 1) % PACKET_RING);
}

struct roce_wire rdma_wire(struct rdma_end *end)
{
	return (struct roce_wire){place, send, end};
}

/* ---- frames in */

/* What is not for the end point is for the host that it is on: ARP, neighbours, pings. */
static NOINLINE void take_other(struct rdma_end *d, uint8_t *frame, size_t n)
{
	size_t back = net_take(&d->port, frame, n, PACKET_MOST);
	uint8_t *out = back ? place(d) : NULL;
	if (!out)
		return;
	memcpy(out, frame, back);
	for (; back < 60; back++)
		out[back] = 0;
	send(d, &(struct roce_frame){.head = out, .head_bytes = (uint32_t)back});
}

enum sl_err rdma_turn(struct vf *vf)
{
	struct rdma_end *d = rdma_end_of(vf);
	struct packet *p = vf->packet;
	struct packet_frame in[BURST];
	unsigned got = p->ops->receive(p, in, BURST);
	uint64_t now = now_us();
	for (unsigned i = 0; i < got; i++) {
		uint8_t *frame = p->receive + in[i].index * PACKET_STRIDE;
		if (!roce_take(&d->roce, frame, in[i].len, now))
			take_other(d, frame, in[i].len);
	}
	p->ops->release(p, got);
	if (UNLIKELY(!d->client.done))
		rdma_client_turn(&d->client, &d->roce, &d->port, now);
	roce_poll(&d->roce, now);
	vf->queue->ops->ring(vf->queue);
	d->idle = !got && !d->roce.busy;
	if (LIKELY(!p->q.stats.bad))
		return SL_OK;
	(void)vf->queue->ops->explain(vf->queue, d->why, sizeof d->why);
	return SL_DEVICE;
}

bool rdma_came(const struct vf *vf)
{
	const struct igb_rx *rx = &igb_of(vf)->rx;
	return igb_rx_came(&rx->ring[rx->next]);
}

void rdma_wait(const struct vf *vf, unsigned n, unsigned polls)
{
	const struct igb_desc *next[RDMA_LOOKS];
	for (unsigned i = 0; i < RDMA_LOOKS; i++) {
		const struct igb_rx *rx = &igb_of(&vf[i % n])->rx;
		next[i] = &rx->ring[rx->next];
	}
	for (; polls; polls -= RDMA_LOOKS)
		for (unsigned i = 0; i < RDMA_LOOKS; i++)
			if (igb_rx_came(next[i]))
				return;
}
