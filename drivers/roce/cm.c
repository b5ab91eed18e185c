/* The connection manager: IBA, chapter 12. */
#include "drivers/roce/sides.h"
#include "kernel/str.h"

#define REPEAT_US   4000000u
#define REPLIES     8u
#define ENDS        5u
#define FAILED_US   5000000u /* a queue pair that failed waits so long for its peer to end it */
#define FIRST_PSN   0x200000u
#define CM_TIMEOUT  20u     /* 4.3 s */
#define ACK_CODE    17u     /* 0.54 s */
#define RC_PORT     0xc000u /* what a socket's port would be */
#define ACK_UNIT_NS 4096u
#define MTU_CODES   5u /* 256 << (code - 1) */

enum { NO_QP = 1, STALE = 10, NO_SERVICE = 8, NO_TRANSPORT = 9, BAD_MTU = 26 }; /* reasons of a REJ */

static const struct net_ip any;

static struct roce_qp *allocate(struct roce *r)
{
	for (unsigned i = 0; i < ROCE_QPS; i++) {
		unsigned n = (r->next_qp + i) % ROCE_QPS;
		struct roce_qp *q = &r->qp[n];
		if (q->state != ROCE_FREE || q->linked)
			continue;
		r->next_qp = n + 1;
		r->used[n / 64] |= BIT(n % 64);
		uint32_t generation = ++r->qp_generation[n] ? r->qp_generation[n] : ++r->qp_generation[n];
		memset(q, 0, sizeof *q);
		q->end = r;
		q->number = generation * ROCE_QPS + n;
		return q;
	}
	return NULL;
}

static struct roce_qp *find_id(struct roce *r, uint32_t id, uint32_t remote, const struct net_ip *from)
{
	struct roce_qp *q = &r->qp[id % ROCE_QPS];
	return q->state != ROCE_FREE && q->number == id && q->remote_id == remote &&
			       net_ip_equal(&q->ip, from)
		       ? q
		       : NULL;
}

static void release(struct roce_qp *q)
{
	struct roce_event e = {.kind = ROCE_DOWN};
	roce_fail(q, ROCE_NO_ANSWER);
	q->state = ROCE_FREE;
	q->end->used[q->number % ROCE_QPS / 64] &= ~BIT(q->number % 64);
	roce_tell(q, &e);
}

bool roce_established(struct roce_qp *qp)
{
	struct roce_event e = {.kind = ROCE_UP};
	if (qp->state != ROCE_REPLIED)
		return qp->state == ROCE_CONNECTED;
	qp->state = ROCE_CONNECTED;
	qp->cm_due = 0;
	roce_tell(qp, &e);
	roce_busy(qp);
	return qp->state == ROCE_CONNECTED;
}

/* ---- messages */

/* EUI-64 of the MAC address. */
static void put_guid(uint8_t *guid, const uint8_t mac[6])
{
	memcpy(guid, net_link_local(mac).b + 8, 8);
}

static uint64_t ack_us(unsigned code)
{
	return ((uint64_t)ACK_UNIT_NS << (code < 22 ? code : 22)) / 1000;
}

static void reply(struct roce_qp *q)
{
	uint8_t body[REP_BYTES] = {0};
	put_be32(body + CM_LOCAL, q->number);
	put_be32(body + CM_REMOTE, q->remote_id);
	put_be24(body + REP_QPN, q->number);
	put_be24(body + REP_PSN, FIRST_PSN + q->number % ROCE_QPS);
	body[REP_READS] = q->reads;
	body[REP_DEPTH] = q->depth;
	body[REP_DELAY] = 15 << 3;
	body[REP_RNR] = 7 << 5;
	put_guid(body + REP_GUID, q->end->mac);
	roce_emit_mad(q->end, &q->own, &q->ip, q->mac, CM_REP, q->tid, body, sizeof body);
}

static void end_request(struct roce_qp *q)
{
	uint8_t body[DREQ_QPN + 3] = {0};
	put_be32(body + CM_LOCAL, q->number);
	put_be32(body + CM_REMOTE, q->remote_id);
	put_be24(body + DREQ_QPN, q->peer);
	roce_emit_mad(q->end, &q->own, &q->ip, q->mac, CM_DREQ, q->tid, body, sizeof body);
}

void roce_disconnect(struct roce_qp *qp)
{
	if (qp->state != ROCE_CONNECTED)
		return;
	(void)roce_answer_more(qp, ROCE_READS); /* what has come is acknowledged before */
	qp->state = ROCE_ENDING;
	qp->cm_left = ENDS;
	qp->cm_due = qp->end->now + REPEAT_US;
	end_request(qp);
}

static void ask(struct roce_qp *q)
{
	uint8_t b[REQ_BYTES] = {0};
	put_be32(b + CM_LOCAL, q->number);
	put_be64(b + REQ_ID, (uint64_t)CM_PS_TCP << 16 | q->service);
	put_guid(b + REQ_GUID, q->end->mac);
	put_be24(b + REQ_QPN, q->number);
	b[REQ_READS] = q->reads;
	b[REQ_DEPTH] = ROCE_READS;
	b[REQ_TYPE] = CM_TIMEOUT << 3;
	put_be24(b + REQ_PSN, q->expected);
	b[REQ_RETRY] = CM_TIMEOUT << 3 | 7;
	put_be16(b + REQ_PKEY, 0xffff);
	b[REQ_MTU] = (uint8_t)(q->end->mtu_code << 4 | 7);
	b[REQ_MORE] = REPLIES << 4;
	memset(b + REQ_LIDS, 0xff, 4);
	memcpy(b + REQ_OWN_IP, q->own.b, 16);
	memcpy(b + REQ_TO_IP, q->ip.b, 16);
	b[REQ_HOPS] = 64;
	b[REQ_ACK] = ACK_CODE << 3;
	b[REQ_HELLO + 1] = net_ip_is4(&q->own) ? 0x40 : 0x60;
	put_be16(b + REQ_HELLO + 2, RC_PORT | (q->number & 0x3fff));
	memcpy(b + REQ_HELLO + 4, net_ip_is4(&q->own) ? any.b : q->own.b, 12);
	memcpy(b + REQ_HELLO + 16, q->own.b + 12, 4);
	memcpy(b + REQ_HELLO + 20, net_ip_is4(&q->own) ? any.b : q->ip.b, 12);
	memcpy(b + REQ_HELLO + 32, q->ip.b + 12, 4);
	roce_emit_mad(q->end, &q->own, &q->ip, q->mac, CM_REQ, q->tid, b, sizeof b);
}

struct roce_qp *roce_connect(struct roce *r, const struct net_ip *own, const struct net_ip *to,
			     const uint8_t mac[6], uint16_t port, roce_event_fn *event, void *ctx)
{
	struct roce_qp *q = allocate(r);
	if (!q)
		return NULL;
	memcpy(q->mac, mac, sizeof q->mac);
	put_be32(q->tid + 4, q->number);
	q->own = *own;
	q->ip = *to;
	q->service = port;
	q->event = event;
	q->ctx = ctx;
	q->mtu = 128u << r->mtu_code;
	q->reads = ROCE_READS;
	q->expected = FIRST_PSN + q->number % ROCE_QPS;
	q->ack_us = ack_us(ACK_CODE);
	roce_head(q);
	q->state = ROCE_ASKED;
	q->cm_left = REPLIES;
	q->cm_due = r->now + REPEAT_US;
	ask(q);
	return q;
}

static void ready(struct roce_qp *q)
{
	uint8_t body[CM_REMOTE + 4];
	put_be32(body + CM_LOCAL, q->number);
	put_be32(body + CM_REMOTE, q->remote_id);
	roce_emit_mad(q->end, &q->own, &q->ip, q->mac, CM_RTU, q->tid, body, sizeof body);
}

/* One that comes again: the RTU was lost. */
static void take_rep(struct roce *r, const struct net_ip *from, const uint8_t *b)
{
	struct roce_qp *q = &r->qp[be32(b + CM_REMOTE) % ROCE_QPS];
	struct roce_event e = {.kind = ROCE_UP};
	if (q->number != be32(b + CM_REMOTE) || !net_ip_equal(&q->ip, from))
		return;
	if (q->state == ROCE_CONNECTED && q->remote_id == be32(b + CM_LOCAL))
		ready(q);
	if (q->state != ROCE_ASKED)
		return;
	q->remote_id = be32(b + CM_LOCAL);
	q->peer = be24(b + REP_QPN);
	q->next_psn = q->acked_psn = be24(b + REP_PSN);
	q->depth = b[REP_READS] < ROCE_READS ? b[REP_READS] : ROCE_READS;
	q->state = ROCE_CONNECTED;
	q->cm_due = 0;
	ready(q);
	roce_tell(q, &e);
	roce_busy(q);
}

/* What of a REQ cannot be served: the reason for a REJ, or 0. */
static unsigned refuse(struct roce *r, const uint8_t *b, struct roce_listener **listener)
{
	uint64_t service = be64(b + REQ_ID);
	unsigned mtu = b[REQ_MTU] >> 4;
	*listener = NULL;
	for (unsigned i = 0; i < ROCE_LISTENERS; i++)
		if (r->listener[i].event && service == ((uint64_t)CM_PS_TCP << 16 | r->listener[i].port))
			*listener = &r->listener[i];
	return !*listener                ? NO_SERVICE
	       : b[REQ_TYPE] >> 1 & 3    ? NO_TRANSPORT
	       : !mtu || mtu > MTU_CODES ? BAD_MTU
					 : 0;
}

static void fill(struct roce_qp *q, const uint8_t *b)
{
	unsigned ack = b[REQ_ACK] >> 3;
	q->peer = be24(b + REQ_QPN);
	q->remote_id = be32(b + CM_LOCAL);
	q->mtu = 128u << (b[REQ_MTU] >> 4);
	q->depth = b[REQ_READS] < ROCE_READS ? b[REQ_READS] : ROCE_READS;
	q->reads = b[REQ_DEPTH] < ROCE_READS ? b[REQ_DEPTH] : ROCE_READS;
	q->next_psn = q->acked_psn = be24(b + REQ_PSN);
	q->expected = FIRST_PSN + q->number % ROCE_QPS;
	q->ack_us = ack_us(ack);
	q->state = ROCE_REPLIED;
	q->cm_left = REPLIES;
	q->cm_due = q->end->now + REPEAT_US;
}

/* A REQ that comes again is answered as before: its REP was lost. */
static void take_req(struct roce *r, const uint8_t mac[6], const struct net_ip *from, const struct net_ip *to,
		     const uint8_t *mad)
{
	const uint8_t *b = mad + MAD_BODY;
	struct roce_listener *listener;
	uint8_t rej[REJ_REASON + 2] = {0};
	r->counts.requests++;
	unsigned reason = refuse(r, b, &listener);
	for (unsigned i = 0; i < ROCE_QPS && !reason; i++) {
		struct roce_qp *q = &r->qp[i];
		if (q->state == ROCE_FREE || !net_ip_equal(&q->ip, from))
			continue;
		if (q->remote_id == be32(b + CM_LOCAL)) {
			if (q->state == ROCE_REPLIED)
				reply(q);
			return;
		}
		if (q->peer == be24(b + REQ_QPN)) { /* the peer has forgotten it */
			reason = STALE;
			roce_disconnect(q);
		}
	}
	struct roce_qp *q = reason ? NULL : allocate(r);
	if (q) {
		memcpy(q->mac, mac, sizeof q->mac);
		memcpy(q->tid, mad + MAD_TID, sizeof q->tid);
		q->ip = *from;
		q->own = *to;
		q->service = listener->port;
		q->event = listener->event;
		q->ctx = listener->ctx;
		fill(q, b);
		roce_head(q);
		reply(q);
		return;
	}
	r->counts.rejects++;
	put_be32(rej + CM_REMOTE, be32(b + CM_LOCAL));
	put_be16(rej + REJ_REASON, reason ? reason : NO_QP);
	roce_emit_mad(r, to, from, mac, CM_REJ, mad + MAD_TID, rej, sizeof rej);
}

static void take_dreq(struct roce *r, const uint8_t mac[6], const struct net_ip *from,
		      const struct net_ip *to, const uint8_t *mad)
{
	const uint8_t *b = mad + MAD_BODY;
	uint8_t drep[CM_REMOTE + 4];
	struct roce_qp *q = find_id(r, be32(b + CM_REMOTE), be32(b + CM_LOCAL), from);
	memcpy(drep + CM_LOCAL, b + CM_REMOTE, 4);
	memcpy(drep + CM_REMOTE, b + CM_LOCAL, 4);
	roce_emit_mad(r, to, from, mac, CM_DREP, mad + MAD_TID, drep, sizeof drep);
	if (q && be24(b + DREQ_QPN) == q->number)
		release(q);
}

void roce_take_mad(struct roce *r, const uint8_t mac[6], const struct net_ip *from, const struct net_ip *to,
		   const uint8_t *mad)
{
	const uint8_t *b = mad + MAD_BODY;
	if (be32(mad) != MAD_HEAD || mac[0] & 1) {
		r->counts.malformed++;
		return;
	}
	struct roce_qp *q = find_id(r, be32(b + CM_REMOTE), be32(b + CM_LOCAL), from);
	switch (be16(mad + MAD_ATTR)) {
	case CM_REQ:
		take_req(r, mac, from, to, mad);
		return;
	case CM_DREQ:
		take_dreq(r, mac, from, to, mad);
		return;
	case CM_REP:
		take_rep(r, from, b);
		return;
	case CM_RTU:
		if (q)
			(void)roce_established(q);
		return;
	case CM_MRA: /* of a REP: the peer wants more time, 4.096 us * 2^n */
		if (q && q->state == ROCE_REPLIED && b[MRA_WHAT] >> 6 == 1)
			q->cm_due = r->now + REPEAT_US + ((uint64_t)ACK_UNIT_NS << (b[MRA_TIME] >> 3)) / 1000;
		return;
	case CM_REJ: /* of a REQ: the peer has no id for it */
		q = &r->qp[be32(b + CM_REMOTE) % ROCE_QPS];
		if (q->state != ROCE_FREE && q->number == be32(b + CM_REMOTE) && net_ip_equal(&q->ip, from) &&
		    (q->state == ROCE_ASKED || q->remote_id == be32(b + CM_LOCAL)))
			release(q);
		return;
	case CM_DREP:
		if (q && q->state == ROCE_ENDING)
			release(q);
		return;
	default:
		return;
	}
}

void roce_cm_poll(struct roce_qp *q)
{
	uint64_t now = q->end->now;
	if (q->state == ROCE_CONNECTED) {
		if (!q->failed)
			return;
		if (!q->cm_due)
			q->cm_due = now + FAILED_US;
		else if (now > q->cm_due)
			roce_disconnect(q);
		return;
	}
	if (now <= q->cm_due)
		return;
	if (!q->cm_left--) {
		release(q);
		return;
	}
	q->cm_due = now + REPEAT_US;
	if (q->state == ROCE_ASKED)
		ask(q);
	else if (q->state == ROCE_REPLIED)
		reply(q);
	else
		end_request(q);
}
