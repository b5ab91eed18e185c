/* drivers/roce/requester.c and frame.c: the packets of our own work requests, byte by byte, and what the
 * peer's answers, or their absence, make of them (IBA, chapter 9.7). The path MTU is 256 bytes. */
#include <string.h>
#include "drivers/roce/region.h"
#include "drivers/roce/work.h"
#include "tests/unit/support_roce_side.h"
#include "tests/unit/test.h"

#define PORT   4000u
#define MTU    256u
#define MEMORY 65536u
#define NEAR   0x1000000000ull /* where our memory is */
#define FAR    0x2000000000ull /* what is asked of the peer */
#define KEY    0x55667788u
#define ACK_US 536870u
#define ENDED  32u

static struct side *s;
static struct roce_qp *q;
static struct roce_region *own;
static struct net_ip ours, theirs;
static uint64_t now, tag;
static uint8_t memory[MEMORY];
static struct roce_event ended[ENDED]; /* of work requests */
static unsigned ends, downs;

static void on_event(void *ctx, struct roce_qp *qp, const struct roce_event *e)
{
	(void)ctx, (void)qp;
	downs += e->kind == ROCE_DOWN;
	if (e->kind == ROCE_DONE) {
		assert_true(ends < ENDED);
		assert_int_equal(downs, 0);
		ended[ends++] = *e;
	}
}

static void set_up_as(bool four)
{
	now = 1000000;
	ends = downs = 0;
	tag = 0;
	s = support_side(1);
	roce_poll(&s->roce, now);
	ours = four ? support_ip4(1) : support_ip6(1);
	theirs = four ? support_ip4(2) : support_ip6(2);
	assert_true(roce_listen(&s->roce, PORT, on_event, NULL));
	q = support_side_meet(s, &theirs, &ours, PORT, 5, 1, now);
	for (unsigned i = 0; i < MEMORY; i++)
		memory[i] = (uint8_t)(i * 7 + (i >> 8));
	own = roce_region_add(&s->roce, "own", memory, NEAR, MEMORY, 0);
}

static int set_up(void **state)
{
	(void)state;
	set_up_as(true);
	return 0;
}

static int end(void **state)
{
	(void)state;
	support_side_end(s);
	return 0;
}

static void again(bool four)
{
	(void)end(NULL);
	set_up_as(four);
}

/* ---- work requests, and packets of them ---- */

static void post(struct roce_work w)
{
	w.tag = ++tag;
	w.at = FAR;
	w.key = KEY;
	assert_int_equal(roce_post(q, &w), SL_OK);
}

static void post_region(enum roce_kind kind, uint32_t bytes)
{
	post((struct roce_work){.kind = kind, .region = own, .offset = 8, .bytes = bytes});
	roce_poll(&s->roce, now);
}

static void drop_first(void)
{
	s->outs--;
	memmove(s->out, s->out + 1, s->outs * sizeof *s->out);
}

/* The next frame is this packet, byte by byte; psn from the first of the connection on. */
static void expect(uint8_t opcode, uint32_t psn, bool ack, const void *ext, size_t ext_bytes,
		   const void *data, size_t n)
{
	uint8_t frame[ROCE_FRAME_MOST] = {0}, bytes[64 + MTU];
	if (ext_bytes)
		memcpy(bytes, ext, ext_bytes);
	if (n)
		memcpy(bytes + ext_bytes, data, n);
	size_t length = support_roce_packet(frame, &ours, &theirs, opcode, SIDE_QP, SIDE_PSN + psn, ack,
					    bytes, ext_bytes + n);
	memcpy(frame + ETH_DST, (const uint8_t[]){2, 0, 0, 0, 0, 2}, 6);
	memcpy(frame + ETH_SRC, s->roce.mac, 6);
	put_be16(support_bth(frame) - UDP_BYTES + UDP_SRC, 0xc000 | (q->number & 0x3fff));
	support_roce_seal(frame);
	assert_true(s->outs > 0);
	assert_int_equal(s->out[0].n, length < 60 ? 60 : length);
	assert_memory_equal(s->out[0].bytes, frame, s->out[0].n);
	drop_first();
}

/* Of a SEND from our region, packet i of the message. */
static void expect_send(uint8_t opcode, uint32_t psn, bool ack, uint32_t i, size_t n)
{
	expect(opcode, psn, ack, NULL, 0, memory + 8 + i * MTU, n);
}

/* A READ of what is missing from that byte on. */
static void expect_read(uint32_t psn, uint32_t from, uint32_t bytes)
{
	uint8_t reth[RETH_BYTES];
	put_be64(reth, FAR + from);
	put_be32(reth + RETH_KEY, KEY);
	put_be32(reth + RETH_LENGTH, bytes);
	expect(OP_READ, psn, true, reth, sizeof reth, NULL, 0);
}

static void silent(void)
{
	assert_int_equal(s->outs, 0);
}

/* It waits, and has nothing to do meanwhile. */
static void idle(void)
{
	silent();
	roce_poll(&s->roce, now);
	silent();
	assert_null(s->roce.busy);
}

/* ---- the peer's answers ---- */

static void answer(uint8_t opcode, uint32_t psn, const void *bytes, size_t n)
{
	uint8_t frame[ROCE_FRAME_MOST];
	assert_true(support_side_take(s, frame,
				      support_roce_packet(frame, &theirs, &ours, opcode, q->number,
							  SIDE_PSN + psn, false, bytes, n),
				      now));
}

static void say(uint32_t psn, unsigned syndrome)
{
	answer(OP_ACK, psn, (const uint8_t[]){(uint8_t)syndrome, 0, 0, 1}, 4);
}

/* Bytes of a READ: i, i + 1 and so on. */
static void bring(uint8_t opcode, uint32_t psn, uint8_t i, size_t n)
{
	uint8_t bytes[AETH_BYTES + 1024] = {SYN_ACK};
	size_t head = opcode == OP_READ_MIDDLE ? 0 : AETH_BYTES;
	for (size_t k = 0; k < n; k++)
		bytes[head + k] = (uint8_t)(i + k);
	answer(opcode, psn, bytes, head + n);
}

static void brought(size_t from, uint8_t i, size_t n)
{
	for (size_t k = 0; k < n; k++)
		assert_int_equal(memory[8 + from + k], (uint8_t)(i + k));
}

/* The next work request has ended so. */
static void expect_end(uint64_t which, unsigned status)
{
	assert_true(ends > 0);
	assert_int_equal(ended[0].tag, which);
	assert_int_equal(ended[0].status, status);
	ends--;
	memmove(ended, ended + 1, ends * sizeof *ended);
}

static void comes_after(uint64_t due)
{
	now = support_side_comes_after(s, due);
}

/* ---- packets ---- */

/* SENDs and WRITEs of each number of packets, and of each number of bytes that fill up the last word. */
static void test_packets(void **state)
{
	static const uint32_t lengths[] = {0, 1,  2,       3,   4,       5,       6,
					   7, 60, MTU - 1, MTU, MTU + 1, 3 * MTU, 3 * MTU + 2};
	(void)state;
	for (unsigned i = 0; i < 4 * ARRAY_LEN(lengths); i++) {
		uint32_t n = lengths[i / 4], packets = n > MTU ? (n + MTU - 1) / MTU : 1;
		bool write = i & 2;
		uint8_t reth[RETH_BYTES], base = write ? OP_WRITE_FIRST : 0;
		again(i & 1);
		post_region(write ? ROCE_WRITE : ROCE_SEND, n);
		put_be64(reth, FAR);
		put_be32(reth + RETH_KEY, KEY);
		put_be32(reth + RETH_LENGTH, n);
		for (uint32_t k = 0; k < packets; k++) {
			bool is_last = k == packets - 1;
			expect((uint8_t)(base + (packets == 1 ? OP_SEND_ONLY
						 : k == 0     ? OP_SEND_FIRST
						 : is_last    ? OP_SEND_LAST
							      : OP_SEND_MIDDLE)),
			       k, is_last, reth, write && !k ? RETH_BYTES : 0, memory + 8 + k * MTU,
			       is_last ? n - k * MTU : MTU);
		}
		silent();
		say(packets - 1, SYN_ACK);
		expect_end(1, 0);
	}
}

/* The same of a message that the work request holds; each is acknowledged. */
static void test_messages(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * (ROCE_INLINE + 1); i++) {
		uint8_t message[ROCE_INLINE];
		memcpy(message, memory, sizeof message);
		again(i & 1);
		post((struct roce_work){.kind = ROCE_SEND, .message = message, .bytes = i / 2});
		memset(message, 0, sizeof message);
		roce_poll(&s->roce, now);
		expect(OP_SEND_ONLY, 0, true, NULL, 0, memory, i / 2);
		silent();
	}
}

/* Immediate data and keys, of one packet and of two. */
static void test_with(void **state)
{
	static const struct {
		enum roce_kind kind;
		enum roce_with with;
		uint8_t only, first, last;
	} rows[] = {{ROCE_SEND, ROCE_IMMEDIATE, OP_SEND_ONLY_IMM, OP_SEND_FIRST, OP_SEND_LAST_IMM},
		    {ROCE_SEND, ROCE_INVALIDATE, OP_SEND_ONLY_INV, OP_SEND_FIRST, OP_SEND_LAST_INV},
		    {ROCE_WRITE, ROCE_IMMEDIATE, OP_WRITE_ONLY_IMM, OP_WRITE_FIRST, OP_WRITE_LAST_IMM}};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t ext[RETH_BYTES + IMM_BYTES];
		size_t reth = rows[i].kind == ROCE_WRITE ? RETH_BYTES : 0;
		again(true);
		put_be64(ext, FAR);
		put_be32(ext + RETH_KEY, KEY);
		put_be32(ext + RETH_LENGTH, 9);
		put_be32(ext + reth, 0x01020304);
		struct roce_work w = {.kind = rows[i].kind, .region = own, .offset = 8, .bytes = 9};
		w.with = rows[i].with;
		w.extra = 0x01020304;
		post(w);
		roce_poll(&s->roce, now);
		expect(rows[i].only, 0, true, ext, reth + IMM_BYTES, memory + 8, 9);
		w.bytes = MTU + 9;
		post(w);
		roce_poll(&s->roce, now);
		put_be32(ext + RETH_LENGTH, MTU + 9);
		expect(rows[i].first, 1, false, ext, reth, memory + 8, MTU);
		expect(rows[i].last, 2, true, "\1\2\3\4", IMM_BYTES, memory + 8 + MTU, 9);
	}
}

/* Of a long message 64 packets are on the way; each 16th asks for an acknowledgement. */
static void test_window(void **state)
{
	(void)state;
	post_region(ROCE_SEND, 100 * MTU);
	for (uint32_t i = 0; i < 64; i++)
		expect_send(i ? OP_SEND_MIDDLE : OP_SEND_FIRST, i, i % 16 == 15, i, MTU);
	idle();
	say(0, SYN_ACK);
	expect_send(OP_SEND_MIDDLE, 64, false, 64, MTU);
	silent();
	say(15, SYN_ACK);
	for (uint32_t i = 65; i < 80; i++)
		expect_send(OP_SEND_MIDDLE, i, i % 16 == 15, i, MTU);
	silent();
	say(50, SYN_ACK);
	for (uint32_t i = 80; i < 100; i++)
		expect_send(i == 99 ? OP_SEND_LAST : OP_SEND_MIDDLE, i, i == 95 || i == 99, i, MTU);
	silent();
	assert_int_equal(ends, 0);
	say(99, SYN_ACK);
	expect_end(1, 0);
	idle();
}

/* Several messages: one acknowledgement is of all before it. */
static void test_acknowledged(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		post_region(ROCE_SEND, 2 * MTU);
	assert_int_equal(s->outs, 6);
	say(0, SYN_ACK);
	assert_int_equal(ends, 0);
	say(3, SYN_ACK);
	expect_end(1, 0);
	expect_end(2, 0);
	assert_int_equal(ends, 0);
	say(3, SYN_ACK); /* old */
	say(6, SYN_ACK); /* of what was not asked */
	say(5, 0x40);    /* reserved */
	assert_int_equal(ends, 0);
	say(5, SYN_ACK);
	expect_end(3, 0);
	say(5, SYN_ACK);
	assert_int_equal(ends, 0);
	assert_int_equal(s->roce.counts.repeats, 0);
	s->outs = 0;
	for (unsigned i = 0; i < 20; i++)
		roce_poll(&s->roce, now += 2 * ACK_US);
	silent();
	say(5, SYN_RNR | 31); /* nothing is asked that these could be of */
	say(5, SYN_SEQUENCE);
	say(5, SYN_ACCESS);
	post_region(ROCE_SEND, 4);
	expect_send(OP_SEND_ONLY, 6, true, 0, 4);
	silent();
}

/* ---- what is lost ---- */

/* Without an answer all comes again from the first that was not acknowledged, seven times; an acknowledgement
 * begins a new count. */
static void test_no_answer(void **state)
{
	(void)state;
	post_region(ROCE_SEND, 3 * MTU);
	post_region(ROCE_SEND, 4);
	s->outs = 0;
	for (unsigned i = 0; i < 7; i++) {
		comes_after(now + ACK_US);
		expect_send(OP_SEND_FIRST, 0, false, 0, MTU);
		assert_int_equal(s->outs, 3);
		s->outs = 0;
	}
	say(1, SYN_ACK);
	for (unsigned i = 0; i < 7; i++) {
		comes_after(now + ACK_US);
		expect_send(OP_SEND_LAST, 2, true, 2, MTU);
		expect_send(OP_SEND_ONLY, 3, true, 0, 4);
		silent();
	}
	assert_int_equal(s->roce.counts.repeats, 14);
	assert_int_equal(ends, 0);
	comes_after(now + ACK_US);
	silent();
	expect_end(1, ROCE_NO_ANSWER);
	expect_end(2, ROCE_NO_ANSWER);
	assert_int_equal(roce_post(q, &(struct roce_work){.kind = ROCE_SEND}), SL_DEVICE);
}

/* A NAK names what the peer expects: all before it is acknowledged, the rest comes again at once. */
static void test_gap(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		post_region(ROCE_SEND, 2 * MTU);
	s->outs = 0;
	say(3, SYN_SEQUENCE);
	expect_end(1, 0);
	expect_send(OP_SEND_LAST, 3, true, 1, MTU);
	expect_send(OP_SEND_FIRST, 4, false, 0, MTU);
	expect_send(OP_SEND_LAST, 5, true, 1, MTU);
	silent();
	assert_int_equal(s->roce.counts.repeats, 1);
	say(5, SYN_ACK);
	expect_end(2, 0);
	expect_end(3, 0);
}

/* A NAK, or an RNR NAK, of what comes after a READ whose answer is lost: the READ comes again too, and first.
 */
static void test_gap_after_read(void **state)
{
	(void)state;
	for (unsigned rnr = 0; rnr < 2; rnr++) {
		again(true);
		post_region(ROCE_READ, 2 * MTU);
		post_region(ROCE_SEND, 4);
		s->outs = 0;
		say(2, rnr ? SYN_RNR | 1 : SYN_SEQUENCE);
		if (rnr)
			roce_poll(&s->roce, now += SIDE_SWEEP);
		expect_read(0, 0, 2 * MTU);
		expect_send(OP_SEND_ONLY, 2, true, 0, 4);
		silent();
		say(2, SYN_SEQUENCE); /* the READ is on its way */
		expect_send(OP_SEND_ONLY, 2, true, 0, 4);
		silent();
		bring(OP_READ_FIRST, 0, 1, MTU);
		bring(OP_READ_LAST, 1, 2, MTU);
		say(2, SYN_ACK);
		expect_end(1, 0);
		expect_end(2, 0);
	}
}

/* What is to come again is acknowledged before there is room for it: it does not come. */
static void test_gap_without_room(void **state)
{
	(void)state;
	post_region(ROCE_SEND, 2 * MTU);
	post_region(ROCE_SEND, 2 * MTU);
	s->outs = 0;
	s->full = true;
	say(1, SYN_SEQUENCE);
	say(1, SYN_ACK);
	expect_end(1, 0);
	s->full = false;
	roce_poll(&s->roce, now);
	expect_send(OP_SEND_FIRST, 2, false, 0, MTU);
	expect_send(OP_SEND_LAST, 3, true, 1, MTU);
	silent();
	s->full = true;
	say(2, SYN_SEQUENCE);
	say(3, SYN_ACK);
	expect_end(2, 0);
	s->full = false;
	post_region(ROCE_SEND, 4);
	expect_send(OP_SEND_ONLY, 4, true, 0, 4);
	silent();
}

/* There is no room for frames for a while: each kind of request waits, and none is forgotten. */
static void test_no_room(void **state)
{
	(void)state;
	s->full = true;
	post((struct roce_work){.kind = ROCE_SEND, .message = memory, .bytes = 5});
	post_region(ROCE_SEND, 4);
	post_region(ROCE_READ, 8);
	silent();
	s->full = false;
	roce_poll(&s->roce, now);
	expect(OP_SEND_ONLY, 0, true, NULL, 0, memory, 5);
	expect_send(OP_SEND_ONLY, 1, true, 0, 4);
	expect_read(2, 0, 8);
	silent();
}

/* The same of a part of a message, which was to come again because no answer came. */
static void test_late_answer(void **state)
{
	(void)state;
	post_region(ROCE_SEND, 3 * MTU);
	post_region(ROCE_SEND, 4);
	s->outs = 0;
	s->full = true;
	roce_poll(&s->roce, now += ACK_US + SIDE_SWEEP);
	say(0, SYN_ACK);
	say(1, SYN_SEQUENCE);
	say(1, SYN_SEQUENCE);
	s->full = false;
	roce_poll(&s->roce, now);
	expect_send(OP_SEND_MIDDLE, 1, false, 1, MTU);
	expect_send(OP_SEND_LAST, 2, true, 2, MTU);
	expect_send(OP_SEND_ONLY, 3, true, 0, 4);
	silent();
	assert_int_equal(s->roce.counts.repeats, 1);
	say(3, SYN_ACK);
	expect_end(1, 0);
	expect_end(2, 0);
}

/* What the peer refuses ends all that was asked and is not acknowledged. */
static void test_refused(void **state)
{
	static const uint8_t syndromes[] = {SYN_INVALID, SYN_ACCESS, SYN_REMOTE, 0x64};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(syndromes); i++) {
		again(true);
		for (unsigned k = 0; k < 3; k++)
			post_region(ROCE_SEND, MTU);
		s->outs = 0;
		say(1, syndromes[i]);
		expect_end(1, 0);
		expect_end(2, syndromes[i]);
		expect_end(3, syndromes[i]);
		say(2, SYN_ACK);
		assert_int_equal(ends, 0);
		silent();
		assert_int_equal(roce_post(q, &(struct roce_work){.kind = ROCE_SEND}), SL_DEVICE);
	}
}

/* A receiver that is not ready: what came before is acknowledged, what it names comes again later. */
static void test_not_ready(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		post_region(ROCE_SEND, 4);
	s->outs = 0;
	say(1, SYN_RNR | 31); /* 491.52 ms */
	expect_end(1, 0);
	now += 491519;
	idle();
	roce_poll(&s->roce, now += SIDE_SWEEP);
	expect_send(OP_SEND_ONLY, 1, true, 0, 4);
	expect_send(OP_SEND_ONLY, 2, true, 0, 4);
	silent();
	say(2, SYN_RNR | 31);
	expect_end(2, 0);
	roce_poll(&s->roce, now += 491520);
	expect_send(OP_SEND_ONLY, 2, true, 0, 4);
	say(2, SYN_ACK);
	expect_end(3, 0);
}

/* After we have refused the peer's request, its answers to ours are none any more. */
static void test_after_refusal(void **state)
{
	(void)state;
	post_region(ROCE_SEND, 4);
	q->expected = SIDE_PSN;
	answer(OP_SEND_LAST, 0, "abcd", 4);
	assert_true(q->failed);
	say(0, SYN_ACK);
	assert_int_equal(ends, 0);
}

/* ---- READs and atomics ---- */

static void test_read(void **state)
{
	static const uint32_t lengths[] = {0, 1, MTU, MTU + 1, 4 * MTU};
	uint32_t psn = 0;
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
		uint32_t n = lengths[i], packets = n > MTU ? (n + MTU - 1) / MTU : 1;
		memset(memory, 0, MEMORY);
		post_region(ROCE_READ, n);
		expect_read(psn, 0, n);
		for (uint32_t k = 0; k < packets; k++) {
			assert_int_equal(ends, 0);
			bring(packets == 1       ? OP_READ_ONLY
			      : k == 0           ? OP_READ_FIRST
			      : k == packets - 1 ? OP_READ_LAST
						 : OP_READ_MIDDLE,
			      psn + k, (uint8_t)(i + k), k == packets - 1 ? n - k * MTU : MTU);
			brought(k * MTU, (uint8_t)(i + k), k == packets - 1 ? n - k * MTU : MTU);
		}
		expect_end(i + 1, 0);
		assert_int_equal(memory[7] | memory[8 + n], 0);
		psn += packets;
		silent();
	}
}

/* A part is lost: it is asked for again from there, once, whatever comes meanwhile. */
static void test_read_lost(void **state)
{
	(void)state;
	post_region(ROCE_READ, 4 * MTU);
	post_region(ROCE_SEND, 4);
	s->outs = 0;
	bring(OP_READ_FIRST, 0, 1, MTU);
	bring(OP_READ_FIRST, 0, 9, MTU); /* twice: the first one counts */
	silent();
	bring(OP_READ_MIDDLE, 2, 3, MTU);
	expect_read(1, MTU, 3 * MTU);
	expect_send(OP_SEND_ONLY, 4, true, 0, 4);
	silent();
	bring(OP_READ_LAST, 3, 4, MTU);
	say(4, SYN_ACK);
	silent();
	assert_int_equal(ends, 0);
	bring(OP_READ_FIRST, 1, 2, MTU);
	bring(OP_READ_MIDDLE, 2, 3, MTU);
	say(4, SYN_ACK); /* of what follows the READ: so its last part was lost */
	expect_read(3, 3 * MTU, MTU);
	expect_send(OP_SEND_ONLY, 4, true, 0, 4);
	bring(OP_READ_ONLY, 3, 4, MTU);
	expect_end(1, 0);
	for (unsigned k = 0; k < 4; k++)
		brought(k * MTU, (uint8_t)(1 + k), MTU);
	assert_int_equal(s->roce.counts.repeats, 2);
	comes_after(now + ACK_US);
	expect_send(OP_SEND_ONLY, 4, true, 0, 4);
	say(4, SYN_ACK);
	expect_end(2, 0);
}

/* Nothing of it comes, or no more: it is asked for again after the time. */
static void test_read_again(void **state)
{
	(void)state;
	post_region(ROCE_READ, 2 * MTU);
	expect_read(0, 0, 2 * MTU);
	comes_after(now + ACK_US);
	expect_read(0, 0, 2 * MTU);
	bring(OP_READ_FIRST, 0, 1, MTU);
	comes_after(now + ACK_US);
	expect_read(1, MTU, MTU);
	bring(OP_READ_LAST, 1, 2, MTU);
	expect_end(1, 0);
}

/* An answer that is not as long as it has to be. */
static void test_read_lengths(void **state)
{
	static const struct {
		uint8_t opcode;
		uint32_t asked, bytes;
		bool fine;
	} rows[] = {{OP_READ_ONLY, 9, 9, true},
		    {OP_READ_ONLY, 9, 8, false},
		    {OP_READ_ONLY, 9, 10, false},
		    {OP_READ_ONLY, 9, 0, false},
		    {OP_READ_ONLY, 0, 1, false},
		    {OP_READ_FIRST, MTU + 9, MTU, true},
		    {OP_READ_FIRST, MTU + 9, MTU - 1, false},
		    {OP_READ_FIRST, MTU + 9, MTU + 1, false}};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		again(true);
		post_region(ROCE_READ, rows[i].asked);
		bring(rows[i].opcode, 0, 1, rows[i].bytes);
		if (q->failed == rows[i].fine)
			fail_msg("%u of %u bytes", rows[i].bytes, rows[i].asked);
		if (!rows[i].fine)
			expect_end(1, SYN_INVALID);
	}
}

static void expect_atomic(uint8_t opcode, uint32_t psn, uint64_t swap, uint64_t compare)
{
	uint8_t ext[ATOMIC_BYTES];
	put_be64(ext, FAR);
	put_be32(ext + ATOMIC_KEY, KEY);
	put_be64(ext + ATOMIC_SWAP, swap);
	put_be64(ext + ATOMIC_CMP, compare);
	expect(opcode, psn, true, ext, sizeof ext, NULL, 0);
}

/* The old value comes in this processor's byte order; what is not its answer is none. */
static void test_atomic(void **state)
{
	static const uint8_t old[] = {SYN_ACK, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9};
	(void)state;
	post((struct roce_work){
		.kind = ROCE_FETCH_ADD, .region = own, .offset = 8, .bytes = 8, .swap = 5, .compare = 6});
	post((struct roce_work){
		.kind = ROCE_CMP_SWAP, .region = own, .offset = 16, .bytes = 8, .swap = 7, .compare = 8});
	roce_poll(&s->roce, now);
	expect_atomic(OP_FETCH_ADD, 0, 5, 6);
	expect_atomic(OP_CMP_SWAP, 1, 7, 8);
	bring(OP_READ_ONLY, 0, 0, 8);
	assert_int_equal(ends, 0);
	answer(OP_ATOMIC_ACK, 0, old, 12);
	expect_end(1, 0);
	assert_memory_equal(memory + 8, "\x8\7\6\5\4\3\2\1", 8);
	answer(OP_ATOMIC_ACK, 1, old, 16);
	expect_end(2, SYN_INVALID);
	again(true);
	post_region(ROCE_READ, 8);
	answer(OP_ATOMIC_ACK, 0, old, 12);
	assert_int_equal(ends, 0);
	again(true);
	post_region(ROCE_SEND, 8);
	bring(OP_READ_ONLY, 0, 0, 8);
	answer(OP_ATOMIC_ACK, 0, old, 12);
	assert_int_equal(ends, 0);
	assert_false(q->failed);
}

/* As many READs and atomics are on the way as the peer takes, and what comes after them waits too. */
static void test_depth(void **state)
{
	(void)state;
	q->depth = 2;
	post_region(ROCE_SEND, 4);
	for (unsigned i = 0; i < 3; i++)
		post_region(ROCE_READ, 8);
	post_region(ROCE_SEND, 4);
	expect_send(OP_SEND_ONLY, 0, true, 0, 4);
	expect_read(1, 0, 8);
	expect_read(2, 0, 8);
	silent();
	bring(OP_READ_ONLY, 1, 1, 8); /* which acknowledges what was before it */
	expect_end(1, 0);
	expect_end(2, 0);
	expect_read(3, 0, 8);
	expect_send(OP_SEND_ONLY, 4, true, 0, 4);
	silent();
}

/* The second READ's answer comes, the first one's does not: both are asked for again, once. */
static void test_two_reads(void **state)
{
	(void)state;
	post_region(ROCE_READ, 8);
	post_region(ROCE_READ, 8);
	s->outs = 0;
	bring(OP_READ_ONLY, 1, 1, 8);
	expect_read(0, 0, 8);
	expect_read(1, 0, 8);
	silent();
	bring(OP_READ_ONLY, 1, 1, 8);
	silent();
	assert_int_equal(ends, 0);
	bring(OP_READ_ONLY, 0, 1, 8);
	bring(OP_READ_ONLY, 1, 2, 8);
	assert_int_equal(ends, 2);
	assert_int_equal(s->roce.counts.repeats, 1);
}

/* ---- what is not taken ---- */

static void test_limits(void **state)
{
	struct roce_region huge = {.bytes = UINT64_MAX, .valid = true};
	const struct {
		struct roce_work work;
		bool fine;
	} rows[] = {
		{{.kind = ROCE_SEND}, true},
		{{.kind = ROCE_SEND, .bytes = 1}, false},
		{{.kind = ROCE_SEND, .message = memory, .bytes = ROCE_INLINE}, true},
		{{.kind = ROCE_SEND, .message = memory, .bytes = ROCE_INLINE + 1}, false},
		{{.kind = ROCE_SEND, .region = own, .offset = MEMORY}, true},
		{{.kind = ROCE_SEND, .region = own, .offset = MEMORY + 1}, false},
		{{.kind = ROCE_SEND, .region = own, .offset = MEMORY - 8, .bytes = 8}, true},
		{{.kind = ROCE_SEND, .region = own, .offset = MEMORY - 8, .bytes = 9}, false},
		{{.kind = ROCE_WRITE, .region = &huge, .bytes = INT32_MAX}, true},
		{{.kind = ROCE_WRITE, .region = &huge, .bytes = BIT(31)}, false},
		{{.kind = ROCE_WRITE, .with = ROCE_IMMEDIATE}, true},
		{{.kind = ROCE_WRITE, .with = ROCE_INVALIDATE}, false},
		{{.kind = ROCE_SEND, .with = ROCE_INVALIDATE}, true},
		{{.kind = ROCE_READ, .region = own, .bytes = 8}, true},
		{{.kind = ROCE_READ, .region = own, .bytes = 8, .with = ROCE_IMMEDIATE}, false},
		{{.kind = ROCE_READ, .message = memory, .bytes = 8}, false},
		{{.kind = ROCE_CMP_SWAP, .region = own, .bytes = 8}, true},
		{{.kind = ROCE_CMP_SWAP, .region = own, .bytes = 7}, false},
		{{.kind = ROCE_FETCH_ADD, .region = own, .bytes = 8, .at = 4}, false},
		{{.kind = ROCE_FETCH_ADD, .region = own, .bytes = 8, .at = 8}, true},
	};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		again(true);
		struct roce_work w = rows[i].work;
		w.region = w.region && w.region != &huge ? own : w.region; /* it was added anew */
		if (roce_post(q, &w) != (rows[i].fine ? SL_OK : SL_BADVAL))
			fail_msg("row %u", i);
	}
	again(true);
	for (unsigned i = 0; i < ROCE_WORKS; i++)
		post((struct roce_work){.kind = ROCE_SEND});
	assert_int_equal(roce_post(q, &(struct roce_work){.kind = ROCE_SEND}), SL_NOSPACE);
}

/* The connection ends: all work requests end before. */
static void test_down(void **state)
{
	uint8_t frame[ROCE_FRAME_MOST], dreq[12];
	(void)state;
	post_region(ROCE_SEND, 4);
	post_region(ROCE_READ, 4);
	put_be32(dreq, 5);
	put_be32(dreq + 4, q->number);
	put_be32(dreq + 8, q->number << 8);
	assert_true(support_side_take(
		s, frame, support_roce_mad(frame, &theirs, &ours, CM_DREQ, dreq, sizeof dreq), now));
	expect_end(1, ROCE_NO_ANSWER);
	expect_end(2, ROCE_NO_ANSWER);
	assert_int_equal(downs, 1);
	assert_int_equal(roce_post(q, &(struct roce_work){.kind = ROCE_SEND}), SL_DEVICE);
}

/* We end it: nothing is asked again. */
static void test_ending(void **state)
{
	(void)state;
	post_region(ROCE_SEND, 4);
	roce_disconnect(q);
	s->outs = 0;
	for (unsigned i = 0; i < 5; i++)
		roce_poll(&s->roce, now += ACK_US);
	silent();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, end)
	const struct CMUnitTest tests[] = {
		T(test_packets),      T(test_messages),       T(test_with),
		T(test_window),       T(test_no_answer),      T(test_acknowledged),
		T(test_gap),          T(test_gap_after_read), T(test_gap_without_room),
		T(test_refused),      T(test_not_ready),      T(test_after_refusal),
		T(test_read),         T(test_read_lost),      T(test_read_again),
		T(test_read_lengths), T(test_atomic),         T(test_depth),
		T(test_two_reads),    T(test_limits),         T(test_down),
		T(test_ending),       T(test_no_room),        T(test_late_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
