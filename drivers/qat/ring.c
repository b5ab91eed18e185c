#include "drivers/qat/ring.h"
#include "drivers/qat/regs.h"
#include "kernel/str.h"

static volatile uint32_t *reg(const struct qat_ring *r, uint32_t off)
{
	return (volatile uint32_t *)(volatile void *)(r->bank + off);
}

static uint32_t size_code(uint32_t bytes)
{
	uint32_t code = 0;
	while (64u << code < bytes)
		code++;
	return code;
}

/* A write of config or base puts the device's head and tail of that ring to 0. */
static void set_ring(struct qat_ring *r, unsigned ring, uint32_t config, uint64_t base)
{
	base >>= r->gen->base_shift;
	mmio_wr32(reg(r, r->gen->config + QAT_RING_LBASE(ring)), (uint32_t)base);
	mmio_wr32(reg(r, r->gen->config + QAT_RING_UBASE(ring)), (uint32_t)(base >> 32));
	mmio_wr32(reg(r, r->gen->config + QAT_RING_CONFIG(ring)), config);
}

static void serve(struct qat_ring *r, bool on)
{
	uint32_t bit = (uint32_t)BIT(r->pair.tx), now = mmio_rd32(reg(r, QAT_ARBITER));
	mmio_wr32(reg(r, QAT_ARBITER), on ? now | bit : now & ~bit);
}

enum sl_err qat_ring_open(struct qat_ring *r, const struct qat_ring_cfg *cfg)
{
	const struct qat_gen *g = cfg->gen;
	if (!cfg->depth || cfg->depth > QAT_DEPTH_MAX || !cfg->pair.there || cfg->pair.bank >= g->banks ||
	    cfg->pair.tx >= g->rings || cfg->pair.rx >= g->rings)
		return SL_RANGE;
	if (!IS_ALIGNED(cfg->tx_iova.v, QAT_TX_BYTES) || !IS_ALIGNED(cfg->rx_iova.v, QAT_RX_BYTES))
		return SL_BADVAL;
	*r = (struct qat_ring){
		.tx = cfg->tx,
		.rx = cfg->rx,
		.tx_mask = QAT_TX_BYTES - 1,
		.rx_mask = QAT_RX_BYTES - 1,
		.rx_late = QAT_RX_BYTES - cfg->depth * QAT_RESPONSE,
		.depth = cfg->depth,
		.flight = cfg->flight,
		.serial = ((cfg->serial & OPAQUE_SERIAL) + BIT(24)) | FPUT(OPAQUE_RING, cfg->number + 1u),
		.bank = cfg->regs + cfg->pair.bank * g->stride,
		.gen = g,
		.pair = cfg->pair,
	};
	r->tail = reg(r, QAT_RING_TAIL(cfg->pair.tx));
	r->head = reg(r, QAT_RING_HEAD(cfg->pair.rx));
	serve(r, false);
	mmio_wr32(reg(r, QAT_INT_COL_EN), 0);
	memset(r->tx, 0, QAT_TX_BYTES);
	memset(r->rx, QAT_SIGNATURE & 0xff, QAT_RX_BYTES);
	uint32_t water = (uint32_t)FPUT(RING_NEAR_FULL, RING_WATER_512);
	set_ring(r, cfg->pair.tx, size_code(QAT_TX_BYTES), cfg->tx_iova.v);
	set_ring(r, cfg->pair.rx, size_code(QAT_RX_BYTES) | water, cfg->rx_iova.v);
	serve(r, true);
	return SL_OK;
}

bool qat_ring_is_open(const struct qat_ring *r)
{
	uint32_t config = mmio_rd32(reg(r, r->gen->config + QAT_RING_CONFIG(r->pair.tx)));
	return config == size_code(QAT_TX_BYTES);
}

void qat_ring_look(const struct qat_ring *r, struct qat_ring_seen *out)
{
	uint32_t head = mmio_rd32(reg(r, QAT_RING_HEAD(r->pair.tx))), tail = mmio_rd32(r->tail);
	uint32_t answers = mmio_rd32(reg(r, QAT_RING_TAIL(r->pair.rx)));
	*out = (struct qat_ring_seen){
		.head = head,
		.tail = tail,
		.answers = answers,
		.there = qat_ring_is_open(r),
		.sane = head < QAT_TX_BYTES && head % QAT_REQUEST == 0 && tail == r->tx_rung &&
			answers < QAT_RX_BYTES && answers % QAT_RESPONSE == 0,
	};
}

unsigned qat_ring_in_flight(const struct qat_ring *r)
{
	unsigned n = 0;
	for (uint32_t tag = 0; tag < r->depth; tag++)
		n += r->flight[tag] && !((r->flight[tag] ^ r->serial) & OPAQUE_RING);
	return n;
}

void qat_ring_close(struct qat_ring *r)
{
	if (!r->bank)
		return;
	serve(r, false);
	set_ring(r, r->pair.tx, 0, 0);
	set_ring(r, r->pair.rx, 0, 0);
	r->bank = NULL;
}
