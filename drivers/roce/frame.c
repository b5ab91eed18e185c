#include "drivers/roce/icrc.h"
#include "drivers/roce/inner.h"
#include "kernel/str.h"

#define HOPS    64u
#define GSI     1u      /* the queue pair of the connection manager */
#define GSI_UDP 0xd872u /* its source port; any does */
#define RC_UDP  0xc000u /* of the others, with bits of their number */
#define LEAST   60u     /* of an Ethernet frame */

/* Where the BTH is. */
static size_t bth_of(const struct net_ip *ip)
{
	return (net_ip_is4(ip) ? IP4_DATA : IP6_DATA) + UDP_BYTES;
}

/* Headers to the end of UDP's, for n bytes behind it. */
static void headers(uint8_t *head, const struct roce *r, const uint8_t mac[6], const struct net_ip *from,
		    const struct net_ip *to, unsigned port, size_t n)
{
	uint8_t *udp = head + bth_of(from) - UDP_BYTES;
	net_headers(head, r->mac, mac, from, to, PROTO_UDP, HOPS, UDP_BYTES + n);
	put_be16(udp + UDP_SRC, port);
	put_be16(udp + UDP_DST, ROCE_PORT);
	put_be16(udp + UDP_LENGTH, (unsigned)(UDP_BYTES + n));
	put_be16(udp + UDP_SUM, 0);
}

void roce_head(struct roce_qp *q)
{
	headers(q->headers, q->end, q->mac, &q->own, &q->ip, RC_UDP | (q->number & ~RC_UDP & 0xffff), 0);
	q->bth = (uint8_t)bth_of(&q->own);
	q->behind = 0;
}

/* From here on the queue pair's headers are those of packets with n bytes behind UDP's header. IPv4's
 * checksum was of a packet with other lengths: RFC 1624. */
static NOINLINE void set_length(struct roce_qp *q, uint32_t n)
{
	uint8_t *h = q->headers;
	put_be16(h + q->bth - UDP_BYTES + UDP_LENGTH, UDP_BYTES + n);
	if (q->bth == IP4_DATA + UDP_BYTES) {
		put_be16(h + IP4_LENGTH, IP4_DATA - NET_ETH + UDP_BYTES + n);
		put_be16(h + IP4_SUM,
			 net_sum_field((uint64_t)(uint16_t)~be16(h + IP4_SUM) + n + 0xffff - q->behind));
	} else {
		put_be16(h + IP6_LENGTH, UDP_BYTES + n);
	}
	q->behind = n;
}

/* The queue pair's headers; returns the place of the BTH. */
static uint8_t *begin(uint8_t *head, struct roce_qp *q, uint32_t n)
{
	if (UNLIKELY(n != q->behind))
		set_length(q, n);
	__builtin_memcpy(head, q->headers, sizeof q->headers);
	return head + q->bth;
}

static void put_bth(uint8_t *bth, uint8_t opcode, uint32_t pad, uint32_t qp, bool ack, uint32_t psn)
{
	put_be32(bth, BTH_FIRST(opcode, pad));
	put_be32(bth + BTH_RESV, qp);
	put_be32(bth + BTH_ACK, (ack ? BTH_A : 0) | (psn & PSN_MASK));
}

/* The ICRC is the one little-endian field. */
static void put_icrc(uint8_t *p, uint32_t crc)
{
	crc = ~crc;
	__builtin_memcpy(p, &crc, sizeof crc);
}

/* Of the headers up to end, and of the data. */
static uint32_t crc_of(const struct roce_qp *q, const uint8_t *head, const uint8_t *end, const uint8_t *data,
		       uint32_t n)
{
	return icrc(head + NET_ETH, q->bth == IP4_DATA + UDP_BYTES, (size_t)(end - head) - NET_ETH, data, n);
}

static void send_head(struct roce *r, uint8_t *head, uint32_t n)
{
	for (; n < LEAST; n++)
		head[n] = 0;
	r->frame = (struct roce_frame){.head = head, .head_bytes = n};
	r->wire.send(r->wire.ctx, &r->frame);
}

bool roce_emit_message(struct roce_qp *q, uint8_t opcode, uint32_t psn, const uint8_t *ext,
		       uint32_t ext_bytes, const uint8_t *message, uint32_t bytes)
{
	struct roce *r = q->end;
	uint8_t *head = r->wire.place(r->wire.ctx);
	uint32_t pad = (0 - bytes) & 3;
	if (!head)
		return false;
	uint8_t *bth = begin(head, q, BTH_BYTES + ext_bytes + bytes + pad + ICRC_BYTES);
	put_bth(bth, opcode, pad, q->peer, true, psn);
	memcpy(bth + BTH_BYTES, ext, ext_bytes);
	uint8_t *data = bth + BTH_BYTES + ext_bytes, *end = data + bytes + pad;
	memcpy(data, message, bytes);
	memset(data + bytes, 0, pad);
	put_icrc(end, crc_of(q, head, data, data, bytes + pad));
	send_head(r, head, (uint32_t)(end - head) + ICRC_BYTES);
	return true;
}

bool roce_emit(struct roce_qp *q, uint8_t opcode, uint32_t psn, bool ack, const uint8_t *ext,
	       uint32_t ext_bytes, const uint8_t *data, uint64_t data_at, uint32_t bytes)
{
	struct roce *r = q->end;
	uint32_t pad = (0 - bytes) & 3;
	uint8_t *head = r->wire.place(r->wire.ctx);
	if (!head)
		return false;
	uint8_t *bth = begin(head, q, BTH_BYTES + ext_bytes + bytes + pad + ICRC_BYTES);
	put_bth(bth, opcode, pad, q->peer, ack, psn);
	if (ext_bytes)
		memcpy(bth + BTH_BYTES, ext, ext_bytes);
	uint8_t *end = bth + BTH_BYTES + ext_bytes, *tail = head + ROCE_HEAD_ROOM;
	if (!bytes) {
		put_icrc(end, crc_of(q, head, end, end, 0));
		send_head(r, head, (uint32_t)(end - head) + ICRC_BYTES);
		return true;
	}
	uint32_t crc = crc_of(q, head, end, data, bytes);
	if (UNLIKELY(pad)) {
		memset(tail, 0, pad);
		crc = icrc_more(crc, tail, pad);
	}
	put_icrc(tail + pad, crc);
	r->frame = (struct roce_frame){.head = head,
				       .head_bytes = (uint32_t)(end - head),
				       .data_bytes = bytes,
				       .tail_bytes = pad + ICRC_BYTES,
				       .data_at = data_at,
				       .data = data};
	r->wire.send(r->wire.ctx, &r->frame);
	return true;
}

_Static_assert(IP6_DATA + UDP_BYTES + BTH_BYTES + DETH_BYTES + MAD_BYTES + ICRC_BYTES <= ROCE_HEAD_ROOM,
	       "the longest frame in a head");
_Static_assert(IP6_DATA - NET_ETH + UDP_BYTES + BTH_BYTES + ATOMIC_BYTES <= ICRC_HEAD, "headers");

void roce_emit_mad(struct roce *r, const struct net_ip *from, const struct net_ip *to, const uint8_t mac[6],
		   unsigned attribute, const uint8_t tid[8], const uint8_t *body, size_t n)
{
	uint8_t *head = r->wire.place(r->wire.ctx);
	if (!head)
		return;
	headers(head, r, mac, from, to, GSI_UDP, BTH_BYTES + DETH_BYTES + MAD_BYTES + ICRC_BYTES);
	uint8_t *bth = head + bth_of(from), *deth = bth + BTH_BYTES, *mad = deth + DETH_BYTES,
		*end = mad + MAD_BYTES;
	put_bth(bth, OP_UD_SEND, 0, GSI, false, r->cm_psn++);
	put_be32(deth + DETH_QKEY, MAD_QKEY);
	put_be32(deth + 4, GSI);
	memset(mad, 0, MAD_BYTES);
	put_be32(mad, MAD_HEAD);
	__builtin_memcpy(mad + MAD_TID, tid, 8);
	put_be16(mad + MAD_ATTR, attribute);
	memcpy(mad + MAD_BODY, body, n);
	put_icrc(end, icrc(head + NET_ETH, net_ip_is4(from), (size_t)(mad - head) - NET_ETH, mad, MAD_BYTES));
	send_head(r, head, (uint32_t)(end - head) + ICRC_BYTES);
}
