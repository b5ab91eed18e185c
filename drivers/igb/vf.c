#include "drivers/igb/vf.h"
#include "drivers/igb/queue.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define VF_CTRL_RST BIT(26)
#define RESET_US    1000u
#define START_US    100000u
#define SETTLE_US   10000u /* Linux waits so long between RESET and its answer */
#define BUFFER_KIB  (PACKET_ROOM / 1024)

static struct igb_vf *of_queue(struct queue *q)
{
	return (struct igb_vf *)q;
}

/* ---- the PF's consent */

void igb_vf_reset(const struct igb_io *io)
{
	igb_wr(io, CTRL, VF_CTRL_RST);
	delay_us(RESET_US);
}

static enum sl_err ask(struct igb_mbx_vf *m, enum igb_mbx id, unsigned info, uint32_t value)
{
	uint32_t msg[2] = {(uint32_t)(id | FPUT(IGB_MBX_INFO, info)), value};
	return igb_mbx_ask(m, msg, 2, 1);
}

enum sl_err igb_vf_introduce(struct igb_mbx_vf *m, uint8_t mac[6])
{
	uint32_t msg[3] = {IGB_MBX_RESET, 0, 0};
	enum sl_err e = igb_mbx_reset_done(m);
	if (!e)
		e = igb_mbx_ask(m, msg, 1, 3);
	if (e)
		return e;
	memcpy(mac, &msg[1], 6);
	if (mac[0] & 1)
		return SL_BADVAL;
	delay_us(SETTLE_US);
	msg[0] = IGB_MBX_SET_MAC;
	e = igb_mbx_ask(m, msg, 3, 1);
	return e ? e : ask(m, IGB_MBX_LPE, 0, PACKET_MOST + 4);
}

enum sl_err igb_vf_ask_vlan(struct igb_mbx_vf *m, unsigned vid)
{
	return ask(m, IGB_MBX_VLAN, 1, vid);
}

enum sl_err igb_vf_ask_group(struct igb_mbx_vf *m, unsigned hash)
{
	return ask(m, IGB_MBX_MULTICAST, 1, hash);
}

/* ---- behind the table of drivers/queue.h */

static const char *status_text(uint16_t status, char *buf, size_t n)
{
	fmt_print(buf, n, "%s", status ? "no status of this device" : "success");
	return buf;
}

static bool is_open(const struct igb_vf *vf)
{
	return igb_rd(&vf->io, RDLEN) == IGB_RING_BYTES && igb_rd(&vf->io, TDLEN) == IGB_RING_BYTES &&
	       igb_rd(&vf->io, RDBAL) == (uint32_t)vf->mem.rx_ring.iova.v &&
	       igb_rd(&vf->io, TDBAL) == (uint32_t)vf->mem.tx_ring.iova.v;
}

/* A function that is gone from the bus reads all ones. */
static enum sl_err vf_health(struct queue *q)
{
	return is_open(of_queue(q)) ? SL_OK : SL_DEVICE;
}

static const char *vf_explain(struct queue *q, char *buf, size_t n)
{
	struct igb_vf *vf = of_queue(q);
	if (vf->tx.bad)
		fmt_print(buf, n, "the device wrote a send head that is no slot in flight: %x, %llu times",
			  *vf->tx.head, (ull)vf->tx.bad);
	else if (!is_open(vf))
		fmt_print(buf, n, "its registers do not have its rings any more");
	else if (q->stats.bad)
		fmt_print(buf, n, "the device reported %llu frames with an impossible length",
			  (ull)q->stats.bad);
	else
		fmt_print(
			buf, n,
			"receive ring: head %x, tail %x, slot %x is next; send ring: head %x, tail %x, %u in flight",
			igb_rd(&vf->io, RDH), igb_rd(&vf->io, RDT), vf->rx.next, igb_rd(&vf->io, TDH),
			igb_rd(&vf->io, TDT), (vf->tx.told - vf->tx.done) & IGB_MASK);
	return buf;
}

static const struct queue_ops queue_ops = {
	.name = "igb",
	.ring = igb_queue_ring,
	.poll = igb_queue_poll,
	.ready = igb_queue_ready,
	.status_text = status_text,
	.health = vf_health,
	.explain = vf_explain,
};

static const struct packet_ops packet_ops = {
	.receive = igb_queue_receive, .release = igb_queue_release, .send = igb_queue_send};

/* ---- set-up */

static enum sl_err start_queue(const struct igb_io *io, uint32_t ctl, unsigned wthresh)
{
	struct deadline d = deadline_in(START_US);
	igb_wr(io, ctl, FPUT(XDCTL_WTHRESH, wthresh) | XDCTL_ENABLE);
	while (deadline_look(&d)) {
		uint32_t v = igb_rd(io, ctl);
		if (v != UINT32_MAX && v & XDCTL_ENABLE)
			return SL_OK;
	}
	return SL_DEVICE;
}

static void stop(const struct igb_io *io)
{
	igb_wr(io, RXDCTL, 0);
	igb_wr(io, TXDCTL, 0);
}

static void place(const struct igb_io *io, uint32_t low, iova_t at, uint32_t len)
{
	igb_wr(io, low, at.v & UINT32_MAX);
	igb_wr(io, low + 4, at.v >> 32);
	igb_wr(io, low + 8, len);
}

static void place_send(const struct igb_io *io, iova_t ring, iova_t head)
{
	place(io, TDBAL, ring, (uint32_t)IGB_RING_BYTES);
	igb_wr(io, TDWBAH, head.v >> 32);
	igb_wr(io, TDWBAL, (head.v & UINT32_MAX) | TDWBAL_EN);
	igb_wr(io, TDH, 0);
	igb_wr(io, TDT, 0);
}

enum sl_err igb_vf_fetch(const struct igb_io *io, const struct igb_chip *chip, iova_t ring, iova_t head)
{
	stop(io);
	place_send(io, ring, head);
	enum sl_err e = start_queue(io, TXDCTL, chip->wthresh);
	if (!e)
		igb_wr(io, TDT, 1);
	return e;
}

void igb_vf_kick(const struct igb_io *io)
{
	igb_wr(io, VTEICR, 1);
	igb_wr(io, VTEIMS, 1);
	igb_wr(io, VTEICS, 1);
}

/* RDT is written after the queue is enabled: 82576EB §4.5.9. */
static enum sl_err start(struct igb_vf *vf)
{
	const struct igb_io *io = &vf->io;
	stop(io);
	place(io, RDBAL, vf->mem.rx_ring.iova, (uint32_t)IGB_RING_BYTES);
	igb_wr(io, SRRCTL, SRRCTL_DROP_EN | SRRCTL_ADVANCED | FPUT(SRRCTL_KIB, BUFFER_KIB));
	igb_wr(io, PSRTYPE, 0);
	igb_wr(io, RDH, 0);
	igb_wr(io, RDT, 0);
	place_send(io, vf->mem.tx_ring.iova, vf->mem.head.iova);
	enum sl_err e = start_queue(io, RXDCTL, vf->chip->wthresh);
	if (!e)
		e = start_queue(io, TXDCTL, vf->chip->wthresh);
	if (!e && !is_open(vf))
		e = SL_DEVICE;
	if (!e)
		(void)igb_rx_ring(&vf->rx);
	return e;
}

static void lay_out(struct igb_vf *vf, const struct igb_vf_cfg *cfg)
{
	struct packet *p = &vf->packet;
	p->q.ops = &queue_ops;
	p->q.depth = PACKET_RING - 1;
	p->ops = &packet_ops;
	p->receive = vf->mem.receive.va;
	p->send = vf->mem.send.va;
	memcpy(p->mac, cfg->mac, sizeof p->mac);
	vf->rx = (struct igb_rx){.ring = vf->mem.rx_ring.va,
				 .buffers = vf->mem.receive.iova.v,
				 .tail = (volatile uint32_t *)(volatile void *)(cfg->regs + RDT)};
	vf->tx.ring = vf->mem.tx_ring.va;
	vf->tx.head = vf->mem.head.va;
	vf->tx.tail = (volatile uint32_t *)(volatile void *)(cfg->regs + TDT);
	memset(vf->mem.head.va, 0, sizeof *vf->tx.head);
	for (uint32_t i = 0; i < PACKET_RING; i++) {
		igb_rx_ready(&vf->rx, i);
		vf->rx.frame[i].index = (uint8_t)i;
		vf->tx.ring[i] = (struct igb_desc){0, 0};
		vf->tx.read_at[i] = vf->mem.again.iova.v + (uint64_t)i * PACKET_STRIDE;
		vf->tx.read_at[PACKET_RING + i] = vf->mem.send.iova.v + (uint64_t)i * PACKET_STRIDE;
	}
}

enum sl_err igb_vf_open(struct igb_vf *vf, const struct igb_vf_cfg *cfg)
{
	const struct igb_memory *m = &cfg->mem;
	const uint64_t half = (uint64_t)PACKET_RING * PACKET_STRIDE;
	memset(vf, 0, sizeof *vf);
	vf->io = cfg->io;
	vf->chip = cfg->chip;
	vf->mem = *m;
	if (cfg->regs_len < VF_BYTES || m->rx_ring.len < IGB_RING_BYTES || m->tx_ring.len < IGB_RING_BYTES ||
	    m->head.len < sizeof(uint32_t) || m->receive.len < half || m->again.len < half ||
	    m->send.len < half)
		return SL_NOSPACE;
	if (!IS_ALIGNED(m->rx_ring.iova.v, 128) || !IS_ALIGNED(m->tx_ring.iova.v, 128) ||
	    !IS_ALIGNED(m->head.iova.v, 4))
		return SL_BADVAL;
	lay_out(vf, cfg);
	enum sl_err e = start(vf);
	if (e)
		igb_vf_close(vf);
	return e;
}

void igb_vf_close(struct igb_vf *vf)
{
	if (vf->chip)
		stop(&vf->io);
}
