#include "drivers/net/frame.h"
#include "kernel/str.h"

uint64_t net_sum(const uint8_t *p, size_t n, uint64_t sum)
{
	size_t i = 0;
	for (; i + 1 < n; i += 2)
		sum += be16(p + i);
	return i < n ? sum + ((uint64_t)p[i] << 8) : sum;
}

uint16_t net_sum_field(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint64_t net_pseudo(const struct net_ip *from, const struct net_ip *to, uint8_t protocol, size_t n)
{
	size_t skip = net_ip_is4(from) ? 12 : 0;
	return net_sum(from->b + skip, 16 - skip, net_sum(to->b + skip, 16 - skip, protocol + n));
}

const struct net_ip *net_own(const struct net_port *port, const struct net_ip *peer)
{
	unsigned i = net_ip_is4(peer) ? 0 : peer->b[0] == 0xfe && (peer->b[1] & 0xc0) == 0x80 ? 1 : 2;
	return net_ip_none(&port->ip[i]) ? NULL : &port->ip[i];
}

struct net_ip net_link_local(const uint8_t mac[6])
{
	return (struct net_ip){{0xfe, 0x80, [8] = (uint8_t)(mac[0] ^ 2), mac[1], mac[2], 0xff, 0xfe, mac[3],
				mac[4], mac[5]}};
}

/* An IPv4 packet that is never a fragment has identification 0: RFC 6864 §4.1. */
void net_headers(uint8_t *frame, const uint8_t mac_from[6], const uint8_t mac_to[6],
		 const struct net_ip *from, const struct net_ip *to, uint8_t protocol, uint8_t hops, size_t n)
{
	bool four = net_ip_is4(from);
	memcpy(frame + ETH_DST, mac_to, 6);
	memcpy(frame + ETH_SRC, mac_from, 6);
	put_be16(frame + ETH_TYPE, four ? ETH_IPV4 : ETH_IPV6);
	if (!four) {
		put_be32(frame + IP6_VERSION, 6u << 28);
		put_be16(frame + IP6_LENGTH, (unsigned)n);
		frame[IP6_NEXT] = protocol;
		frame[IP6_HOPS] = hops;
		memcpy(frame + IP6_SRC, from->b, 16);
		memcpy(frame + IP6_DST, to->b, 16);
		return;
	}
	put_be16(frame + IP4_VERSION, 0x4500);
	put_be16(frame + IP4_LENGTH, (unsigned)(IP4_DATA - NET_ETH + n));
	put_be16(frame + IP4_ID, 0);
	put_be16(frame + IP4_FRAGMENT, IP4_DF);
	frame[IP4_TTL] = hops;
	frame[IP4_PROTOCOL] = protocol;
	put_be16(frame + IP4_SUM, 0);
	memcpy(frame + IP4_SRC, from->b + 12, 4);
	memcpy(frame + IP4_DST, to->b + 12, 4);
	put_be16(frame + IP4_SUM, net_sum_field(net_sum(frame + NET_ETH, IP4_DATA - NET_ETH, 0)));
}
