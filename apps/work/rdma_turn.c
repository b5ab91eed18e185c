#include "apps/vf/igb.h"
#include "apps/work/rdma_client.h"
#include "apps/work/rdma_end.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define BURST 64u
#define SENT  32u

/* ---- frames out: the head and the tail in a send buffer, the data where they are */

static bool has_room(struct vf *vf)
{
	struct queue_done done[SENT];
	struct igb_tx *t = &igb_of(vf)->tx;
	while (vf->queue->ops->poll(vf->queue, done, SENT) == SENT)
		;
	return igb_tx_room(t) >= IGB_PARTS;
}

/* No more frames than slots are in flight, so that a buffer comes round when its frame is sent. */
static uint8_t *place(void *ctx)
{
	struct rdma_end *d = ctx;
	if (UNLIKELY(igb_tx_room(&igb_of(d->vf)->tx) < IGB_PARTS) && !has_room(d->vf)) {
		d->vf->queue->ops->ring(d->vf->queue);
		return NULL;
	}
	return packet_buffer(d->vf->packet, (uint8_t)(PACKET_RING + d->next));
}

static void send(void *ctx, const struct roce_frame *f)
{
	struct rdma_end *d = ctx;
	uint64_t at = igb_own_of(d->vf)->mem.send.iova.v + d->next * PACKET_STRIDE;
	struct igb_part part[IGB_PARTS] = {{at, f->head_bytes},
					   {f->data_at, f->data_bytes},
					   {at + (uint64_t)(f->tail - f->head), f->tail_bytes}};
	d->lost += !igb_vf_gather(igb_of(d->vf), part, f->data_bytes ? IGB_PARTS : 1);
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
		uint8_t *frame = packet_buffer(p, in[i].index);
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

void rdma_wait(const struct vf *vf, unsigned n, unsigned polls)
{
	const struct igb_desc *next[RDMA_LOOKS];
	for (unsigned i = 0; i < RDMA_LOOKS; i++) {
		const struct igb_rx *rx = &igb_of(&vf[i % n])->rx;
		next[i] = &rx->ring[rx->next];
	}
	for (; polls; polls -= RDMA_LOOKS)
		for (unsigned i = 0; i < RDMA_LOOKS; i++)
			if (igb_rx_written(__atomic_load_n(&next[i]->word, __ATOMIC_ACQUIRE)))
				return;
}
