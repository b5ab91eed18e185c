/* Where the fields of frames are. All are big-endian. */
#pragma once
#include "drivers/net/net.h"

#define ETH_DST  0u
#define ETH_SRC  6u
#define ETH_TYPE 12u
#define ETH_IPV4 0x0800u
#define ETH_ARP  0x0806u
#define ETH_IPV6 0x86ddu

/* RFC 826, for Ethernet and IPv4; offsets in the frame */
#define ARP_HTYPE   14u
#define ARP_PTYPE   16u
#define ARP_LENGTHS 18u /* 6, 4 */
#define ARP_OPER    20u
#define ARP_SHA     22u
#define ARP_SPA     28u
#define ARP_THA     32u
#define ARP_TPA     38u
#define ARP_FRAME   42u

/* RFC 791 §3.1 */
#define IP4_VERSION  14u /* and IHL */
#define IP4_LENGTH   16u
#define IP4_ID       18u
#define IP4_FRAGMENT 20u /* flags and offset */
#define IP4_DF       0x4000u
#define IP4_TTL      22u
#define IP4_PROTOCOL 23u
#define IP4_SUM      24u
#define IP4_SRC      26u
#define IP4_DST      30u
#define IP4_DATA     34u

/* RFC 8200 §3 */
#define IP6_VERSION 14u /* class and flow label */
#define IP6_LENGTH  18u
#define IP6_NEXT    20u
#define IP6_HOPS    21u
#define IP6_SRC     22u
#define IP6_DST     38u
#define IP6_DATA    54u

#define PROTO_ICMP   1u
#define PROTO_UDP    17u
#define PROTO_ICMPV6 58u

/* RFC 792, RFC 4443 §4; offsets from the message */
#define ICMP_TYPE         0u
#define ICMP_CODE         1u
#define ICMP_SUM          2u
#define ICMP_BYTES        8u
#define ICMP_ECHO_REPLY   0u
#define ICMP_ECHO         8u
#define ICMPV6_ECHO       128u
#define ICMPV6_ECHO_REPLY 129u

/* RFC 4861 §4.3, §4.4 */
#define ND_SOLICIT    135u
#define ND_ADVERTISE  136u
#define ND_FLAGS      4u
#define ND_SOLICITED  BIT(30)
#define ND_OVERRIDE   BIT(29)
#define ND_TARGET     8u
#define ND_OPTIONS    24u
#define ND_BYTES      32u /* with one option: a MAC address */
#define ND_SOURCE_MAC 1u
#define ND_TARGET_MAC 2u
#define ND_HOPS       255u

/* RFC 768 */
#define UDP_SRC    0u
#define UDP_DST    2u
#define UDP_LENGTH 4u
#define UDP_SUM    6u
#define UDP_BYTES  8u

static inline uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be32(const uint8_t *p)
{
	uint32_t v;
	__builtin_memcpy(&v, p, sizeof v);
	return __builtin_bswap32(v);
}

static inline void put_be16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put_be32(uint8_t *p, uint64_t v)
{
	uint32_t turned = __builtin_bswap32((uint32_t)v);
	__builtin_memcpy(p, &turned, sizeof turned);
}

static inline struct net_ip ip4_at(const uint8_t *p)
{
	return (struct net_ip){{[10] = 0xff, 0xff, p[0], p[1], p[2], p[3]}};
}

static inline struct net_ip ip6_at(const uint8_t *p)
{
	struct net_ip ip;
	__builtin_memcpy(ip.b, p, sizeof ip.b);
	return ip;
}

/* Neighbours: ARP and RFC 4861. */
size_t net_arp(struct net_port *port, uint8_t *frame, size_t n);
/* A solicitation or an advertisement of length n behind the IPv6 header; head is a copy of both. */
size_t net_nd(struct net_port *port, uint8_t *frame, const uint8_t *head, size_t n);
/* The MAC address for the way to ip, or NULL. */
const uint8_t *net_near_find(const struct net_port *port, const struct net_ip *ip);
/* The question for it; its length. Its answer will be learned. ip's family has an address in port. */
size_t net_near_ask(struct net_port *port, const struct net_ip *ip, uint8_t *frame);

/* The port's own address for this peer: NULL without one of the family. Of IPv6 the link's for a link's. */
const struct net_ip *net_own(const struct net_port *port, const struct net_ip *peer);
/* Ethernet and IP headers for n bytes of protocol from one address to another. */
void net_headers(uint8_t *frame, const uint8_t mac_from[6], const uint8_t mac_to[6],
		 const struct net_ip *from, const struct net_ip *to, uint8_t protocol, uint8_t hops,
		 size_t n);
/* The sum of the pseudo header: RFC 768, RFC 8200 §8.1. */
uint64_t net_pseudo(const struct net_ip *from, const struct net_ip *to, uint8_t protocol, size_t n);
