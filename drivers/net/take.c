#include "drivers/net/frame.h"
#include "kernel/str.h"

/* As much of a frame as is looked at before the data of a datagram: of IPv6 with a neighbour's message and
 * three options, so that what is decided is decided on a copy. */
#define COPY (IP6_DATA + ND_OPTIONS + 24u)

struct packet {
	uint8_t head[COPY]; /* zeros behind a shorter frame */
	struct net_ip from, to;
	uint8_t protocol;
	size_t at, n; /* of the protocol's message in the frame */
};

static size_t drop(uint64_t *count)
{
	(*count)++;
	return 0;
}

static bool is_own(const struct net_port *port, const struct net_ip *ip)
{
	for (unsigned i = 0; i < ARRAY_LEN(port->ip); i++)
		if (net_ip_equal(&port->ip[i], ip) && !net_ip_none(ip))
			return true;
	return false;
}

/* A host that can be answered: no group, not the port itself. */
static bool is_host(const struct net_port *port, const struct net_ip *ip)
{
	bool four = net_ip_is4(ip);
	unsigned first = ip->b[four ? 12 : 0];
	return !is_own(port, ip) &&
	       (four ? first != 0 && first < 224 && first != 127 : first != 0xff && !net_ip_none(ip));
}

/* An answer keeps protocol and data, and goes where the packet came from. */
static size_t answer(struct net_port *port, uint8_t *frame, const struct packet *p, size_t n)
{
	net_headers(frame, port->mac, p->head + ETH_SRC, &p->to, &p->from, p->protocol, 64, n);
	return p->at + n;
}

/* The message's own sum is right, with the pseudo header's where it counts. */
static bool sum_holds(const uint8_t *frame, const struct packet *p, bool pseudo)
{
	uint64_t sum = pseudo ? net_pseudo(&p->from, &p->to, p->protocol, p->n) : 0;
	return net_sum_field(net_sum(frame + p->at, p->n, sum)) == 0;
}

static size_t take_icmp(struct net_port *port, uint8_t *frame, const struct packet *p)
{
	bool six = p->protocol == PROTO_ICMPV6;
	uint8_t *icmp = frame + p->at;
	unsigned type = p->head[p->at + ICMP_TYPE];
	if (p->n < ICMP_BYTES)
		return drop(&port->counts.short_frames);
	if (!sum_holds(frame, p, six))
		return drop(&port->counts.bad_checksums);
	if (six && (type == ND_SOLICIT || type == ND_ADVERTISE))
		return net_nd(port, frame, p->head, p->n < COPY - IP6_DATA ? p->n : COPY - IP6_DATA);
	if (type != (six ? ICMPV6_ECHO : ICMP_ECHO) || p->head[p->at + ICMP_CODE] || !is_own(port, &p->to) ||
	    !is_host(port, &p->from))
		return drop(&port->counts.not_ours);
	port->counts.echoes++;
	put_be16(icmp + ICMP_TYPE, six ? ICMPV6_ECHO_REPLY << 8 : ICMP_ECHO_REPLY << 8);
	put_be16(icmp + ICMP_SUM, 0);
	/* The pseudo header of the answer has the same sum: its addresses have changed places. */
	uint64_t sum = six ? net_pseudo(&p->from, &p->to, p->protocol, p->n) : 0;
	put_be16(icmp + ICMP_SUM, net_sum_field(net_sum(icmp, p->n, sum)));
	return answer(port, frame, p, p->n);
}

static const struct net_service *find_service(const struct net_port *port, unsigned number)
{
	for (unsigned i = 0; i < NET_SERVICES; i++)
		if (port->service[i].datagram && port->service[i].port == number)
			return &port->service[i];
	return NULL;
}

/* 0 in place of a sum is no sum (RFC 768), which IPv6 does not allow (RFC 8200 §8.1); a sum of 0 is sent as
 * its other form. */
static void put_udp_sum(uint8_t *udp, const struct net_ip *from, const struct net_ip *to, size_t n)
{
	put_be16(udp + UDP_SUM, 0);
	uint16_t sum = net_sum_field(net_sum(udp, n, net_pseudo(from, to, PROTO_UDP, n)));
	put_be16(udp + UDP_SUM, sum ? sum : 0xffff);
}

static size_t take_udp(struct net_port *port, uint8_t *frame, struct packet *p, size_t room)
{
	const uint8_t *head = p->head + p->at;
	uint8_t *udp = frame + p->at;
	size_t n = be16(head + UDP_LENGTH);
	if (p->n < UDP_BYTES || n < UDP_BYTES || n > p->n)
		return drop(&port->counts.short_frames);
	p->n = n;
	const struct net_service *s = find_service(port, be16(head + UDP_DST));
	if (!s || !is_own(port, &p->to) || !is_host(port, &p->from))
		return drop(&port->counts.not_ours);
	bool summed = be16(head + UDP_SUM) != 0;
	if (summed ? !sum_holds(frame, p, true) : !net_ip_is4(&p->from))
		return drop(&port->counts.bad_checksums);
	port->counts.datagrams++;
	size_t space = room - p->at - UDP_BYTES;
	size_t back = s->datagram(s->ctx, udp + UDP_BYTES, n - UDP_BYTES, space);
	if (!back || back > space)
		return 0;
	n = UDP_BYTES + back;
	memcpy(udp + UDP_SRC, head + UDP_DST, 2);
	memcpy(udp + UDP_DST, head + UDP_SRC, 2);
	put_be16(udp + UDP_LENGTH, (unsigned)n);
	if (summed)
		put_udp_sum(udp, &p->to, &p->from, n);
	else
		put_be16(udp + UDP_SUM, 0);
	return answer(port, frame, p, n);
}

/* Fills p from the header; NULL when it goes on, else the count of what it was. */
static uint64_t *read_ip4(struct net_counts *counts, struct packet *p, size_t n)
{
	const uint8_t *head = p->head;
	size_t length = be16(head + IP4_LENGTH);
	if (n < IP4_DATA || length < IP4_DATA - NET_ETH || length > n - NET_ETH)
		return &counts->short_frames;
	if (head[IP4_VERSION] >> 4 != 4)
		return &counts->not_ours;
	if (head[IP4_VERSION] != 0x45 || (be16(head + IP4_FRAGMENT) & ~IP4_DF))
		return &counts->not_handled;
	if (net_sum_field(net_sum(head + NET_ETH, IP4_DATA - NET_ETH, 0)) != 0)
		return &counts->bad_checksums;
	p->from = ip4_at(head + IP4_SRC);
	p->to = ip4_at(head + IP4_DST);
	p->protocol = head[IP4_PROTOCOL];
	p->at = IP4_DATA;
	p->n = length - (IP4_DATA - NET_ETH);
	return NULL;
}

static uint64_t *read_ip6(struct net_counts *counts, struct packet *p, size_t n)
{
	const uint8_t *head = p->head;
	size_t length = be16(head + IP6_LENGTH);
	if (n < IP6_DATA || length > n - IP6_DATA)
		return &counts->short_frames;
	if (head[IP6_VERSION] >> 4 != 6)
		return &counts->not_ours;
	p->from = ip6_at(head + IP6_SRC);
	p->to = ip6_at(head + IP6_DST);
	if (net_ip_is4(&p->from) || net_ip_is4(&p->to)) /* RFC 4291 §2.5.5.2: not on a wire */
		return &counts->not_ours;
	p->protocol = head[IP6_NEXT];
	p->at = IP6_DATA;
	p->n = length;
	return NULL;
}

size_t net_take(struct net_port *port, uint8_t *frame, size_t n, size_t room)
{
	struct packet p = {0};
	struct net_counts *c = &port->counts;
	c->frames++;
	if (n < NET_ETH || n > room || room < IP6_DATA + ND_BYTES)
		return drop(&c->short_frames);
	memcpy(p.head, frame, n < COPY ? n : COPY);
	bool own = memcmp(p.head + ETH_DST, port->mac, 6) == 0;
	unsigned type = be16(p.head + ETH_TYPE);
	/* From a group, or unicast for another MAC address (a switch that does not know it sends such). */
	if ((p.head[ETH_SRC] & 1) || (!own && !(p.head[ETH_DST] & 1)))
		return drop(&c->not_ours);
	if (type == ETH_ARP)
		return net_arp(port, frame, n);
	if ((type != ETH_IPV4 || !own) && type != ETH_IPV6)
		return drop(&c->not_ours);
	uint64_t *why = type == ETH_IPV4 ? read_ip4(c, &p, n) : read_ip6(c, &p, n);
	if (why)
		return drop(why);
	if (p.protocol == (type == ETH_IPV4 ? PROTO_ICMP : PROTO_ICMPV6))
		return take_icmp(port, frame, &p);
	if (p.protocol == PROTO_UDP)
		return own ? take_udp(port, frame, &p, room) : drop(&c->not_ours);
	/* Of IPv6 the headers of RFC 8200 §4 that stand before another. */
	bool more = type == ETH_IPV6 &&
		    (p.protocol == 0 || p.protocol == 43 || p.protocol == 44 || p.protocol == 60);
	return drop(more ? &c->not_handled : &c->not_ours);
}

size_t net_udp_headers(const struct net_ip *to)
{
	return (net_ip_is4(to) ? IP4_DATA : IP6_DATA) + UDP_BYTES;
}

/* By the gateway, where there is one, to what is not in the port's own network. */
static const struct net_ip *next_hop(const struct net_port *port, const struct net_ip *own,
				     const struct net_ip *to)
{
	size_t i = (size_t)(own - port->ip);
	const struct net_ip *gateway = &port->gateway[i != 0];
	return i == 1 || net_ip_none(gateway) || net_ip_near(own, to, port->prefix[i]) ? to : gateway;
}

bool net_knows(const struct net_port *port, const struct net_ip *to)
{
	const struct net_ip *own = net_own(port, to);
	return own && net_near_find(port, next_hop(port, own, to));
}

size_t net_udp_send(struct net_port *port, const struct net_ip *to, uint16_t from_port, uint16_t to_port,
		    uint8_t *frame, size_t n, bool *asked)
{
	const struct net_ip *own = net_own(port, to);
	*asked = false;
	if (!own)
		return 0;
	const struct net_ip *hop = next_hop(port, own, to);
	if (!net_own(port, hop))
		return 0;
	const uint8_t *mac = net_near_find(port, hop);
	if (!mac) {
		*asked = true;
		return net_near_ask(port, hop, frame);
	}
	size_t at = net_udp_headers(to) - UDP_BYTES;
	uint8_t *udp = frame + at;
	n += UDP_BYTES;
	net_headers(frame, port->mac, mac, own, to, PROTO_UDP, 64, n);
	put_be16(udp + UDP_SRC, from_port);
	put_be16(udp + UDP_DST, to_port);
	put_be16(udp + UDP_LENGTH, (unsigned)n);
	put_udp_sum(udp, own, to, n);
	return at + n;
}
