/* Ethernet frames of IPv4 and IPv6: answers ARP, neighbour solicitations and echo requests, hands UDP
 * datagrams to services, and sends UDP. Pure: frames are bytes in memory, and who receives and sends them is
 * not known here. No fragments, no IPv4 options, no IPv6 extension headers, no TCP: such packets are counted
 * and dropped.
 *
 * What comes from the wire is untrusted, and the card may write to a frame while it is read: headers are
 * copied before they are read, and each length is read once. */
#pragma once
#include "kernel/bits.h"

#define NET_HEADERS  62u /* Ethernet, IPv6, UDP: the most that stands before the data of a datagram */
#define NET_ETH      14u
#define NET_ECHO     7u   /* RFC 862 */
#define NET_DISCARD  9u   /* RFC 863 */
#define NET_SYSLOG   514u /* RFC 5426 §3.3 */
#define NET_IP_TEXT  46u  /* "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255" and its NUL */
#define NET_NEAR     8u
#define NET_SERVICES 4u

/* An IPv6 address, or an IPv4 address as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2). */
struct net_ip {
	uint8_t b[16];
};

struct net_near {
	struct net_ip ip;
	uint8_t mac[6];
	bool known;
};

/* What frames were, by what became of them. */
struct net_counts {
	uint64_t frames;
	uint64_t short_frames;  /* a length field reaches over the end */
	uint64_t bad_checksums; /* of IPv4, ICMP, ICMPv6, UDP */
	uint64_t not_ours;      /* another address, another protocol, a port without a service */
	uint64_t not_handled;   /* fragments, options, extension headers */
	uint64_t arp, solicitations, echoes, datagrams; /* taken */
};

/* A service of a UDP port: data of n bytes came, room bytes may be written over it. Returns the bytes of the
 * answer, at most room; 0: none. */
struct net_service {
	uint16_t port;
	size_t (*datagram)(void *ctx, uint8_t *data, size_t n, size_t room);
	void *ctx;
};

/* One end of a wire. Zero it, and set mac, ip and what else there is. */
struct net_port {
	uint8_t mac[6];
	struct net_ip ip[3];      /* IPv4, IPv6 of the link, IPv6: all zeros where there is none */
	uint8_t prefix[3];        /* bits of the address of its network; of IPv4 from 0 to 32 */
	struct net_ip gateway[2]; /* IPv4, IPv6; zeros: none */
	struct net_service service[NET_SERVICES];
	struct net_near near[NET_NEAR];
	unsigned next_near; /* the entry that the next new neighbour takes */
	struct net_counts counts;
};

/* Takes the frame of n bytes, without its FCS, as it came. Returns the length of the answer, which stands
 * where the frame was and is at most room bytes long, and has no padding; 0: there is none. */
size_t net_take(struct net_port *port, uint8_t *frame, size_t n, size_t room);

/* The address of the link that is made from the MAC address: RFC 4291 §2.5.1 and Appendix A. */
struct net_ip net_link_local(const uint8_t mac[6]);

/* Bytes of headers before the data of a datagram to this address. */
size_t net_udp_headers(const struct net_ip *to);
/* Writes the headers in front of the n bytes at frame + net_udp_headers(to). Returns the length of the frame;
 * 0: port has no address of the family. Where the MAC address of the way to it is not known, the frame is a
 * question for it instead (ARP or a neighbour solicitation, over the data), and *asked is set: take the
 * answer, then send again. */
size_t net_udp_send(struct net_port *port, const struct net_ip *to, uint16_t from_port, uint16_t to_port,
		    uint8_t *frame, size_t n, bool *asked);

/* The MAC address of the way to it is known. */
bool net_knows(const struct net_port *port, const struct net_ip *to);

static inline uint64_t net_ip_half(const struct net_ip *ip, unsigned half)
{
	uint64_t v;
	__builtin_memcpy(&v, ip->b + 8 * half, sizeof v);
	return v;
}

static inline bool net_ip_is4(const struct net_ip *ip)
{
	return !net_ip_half(ip, 0) && (uint32_t)net_ip_half(ip, 1) == 0xffff0000;
}

static inline bool net_ip_equal(const struct net_ip *a, const struct net_ip *b)
{
	return net_ip_half(a, 0) == net_ip_half(b, 0) && net_ip_half(a, 1) == net_ip_half(b, 1);
}

static inline bool net_ip_none(const struct net_ip *ip)
{
	return !(net_ip_half(ip, 0) | net_ip_half(ip, 1));
}

/* Reads "192.0.2.1", "2001:db8::1", and with a prefix "192.0.2.1/24"; prefix: NULL where none may stand.
 * Without one it is 24 or 64. False: it is no address. */
bool net_ip_parse(const char *text, struct net_ip *ip, uint8_t *prefix);
/* The n-th address after it; IPv4 and IPv6 count in their last 32 bits. */
struct net_ip net_ip_plus(const struct net_ip *ip, unsigned n);
/* Both are in one network of that prefix: of IPv4 from 0 to 32. */
bool net_ip_near(const struct net_ip *a, const struct net_ip *b, unsigned prefix);
/* As RFC 5952 has it; returns buf. */
const char *net_ip_text(const struct net_ip *ip, char buf[NET_IP_TEXT]);

/* The sum of the ones' complements of n bytes after a sum of bytes before, of even length: RFC 1071. Not
 * folded. */
uint64_t net_sum(const uint8_t *p, size_t n, uint64_t sum);
/* What stands in a checksum field for it. */
uint16_t net_sum_field(uint64_t sum);
