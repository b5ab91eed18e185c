/* drivers/roce/take.c: which frames are the end point's, which are damaged, and to whom the others go. Each
 * row alters one thing in a good frame; its checksums are right unless the row says otherwise. */
#include <string.h>
#include "drivers/roce/work.h"
#include "tests/unit/support_roce_side.h"
#include "tests/unit/test.h"

#define PORT  4000u
#define BYTES 64u

enum verdict { OTHERS, BAD_ICRC, MALFORMED, UNKNOWN, TAKEN };

static struct side *s;
static struct roce_qp *qp[2]; /* a connection over IPv4, one over IPv6 */
static uint8_t inbox[256];
static unsigned received, last_bytes;

static void on_event(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	(void)ctx;
	if (e->kind == ROCE_UP)
		roce_receive(q, inbox, sizeof inbox, 1000);
	received += e->kind == ROCE_RECEIVED;
	last_bytes = e->bytes;
}

static struct net_ip address(bool four, unsigned n)
{
	return four ? support_ip4(n) : support_ip6(n);
}

static int set_up(void **state)
{
	(void)state;
	s = support_side(1);
	assert_true(roce_listen(&s->roce, PORT, on_event, NULL));
	for (unsigned four = 0; four < 2; four++) {
		struct net_ip from = address(four, 2), to = address(four, 1);
		qp[four] = support_side_meet(s, &from, &to, PORT, 5 + four, 3, 1000);
		qp[four]->expected = SIDE_PSN;
	}
	return 0;
}

static int end(void **state)
{
	(void)state;
	support_side_end(s);
	return 0;
}

/* Of what is not taken no trace is left but the count. */
static enum verdict verdict_of(const uint8_t *frame, size_t n)
{
	struct roce_counts before = s->roce.counts, *c = &s->roce.counts;
	s->outs = received = 0;
	bool mine = support_side_take(s, frame, n, 1000);
	assert_int_equal(c->packets - before.packets, mine);
	enum verdict v = !mine                             ? OTHERS
			 : c->bad_icrcs > before.bad_icrcs ? BAD_ICRC
			 : c->malformed > before.malformed ? MALFORMED
			 : c->unknown > before.unknown     ? UNKNOWN
							   : TAKEN;
	assert_int_equal(c->bad_icrcs + c->malformed + c->unknown + (!mine || v == TAKEN),
			 before.bad_icrcs + before.malformed + before.unknown + 1);
	if (v != TAKEN)
		assert_int_equal(s->outs + received, 0);
	return v;
}

/* A SEND of these many bytes that is next on the connection. */
static size_t good(uint8_t *frame, bool four, uint32_t bytes)
{
	uint8_t data[256];
	struct net_ip from = address(four, 2), to = address(four, 1);
	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i + 1);
	return support_roce_packet(frame, &from, &to, OP_SEND_ONLY, qp[four]->number, qp[four]->expected,
				   true, data, bytes);
}

/* One field of a frame, and what becomes of it. */
struct edit {
	const char *what;
	unsigned at, bytes;
	uint32_t value;
	enum verdict verdict;
	bool unsealed; /* checksums are of the frame as it was */
};

static void put(uint8_t *to, unsigned bytes, uint32_t value)
{
	for (unsigned i = bytes; i-- > 0; value >>= 8)
		to[i] = (uint8_t)value;
}

static void edits(const struct edit *e, size_t n, bool four)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t frame[ROCE_FRAME_MOST];
		size_t length = good(frame, four, BYTES);
		put(frame + e[i].at, e[i].bytes, e[i].value);
		if (!e[i].unsealed)
			support_roce_seal(frame);
		enum verdict v = verdict_of(frame, length);
		if (v != e[i].verdict)
			fail_msg("%s: verdict %u and not %u", e[i].what, v, e[i].verdict);
		assert_int_equal(received, v == TAKEN);
	}
}

#define BTH4 (IP4_DATA + UDP_BYTES)
#define BTH6 (IP6_DATA + UDP_BYTES)

static void test_ip4(void **state)
{
	static const struct edit e[] = {
		{"IPv4 as it is", ETH_TYPE, 2, 0x800, TAKEN, false},
		{"ARP", ETH_TYPE, 2, 0x806, OTHERS, false},
		{"options", IP4_VERSION, 1, 0x46, OTHERS, false},
		{"version 5", IP4_VERSION, 1, 0x55, OTHERS, false},
		{"another type of service", IP4_VERSION + 1, 1, 0xb8, TAKEN, false},
		{"another identification", IP4_ID, 2, 0xffff, TAKEN, false},
		{"more fragments", IP4_FRAGMENT, 2, 0x2000, OTHERS, false},
		{"fragment at 8", IP4_FRAGMENT, 2, 0x0001, OTHERS, false},
		{"fragment at 256", IP4_FRAGMENT, 2, 0x0020, OTHERS, false},
		{"fragment at 32768", IP4_FRAGMENT, 2, 0x1000, OTHERS, false},
		{"may be fragmented", IP4_FRAGMENT, 2, 0, TAKEN, false},
		{"may not be fragmented", IP4_FRAGMENT, 2, 0x4000, TAKEN, false},
		{"reserved flag", IP4_FRAGMENT, 2, 0x8000, TAKEN, false},
		{"TTL 1", IP4_TTL, 1, 1, TAKEN, false},
		{"TTL 255", IP4_TTL, 1, 255, TAKEN, false},
		{"UDP-Lite", IP4_PROTOCOL, 1, 136, OTHERS, false},
		{"protocol 16", IP4_PROTOCOL, 1, 16, OTHERS, false},
		{"protocol 145", IP4_PROTOCOL, 1, 145, OTHERS, false},
		{"TTL 1 with the checksum of another", IP4_TTL, 1, 1, OTHERS, true},
		{"a wrong checksum", IP4_SUM, 2, 0x1234, OTHERS, true},
		{"another end point", IP4_DST + 3, 1, 3, OTHERS, false},
		{"another peer", IP4_SRC + 3, 1, 3, UNKNOWN, false},
		{"another network", IP4_SRC, 1, 11, UNKNOWN, false},
		{"port 4790", IP4_DATA + UDP_DST, 2, 4790, OTHERS, false},
		{"port 4792", IP4_DATA + UDP_DST, 2, 4792, OTHERS, false},
		{"from any port", IP4_DATA + UDP_SRC, 2, 1, TAKEN, false},
		{"a UDP checksum", IP4_DATA + UDP_SUM, 2, 0xffff, TAKEN, true},
		{"a byte of data altered", BTH4 + BTH_BYTES + 20, 1, 0, BAD_ICRC, true},
	};
	(void)state;
	edits(e, ARRAY_LEN(e), true);
}

static void test_ip6(void **state)
{
	static const struct edit e[] = {
		{"IPv6 as it is", ETH_TYPE, 2, 0x86dd, TAKEN, false},
		{"version 5", IP6_VERSION, 1, 0x50, OTHERS, false},
		{"version 7", IP6_VERSION, 1, 0x70, OTHERS, false},
		{"another class", IP6_VERSION, 2, 0x6ff0, TAKEN, true},
		{"another flow", IP6_VERSION + 1, 3, 0x0fffff, TAKEN, true},
		{"next header 16", IP6_NEXT, 1, 16, OTHERS, false},
		{"next header 0", IP6_NEXT, 1, 0, OTHERS, false},
		{"hop limit 1", IP6_HOPS, 1, 1, TAKEN, true},
		{"another end point", IP6_DST + 15, 1, 3, OTHERS, false},
		{"another end point's network", IP6_DST, 1, 0xfe, OTHERS, false},
		{"another peer", IP6_SRC + 15, 1, 3, UNKNOWN, false},
		{"another peer's network", IP6_SRC, 1, 0xfe, UNKNOWN, false},
		{"port 4790", IP6_DATA + UDP_DST, 2, 4790, OTHERS, false},
		{"a byte of data altered", BTH6 + BTH_BYTES + 20, 1, 0, BAD_ICRC, true},
	};
	(void)state;
	edits(e, ARRAY_LEN(e), false);
}

/* Fields of the BTH: IBA 9.2, Annex A17. */
static void test_bth(void **state)
{
	static const struct edit e[] = {
		{"solicited event, migration", BTH_FLAGS, 1, 0xc0, TAKEN, false},
		{"transport version 1", BTH_FLAGS, 1, 0x01, MALFORMED, false},
		{"transport version 8", BTH_FLAGS, 1, 0x08, MALFORMED, false},
		{"limited member", BTH_PKEY, 2, 0x7fff, TAKEN, false},
		{"partition 1", BTH_PKEY, 2, 0x8001, MALFORMED, false},
		{"partition 0x3fff", BTH_PKEY, 2, 0xbfff, MALFORMED, false},
		{"reserved byte", BTH_RESV, 1, 0xff, TAKEN, true},
		{"reserved bits beside the PSN", BTH_ACK, 1, 0xff, TAKEN, false},
		{"queue pair 0", BTH_QP, 3, 0, UNKNOWN, false},
		{"queue pair 2", BTH_QP, 3, 2, UNKNOWN, false},
		{"a message to the connection manager that is none", BTH_QP, 3, 1, MALFORMED, false},
		{"opcode 0x18", BTH_OPCODE, 1, 0x18, UNKNOWN, false},
		{"opcode 0xff", BTH_OPCODE, 1, 0xff, UNKNOWN, false},
	};
	(void)state;
	for (unsigned four = 0; four < 2; four++)
		for (size_t i = 0; i < ARRAY_LEN(e); i++) {
			struct edit there = e[i];
			there.at += four ? BTH4 : BTH6;
			edits(&there, 1, four);
		}
}

/* What IP and UDP say of their lengths, against the good frame's, and how long the frame is. */
static void test_lengths(void **state)
{
	static const struct {
		int ip, udp, frame;
		enum verdict verdict;
		int bytes;
	} rows[] = {
		{0, 0, 0, TAKEN, BYTES},
		{0, 0, 7, TAKEN, BYTES},
		{0, 0, -1, OTHERS, 0},
		{1, 0, 0, OTHERS, 0},
		{1, 0, 1, TAKEN, BYTES},
		{-1, 0, 0, OTHERS, 0},
		{0, 4, 4, OTHERS, 0},
		{4, 4, 4, TAKEN, BYTES + 4},
		{0, -4, 0, TAKEN, BYTES - 4},
		{0, -1, 0, MALFORMED, 0},
		{0, -2, 0, MALFORMED, 0},
		{0, -3, 0, MALFORMED, 0},
		{0, -(int)BYTES, 0, TAKEN, 0},
		{0, -(int)BYTES - 1, 0, OTHERS, 0},
		{0, -(int)BYTES - 4, 0, OTHERS, 0},
	};
	(void)state;
	for (unsigned four = 0; four < 2; four++)
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			uint8_t frame[ROCE_FRAME_MOST] = {0};
			size_t n = good(frame, four, BYTES);
			uint8_t *ip = frame + (four ? IP4_LENGTH : IP6_LENGTH),
				*udp = support_bth(frame) - UDP_BYTES + UDP_LENGTH;
			put_be16(ip, be16(ip) + (unsigned)rows[i].ip);
			put_be16(udp, be16(udp) + (unsigned)rows[i].udp);
			support_roce_seal(frame);
			if (verdict_of(frame, n + (size_t)rows[i].frame) != rows[i].verdict)
				fail_msg("IP %+d, UDP %+d, frame %+d: not %u", rows[i].ip, rows[i].udp,
					 rows[i].frame, rows[i].verdict);
			if (rows[i].verdict == TAKEN)
				assert_int_equal(last_bytes, rows[i].bytes);
		}
}

/* Every length, and every number of bytes that fill up the last word. */
static void test_data(void **state)
{
	(void)state;
	for (unsigned four = 0; four < 2; four++)
		for (uint32_t bytes = 0; bytes <= 200; bytes++) {
			uint8_t frame[ROCE_FRAME_MOST];
			size_t n = good(frame, four, bytes);
			memset(inbox, 0, sizeof inbox);
			assert_int_equal(verdict_of(frame, n), TAKEN);
			assert_int_equal(last_bytes, bytes);
			for (unsigned i = 0; i < sizeof inbox; i++)
				assert_int_equal(inbox[i], i < bytes ? i + 1 : 0);
			for (size_t shorter = 0; shorter < n; shorter++)
				assert_int_equal(verdict_of(frame, shorter), OTHERS);
		}
}

/* The bytes of extension headers behind the BTH (IBA, table 38 and chapter 9.3): one word less is too short,
 * and so is one that the pad count takes away. */
static void test_extensions(void **state)
{
	static const struct {
		uint8_t opcode, bytes;
	} of[] = {{0x03, 4},  {0x05, 4},  {0x06, 16}, {0x09, 4}, {0x0a, 16}, {0x0b, 20},
		  {0x0c, 16}, {0x0d, 4},  {0x0f, 4},  {0x10, 4}, {0x11, 4},  {0x12, 12},
		  {0x13, 28}, {0x14, 28}, {0x16, 4},  {0x17, 4}};
	static const uint8_t zeros[32];
	(void)state;
	for (unsigned four = 0; four < 2; four++)
		for (size_t i = 0; i < ARRAY_LEN(of); i++) {
			uint8_t frame[ROCE_FRAME_MOST];
			struct net_ip from = address(four, 2), to = address(four, 1);
			struct roce_qp *q = qp[four];
			size_t n = support_roce_packet(frame, &from, &to, of[i].opcode, q->number,
						       q->expected, true, zeros, of[i].bytes - 4u);
			assert_int_equal(verdict_of(frame, n), MALFORMED);
			n = support_roce_packet(frame, &from, &to, of[i].opcode, q->number, q->expected, true,
						zeros, of[i].bytes);
			support_bth(frame)[BTH_FLAGS] = 1 << 4;
			support_roce_seal(frame);
			assert_int_equal(verdict_of(frame, n), MALFORMED);
			support_bth(frame)[BTH_FLAGS] = 0;
			support_roce_seal(frame);
			assert_int_equal(verdict_of(frame, n), TAKEN);
			(void)end(NULL);
			(void)set_up(NULL);
		}
}

/* Messages to the connection manager, here a REQ to a port that nobody listens to, which is rejected. */
static void test_mads(void **state)
{
	static const struct edit e[] = {
		{"as it is", BTH_FLAGS, 1, 0, TAKEN, false},
		{"with immediate data", BTH_OPCODE, 1, 0x65, MALFORMED, false},
		{"with a pad count", BTH_FLAGS, 1, 0x10, MALFORMED, false},
		{"queue pair 0", BTH_QP, 3, 0, UNKNOWN, false},
		{"another Q_Key", BTH_BYTES, 4, 0x80010001, MALFORMED, false},
		{"Q_Key 0", BTH_BYTES, 4, 0, MALFORMED, false},
		{"base version 2", BTH_BYTES + DETH_BYTES, 1, 2, MALFORMED, false},
		{"performance management", BTH_BYTES + DETH_BYTES + 1, 1, 4, MALFORMED, false},
		{"class version 1", BTH_BYTES + DETH_BYTES + 2, 1, 1, MALFORMED, false},
		{"a method that is not Send", BTH_BYTES + DETH_BYTES + 3, 1, 1, MALFORMED, false},
		{"the ICRC of another", BTH_BYTES + DETH_BYTES + 100, 1, 1, BAD_ICRC, true},
	};
	(void)state;
	for (unsigned four = 0; four < 2; four++)
		for (size_t i = 0; i < ARRAY_LEN(e); i++) {
			uint8_t frame[ROCE_FRAME_MOST], body[REQ_BYTES];
			struct net_ip from = address(four, 2), to = address(four, 1);
			support_roce_req(body, 9, PORT + 1, 0x88, 1, 3);
			size_t n = support_roce_mad(frame, &from, &to, CM_REQ, body, sizeof body);
			put(support_bth(frame) + e[i].at, e[i].bytes, e[i].value);
			if (!e[i].unsealed)
				support_roce_seal(frame);
			if (verdict_of(frame, n) != e[i].verdict)
				fail_msg("%s: not %u", e[i].what, e[i].verdict);
			assert_int_equal(s->outs, e[i].verdict == TAKEN);
		}
}

/* A datagram to the connection manager is as long as it has to be, and nobody answers a group of stations. */
static void test_mad_frames(void **state)
{
	(void)state;
	for (unsigned four = 0; four < 2; four++)
		for (int more = -4; more <= 8; more += 4) {
			uint8_t frame[ROCE_FRAME_MOST] = {0}, body[REQ_BYTES];
			struct net_ip from = address(four, 2), to = address(four, 1);
			support_roce_req(body, 9, PORT + 1, 0x88, 1, 3);
			size_t n = support_roce_mad(frame, &from, &to, CM_REQ, body, sizeof body);
			uint8_t *ip = frame + (four ? IP4_LENGTH : IP6_LENGTH),
				*udp = support_bth(frame) - UDP_BYTES + UDP_LENGTH;
			bool group = more == 8;
			if (group) {
				frame[ETH_SRC] |= 1;
			} else {
				put_be16(ip, be16(ip) + (unsigned)more);
				put_be16(udp, be16(udp) + (unsigned)more);
				n += (size_t)more;
			}
			support_roce_seal(frame);
			assert_int_equal(verdict_of(frame, n), more ? MALFORMED : TAKEN);
		}
}

/* An IPv4 address in an IPv6 header is nobody's, nor is no address; each of the end point's own is. */
static void test_addresses(void **state)
{
	static const struct net_ip none;
	struct net_ip four = support_ip4(1), from4 = support_ip4(2), six = support_ip6(1),
		      from6 = support_ip6(2);
	const struct {
		struct net_ip from, to;
		enum verdict verdict;
	} rows[] = {{from6, six, UNKNOWN},
		    {from6, four, OTHERS},
		    {from4, six, OTHERS},
		    {from4, four, OTHERS},
		    {from6, none, OTHERS}};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (unsigned k = 0; k < 2; k++) { /* to nobody's queue pair, and to that of IPv4 */
			uint8_t frame[ROCE_FRAME_MOST];
			size_t n = support_roce_packet(frame, &from6, &six, OP_SEND_ONLY,
						       k ? qp[1]->number : 99, SIDE_PSN, true, "abcd", 4);
			memcpy(frame + IP6_SRC, rows[i].from.b, 16);
			memcpy(frame + IP6_DST, rows[i].to.b, 16);
			support_roce_seal(frame);
			assert_int_equal(verdict_of(frame, n), rows[i].verdict);
		}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, end)
	const struct CMUnitTest tests[] = {
		T(test_ip4),        T(test_ip6),  T(test_bth),        T(test_lengths),   T(test_data),
		T(test_extensions), T(test_mads), T(test_mad_frames), T(test_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
