/* What a VF reads from an address is what it sends: its peer receives it. What it writes is what the peer
 * sends. The rings are set up anew for each access, one part of them at the address in question, and the next
 * set-up begins with a reset of the VF. */
#include "apps/proof/strike_packet.h"
#include "apps/vf/igb.h"
#include "apps/work/packets.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define ALLOWED_US 200000u /* for a frame that has to arrive, */
#define ATTACK_US  10000u  /* and for one that must not */
#define EACH       8u      /* frames of a bystander */

static uint8_t brought[PACKET_STRIKE_LEN]; /* what the peer received behind the addresses */
static uint64_t number;                    /* of frames: none is like another */

struct vf *packet_peer(struct machine *m, const struct vf *vf)
{
	return &m->vf[(vf->index + 1) % m->vfs];
}

/* What of its memory is at the address in question. Four bytes are a head, whatever they are. */
static enum packet_part part_of(const struct attack *a)
{
	return a->part       ? (enum packet_part)a->part
	       : !a->write   ? PACKET_SEND_BUFFER
	       : a->len == 4 ? PACKET_HEAD
			     : PACKET_RECEIVE_BUFFER;
}

static bool packet_can(const struct attacker *by, const struct attack *a)
{
	(void)by;
	return part_of(a) == PACKET_HEAD ? IS_ALIGNED(a->to, 4)
					 : a->len >= FRAME_LEAST && a->len <= FRAME_MOST;
}

/* Frames that are still there belong to nothing. */
static void drain(struct vf *vf)
{
	static uint8_t bytes[FRAME_MOST];
	while (packets_take(vf, bytes))
		;
}

static enum sl_err packet_prepare(struct machine *m, struct attacker *by, const struct attack *a)
{
	uint64_t old[PACKET_STRIKE_LEN / 8];
	(void)a;
	for (unsigned i = 0; i < ARRAY_LEN(old); i++)
		old[i] = strike_old(i);
	memcpy(brought, old, sizeof old);
	drain(packet_peer(m, by->dev));
	return SL_OK;
}

/* Sends a frame of two parts, by rings that nothing was sent with: the addresses from a buffer of its own,
 * the rest from anywhere. */
static void send_from(struct vf *vf, const struct vf *to, iova_t rest, uint32_t len)
{
	struct igb_tx *t = &igb_of(vf)->tx;
	struct frame head = {.len = FRAME_LEAST};
	frame_fill(packet_buffer(vf->packet, PACKET_RING), &head, to->packet->mac, vf->packet->mac);
	t->ring[0] = (struct igb_desc){t->read_at[PACKET_RING], TX_DATA | TX_IFCS | TX_DEXT | FRAME_HEAD |
									FPUT(TX_PAYLEN, FRAME_HEAD + len)};
	t->ring[1] = (struct igb_desc){rest.v, IGB_TX_COMMAND | len};
	t->next = 2;
	(void)igb_tx_ring(t);
}

static enum sl_err send_frame(struct vf *vf, const struct vf *to, uint32_t len)
{
	struct frame f = {.len = len, .seed = number++ << 1 | 1};
	frame_fill(packets_place(vf), &f, to->packet->mac, vf->packet->mac);
	return packets_send(vf, len);
}

/* Waits for what the peer receives. */
static bool arrives(struct vf *peer, uint64_t us)
{
	static uint8_t bytes[FRAME_MOST];
	struct deadline d = deadline_in(us);
	while (deadline_look(&d)) {
		uint32_t len = packets_take(peer, bytes);
		if (len < FRAME_HEAD + PACKET_STRIKE_LEN)
			continue;
		memcpy(brought, bytes + FRAME_HEAD, PACKET_STRIKE_LEN);
		return true;
	}
	return false;
}

/* The VF's memory with one part of it at that address. What is there for the processor stays, but for a ring
 * in place of `spare`. */
static struct igb_memory bent(const struct vf *vf, const struct attack *a, const struct dma_buf *spare)
{
	struct igb_memory mem = igb_own_of(vf)->mem;
	enum packet_part what = part_of(a);
	struct dma_buf *part = what == PACKET_RECEIVE_BUFFER ? &mem.receive
			       : what == PACKET_HEAD         ? &mem.head
			       : what == PACKET_SEND_RING    ? &mem.tx_ring
							     : &mem.rx_ring;
	if (what == PACKET_SEND_BUFFER)
		return mem;
	part->iova = IOVA(a->to);
	if (spare)
		part->va = spare->va;
	return mem;
}

static enum sl_err act(struct machine *m, struct vf *vf, const struct attack *a, const struct dma_buf *spare,
		       bool allowed)
{
	struct vf *peer = packet_peer(m, vf);
	enum packet_part part = part_of(a);
	struct igb_memory mem = bent(vf, a, spare);
	enum sl_err e = igb_rings(vf, &mem);
	if (e)
		return e;
	if (part == PACKET_RECEIVE_BUFFER || part == PACKET_RECEIVE_RING)
		e = send_frame(peer, vf, a->len);
	else if (part == PACKET_SEND_BUFFER)
		send_from(vf, peer, IOVA(a->to), PACKET_STRIKE_LEN);
	else
		send_from(vf, peer, mem.send.iova, PACKET_STRIKE_LEN);
	if (!e && part == PACKET_SEND_BUFFER)
		(void)arrives(peer, allowed ? ALLOWED_US : ATTACK_US);
	else if (!e)
		delay_us(ATTACK_US);
	return e;
}

static enum sl_err packet_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
				 size_t n)
{
	struct vf *vf = by->dev;
	bool allowed = a->to - by->allowed.iova.v < by->allowed.len;
	if (!allowed)
		vf->provoked = true; /* until packet_works() has reset it */
	enum sl_err e = act(m, vf, a, NULL, allowed);
	fmt_print(said, n, "done %u", vf->packet->q.ops->ready(&vf->packet->q));
	return e;
}

static uint32_t packet_leaked(struct machine *m, struct attacker *by, const struct attack *a, uint64_t *words)
{
	(void)m;
	(void)by;
	if (part_of(a) == PACKET_SEND_BUFFER)
		memcpy(words, brought, sizeof brought);
	else /* a ring is no data that would come anywhere */
		for (unsigned i = 0; i < PACKET_STRIKE_LEN / 8; i++)
			words[i] = strike_old(i);
	return PACKET_STRIKE_LEN;
}

/* A frame each way, of which every byte is compared. */
static bool exchange(struct vf *from, struct vf *to)
{
	static uint8_t bytes[FRAME_MOST];
	struct frame f = {.len = 200, .seed = number << 1 | 1};
	struct deadline d = deadline_in(ALLOWED_US);
	if (send_frame(from, to, f.len))
		return false;
	while (deadline_look(&d)) {
		uint32_t len = packets_take(to, bytes);
		if (len)
			return frame_is(bytes, len, &f, to->packet->mac, from->packet->mac);
	}
	return false;
}

/* After a reset, in the same domain. The transmitter may have begun a frame with a descriptor that it could
 * not read, and goes on with it in spite of the VF's reset (QEMU's igb): the next frame ends it, and is
 * nothing that would be compared. */
bool packet_works(struct machine *m, struct attacker *by)
{
	struct vf *vf = by->dev, *peer = packet_peer(m, vf);
	enum sl_err e = igb_rings(vf, &igb_own_of(vf)->mem);
	vf->provoked = false;
	if (!e)
		e = send_frame(vf, peer, PACKET_STRIKE_LEN);
	drain(peer);
	return !e && exchange(vf, peer) && exchange(peer, vf);
}

/* A ring in a spare place of its own: frames go through it. */
static bool ring_works(struct machine *m, struct attacker *by, const struct attack *a)
{
	struct vf *vf = by->dev;
	struct attack own = *a;
	own.to = by->allowed.iova.v;
	if (packet_prepare(m, by, a) || act(m, vf, &own, &by->allowed, true))
		return false;
	return a->part == PACKET_SEND_RING ? arrives(packet_peer(m, vf), ALLOWED_US)
					   : vf->packet->q.ops->ready(&vf->packet->q);
}

const struct strike_ops strike_packet = {.how = "frames from and to any address, 4 bytes as a head",
					 .least = 4,
					 .most = 2 * CHUNK,
					 .open = packet_gather,
					 .can = packet_can,
					 .prepare = packet_prepare,
					 .strike = packet_strike,
					 .leaked = packet_leaked,
					 .healthy = packet_works,
					 .control = ring_works,
					 .kick = packet_kick,
					 .release = packet_release,
					 .restore = packet_restore};

/* ---- the others */

static struct {
	uint64_t round, frames;
	bool right;
} others;

/* Neither attacks nor is at the other end of an attacker's frames. The attacker need not be a VF. */
static bool is_free(struct machine *m, const struct attacker *by, unsigned v)
{
	const struct vf *vf = &m->vf[v];
	bool busy = vf->fn == by->fn;
	for (unsigned i = 0; i < m->vfs; i++)
		busy |= m->vf[i].fn == by->fn && packet_peer(m, &m->vf[i]) == vf;
	return vf->packet && !busy;
}

/* The next VF after v that stands by; v itself when there is no other. */
static unsigned next_of(struct machine *m, const struct attacker *by, unsigned v)
{
	unsigned next = v;
	do
		next = (next + 1) % m->vfs;
	while (next != v && !is_free(m, by, next));
	return next;
}

static bool stands_by(struct machine *m, const struct attacker *by, unsigned v)
{
	return is_free(m, by, v) && next_of(m, by, v) != v;
}

static void packet_begin(struct machine *m, const struct attacker *by)
{
	others.round++;
	others.right = true;
	for (unsigned v = 0; v < m->vfs; v++)
		for (unsigned i = 0; i < EACH && stands_by(m, by, v); i++) {
			unsigned to = next_of(m, by, v);
			struct frame f = frame_of(v, to, others.round * EACH + i);
			f.vlan = 0;
			frame_fill(packets_place(&m->vf[v]), &f, m->vf[to].packet->mac, m->vf[v].packet->mac);
			others.right &= packets_send(&m->vf[v], f.len) == SL_OK;
		}
}

static bool packet_end(struct machine *m, const struct attacker *by)
{
	static uint8_t bytes[FRAME_MOST];
	for (unsigned v = 0; v < m->vfs; v++)
		for (unsigned i = 0; i < EACH && stands_by(m, by, v); i++) {
			unsigned to = next_of(m, by, v);
			struct frame f = frame_of(v, to, others.round * EACH + i);
			struct deadline d = deadline_in(ALLOWED_US);
			uint32_t len = 0;
			f.vlan = 0;
			while (!len && deadline_look(&d))
				len = packets_take(&m->vf[to], bytes);
			others.right &=
				len && frame_is(bytes, len, &f, m->vf[to].packet->mac, m->vf[v].packet->mac);
			others.frames++;
		}
	return others.right;
}

uint64_t bystanders_frames(void)
{
	return others.frames;
}

const struct bystanders bystanders_packet = {packet_begin, packet_end};
