/* drivers/net: what Linux answered in recorded frames is what is answered here; and frames that are wrong. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include "apps/work/echo.h"
#include "apps/work/netlog.h"
#include "drivers/net/frame.h"
#include "drivers/net/syslog.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

static const uint8_t own_mac[6] = {0x02, 0, 0, 0, 0, 1}, peer_mac[6] = {0x02, 0, 0, 0, 0, 2};
static struct net_port port;
static uint8_t frame[2048];

static struct net_ip ip(const char *text)
{
	struct net_ip out;
	assert_true(net_ip_parse(text, &out, NULL));
	return out;
}

static size_t echo(void *ctx, uint8_t *data, size_t n, size_t room)
{
	(void)ctx, (void)data, (void)room;
	return n;
}

static size_t shout(void *ctx, uint8_t *data, size_t n, size_t room)
{
	(void)n;
	*(size_t *)ctx = room;
	memset(data, 'x', room);
	return room;
}

static size_t boast(void *ctx, uint8_t *data, size_t n, size_t room)
{
	(void)ctx, (void)data, (void)n;
	return room + 1;
}

static size_t room_seen;

static int set_up(void **state)
{
	(void)state;
	port = (struct net_port){
		.ip = {ip("192.0.2.1"), net_link_local(own_mac), ip("2001:db8::1")},
		.prefix = {24, 64, 64},
		.gateway = {ip("192.0.2.254"), ip("2001:db8::fe")},
		.service = {{NET_ECHO, echo, NULL}, {1000, shout, &room_seen}, {1001, boast, NULL}}};
	memcpy(port.mac, own_mac, 6);
	memset(frame, 0, sizeof frame);
	return 0;
}

/* ---- addresses ---- */

static void test_addresses(void **state)
{
	static const char *const good[] = {"0.0.0.0",
					   "255.255.255.255",
					   "::1",
					   "::",
					   "1::",
					   "2001:db8::1",
					   "fe80::1:2:3",
					   "a:b:c:d:e:f:1:2",
					   "1:0:0:2::3",
					   "::2:3:4:5:6:7:8",
					   "1:2:3:4:5:6:7::",
					   "64:ff9b::192.0.2.33",
					   "1:2:3:4:5:6:7.8.9.10"};
	static const char *const bad[] = {"",
					  "1.2.3",
					  "1.2.3.4.5",
					  "1.2.3.256",
					  "01.2.3.4",
					  "1.2.3.4 ",
					  "1:2",
					  ":1",
					  "1:::2",
					  "1::2::3",
					  "12345::",
					  "g::",
					  "1:2:3:4:5:6:7:8:9",
					  "1:",
					  "::ffff:1.2.3.4",
					  "1:2:3:4:5:6:7:1.2.3.4",
					  "1:2:3:4:5:6:7:8::",
					  "1.2.3.a",
					  "1.2.3.1a",
					  "1::2:",
					  "1::1.2.3",
					  "1::1.2.3.4.5",
					  "1::1.2.3.4:5",
					  "::1:",
					  "1.2.3.4/8"};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
		char said[NET_IP_TEXT], theirs[INET6_ADDRSTRLEN];
		struct net_ip a = ip(good[i]);
		bool four = net_ip_is4(&a);
		uint8_t judge[16];
		assert_int_equal(inet_pton(four ? AF_INET : AF_INET6, good[i], judge), 1);
		assert_memory_equal(a.b + (four ? 12 : 0), judge, four ? 4 : 16);
		inet_ntop(four ? AF_INET : AF_INET6, judge, theirs, sizeof theirs);
		assert_string_equal(net_ip_text(&a, said), theirs);
	}
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct net_ip a;
		assert_false(net_ip_parse(bad[i], &a, NULL));
	}
}

static void test_prefixes(void **state)
{
	(void)state;
	uint8_t bits;
	struct net_ip a;
	assert_true(net_ip_parse("10.0.0.1/8", &a, &bits) && bits == 8);
	assert_true(net_ip_parse("10.0.0.1", &a, &bits) && bits == 24);
	assert_true(net_ip_parse("fd00::1/48", &a, &bits) && bits == 48);
	assert_true(net_ip_parse("fd00::1", &a, &bits) && bits == 64);
	assert_false(net_ip_parse("10.0.0.1/33", &a, &bits));
	assert_false(net_ip_parse("fd00::1/129", &a, &bits));
	assert_false(net_ip_parse("fd00::1/", &a, &bits));
	assert_false(net_ip_parse("fd00::1:/64", &a, &bits));
	assert_true(net_ip_parse("10.0.0.1/32", &a, &bits) && bits == 32);
	assert_true(net_ip_parse("fd00::1/128", &a, &bits) && bits == 128);
	assert_true(net_ip_parse("10.0.0.1/0", &a, &bits) && bits == 0);
}

static void test_networks(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		unsigned prefix;
		bool near;
	} row[] = {{"10.0.0.1", "10.0.0.254", 24, true},      {"10.0.0.1", "10.0.1.1", 24, false},
		   {"10.0.0.1", "10.0.1.1", 23, true},        {"10.0.0.1", "10.0.2.1", 23, false},
		   {"10.0.0.1", "192.0.2.1", 0, true},        {"10.0.0.1", "10.0.0.1", 32, true},
		   {"10.0.0.1", "10.0.0.0", 32, false},       {"10.0.0.1", "fd00::1", 0, false},
		   {"fd00::1", "fd00::ffff:0:0:1", 64, true}, {"fd00::1", "fd00:0:0:1::1", 64, false},
		   {"fd00::1", "fd00::1", 128, true},         {"fd00::1", "fd00::2", 128, false},
		   {"fd00::1", "fd00::2", 126, true}};
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		struct net_ip a = ip(row[i].a), b = ip(row[i].b);
		assert_int_equal(net_ip_near(&a, &b, row[i].prefix), row[i].near);
	}
	static const uint8_t mac[6] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55};
	struct net_ip link = net_link_local(mac), same = ip("fe80::211:22ff:fe33:4455");
	assert_true(net_ip_equal(&link, &same));
	struct net_ip first = ip("10.0.0.250"), six = ip("fd00::ff:fffe"), next = ip("10.0.1.1"),
		      carried = ip("fd00::100:1");
	first = net_ip_plus(&first, 7);
	six = net_ip_plus(&six, 3);
	assert_true(net_ip_equal(&first, &next) && net_ip_equal(&six, &carried));
}

/* ---- recorded frames ---- */

/* The next frame of a capture (libpcap's format, little-endian); 0 at its end. */
static size_t next_frame(FILE *f, uint8_t *out, size_t room)
{
	uint32_t head[4];
	if (fread(head, 16, 1, f) != 1)
		return 0;
	assert_true(head[2] <= room);
	assert_int_equal(fread(out, 1, head[2], f), head[2]);
	return head[2];
}

/* Linux counts the identification, and pads nothing; of ARP it sends back no padding either. */
static void assert_as_linux(const uint8_t *answer, size_t n, uint8_t *theirs, size_t their_n)
{
	assert_int_equal(n, their_n);
	if (be16(answer + ETH_TYPE) == ETH_IPV4) {
		memcpy(theirs + IP4_ID, answer + IP4_ID, 4);
		memcpy(theirs + IP4_SUM, answer + IP4_SUM, 2);
	}
	assert_memory_equal(answer, theirs, n);
}

static bool is_question(const uint8_t *p)
{
	return be16(p + ETH_TYPE) == ETH_ARP
		       ? be16(p + ARP_OPER) == 1
		       : be16(p + ETH_TYPE) == ETH_IPV4 && p[IP4_PROTOCOL] == PROTO_ICMP &&
				 p[IP4_DATA] == ICMP_ECHO;
}

static void test_as_linux(void **state)
{
	(void)state;
	char path[512];
	uint8_t theirs[2048];
	unsigned arps = 0, echoes = 0;
	support_file("roce", "rping.pcap", path, sizeof path);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(fseek(f, 24, SEEK_SET), 0);
	for (size_t n; (n = next_frame(f, frame, sizeof frame));) {
		if (!is_question(frame))
			continue;
		size_t their_n = next_frame(f, theirs, sizeof theirs);
		bool arp = be16(frame + ETH_TYPE) == ETH_ARP;
		memcpy(port.mac, theirs + ETH_SRC, 6);
		port.ip[0] = ip4_at(theirs + (arp ? ARP_SPA : IP4_SRC));
		size_t answer = net_take(&port, frame, n, sizeof frame);
		assert_as_linux(frame, answer, theirs, their_n);
		arps += arp;
		echoes += !arp;
	}
	fclose(f);
	assert_true(arps && echoes);
	assert_int_equal(port.counts.arp, arps);
	assert_int_equal(port.counts.echoes, echoes);
}

/* ---- frames of our own ---- */

static const char *const families[][2] = {
	{"192.0.2.2", "192.0.2.1"}, {"2001:db8::2", "2001:db8::1"}, {"fe80::2", "fe80::ff:fe00:1"}};

/* A datagram from the peer, as its own port would send it; its length. */
static size_t datagram(const char *from, const char *to, uint16_t dst, size_t n)
{
	struct net_port peer = {0};
	struct net_ip own = ip(to);
	bool asked;
	memcpy(peer.mac, peer_mac, 6);
	unsigned i = net_ip_is4(&own) ? 0 : own.b[0] == 0xfe ? 1 : 2;
	peer.ip[i] = ip(from);
	peer.prefix[i] = 24;
	peer.near[0] = (struct net_near){.ip = own, .known = true};
	memcpy(peer.near[0].mac, own_mac, 6);
	for (size_t k = 0; k < n; k++)
		frame[net_udp_headers(&own) + k] = (uint8_t)(k * 7 + 1);
	size_t length = net_udp_send(&peer, &own, 5555, dst, frame, n, &asked);
	assert_false(asked);
	assert_int_equal(length, net_udp_headers(&own) + n);
	return length;
}

static void test_udp_echo(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(families); i++)
		for (size_t bytes = 0; bytes < 1400; bytes += 1 + bytes / 2) {
			uint8_t sent[2048];
			size_t n = datagram(families[i][0], families[i][1], NET_ECHO, bytes), at = n - bytes;
			memcpy(sent, frame, n);
			if (!bytes) {
				uint64_t before = port.counts.datagrams;
				assert_int_equal(net_take(&port, frame, n, sizeof frame), 0);
				assert_int_equal(port.counts.datagrams, before + 1); /* its echo is empty */
				continue;
			}
			assert_int_equal(net_take(&port, frame, n, sizeof frame), n);
			assert_memory_equal(frame + ETH_DST, peer_mac, 6);
			assert_memory_equal(frame + ETH_SRC, own_mac, 6);
			assert_memory_equal(frame + at, sent + at, bytes);
			assert_int_equal(be16(frame + at - UDP_BYTES + UDP_SRC), NET_ECHO);
			assert_int_equal(be16(frame + at - UDP_BYTES + UDP_DST), 5555);
			/* The way back: the peer takes it as right. */
			struct net_port peer = {
				.ip = {ip(families[0][0]), ip(families[2][0]), ip(families[1][0])},
				.service = {{5555, echo, NULL}}};
			memcpy(peer.mac, peer_mac, 6);
			net_take(&peer, frame, n, sizeof frame);
			assert_int_equal(peer.counts.datagrams, 1);
			assert_memory_equal(frame, sent, ETH_SRC); /* and sends it where it went first */
		}
}

/* Padding behind the packet, as short frames have it, is neither data nor sent back. */
static void test_padding(void **state)
{
	(void)state;
	size_t n = datagram("192.0.2.2", "192.0.2.1", NET_ECHO, 3);
	memset(frame + n, 0xaa, 60 - n);
	assert_int_equal(net_take(&port, frame, 60, sizeof frame), n);
}

static void test_without_a_sum(void **state)
{
	(void)state;
	size_t n = datagram("192.0.2.2", "192.0.2.1", NET_ECHO, 9);
	put_be16(frame + IP4_DATA + UDP_SUM, 0);
	assert_int_equal(net_take(&port, frame, n, sizeof frame), n);
	assert_int_equal(be16(frame + IP4_DATA + UDP_SUM), 0);
	n = datagram("2001:db8::2", "2001:db8::1", NET_ECHO, 9);
	put_be16(frame + IP6_DATA + UDP_SUM, 0);
	assert_int_equal(net_take(&port, frame, n, sizeof frame), 0);
	assert_int_equal(port.counts.bad_checksums, 1);
}

static void test_services(void **state)
{
	(void)state;
	size_t n = datagram("192.0.2.2", "192.0.2.1", 1000, 9);
	assert_int_equal(net_take(&port, frame, n, 600), 600);
	assert_int_equal(room_seen, 600 - IP4_DATA - UDP_BYTES);
	struct net_ip from = ip("192.0.2.1"), to = ip("192.0.2.2");
	assert_int_equal(be16(frame + IP4_DATA + UDP_LENGTH), 600 - IP4_DATA);
	assert_int_equal(net_sum_field(net_sum(frame + IP4_DATA, 600 - IP4_DATA,
					       net_pseudo(&from, &to, PROTO_UDP, 600 - IP4_DATA))),
			 0);
	n = datagram("192.0.2.2", "192.0.2.1", 1001, 9);
	assert_int_equal(net_take(&port, frame, n, 600), 0);
	n = datagram("192.0.2.2", "192.0.2.1", 1002, 9);
	assert_int_equal(net_take(&port, frame, n, 600), 0);
	assert_int_equal(port.counts.not_ours, 1);
}

/* Each byte of a packet's headers and data counts: changed, it is not answered, or not as before. */
static void test_changed_bytes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(families); i++) {
		uint8_t good[256], answer[256];
		size_t n = datagram(families[i][0], families[i][1], NET_ECHO, 20);
		memcpy(good, frame, n);
		assert_int_equal(net_take(&port, frame, n, sizeof frame), n);
		memcpy(answer, frame, n);
		for (size_t at = 0; at < n; at++) {
			memset(frame, 0, sizeof frame);
			memcpy(frame, good, n);
			frame[at] ^= 0x10;
			size_t back = net_take(&port, frame, n, sizeof frame);
			bool free = (at >= ETH_SRC && at < ETH_TYPE) ||
				    (!net_ip_is4(&(struct net_ip[]){ip(families[i][0])}[0]) &&
				     (at == IP6_VERSION + 1 || at == IP6_VERSION + 2 ||
				      at == IP6_VERSION + 3 || at == IP6_HOPS || at == IP6_VERSION));
			if (!free)
				assert_int_equal(back, 0);
		}
		for (size_t less = 0; less < n; less++) {
			memcpy(frame, good, n);
			assert_int_equal(net_take(&port, frame, less, sizeof frame), 0);
		}
	}
}

static void test_not_handled(void **state)
{
	(void)state;
	size_t n = datagram("192.0.2.2", "192.0.2.1", NET_ECHO, 20);
	for (unsigned flags = 0x2000; flags;
	     flags = flags == 0x2000 ? 1 : 0) { /* more fragments; an offset */
		put_be16(frame + IP4_FRAGMENT, flags);
		put_be16(frame + IP4_SUM, 0);
		put_be16(frame + IP4_SUM, net_sum_field(net_sum(frame + NET_ETH, 20, 0)));
		assert_int_equal(net_take(&port, frame, n, sizeof frame), 0);
	}
	frame[IP4_VERSION] = 0x46;
	assert_int_equal(net_take(&port, frame, n, sizeof frame), 0);
	n = datagram("2001:db8::2", "2001:db8::1", NET_ECHO, 20);
	frame[IP6_NEXT] = 44;
	assert_int_equal(net_take(&port, frame, n, sizeof frame), 0);
	assert_int_equal(port.counts.not_handled, 4);
	static const struct {
		unsigned next;
		bool header;
	} rows[] = {{0, true}, {43, true}, {44, true}, {60, true}, {1, false}, {6, false}, {59, false}};
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		port.counts = (struct net_counts){0};
		frame[IP6_NEXT] = (uint8_t)rows[i].next;
		assert_int_equal(net_take(&port, frame, n, sizeof frame), 0);
		assert_int_equal(port.counts.not_handled, rows[i].header);
		assert_int_equal(port.counts.not_ours, !rows[i].header);
	}
	port.counts = (struct net_counts){0};
	n = datagram("192.0.2.2", "192.0.2.1", NET_ECHO, 20);
	frame[IP4_PROTOCOL] = 44; /* a header of IPv6 alone */
	put_be16(frame + IP4_SUM, 0);
	put_be16(frame + IP4_SUM, net_sum_field(net_sum(frame + NET_ETH, 20, 0)));
	assert_int_equal(net_take(&port, frame, n, sizeof frame), 0);
	assert_int_equal(port.counts.not_ours, 1);
}

/* Shorter than its Ethernet header, longer than its place, or in a place too small for an answer. */
static void test_frame_lengths(void **state)
{
	(void)state;
	static const size_t rows[][3] = {{0, 2048, 1},  {13, 2048, 1}, {14, 2048, 0}, {101, 100, 1},
					 {100, 100, 0}, {14, 85, 1},   {14, 86, 0}};
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		set_up(NULL);
		memcpy(frame, own_mac, 6);
		memcpy(frame + 6, peer_mac, 6);
		assert_int_equal(net_take(&port, frame, rows[i][0], rows[i][1]), 0);
		assert_int_equal(port.counts.short_frames, rows[i][2]);
		assert_int_equal(port.counts.not_ours, !rows[i][2]);
	}
}

/* A packet that says that it is shorter than its header, or longer than the frame: of 20 bytes it is empty.
 */
static void test_ip_lengths(void **state)
{
	(void)state;
	for (unsigned length = 0; length < 80; length++) {
		set_up(NULL);
		size_t n = datagram("192.0.2.2", "192.0.2.1", NET_ECHO, 20);
		put_be16(frame + IP4_LENGTH, length);
		put_be16(frame + IP4_SUM, 0);
		put_be16(frame + IP4_SUM, net_sum_field(net_sum(frame + NET_ETH, 20, 0)));
		assert_int_equal(net_take(&port, frame, n, sizeof frame), length == 48 ? n : 0);
		assert_int_equal(port.counts.short_frames, length != 48);
		assert_int_equal(port.counts.bad_checksums, 0);
		set_up(NULL);
		n = datagram("2001:db8::2", "2001:db8::1", NET_ECHO, 20);
		put_be16(frame + IP6_LENGTH, length);
		assert_int_equal(net_take(&port, frame, n, sizeof frame), length == 28 ? n : 0);
		assert_int_equal(port.counts.short_frames, length != 28);
	}
}

/* Nothing answers a group, a broadcast, itself, or nobody. */
static void test_never_answered(void **state)
{
	static const char *const from[] = {"224.0.0.1", "255.255.255.255", "0.0.0.0", "127.0.0.1",
					   "192.0.2.1"};
	static const char *const from6[] = {"ff02::1", "::", "2001:db8::1"};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(from); i++)
		assert_int_equal(
			net_take(&port, frame, datagram(from[i], "192.0.2.1", NET_ECHO, 4), sizeof frame), 0);
	for (unsigned i = 0; i < ARRAY_LEN(from6); i++) {
		size_t n = datagram("2001:db8::2", "2001:db8::1", NET_ECHO, 4);
		struct net_ip bad = ip(from6[i]), to = ip("2001:db8::1");
		memcpy(frame + IP6_SRC, bad.b, 16);
		put_be16(frame + IP6_DATA + UDP_SUM, 0);
		put_be16(frame + IP6_DATA + UDP_SUM,
			 net_sum_field(net_sum(frame + IP6_DATA, 12, net_pseudo(&bad, &to, PROTO_UDP, 12))));
		assert_int_equal(net_take(&port, frame, n, sizeof frame), 0);
	}
	assert_int_equal(port.counts.not_ours, ARRAY_LEN(from) + ARRAY_LEN(from6));
	size_t n = datagram("192.0.2.2", "192.0.2.1", NET_ECHO, 4);
	frame[ETH_SRC] |= 1;
	assert_int_equal(net_take(&port, frame, n, sizeof frame), 0);
	n = datagram("192.0.2.2", "192.0.2.1", NET_ECHO, 4);
	memset(frame + ETH_DST, 0xff, 6);
	assert_int_equal(net_take(&port, frame, n, sizeof frame), 0);
}

/* Hexadecimal digits, blanks between them ignored. */
static size_t bytes_of(const char *hex, uint8_t *out)
{
	size_t n = 0;
	for (; *hex; hex += 2, n++) {
		unsigned v;
		hex += *hex == ' ';
		assert_int_equal(sscanf(hex, "%2x", &v), 1);
		out[n] = (uint8_t)v;
	}
	return n;
}

static void assert_frame(size_t n, const char *hex)
{
	uint8_t want[256];
	assert_int_equal(n, bytes_of(hex, want));
	assert_memory_equal(frame, want, n);
}

/* The same, in a place that was full of eeh: no byte behind it was written. */
static void assert_only_frame(size_t n, const char *hex)
{
	assert_frame(n, hex);
	for (size_t i = n; i < sizeof frame; i++)
		assert_int_equal(frame[i], 0xee);
}

/* ---- neighbours ---- */

/* What one end asks, the other answers; then the datagram goes to the right MAC address. */
static void test_neighbours(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(families); i++) {
		struct net_port peer = {.ip = {ip(families[0][0]), ip(families[2][0]), ip(families[1][0])},
					.prefix = {24, 64, 64}};
		struct net_ip to = ip(families[i][1]);
		bool asked;
		memcpy(peer.mac, peer_mac, 6);
		size_t n = net_udp_send(&peer, &to, 5555, NET_ECHO, frame, 4, &asked);
		assert_true(asked);
		n = net_take(&port, frame, n, sizeof frame);
		assert_true(n >= ARP_FRAME);
		assert_memory_equal(frame + ETH_DST, peer_mac, 6);
		assert_int_equal(net_take(&peer, frame, n, sizeof frame), 0);
		assert_non_null(net_near_find(&peer, &to));
		assert_memory_equal(net_near_find(&peer, &to), own_mac, 6);
		n = net_udp_send(&peer, &to, 5555, NET_ECHO, frame, 4, &asked);
		assert_false(asked);
		assert_int_equal(net_take(&port, frame, n, sizeof frame), n);
		struct net_ip theirs = ip(families[i][0]); /* learned from the question */
		assert_memory_equal(net_near_find(&port, &theirs), peer_mac, 6);
	}
}

/* An advertisement or a reply that answers no question leaves no entry and pushes none out. */
static void test_unasked(void **state)
{
	(void)state;
	static struct net_port liar;
	bool asked;
	for (unsigned i = 0; i < 2; i++) {
		struct net_ip victim = ip(i ? "2001:db8::77" : "192.0.2.77"), to = ip(families[i][1]);
		liar = (struct net_port){.ip = {victim, {{0}}, victim}, .prefix = {24, 64, 64}};
		memcpy(liar.mac, peer_mac, 6);
		size_t n = net_udp_send(&liar, &to, 1, 1, frame, 0, &asked); /* learned: a question */
		net_take(&port, frame, n, sizeof frame);
		memset(port.near, 0, sizeof port.near);
		liar.ip[i ? 2 : 0] = to;
		n = net_udp_send(&port, &victim, 1, 1, frame, 0, &asked);
		liar.ip[i ? 2 : 0] = victim;
		n = net_take(&liar, frame, n, sizeof frame);
		assert_true(n > 0);
		memset(port.near, 0, sizeof port.near); /* as if nothing had been asked */
		port.next_near = 0;
		net_take(&port, frame, n, sizeof frame);
		assert_null(net_near_find(&port, &victim));
		assert_int_equal(port.next_near, 0);
	}
}

static void test_gateway(void **state)
{
	(void)state;
	struct net_ip far = ip("198.51.100.7"), far6 = ip("2001:db8:1::7"), near = ip("192.0.2.200");
	bool asked;
	net_udp_send(&port, &far, 1, 1, frame, 0, &asked);
	assert_true(asked);
	assert_memory_equal(frame + ARP_TPA, port.gateway[0].b + 12, 4);
	net_udp_send(&port, &near, 1, 1, frame, 0, &asked);
	assert_memory_equal(frame + ARP_TPA, near.b + 12, 4);
	net_udp_send(&port, &far6, 1, 1, frame, 0, &asked);
	assert_memory_equal(frame + IP6_DATA + ND_TARGET, port.gateway[1].b, 16);
	port.prefix[0] = 23; /* of 192.0.2.0/23 */
	near = ip("192.0.3.9");
	net_udp_send(&port, &near, 1, 1, frame, 0, &asked);
	assert_memory_equal(frame + ARP_TPA, near.b + 12, 4);
	port.ip[2] = (struct net_ip){{0}};
	assert_int_equal(net_udp_send(&port, &far6, 1, 1, frame, 0, &asked), 0);
	assert_false(asked);
}

/* Whether an address is free: the answer goes to all, and is no neighbour's. */
static void test_is_it_free(void **state)
{
	(void)state;
	size_t n = net_near_ask(&port, &port.ip[0], frame);
	memcpy(frame + ETH_SRC, peer_mac, 6);
	memcpy(frame + ARP_SHA, peer_mac, 6);
	memset(frame + ARP_SPA, 0, 4);
	assert_int_equal(net_take(&port, frame, n, sizeof frame), ARP_FRAME);
	n = net_near_ask(&port, &port.ip[2], frame);
	struct net_ip none = {{0}}, group;
	memcpy(group.b, frame + IP6_DST, 16);
	memcpy(frame + ETH_SRC, peer_mac, 6);
	memset(frame + IP6_SRC, 0, 16);
	put_be16(frame + IP6_LENGTH, ND_OPTIONS);
	put_be16(frame + IP6_DATA + ICMP_SUM, 0);
	put_be16(frame + IP6_DATA + ICMP_SUM,
		 net_sum_field(net_sum(frame + IP6_DATA, ND_OPTIONS,
				       net_pseudo(&none, &group, PROTO_ICMPV6, ND_OPTIONS))));
	n = net_take(&port, frame, n, sizeof frame);
	assert_int_equal(n, IP6_DATA + ND_BYTES);
	static const uint8_t all[6] = {0x33, 0x33, 0, 0, 0, 1};
	assert_memory_equal(frame + ETH_DST, all, 6);
	assert_frame(n, "333300000001 020000000001 86dd 6000000000203aff 20010db8000000000000000000000001"
			" ff020000000000000000000000000001 8800f92a20000000 20010db8000000000000000000000001"
			" 0201020000000001");
	for (unsigned i = 0; i < NET_NEAR; i++)
		assert_false(port.near[i].known);
}

/* ---- every byte of what is sent ---- */

/* As another implementation makes them. What was in the frame's place before does not count. */
static void test_questions(void **state)
{
	(void)state;
	struct net_ip near = ip("192.0.2.77"), near6 = ip("2001:db8::abcd:77");
	memset(frame, 0xee, sizeof frame);
	assert_only_frame(
		net_near_ask(&port, &near, frame),
		"ffffffffffff 020000000001 0806 0001080006040001 020000000001 c0000201 000000000000 c000024d");
	memset(frame, 0xee, sizeof frame);
	assert_only_frame(
		net_near_ask(&port, &near6, frame),
		"3333ffcd0077 020000000001 86dd 6000000000203aff 20010db8000000000000000000000001"
		" ff0200000000000000000001ffcd0077 87006ea200000000 20010db80000000000000000abcd0077 0101020000000001");
}

static void test_datagrams(void **state)
{
	(void)state;
	bool asked = true;
	for (unsigned i = 0; i < 2; i++) {
		struct net_ip to = ip(families[i][0]);
		port.near[3] = (struct net_near){.ip = to, .known = true};
		memcpy(port.near[3].mac, peer_mac, 6);
		memset(frame, 0xee, sizeof frame);
		memcpy(frame + net_udp_headers(&to), "abc", 3);
		size_t n = net_udp_send(&port, &to, 5555, 7, frame, 3, &asked);
		assert_false(asked);
		assert_only_frame(
			n,
			i ? "020000000002 020000000001 86dd 60000000000b1140 20010db8000000000000000000000001"
			    " 20010db8000000000000000000000002 15b30007000bca46 616263"
			  : "020000000002 020000000001 0800 4500001f00004000 4011b6ca c0000201 c0000202"
			    " 15b30007000ba1b7 616263");
		assert_true(net_knows(&port, &to));
	}
	struct net_ip far = ip("198.51.100.7");
	assert_false(net_knows(&port, &far)); /* its gateway is not */
	port.near[4] = (struct net_near){.ip = port.gateway[0], .known = true};
	assert_true(net_knows(&port, &far));
	port.ip[0] = (struct net_ip){{0}};
	assert_false(net_knows(&port, &far));
}

/* A ping of n bytes of data from the peer. */
static size_t ping(unsigned six, unsigned code, size_t n, const char *to_text)
{
	struct net_ip from = ip(families[six][0]), to = ip(to_text);
	unsigned at = six ? IP6_DATA : IP4_DATA;
	memset(frame, 0xee, sizeof frame);
	memset(frame + at, 0, 8 + n);
	put_be16(frame + at, (six ? 128u : 8u) << 8 | code);
	put_be32(frame + at + 4, 0x12340001);
	put_be16(frame + at + 2,
		 net_sum_field(net_sum(frame + at, 8 + n, six ? net_pseudo(&from, &to, 58, 8 + n) : 0)));
	net_headers(frame, peer_mac, own_mac, &from, &to, six ? 58 : 1, 1, 8 + n);
	return at + 8 + n;
}

static void test_pings(void **state)
{
	(void)state;
	assert_frame(net_take(&port, frame, ping(0, 0, 0, "192.0.2.1"), sizeof frame),
		     "020000000002 020000000001 0800 4500001c00004000 4001b6dd c0000201 c0000202"
		     " 0000edca12340001");
	assert_frame(net_take(&port, frame, ping(1, 0, 0, "2001:db8::1"), sizeof frame),
		     "020000000002 020000000001 86dd 6000000000083a40 20010db8000000000000000000000001"
		     " 20010db8000000000000000000000002 8100111312340001");
	assert_int_equal(port.counts.echoes, 2);
	/* A code, another address, a sum that is wrong, less than a header: no answer, and each is counted.
	 */
	for (unsigned six = 0; six < 2; six++) {
		struct net_counts *c = &port.counts;
		*c = (struct net_counts){0};
		assert_int_equal(net_take(&port, frame, ping(six, 1, 5, families[six][1]), sizeof frame), 0);
		assert_int_equal(net_take(&port, frame, ping(six, 0, 5, six ? "2001:db8::9" : "192.0.2.9"),
					  sizeof frame),
				 0);
		assert_int_equal(c->not_ours, 2);
		size_t n = ping(six, 0, 5, families[six][1]);
		frame[n - 1] ^= 1;
		assert_int_equal(net_take(&port, frame, n, sizeof frame), 0);
		assert_int_equal(c->bad_checksums, 1);
		struct net_ip from = ip(families[six][0]), to = ip(families[six][1]);
		n = ping(six, 0, 0, families[six][1]);
		net_headers(frame, peer_mac, own_mac, &from, &to, six ? 58 : 1, 1, 7);
		assert_int_equal(net_take(&port, frame, n, sizeof frame), 0);
		assert_int_equal(c->short_frames, 1);
		assert_int_equal(c->frames, 4);
		assert_int_equal(c->echoes + c->arp + c->solicitations + c->datagrams + c->not_handled, 0);
	}
}

/* A neighbour's message of n bytes, with these options, from the peer; target "" is none. */
static size_t neighbour(unsigned type, unsigned hops, unsigned code, const char *target, const char *options)
{
	struct net_ip from = ip("2001:db8::2"), to = ip("2001:db8::1"), t = ip(target);
	uint8_t *nd = frame + IP6_DATA;
	memset(frame, 0, sizeof frame);
	nd[0] = (uint8_t)type;
	nd[1] = (uint8_t)code;
	memcpy(nd + 8, t.b, 16);
	size_t n = 24 + bytes_of(options, nd + 24);
	put_be16(nd + 2, net_sum_field(net_sum(nd, n, net_pseudo(&from, &to, 58, n))));
	net_headers(frame, peer_mac, own_mac, &from, &to, 58, (uint8_t)hops, n);
	return IP6_DATA + n;
}

/* §7.1: what a router has passed on, or what has a code, is no message of a neighbour. Options are walked by
 * their lengths, and only one of the right type and length is a MAC address. */
static void test_solicitations(void **state)
{
	(void)state;
	static const struct {
		unsigned type, hops, code;
		const char *target, *options;
		bool answered, learned;
	} rows[] = {
		{135, 255, 0, "2001:db8::1", "0101020000000002", true, true},
		{135, 255, 0, "fe80::ff:fe00:1", "0101020000000002", true, true},
		{135, 255, 0, "2001:db8::1", "", true, false},
		{135, 255, 0, "2001:db8::1", "0201020000000002", true, false}, /* of an advertisement */
		{135, 255, 0, "2001:db8::1", "0102020000000002 0000000000000000", true, false},
		{135, 255, 0, "2001:db8::1", "0e01000000000000 0101020000000002", true, true},
		{135, 255, 0, "2001:db8::1", "0e02000000000000 0101020000000009 0101020000000002", true,
		 true},
		{135, 255, 0, "2001:db8::1", "0e00000000000000 0101020000000002", true, false},
		{135, 255, 0, "2001:db8::1", "0e01000000000000 01010200000000", true, false},
		{135, 255, 0, "2001:db8::1", "0101030000000002", true, false}, /* a group's */
		{135, 254, 0, "2001:db8::1", "0101020000000002", false, false},
		{135, 255, 1, "2001:db8::1", "0101020000000002", false, false},
		{135, 255, 0, "2001:db8::9", "0101020000000002", false, false},
		{135, 255, 0, "::", "0101020000000002", false, false},
		{136, 255, 0, "2001:db8::2", "0201020000000002", false, false}, /* nobody asked */
	};
	struct net_ip peer = ip("2001:db8::2");
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		set_up(NULL);
		size_t n =
			neighbour(rows[i].type, rows[i].hops, rows[i].code, rows[i].target, rows[i].options);
		size_t back = net_take(&port, frame, n, sizeof frame);
		assert_int_equal(back, rows[i].answered ? IP6_DATA + ND_BYTES : 0);
		assert_int_equal(net_near_find(&port, &peer) != NULL, rows[i].learned);
		assert_int_equal(port.counts.solicitations, rows[i].answered || rows[i].type == 136);
		assert_int_equal(port.counts.not_ours, !port.counts.solicitations);
		if (i == 0)
			assert_frame(back,
				     "020000000002 020000000001 86dd 6000000000203aff"
				     " 20010db8000000000000000000000001 20010db8000000000000000000000002"
				     " 88008a7360000000 20010db8000000000000000000000001 0201020000000001");
	}
}

/* An answer counts for its target, with the option of its type. */
static void test_advertisements(void **state)
{
	struct net_ip peer = ip("2001:db8::2"), asked = ip("2001:db8::77");
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		set_up(NULL);
		(void)net_near_ask(&port, &asked, frame);
		size_t n =
			neighbour(136, 255, 0, "2001:db8::77", i ? "0101020000000002" : "0201020000000077");
		assert_int_equal(net_take(&port, frame, n, sizeof frame), 0);
		assert_int_equal(net_near_find(&port, &asked) != NULL, !i);
		assert_null(net_near_find(&port, &peer));
	}
	/* No message of a neighbour: cut before its options. */
	set_up(NULL);
	size_t n = neighbour(135, 255, 0, "2001:db8::1", "");
	struct net_ip to = ip("2001:db8::1");
	put_be16(frame + IP6_DATA + 2, 0);
	put_be16(frame + IP6_DATA + 2,
		 net_sum_field(net_sum(frame + IP6_DATA, 23, net_pseudo(&peer, &to, 58, 23))));
	put_be16(frame + IP6_LENGTH, 23);
	assert_int_equal(net_take(&port, frame, n - 1, sizeof frame), 0);
	assert_int_equal(port.counts.not_ours, 1);
}

/* What the card writes to the frame meanwhile does not count: the answer is made from the copy. */
static void test_changed_meanwhile(void **state)
{
	(void)state;
	uint8_t head[128];
	(void)neighbour(135, 255, 0, "2001:db8::1", "0101020000000002");
	memcpy(head, frame, sizeof head);
	memset(frame, 0xee, sizeof frame);
	assert_only_frame(net_nd(&port, frame, head, ND_BYTES),
			  "020000000002 020000000001 86dd 6000000000203aff 20010db8000000000000000000000001"
			  " 20010db8000000000000000000000002 88008a7360000000"
			  " 20010db8000000000000000000000001 0201020000000001");
}

/* Requests and replies as they may come; only a request is answered, and only for the port's own address. */
static void test_arp(void **state)
{
	(void)state;
	static const struct {
		const char *hex;
		bool answered, learned, counted;
	} rows[] = {
		{"0001080006040001 020000000002 c0000202 000000000000 c0000201", true, true, true},
		{"0001080006040001 020000000002 c0000202 000000000000 c0000203", false, false, false},
		{"0001080006040001 020000000002 00000000 000000000000 c0000201", true, false, true},
		{"0001080006040001 030000000002 c0000202 000000000000 c0000201", true, false, true},
		{"0001080006040002 020000000002 c0000202 020000000001 c0000201", false, false, true},
		{"0001080006040003 020000000002 c0000202 000000000000 c0000201", false, false, false},
		{"0001080006040000 020000000002 c0000202 000000000000 c0000201", false, false, false},
		{"0006080006040001 020000000002 c0000202 000000000000 c0000201", false, false, false},
		{"000186dd06040001 020000000002 c0000202 000000000000 c0000201", false, false, false},
		{"0001080008040001 020000000002 c0000202 000000000000 c0000201", false, false, false},
		{"0001080006100001 020000000002 c0000202 000000000000 c0000201", false, false, false},
		{"0001080006040001 020000000002 c0000201 000000000000 c0000201", false, false, false},
	};
	struct net_ip peer = ip("192.0.2.2");
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		set_up(NULL);
		size_t n = bytes_of("ffffffffffff 020000000002 0806", frame);
		n += bytes_of(rows[i].hex, frame + n);
		assert_int_equal(n, ARP_FRAME);
		size_t back = net_take(&port, frame, n, sizeof frame);
		assert_int_equal(back, rows[i].answered ? ARP_FRAME : 0);
		assert_int_equal(net_near_find(&port, &peer) != NULL, rows[i].learned);
		assert_int_equal(port.counts.arp, rows[i].counted);
		assert_int_equal(port.counts.not_ours, !rows[i].counted);
		if (i == 0)
			assert_frame(back,
				     "020000000002 020000000001 0806 0001080006040002 020000000001 c0000201"
				     " 020000000002 c0000202");
	}
	/* Only 0.0.0.0 is no sender. */
	for (unsigned i = 0; i < 4; i++) {
		set_up(NULL);
		size_t n = bytes_of("ffffffffffff 020000000002 0806 0001080006040001 020000000002 00000000"
				    " 000000000000 c0000201",
				    frame);
		frame[ARP_SPA + i] = 1;
		struct net_ip from = ip4_at(frame + ARP_SPA);
		assert_int_equal(net_take(&port, frame, n, sizeof frame), ARP_FRAME);
		assert_non_null(net_near_find(&port, &from));
	}
	/* A reply to a question; and a frame that is cut. */
	set_up(NULL);
	(void)net_near_ask(&port, &peer, frame);
	size_t n = bytes_of("020000000001 020000000002 0806 0001080006040002 020000000002 c0000202"
			    " 020000000001 c0000201",
			    frame);
	assert_int_equal(net_take(&port, frame, n - 1, sizeof frame), 0);
	assert_int_equal(port.counts.short_frames, 1);
	assert_null(net_near_find(&port, &peer));
	assert_int_equal(net_take(&port, frame, n, sizeof frame), 0);
	assert_memory_equal(net_near_find(&port, &peer), peer_mac, 6);
}

/* The table keeps the newest. */
static void test_many_neighbours(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * NET_NEAR + 1; i++) {
		struct net_port peer = {.ip = {{{[10] = 0xff, 0xff, 192, 0, 2, (uint8_t)(10 + i)}}}};
		memcpy(peer.mac, peer_mac, 6);
		size_t n = net_near_ask(&peer, &port.ip[0], frame);
		assert_int_equal(net_take(&port, frame, n, sizeof frame), ARP_FRAME);
		assert_non_null(net_near_find(&port, &peer.ip[0]));
	}
	assert_true(port.next_near < NET_NEAR);
}

/* RFC 1071 §3's example, and a sum of 0 that goes out as its other form. */
static void test_sums(void **state)
{
	(void)state;
	static const uint8_t rfc[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	assert_int_equal(net_sum_field(net_sum(rfc, sizeof rfc, 0)), (uint16_t)~0xddf2);
	assert_int_equal(net_sum_field(net_sum(rfc, 3, 0)), (uint16_t)~0xf201);
	size_t at = IP4_DATA + UDP_BYTES, n = datagram("192.0.2.2", "192.0.2.1", 1, 2);
	unsigned sum = be16(frame + IP4_DATA + UDP_SUM), data = be16(frame + at);
	struct net_port peer = {
		.ip = {ip("192.0.2.2")}, .near = {{.ip = ip("192.0.2.1"), .known = true}}, .prefix = {24}};
	bool asked;
	put_be16(frame + at, (data + sum) % 0xffff); /* makes it all ones */
	struct net_ip to = ip("192.0.2.1");
	assert_int_equal(net_udp_send(&peer, &to, 5555, 1, frame, 2, &asked), n);
	assert_int_equal(be16(frame + IP4_DATA + UDP_SUM), 0xffff);
}

/* ---- address= ---- */

static void test_option(void **state)
{
	(void)state;
	struct net_ip got[2], first = ip("10.0.0.1"), six = ip("fd00::1");
	uint8_t prefix[2];
	assert_null(echo_addresses("10.0.0.1/24,fd00::1/48", 7, got, prefix));
	assert_true(net_ip_equal(&got[0], &first) && net_ip_equal(&got[1], &six) && prefix[0] == 24 &&
		    prefix[1] == 48);
	assert_null(echo_addresses("", 7, got, prefix));
	assert_true(net_ip_equal(&got[0], &first) && net_ip_equal(&got[1], &six));
	assert_null(echo_addresses("fd00::1", 7, got, prefix));
	assert_true(net_ip_none(&got[0]) && net_ip_equal(&got[1], &six) && prefix[0] == 0 && prefix[1] == 64);
	assert_null(echo_addresses("10.0.0.1/30", 3, got, prefix));
	assert_true(net_ip_equal(&got[0], &first) && net_ip_none(&got[1]) && prefix[0] == 30 &&
		    prefix[1] == 0);
	static const char *const fit[] = {"1.0.0.1",       "126.255.255.1", "128.0.0.1",
					  "223.255.255.1", "fe40::1",       "fec0::1",
					  "fdff::1",       "10.0.0.249",    "fd00::fff9/112"};
	for (unsigned i = 0; i < ARRAY_LEN(fit); i++)
		assert_null(echo_addresses(fit[i], 7, got, prefix));
	static const char *const wrong[][2] = {
		{"10.0.0.1,10.0.0.9", "there may be one address of each family"},
		{"10.0.0.300", "it is no IPv4 or IPv6 address"},
		{"10.0.0.1,", "it is no IPv4 or IPv6 address"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		 "it is no IPv4 or IPv6 address"},
		{"10.0.0.1/30", "its network has too few addresses for the VFs"},
		{"10.0.0.250", "its network has too few addresses for the VFs"},
		{"fd00::fffa/112", "its network has too few addresses for the VFs"},
		{"fd00::1,fd00::9", "there may be one address of each family"},
		{"febf::1", "a host cannot have this address"},
		{"239.0.0.1", "a host cannot have this address"},
		{"0.0.0.0", "a host cannot have this address"},
		{"224.0.0.1", "a host cannot have this address"},
		{"127.0.0.1", "a host cannot have this address"},
		{"ff02::1", "a host cannot have this address"},
		{"fe80::1", "a host cannot have this address"},
		{"::", "a host cannot have this address"},
	};
	for (unsigned n = 45; n < 60; n++) { /* longer than an address can be */
		char text[64] = {0};
		memset(text, 'f', n);
		assert_string_equal(echo_addresses(text, 7, got, prefix), wrong[1][1]);
	}
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++)
		assert_string_equal(echo_addresses(wrong[i][0], 7, got, prefix), wrong[i][1]);
}

static void test_receiver(void **state)
{
	(void)state;
	static const struct {
		const char *text, *ip;
		uint16_t port;
	} good[] = {{"udp:192.0.2.1", "192.0.2.1", 514},
		    {"udp:192.0.2.1:5140", "192.0.2.1", 5140},
		    {"udp:2001:db8::1", "2001:db8::1", 514},
		    {"udp:[2001:db8::1]", "2001:db8::1", 514},
		    {"udp:[2001:db8::1]:65535", "2001:db8::1", 65535}};
	static const char *const bad[] = {"",
					  "udp",
					  "udp:",
					  "tcp:192.0.2.1",
					  "udp:192.0.2.1:0",
					  "udp:192.0.2.1:65536",
					  "udp:192.0.2.1:",
					  "udp:192.0.2.1:5x",
					  "udp:[192.0.2.1]",
					  "udp:[2001:db8::1",
					  "udp:[::1]514",
					  "udp:host",
					  "udp:192.0.2.1/24"};
	struct net_ip got;
	uint16_t number;
	for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
		struct net_ip want = ip(good[i].ip);
		assert_true(netlog_receiver(good[i].text, &got, &number));
		assert_true(net_ip_equal(&got, &want) && number == good[i].port);
	}
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(netlog_receiver(bad[i], &got, &number));
}

/* ---- syslog ---- */

static void assert_message(struct syslog *s, const char *line, const char *message)
{
	uint8_t out[SYSLOG_BYTES + 1];
	out[syslog_message(s, line, out)] = 0;
	assert_string_equal((char *)out, message);
}

static void test_syslog(void **state)
{
	(void)state;
	struct syslog s = {"192.0.2.1", 0x7ffffffd};
	assert_message(
		&s, "[    0.004211] pci: text",
		"<134>1 - 192.0.2.1 sluice - - [meta sequenceId=\"2147483646\"] [    0.004211] pci: text");
	assert_message(
		&s, "[    0.004211] FAIL pci: text",
		"<131>1 - 192.0.2.1 sluice - - [meta sequenceId=\"2147483647\"] [    0.004211] FAIL pci: text");
	assert_message(
		&s, "[    0.004211] WARN pci: \x1b[2J\n\x7f",
		"<132>1 - 192.0.2.1 sluice - - [meta sequenceId=\"1\"] [    0.004211] WARN pci: ?[2J??");
	s.host[0] = 0;
	assert_message(&s, "RESULT] FAIL v=1",
		       "<134>1 - - sluice - - [meta sequenceId=\"2\"] RESULT] FAIL v=1");
	struct syslog other = {"", 9};
	assert_message(&other, "[1] FAIL ", "<131>1 - - sluice - - [meta sequenceId=\"10\"] [1] FAIL ");
	assert_message(&other, "[1] FAIL", "<134>1 - - sluice - - [meta sequenceId=\"11\"] [1] FAIL");
	assert_message(&s, "[", "<134>1 - - sluice - - [meta sequenceId=\"3\"] [");
	char line[2000];
	memset(line, 'a', sizeof line - 1);
	line[sizeof line - 1] = 0;
	uint8_t out[SYSLOG_BYTES];
	assert_int_equal(syslog_message(&s, line, out), SYSLOG_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_addresses, set_up),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_networks),
		cmocka_unit_test_setup(test_as_linux, set_up),
		cmocka_unit_test_setup(test_udp_echo, set_up),
		cmocka_unit_test_setup(test_padding, set_up),
		cmocka_unit_test_setup(test_without_a_sum, set_up),
		cmocka_unit_test_setup(test_services, set_up),
		cmocka_unit_test_setup(test_changed_bytes, set_up),
		cmocka_unit_test_setup(test_not_handled, set_up),
		cmocka_unit_test(test_ip_lengths),
		cmocka_unit_test(test_frame_lengths),
		cmocka_unit_test_setup(test_never_answered, set_up),
		cmocka_unit_test_setup(test_neighbours, set_up),
		cmocka_unit_test_setup(test_unasked, set_up),
		cmocka_unit_test_setup(test_gateway, set_up),
		cmocka_unit_test_setup(test_is_it_free, set_up),
		cmocka_unit_test_setup(test_many_neighbours, set_up),
		cmocka_unit_test_setup(test_sums, set_up),
		cmocka_unit_test_setup(test_questions, set_up),
		cmocka_unit_test_setup(test_datagrams, set_up),
		cmocka_unit_test_setup(test_pings, set_up),
		cmocka_unit_test(test_solicitations),
		cmocka_unit_test(test_advertisements),
		cmocka_unit_test(test_arp),
		cmocka_unit_test_setup(test_changed_meanwhile, set_up),
		cmocka_unit_test(test_option),
		cmocka_unit_test(test_receiver),
		cmocka_unit_test(test_syslog),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
