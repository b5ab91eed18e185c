#include "tests/unit/support_roce_side.h"
#include <stdlib.h>
#include <string.h>
#include "tests/unit/test.h"

static uint8_t *place(void *ctx)
{
	struct side *s = ctx;
	memset(s->place, 0xa5, sizeof s->place); /* what is not written is not 0 */
	return s->full || s->outs == SIDE_FRAMES ? NULL : s->place;
}

static void send(void *ctx, const struct roce_frame *f)
{
	struct side *s = ctx;
	struct side_frame *k = &s->out[s->outs++];
	assert_true(f->head_bytes <= ROCE_HEAD_ROOM && f->tail_bytes <= ROCE_TAIL_ROOM);
	memcpy(k->bytes, f->head, f->head_bytes);
	k->n = f->head_bytes;
	if (f->data_bytes) {
		memcpy(k->bytes + k->n, f->data, f->data_bytes);
		k->n += f->data_bytes;
		memcpy(k->bytes + k->n, f->head + ROCE_HEAD_ROOM, f->tail_bytes);
		k->n += f->tail_bytes;
	}
	assert_true(k->n >= 60 && support_roce_sealed(k->bytes));
}

struct net_ip support_ip4(unsigned n)
{
	return (struct net_ip){{[10] = 0xff, 0xff, 10, 0, 0, (uint8_t)n}};
}

struct net_ip support_ip6(unsigned n)
{
	return (struct net_ip){{0xfd, [15] = (uint8_t)n}};
}

struct side *support_side(unsigned n)
{
	struct side *s = calloc(1, sizeof *s);
	s->out = calloc(SIDE_FRAMES, sizeof *s->out);
	roce_init(&s->roce);
	memcpy(s->roce.mac, (const uint8_t[]){2, 0, 0, 0, 0, (uint8_t)n}, 6);
	s->roce.ip[0] = support_ip4(n);
	s->roce.ip[2] = support_ip6(n);
	s->roce.wire = (struct roce_wire){place, send, s};
	return s;
}

void support_side_end(struct side *s)
{
	free(s->out);
	free(s);
}

bool support_side_take(struct side *s, const uint8_t *frame, size_t n, uint64_t now)
{
	uint8_t *copy = malloc(n); /* of exactly this size, for the sanitizer */
	memcpy(copy, frame, n);
	bool taken = roce_take(&s->roce, copy, n, now);
	free(copy);
	roce_poll(&s->roce, now);
	return taken;
}

unsigned support_side_sent(struct side *s, struct side_frame *wire)
{
	unsigned n = s->outs;
	memcpy(wire, s->out, n * sizeof *wire);
	s->outs = 0;
	return n;
}

uint64_t support_side_comes_after(struct side *s, uint64_t due)
{
	roce_poll(&s->roce, due);
	assert_int_equal(s->outs, 0);
	roce_poll(&s->roce, due + SIDE_SWEEP - 1);
	assert_int_equal(s->outs, 0);
	roce_poll(&s->roce, due + SIDE_SWEEP);
	return due + SIDE_SWEEP;
}

uint8_t *support_bth(uint8_t *frame)
{
	return frame + (be16(frame + ETH_TYPE) == ETH_IPV4 ? IP4_DATA : IP6_DATA) + UDP_BYTES;
}

uint8_t *support_mad(uint8_t *frame)
{
	return support_bth(frame) + BTH_BYTES + DETH_BYTES;
}

struct roce_qp *support_side_meet(struct side *s, const struct net_ip *from, const struct net_ip *to,
				  uint16_t port, uint32_t id, unsigned mtu, uint64_t now)
{
	uint8_t body[REQ_BYTES], frame[ROCE_FRAME_MOST], rtu[8];
	support_roce_req(body, id, port, SIDE_QP, SIDE_PSN, mtu);
	s->outs = 0;
	assert_true(support_side_take(s, frame, support_roce_mad(frame, from, to, CM_REQ, body, sizeof body),
				      now));
	assert_int_equal(s->outs, 1);
	const uint8_t *mad = support_mad(s->out[0].bytes);
	assert_int_equal(be16(mad + MAD_ATTR), CM_REP);
	struct roce_qp *q = &s->roce.qp[be24(mad + MAD_BODY + REP_QPN) % ROCE_QPS];
	put_be32(rtu, id);
	memcpy(rtu + 4, mad + MAD_BODY, 4);
	assert_true(
		support_side_take(s, frame, support_roce_mad(frame, from, to, CM_RTU, rtu, sizeof rtu), now));
	s->outs = 0;
	return q;
}
