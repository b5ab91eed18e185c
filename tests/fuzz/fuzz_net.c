/* Frames from the wire, of any bytes and in any order, for a port with services. An answer is never longer
 * than its room, what was right is answered to its sender alone, and the addresses of text are read as far as
 * they go. */
#include <stdlib.h>
#include <string.h>
#include "drivers/net/frame.h"
#include "kernel/span.h"

static size_t take(void *ctx, uint8_t *data, size_t n, size_t room)
{
	uint8_t *last = ctx;
	for (size_t i = 0; i < n; i++)
		*last ^= data[i];
	if (room)
		data[room - 1] = *last;
	return *last & 1 ? n : room;
}

/* So that inputs come behind the checks of sums: they are made right in half of them. */
static void mend(uint8_t *p, size_t n)
{
	bool four = n >= IP4_DATA && be16(p + ETH_TYPE) == ETH_IPV4;
	size_t at = four ? IP4_DATA : IP6_DATA, sum_at = at + ICMP_SUM;
	uint8_t protocol = four ? p[IP4_PROTOCOL] : n > at ? p[IP6_NEXT] : 0;
	if (n < at + UDP_BYTES)
		return;
	struct net_ip from = four ? ip4_at(p + IP4_SRC) : (struct net_ip){{0}},
		      to = four ? ip4_at(p + IP4_DST) : from;
	if (four) {
		put_be16(p + IP4_SUM, 0);
		put_be16(p + IP4_SUM, net_sum_field(net_sum(p + NET_ETH, IP4_DATA - NET_ETH, 0)));
	} else {
		memcpy(from.b, p + IP6_SRC, 16);
		memcpy(to.b, p + IP6_DST, 16);
	}
	size_t length = four ? be16(p + IP4_LENGTH) - 20u : be16(p + IP6_LENGTH);
	if (protocol == PROTO_UDP) {
		sum_at = at + UDP_SUM;
		length = be16(p + at + UDP_LENGTH);
	}
	if (length < UDP_BYTES || length > n - at || net_ip_is4(&from) != four)
		return;
	put_be16(p + sum_at, 0);
	put_be16(p + sum_at, net_sum_field(net_sum(
				     p + at, length,
				     protocol == PROTO_ICMP ? 0 : net_pseudo(&from, &to, protocol, length))));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct span in = {bytes, n};
	uint8_t last = 0;
	struct net_port port = {.mac = {2, 0, 0, 0, 0, 1},
				.ip = {{{[10] = 0xff, 0xff, 10, 0, 0, 1}}, {{0}}, {{0x20, 1, [15] = 1}}},
				.prefix = {8, 64, 64},
				.service = {{NET_ECHO, take, &last}, {9, take, &last}}};
	port.ip[1] = net_link_local(port.mac);
	while (span_has(in, 0, 3)) {
		size_t length = span_u16(in, 0) % 512, room = 86 + span_u8(in, 2) * 8u;
		bool right = span_u16(in, 0) >> 15;
		in = span_sub(in, 3, in.n);
		struct span f = span_sub(in, 0, length);
		in = span_sub(in, f.n, in.n);
		uint8_t *frame = calloc(1, room); /* of exactly this size, for the sanitizer */
		if (f.n <= room) {
			memcpy(frame, f.p, f.n);
			if (right)
				mend(frame, f.n);
			if (net_take(&port, frame, f.n, room) > room)
				__builtin_trap();
		} else if (net_take(&port, frame, f.n, room) != 0) {
			__builtin_trap();
		}
		bool asked;
		if (room > NET_HEADERS + 32 &&
		    net_udp_send(&port, &port.near[last % NET_NEAR].ip, 1, 2, frame, 24, &asked) > room)
			__builtin_trap();
		free(frame);
	}
	char text[64], out[NET_IP_TEXT];
	struct net_ip ip, again;
	uint8_t bits;
	memcpy(text, bytes, n < sizeof text - 1 ? n : sizeof text - 1);
	text[n < sizeof text - 1 ? n : sizeof text - 1] = 0;
	if (net_ip_parse(text, &ip, &bits) &&
	    (!net_ip_parse(net_ip_text(&ip, out), &again, NULL) || !net_ip_equal(&ip, &again)))
		__builtin_trap();
	return 0;
}
