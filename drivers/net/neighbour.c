#include "drivers/net/frame.h"
#include "kernel/str.h"

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static struct net_near *entry(struct net_port *port, const struct net_ip *ip)
{
	for (unsigned i = 0; i < NET_NEAR; i++)
		if (net_ip_equal(&port->near[i].ip, ip) && !net_ip_none(ip))
			return &port->near[i];
	return NULL;
}

/* Its entry; the oldest makes room for a new one. */
static struct net_near *make_entry(struct net_port *port, const struct net_ip *ip)
{
	struct net_near *near = entry(port, ip);
	if (!near) {
		near = &port->near[port->next_near];
		port->next_near = (port->next_near + 1) % NET_NEAR;
		*near = (struct net_near){.ip = *ip};
	}
	return near;
}

/* A neighbour that asked for us, or that we asked for. */
static void learn(struct net_port *port, const struct net_ip *ip, const uint8_t *mac)
{
	if (net_ip_none(ip) || (mac[0] & 1))
		return;
	struct net_near *near = make_entry(port, ip);
	memcpy(near->mac, mac, 6);
	near->known = true;
}

/* RFC 826, "Packet Reception". */
size_t net_arp(struct net_port *port, uint8_t *frame, size_t n)
{
	static const uint8_t expected[] = {0, 1, ETH_IPV4 >> 8, ETH_IPV4 & 0xff, 6, 4};
	uint8_t arp[ARP_FRAME];
	if (n < sizeof arp) {
		port->counts.short_frames++;
		return 0;
	}
	memcpy(arp, frame, sizeof arp);
	struct net_ip from = ip4_at(arp + ARP_SPA), target = ip4_at(arp + ARP_TPA);
	unsigned oper = be16(arp + ARP_OPER);
	if (memcmp(arp + ARP_HTYPE, expected, sizeof expected) != 0 || !net_ip_equal(&target, &port->ip[0]) ||
	    net_ip_equal(&from, &target) || (oper != 1 && oper != 2)) {
		port->counts.not_ours++;
		return 0;
	}
	port->counts.arp++;
	/* 0.0.0.0 asks whether the address is free (RFC 5227): it is no neighbour's. */
	if ((oper == 1 && be16(arp + ARP_SPA) | be16(arp + ARP_SPA + 2)) || entry(port, &from))
		learn(port, &from, arp + ARP_SHA);
	if (oper != 1)
		return 0;
	memcpy(frame + ETH_DST, arp + ARP_SHA, 6);
	memcpy(frame + ETH_SRC, port->mac, 6);
	put_be16(frame + ARP_OPER, 2);
	memcpy(frame + ARP_THA, arp + ARP_SHA, 10);
	memcpy(frame + ARP_SHA, port->mac, 6);
	memcpy(frame + ARP_SPA, arp + ARP_TPA, 4);
	return ARP_FRAME;
}

static void finish_nd(uint8_t *frame, const struct net_ip *from, const struct net_ip *to)
{
	uint8_t *nd = frame + IP6_DATA;
	put_be16(nd + ICMP_SUM, 0);
	put_be16(nd + ICMP_SUM,
		 net_sum_field(net_sum(nd, ND_BYTES, net_pseudo(from, to, PROTO_ICMPV6, ND_BYTES))));
}

/* The MAC address of an option of that type (§4.6.1), or NULL. A length of 0 ends the walk. */
static const uint8_t *option(const uint8_t *nd, size_t n, unsigned type)
{
	for (size_t at = ND_OPTIONS; at + 8 <= n && nd[at + 1]; at += 8u * nd[at + 1])
		if (nd[at] == type && nd[at + 1] == 1)
			return nd + at + 2;
	return NULL;
}

static size_t advertise(struct net_port *port, uint8_t *frame, const uint8_t *head,
			const struct net_ip *target)
{
	static const struct net_ip all_nodes = {{0xff, 0x02, [15] = 1}};
	static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	const struct net_ip to = ip6_at(head + IP6_SRC);
	uint8_t *nd = frame + IP6_DATA;
	bool free = net_ip_none(&to); /* asks whether the address is free: RFC 4862 §5.4.3 */
	net_headers(frame, port->mac, free ? all_nodes_mac : head + ETH_SRC, target, free ? &all_nodes : &to,
		    PROTO_ICMPV6, ND_HOPS, ND_BYTES);
	put_be16(nd + ICMP_TYPE, ND_ADVERTISE << 8);
	put_be32(nd + ND_FLAGS, (free ? 0 : ND_SOLICITED) | ND_OVERRIDE);
	memcpy(nd + ND_TARGET, target->b, 16);
	put_be16(nd + ND_OPTIONS, ND_TARGET_MAC << 8 | 1);
	memcpy(nd + ND_OPTIONS + 2, port->mac, 6);
	finish_nd(frame, target, free ? &all_nodes : &to);
	return IP6_DATA + ND_BYTES;
}

/* RFC 4861 §7.1, §7.2. */
size_t net_nd(struct net_port *port, uint8_t *frame, const uint8_t *head, size_t n)
{
	const uint8_t *nd = head + IP6_DATA;
	if (n < ND_OPTIONS || head[IP6_HOPS] != ND_HOPS || nd[ICMP_CODE] != 0) {
		port->counts.not_ours++; /* a router has had it, or it is no such message */
		return 0;
	}
	const struct net_ip from = ip6_at(head + IP6_SRC), target = ip6_at(nd + ND_TARGET);
	bool ask = nd[ICMP_TYPE] == ND_SOLICIT;
	const uint8_t *mac = option(nd, n, ask ? ND_SOURCE_MAC : ND_TARGET_MAC);
	if (ask && (net_ip_none(&target) ||
		    (!net_ip_equal(&target, &port->ip[1]) && !net_ip_equal(&target, &port->ip[2])))) {
		port->counts.not_ours++;
		return 0;
	}
	port->counts.solicitations++;
	if (mac && (ask || entry(port, &target)))
		learn(port, ask ? &from : &target, mac);
	return ask ? advertise(port, frame, head, &target) : 0;
}

const uint8_t *net_near_find(const struct net_port *port, const struct net_ip *ip)
{
	for (unsigned i = 0; i < NET_NEAR; i++)
		if (port->near[i].known && net_ip_equal(&port->near[i].ip, ip))
			return port->near[i].mac;
	return NULL;
}

size_t net_near_ask(struct net_port *port, const struct net_ip *ip, uint8_t *frame)
{
	const struct net_ip *own = net_own(port, ip);
	uint8_t *nd = frame + IP6_DATA;
	make_entry(port, ip);
	if (net_ip_is4(ip)) {
		static const uint8_t request[] = {0, 1, ETH_IPV4 >> 8, ETH_IPV4 & 0xff, 6, 4, 0, 1};
		memset(frame, 0, ARP_FRAME);
		memcpy(frame + ETH_DST, broadcast, 6);
		memcpy(frame + ETH_SRC, port->mac, 6);
		put_be16(frame + ETH_TYPE, ETH_ARP);
		memcpy(frame + ARP_HTYPE, request, sizeof request);
		memcpy(frame + ARP_SHA, port->mac, 6);
		memcpy(frame + ARP_SPA, own->b + 12, 4);
		memcpy(frame + ARP_TPA, ip->b + 12, 4);
		return ARP_FRAME;
	}
	/* The solicited-node address: RFC 4291 §2.7.1; its MAC address: RFC 2464 §7. */
	struct net_ip group = {{0xff, 0x02, [11] = 1, 0xff, ip->b[13], ip->b[14], ip->b[15]}};
	uint8_t mac[6] = {0x33, 0x33, 0xff, ip->b[13], ip->b[14], ip->b[15]};
	net_headers(frame, port->mac, mac, own, &group, PROTO_ICMPV6, ND_HOPS, ND_BYTES);
	put_be16(nd + ICMP_TYPE, ND_SOLICIT << 8);
	put_be32(nd + ND_FLAGS, 0);
	memcpy(nd + ND_TARGET, ip->b, 16);
	put_be16(nd + ND_OPTIONS, ND_SOURCE_MAC << 8 | 1);
	memcpy(nd + ND_OPTIONS + 2, port->mac, 6);
	finish_nd(frame, own, &group);
	return IP6_DATA + ND_BYTES;
}
