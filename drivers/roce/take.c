/* From a frame to a queue pair, and whose turn it is to send. */
#include "drivers/roce/icrc.h"
#include "drivers/roce/request.h"

#define HEAD      (IP6_DATA + UDP_BYTES + BTH_BYTES + ROCE_EXT)
#define BUDGET    64u         /* answers that a queue pair sends in a turn */
#define SWEEP_US  10000u      /* between looks at timers */
#define IP4_PLAIN 0x45u       /* version 4, no options */
#define IP4_FIXED 0x3fff00ffu /* of the dword at IP4_FRAGMENT: more fragments, offset, and the protocol */

void roce_init(struct roce *r)
{
	icrc_init();
	memset(r, 0, sizeof *r);
	r->mtu_code = ROCE_MTU_1024;
}

bool roce_listen(struct roce *r, uint16_t port, roce_event_fn *event, void *ctx)
{
	for (unsigned i = 0; i < ROCE_LISTENERS; i++)
		if (!r->listener[i].event) {
			r->listener[i] = (struct roce_listener){port, event, ctx};
			return true;
		}
	return false;
}

unsigned roce_connections(const struct roce *r)
{
	unsigned n = 0;
	for (unsigned i = 0; i < ROCE_QPS; i++)
		n += r->qp[i].state != ROCE_FREE;
	return n;
}

/* ---- frames */

/* A frame of UDP over IPv4 or IPv6. Which of both is a constant where it is read: see roce_take(). */
struct datagram {
	const uint8_t *frame;
	uint8_t head[HEAD]; /* its first bytes; zeros behind a shorter frame */
	size_t end;         /* in it: behind the ICRC */
};
#define UDP_OF(four) ((four) ? IP4_DATA : IP6_DATA)
#define BTH_OF(four) (UDP_OF(four) + UDP_BYTES)

static struct net_ip from_of(const struct datagram *d, bool four)
{
	return four ? ip4_at(d->head + IP4_SRC) : ip6_at(d->head + IP6_SRC);
}

static struct net_ip to_of(const struct datagram *d, bool four)
{
	return four ? ip4_at(d->head + IP4_DST) : ip6_at(d->head + IP6_DST);
}

/* It is for one of the end point's addresses, and no IPv4 address stands in an IPv6 header. */
static COLD NOINLINE bool is_own(const struct roce *r, const struct datagram *d, bool four)
{
	struct net_ip from = from_of(d, four), to = to_of(d, four);
	if (!four && (net_ip_is4(&from) || net_ip_is4(&to)))
		return false;
	for (unsigned i = 0; i < ARRAY_LEN(r->ip); i++)
		if (net_ip_equal(&r->ip[i], &to) && !net_ip_none(&to))
			return true;
	return false;
}

/* IPv4's header checksum: the sum of its words, in whichever order of bytes (RFC 1071 §2), is a multiple of
 * 0xffff, and not 0, because the version is not. */
static bool sum_right(const uint8_t *ip)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < IP4_DATA - NET_ETH; i += 4)
		sum += word_at(ip + i);
	return sum % 0xffff == 0;
}

/* False: no UDP datagram for this port, or its lengths contradict each other. */
FAST_INLINE bool read_headers(size_t n, struct datagram *d, bool four)
{
	const uint8_t *h = d->head, *udp = h + UDP_OF(four);
	size_t ip_end;
	if (four) {
		if (h[IP4_VERSION] != IP4_PLAIN || (be32(h + IP4_FRAGMENT) & IP4_FIXED) != PROTO_UDP ||
		    !sum_right(h + NET_ETH))
			return false;
		ip_end = NET_ETH + be16(h + IP4_LENGTH);
	} else {
		if (h[IP6_VERSION] >> 4 != 6 || h[IP6_NEXT] != PROTO_UDP)
			return false;
		ip_end = IP6_DATA + be16(h + IP6_LENGTH);
	}
	uint32_t both = be32(udp + UDP_DST); /* with the length */
	d->end = UDP_OF(four) + (both & 0xffff);
	return both >> 16 == ROCE_PORT && ip_end <= n && d->end <= ip_end &&
	       d->end >= BTH_OF(four) + BTH_BYTES + ICRC_BYTES;
}

FAST_INLINE bool icrc_right(const struct datagram *d, bool four)
{
	size_t data = BTH_OF(four) + BTH_BYTES, end = d->end - ICRC_BYTES;
	uint32_t said = word_at(d->frame + end); /* the one little-endian field */
	return (icrc(d->head + NET_ETH, four, data - NET_ETH, d->frame + data, end - data) ^ said) ==
	       UINT32_MAX;
}

/* The bytes of extension headers of an opcode that is in about[]. */
static uint32_t ext_of(uint8_t opcode)
{
	static const uint8_t of[] = {
		[OP_SEND_LAST_IMM] = IMM_BYTES, [OP_SEND_ONLY_IMM] = IMM_BYTES,
		[OP_WRITE_FIRST] = RETH_BYTES,  [OP_WRITE_LAST_IMM] = IMM_BYTES,
		[OP_WRITE_ONLY] = RETH_BYTES,   [OP_WRITE_ONLY_IMM] = RETH_BYTES + IMM_BYTES,
		[OP_READ] = RETH_BYTES,         [OP_READ_FIRST] = AETH_BYTES,
		[OP_READ_LAST] = AETH_BYTES,    [OP_READ_ONLY] = AETH_BYTES,
		[OP_ACK] = AETH_BYTES,          [OP_ATOMIC_ACK] = AETH_BYTES + RESULT_BYTES,
		[OP_CMP_SWAP] = ATOMIC_BYTES,   [OP_FETCH_ADD] = ATOMIC_BYTES,
		[OP_SEND_LAST_INV] = IMM_BYTES, [OP_SEND_ONLY_INV] = IMM_BYTES};
	return of[opcode];
}

/* The queue pair that has this number, and this sender for its peer. */
FAST_INLINE struct roce_qp *find(struct roce *r, const struct datagram *d, bool four)
{
	uint32_t number = be32(d->head + BTH_OF(four) + BTH_RESV) & PSN_MASK;
	struct roce_qp *q = &r->qp[number % ROCE_QPS];
	if (UNLIKELY(!roce_takes(q) || q->number != number || q->bth != BTH_OF(four)))
		return NULL;
	if (four)
		return word_at(d->head + IP4_SRC) == word_at(q->ip.b + 12) &&
				       word_at(d->head + IP4_DST) == word_at(q->own.b + 12)
			       ? q
			       : NULL;
	struct net_ip from = from_of(d, four), to = to_of(d, four);
	return net_ip_equal(&q->ip, &from) && net_ip_equal(&q->own, &to) ? q : NULL;
}

/* first: the BTH's first four bytes. */
FAST_INLINE void take_connected(struct roce_qp *q, const struct datagram *d, uint32_t first, bool four)
{
	const uint8_t *bth = d->head + BTH_OF(four);
	uint32_t psn = be32(bth + BTH_ACK), pad = BTH_PAD(first);
	struct roce_packet p = {
		.opcode = BTH_OP(first), .ack = psn >> 31, .psn = psn & PSN_MASK, .ext = bth + BTH_BYTES};
	if (UNLIKELY(p.opcode >= ARRAY_LEN(about))) {
		q->end->counts.unknown++;
		return;
	}
	uint32_t ext = ext_of(p.opcode), bytes = (uint32_t)(d->end - ICRC_BYTES - BTH_OF(four) - BTH_BYTES);
	if (UNLIKELY(bytes < ext + pad)) {
		q->end->counts.malformed++;
		return;
	}
	p.data = d->frame + BTH_OF(four) + BTH_BYTES + ext;
	p.bytes = bytes - ext - pad;
	if (UNLIKELY(q->state == ROCE_REPLIED))
		(void)roce_established(q);
	if (p.opcode >= OP_READ_FIRST && p.opcode <= OP_ATOMIC_ACK)
		roce_take_answer(q, &p);
	else
		roce_take_request(q, &p);
	roce_busy(q);
}

/* For no connection's queue pair: it may be a message of the connection manager. */
static COLD NOINLINE void take_other(struct roce *r, const struct datagram *d, uint32_t first, bool four)
{
	const uint8_t *bth = d->head + BTH_OF(four);
	if (be24(bth + BTH_QP) != 1) {
		r->counts.unknown++;
	} else if (BTH_OP(first) != OP_UD_SEND || BTH_PAD(first) ||
		   d->end != BTH_OF(four) + BTH_BYTES + DETH_BYTES + MAD_BYTES + ICRC_BYTES ||
		   be32(bth + BTH_BYTES + DETH_QKEY) != MAD_QKEY) {
		r->counts.malformed++;
	} else {
		struct net_ip from = from_of(d, four), to = to_of(d, four);
		uint8_t mad[MAD_BYTES];
		memcpy(mad, d->frame + BTH_OF(four) + BTH_BYTES + DETH_BYTES, sizeof mad);
		roce_take_mad(r, d->head + ETH_SRC, &from, &to, mad);
	}
}

FAST_INLINE bool take(struct roce *r, const uint8_t *frame, size_t n, uint64_t now, bool four)
{
	const size_t most = BTH_OF(four) + BTH_BYTES + ROCE_EXT;
	struct datagram d;
	d.frame = frame;
	if (LIKELY(n >= most)) {
		memcpy(d.head, frame, most);
	} else {
		memset(d.head, 0, most);
		memcpy(d.head, frame, n);
	}
	if (UNLIKELY(!read_headers(n, &d, four)))
		return false;
	struct roce_qp *q = find(r, &d, four);
	if (UNLIKELY(!q) && !is_own(r, &d, four))
		return false;
	r->now = now;
	r->counts.packets++;
	uint32_t first = be32(d.head + BTH_OF(four));
	if (UNLIKELY(!icrc_right(&d, four)))
		r->counts.bad_icrcs++;
	else if (UNLIKELY((first & BTH_FIXED) != BTH_RIGHT || (d.end - BTH_OF(four)) & 3))
		r->counts.malformed++;
	else if (LIKELY(q))
		take_connected(q, &d, first, four);
	else
		take_other(r, &d, first, four);
	return true;
}

static COLD NOINLINE bool take6(struct roce *r, const uint8_t *frame, size_t n, uint64_t now)
{
	return take(r, frame, n, now, false);
}

bool roce_take(struct roce *r, const uint8_t *frame, size_t n, uint64_t now)
{
	unsigned type = LIKELY(n >= NET_ETH) ? be16(frame + ETH_TYPE) : 0;
	if (LIKELY(type == ETH_IPV4))
		return take(r, frame, n, now, true);
	return type == ETH_IPV6 && take6(r, frame, n, now);
}

/* ---- turns */

/* True: it has more to send. */
static bool turn(struct roce_qp *q)
{
	bool more = q->state == ROCE_CONNECTED && roce_answer_more(q, BUDGET);
	if (q->state == ROCE_CONNECTED && (q->current != q->tail || q->timer))
		more |= roce_request_more(q);
	return more;
}

/* Those with timers: seldom, and all of them. */
static void sweep(struct roce *r)
{
	r->swept = r->now;
	for (unsigned word = 0; word < ARRAY_LEN(r->used); word++)
		for (uint64_t bits = r->used[word]; bits; bits &= bits - 1) {
			struct roce_qp *q = &r->qp[64 * word + (unsigned)__builtin_ctzll(bits)];
			roce_cm_poll(q);
			if (q->timer || q->wait_until)
				roce_busy(q);
		}
}

void roce_poll(struct roce *r, uint64_t now)
{
	r->now = now;
	if (now - r->swept >= SWEEP_US)
		sweep(r);
	struct roce_qp *q = r->busy, *next;
	for (r->busy = NULL; q; q = next) {
		next = q->link;
		q->linked = false;
		if (q->state != ROCE_FREE && turn(q))
			roce_busy(q);
	}
}
