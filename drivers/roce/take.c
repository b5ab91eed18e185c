/* From a frame to a queue pair, and whose turn it is to send. */
#include "drivers/roce/icrc.h"
#include "drivers/roce/sides.h"
#include "kernel/str.h"

#define HEAD      (IP6_DATA + UDP_BYTES + BTH_BYTES + ROCE_EXT)
#define BUDGET    64u     /* packets that a queue pair sends in a turn */
#define SWEEP_US  10000u  /* between looks at timers */
#define IP4_PLAIN 0x4500u /* version 4, no options; any type of service */
#define IP4_PARTS 0x3fffu /* more fragments, and offset */

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

struct datagram {
	uint8_t head[HEAD]; /* zeros behind a shorter frame */
	struct net_ip from, to;
	size_t bth, end; /* in the frame: of the BTH, and behind the ICRC */
	bool four;
};

static bool is_own(const struct roce *r, const struct net_ip *ip)
{
	for (unsigned i = 0; i < ARRAY_LEN(r->ip); i++)
		if (net_ip_equal(&r->ip[i], ip) && !net_ip_none(ip))
			return true;
	return false;
}

/* IPv4's header checksum: the sum of its words, in whichever order of bytes (RFC 1071 §2). */
static bool sum_right(const uint8_t *ip)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < IP4_DATA - NET_ETH; i += 4) {
		uint32_t v;
		__builtin_memcpy(&v, ip + i, sizeof v);
		sum += v;
	}
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return sum == 0xffff;
}

/* False: no UDP datagram for this port and address, or its lengths contradict each other. */
static bool read_headers(const struct roce *r, const uint8_t *frame, size_t n, struct datagram *d)
{
	uint8_t *h = d->head;
	if (LIKELY(n >= sizeof d->head)) {
		__builtin_memcpy(h, frame, sizeof d->head);
	} else {
		memset(h, 0, sizeof d->head);
		memcpy(h, frame, n);
	}
	d->four = be16(h + ETH_TYPE) == ETH_IPV4;
	size_t udp = d->four ? IP4_DATA : IP6_DATA, ip_end, length;
	if (d->four) {
		if ((be16(h + IP4_VERSION) & 0xff00) != IP4_PLAIN || be16(h + IP4_FRAGMENT) & IP4_PARTS ||
		    h[IP4_PROTOCOL] != PROTO_UDP || !sum_right(h + NET_ETH))
			return false;
		ip_end = NET_ETH + be16(h + IP4_LENGTH);
		d->from = ip4_at(h + IP4_SRC);
		d->to = ip4_at(h + IP4_DST);
	} else {
		if (be16(h + ETH_TYPE) != ETH_IPV6 || h[IP6_VERSION] >> 4 != 6 || h[IP6_NEXT] != PROTO_UDP)
			return false;
		ip_end = IP6_DATA + be16(h + IP6_LENGTH);
		memcpy(d->from.b, h + IP6_SRC, 16);
		memcpy(d->to.b, h + IP6_DST, 16);
		if (net_ip_is4(&d->from) || net_ip_is4(&d->to))
			return false;
	}
	length = be16(h + udp + UDP_LENGTH);
	d->bth = udp + UDP_BYTES;
	d->end = udp + length;
	return be16(h + udp + UDP_DST) == ROCE_PORT && is_own(r, &d->to) && ip_end <= n && d->end <= ip_end &&
	       d->end >= d->bth + BTH_BYTES + ICRC_BYTES;
}

static bool icrc_right(const uint8_t *frame, const struct datagram *d)
{
	size_t data = d->bth + BTH_BYTES, end = d->end - ICRC_BYTES;
	uint32_t said;
	__builtin_memcpy(&said, frame + end, sizeof said); /* the one little-endian field */
	return (icrc(d->head + NET_ETH, d->four, data - NET_ETH, frame + data, end - data) ^ said) ==
	       UINT32_MAX;
}

/* The bytes of extension headers of an opcode. */
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
	return opcode < ARRAY_LEN(of) ? of[opcode] : 0;
}

static struct roce_qp *find(struct roce *r, uint32_t number, const struct net_ip *from,
			    const struct net_ip *to)
{
	struct roce_qp *q = &r->qp[number % ROCE_QPS];
	bool right = (q->state == ROCE_REPLIED || q->state == ROCE_CONNECTED) && q->number == number &&
		     net_ip_equal(&q->ip, from) && net_ip_equal(&q->own, to);
	return right ? q : NULL;
}

static void take_connected(struct roce *r, const uint8_t *frame, const struct datagram *d, uint32_t bytes,
			   unsigned pad)
{
	const uint8_t *bth = d->head + d->bth;
	struct roce_packet p = {.opcode = bth[BTH_OPCODE],
				.ack = bth[BTH_ACK] >> 7,
				.psn = be24(bth + BTH_PSN),
				.ext = bth + BTH_BYTES};
	struct roce_qp *q = find(r, be24(bth + BTH_QP), &d->from, &d->to);
	uint32_t ext = ext_of(p.opcode);
	if (!q || p.opcode >= OP_SEND_ONLY_INV + 1u) {
		r->counts.unknown++;
		return;
	}
	if (bytes < ext + pad) {
		r->counts.malformed++;
		return;
	}
	p.data = frame + d->bth + BTH_BYTES + ext;
	p.bytes = bytes - ext - pad;
	if (UNLIKELY(q->state == ROCE_REPLIED))
		roce_established(q);
	if (p.opcode >= OP_READ_FIRST && p.opcode <= OP_ATOMIC_ACK)
		roce_take_answer(q, &p);
	else
		roce_take_request(q, &p);
	roce_busy(q);
}

bool roce_take(struct roce *r, const uint8_t *frame, size_t n, uint64_t now)
{
	struct datagram d;
	if (!read_headers(r, frame, n, &d))
		return false;
	r->now = now;
	r->counts.packets++;
	const uint8_t *bth = d.head + d.bth;
	unsigned flags = bth[BTH_FLAGS], pad = flags >> 4 & 3;
	uint32_t bytes = (uint32_t)(d.end - ICRC_BYTES - d.bth - BTH_BYTES);
	if (!icrc_right(frame, &d)) {
		r->counts.bad_icrcs++;
	} else if (flags & 15 || (be16(bth + BTH_PKEY) & 0x7fff) != 0x7fff || bytes & 3) {
		r->counts.malformed++;
	} else if (be24(bth + BTH_QP) != 1) {
		take_connected(r, frame, &d, bytes, pad);
	} else if (bth[BTH_OPCODE] != OP_UD_SEND || bytes != DETH_BYTES + MAD_BYTES || pad ||
		   be32(bth + BTH_BYTES + DETH_QKEY) != MAD_QKEY) {
		r->counts.malformed++;
	} else {
		uint8_t mad[MAD_BYTES];
		memcpy(mad, frame + d.bth + BTH_BYTES + DETH_BYTES, sizeof mad);
		roce_take_mad(r, d.head + ETH_SRC, &d.from, &d.to, mad);
	}
	return true;
}

/* ---- turns */

/* True: it has more to send. */
static bool turn(struct roce_qp *q)
{
	bool more = q->state == ROCE_CONNECTED && roce_answer_more(q, BUDGET);
	if (q->state == ROCE_CONNECTED)
		more |= roce_request_more(q, BUDGET);
	return more;
}

/* Those with timers: seldom, and all of them. */
static void sweep(struct roce *r)
{
	r->swept = r->now;
	for (unsigned i = 0; i < ROCE_QPS; i++) {
		struct roce_qp *q = &r->qp[i];
		if (q->state == ROCE_FREE)
			continue;
		roce_cm_poll(q);
		if (q->state == ROCE_CONNECTED && (q->timer || q->wait_until))
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
