/* drivers/roce/cm.c: the messages of the connection manager, field by field as IBA 12.6 and Annex A11 have
 * them, and when they are sent. */
#include <string.h>
#include "drivers/roce/region.h"
#include "drivers/roce/work.h"
#include "tests/unit/support_roce_side.h"
#include "tests/unit/test.h"

#define PORT     4000u
#define REPEAT   4000000u /* us until a message is sent again */
#define BODY     232u
#define THEIR_ID 0x01020304u
#define CONTEXT  ((void *)0x1234)

static struct side *s;
static uint64_t now;
static unsigned events[ROCE_DOWN + 1];
static struct net_ip ours, theirs;
static uint32_t sent; /* messages of ours before those that are kept */

static void on_event(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	(void)q;
	assert_ptr_equal(ctx, CONTEXT);
	events[e->kind]++;
}

static int set_up(void **state)
{
	(void)state;
	s = support_side(1);
	now = 1000000;
	sent = 0;
	ours = support_ip4(1);
	theirs = support_ip4(2);
	memset(events, 0, sizeof events);
	roce_poll(&s->roce, now);
	return 0;
}

static int end(void **state)
{
	(void)state;
	support_side_end(s);
	return 0;
}

/* ---- messages of the connection manager ---- */

struct field {
	unsigned at;
	const char *bytes;
	unsigned n;
};
#define F(at, text)                                                                                          \
	{                                                                                                    \
		at, text, sizeof(text) - 1                                                                   \
	}

static const uint8_t their_mac[6] = {2, 0, 0, 0, 0, 2};

/* The next frame is this message, all other bytes of which are 0, to the peer. */
static void expect(unsigned attribute, const char *tid, const struct field *f, size_t fields)
{
	uint8_t body[BODY] = {0}, frame[ROCE_FRAME_MOST];
	for (size_t i = 0; i < fields; i++)
		memcpy(body + f[i].at, f[i].bytes, f[i].n);
	size_t n = support_roce_mad(frame, &ours, &theirs, attribute, body, sizeof body);
	memcpy(frame + ETH_DST, their_mac, 6);
	memcpy(frame + ETH_SRC, s->roce.mac, 6);
	put_be16(support_bth(frame) - UDP_BYTES + UDP_SRC, 0xd872);
	put_be24(support_bth(frame) + BTH_PSN, sent++);
	memcpy(support_mad(frame) + MAD_TID, tid, 8);
	support_roce_seal(frame);
	assert_true(s->outs > 0);
	assert_int_equal(s->out[0].n, n);
	assert_memory_equal(s->out[0].bytes, frame, n);
	s->outs--;
	memmove(s->out, s->out + 1, s->outs * sizeof *s->out);
}

#define EXPECT(attribute, tid, ...)                                                                          \
	do {                                                                                                 \
		const struct field fields[] = {__VA_ARGS__};                                                 \
		expect(attribute, tid, fields, ARRAY_LEN(fields));                                           \
	} while (0)

/* Of the first queue pair: its number is 0x80, and its PSNs begin at 0x200000. */
#define OUR_TID   "\0\0\0\0\0\0\0\x80"
#define THEIR_TID "ZZZZZZZZ"
#define OUR_ID    "\0\0\0\x80"
#define OUR_QP    "\0\0\x80"
#define OUR_PSN   "\x20\0\0"
#define OUR_GUID  "\0\0\0\xff\xfe\0\0\1"
#define THEIRS    "\1\2\3\4"

static void expect_req4(void)
{
	EXPECT(0x10, OUR_TID, F(0, OUR_ID), F(8, "\0\0\0\0\1\6\x0f\xa0"), F(16, OUR_GUID), F(32, OUR_QP),
	       F(35, "\x10"), F(39, "\x10"), F(43, "\xa0"), F(44, OUR_PSN), F(47, "\xa7"), F(48, "\xff\xff"),
	       F(50, "\x37"), F(51, "\x80"), F(52, "\xff\xff\xff\xff"),
	       F(56, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1"),
	       F(72, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\2"), F(93, "\x40"), F(95, "\x88"), F(141, "\x40"),
	       F(142, "\xc0\x80"), F(156, "\x0a\0\0\1"), F(172, "\x0a\0\0\2"));
}

static void expect_req6(void)
{
	EXPECT(0x10, OUR_TID, F(0, OUR_ID), F(8, "\0\0\0\0\1\6\x0f\xa0"), F(16, OUR_GUID), F(32, OUR_QP),
	       F(35, "\x10"), F(39, "\x10"), F(43, "\xa0"), F(44, OUR_PSN), F(47, "\xa7"), F(48, "\xff\xff"),
	       F(50, "\x57"), F(51, "\x80"), F(52, "\xff\xff\xff\xff"),
	       F(56, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), F(72, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2"),
	       F(93, "\x40"), F(95, "\x88"), F(141, "\x60"), F(142, "\xc0\x80"),
	       F(144, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), F(160, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2"));
}

static void expect_rep(void)
{
	EXPECT(0x13, THEIR_TID, F(0, OUR_ID), F(4, THEIRS), F(12, OUR_QP), F(20, OUR_PSN), F(24, "\5"),
	       F(25, "\3"), F(26, "\x78"), F(27, "\xe0"), F(28, OUR_GUID));
}

static void expect_rtu(void)
{
	EXPECT(0x14, OUR_TID, F(0, OUR_ID), F(4, THEIRS));
}

static void expect_rej(unsigned reason)
{
	const char code[2] = {0, (char)reason};
	const struct field f[] = {F(4, THEIRS), {10, code, 2}};
	expect(0x12, THEIR_TID, f, ARRAY_LEN(f));
}

static void expect_dreq(const char *tid)
{
	EXPECT(0x15, tid, F(0, OUR_ID), F(4, THEIRS), F(8, "\0\0\x77"));
}

/* ---- what the peer says ---- */

static void say(unsigned attribute, const uint8_t *body, size_t n)
{
	uint8_t frame[ROCE_FRAME_MOST];
	assert_true(support_side_take(s, frame, support_roce_mad(frame, &theirs, &ours, attribute, body, n),
				      now));
}

static void say_req(uint32_t id, uint32_t qp)
{
	uint8_t b[REQ_BYTES];
	support_roce_req(b, id, PORT, qp, 0x123456, 3);
	b[REQ_READS] = 3;
	b[REQ_DEPTH] = 5;
	say(CM_REQ, b, sizeof b);
}

/* Messages with both ids, and what is behind them at 8. */
static void say_ids(unsigned attribute, uint32_t theirs_id, uint32_t our_id, uint32_t more)
{
	uint8_t b[12];
	put_be32(b, theirs_id);
	put_be32(b + 4, our_id);
	put_be32(b + 8, more);
	say(attribute, b, sizeof b);
}

static void say_rep(uint32_t id, uint32_t our_id, uint32_t qp, uint8_t reads)
{
	uint8_t b[REP_BYTES] = {0};
	put_be32(b, id);
	put_be32(b + 4, our_id);
	put_be24(b + REP_QPN, qp);
	put_be24(b + REP_PSN, 0x345678);
	b[REP_READS] = reads;
	say(CM_REP, b, sizeof b);
}

static struct roce_qp *dial(void)
{
	struct roce_qp *q = roce_connect(&s->roce, &ours, &theirs, their_mac, PORT, on_event, CONTEXT);
	assert_non_null(q);
	return q;
}

static struct roce_qp *connected(void)
{
	struct roce_qp *q = dial();
	say_rep(THEIR_ID, 0x80, SIDE_QP, 16);
	assert_int_equal(events[ROCE_UP], 1);
	sent += s->outs;
	s->outs = 0;
	return q;
}

/* The peer's REQ was answered. */
static struct roce_qp *replied(void)
{
	assert_true(roce_listen(&s->roce, PORT, on_event, CONTEXT));
	say_req(THEIR_ID, SIDE_QP);
	expect_rep();
	assert_int_equal(s->outs, 0);
	return &s->roce.qp[0];
}

static void silent(void)
{
	assert_int_equal(s->outs, 0);
}

static void comes_after(uint64_t due)
{
	now = support_side_comes_after(s, due);
}

/* ---- the tests ---- */

static void test_dial(void **state)
{
	(void)state;
	(void)dial();
	expect_req4();
	say_rep(THEIR_ID, 0x80, SIDE_QP, 16);
	expect_rtu();
	assert_int_equal(events[ROCE_UP], 1);
	say_rep(THEIR_ID, 0x80, SIDE_QP, 16); /* the RTU was lost */
	expect_rtu();
	say_rep(THEIR_ID + 1, 0x80, SIDE_QP, 16);
	silent();
	assert_int_equal(events[ROCE_UP], 1);
	assert_int_equal(events[ROCE_DOWN], 0);
}

static void test_dial6(void **state)
{
	(void)state;
	ours = support_ip6(1);
	theirs = support_ip6(2);
	s->roce.mtu_code = 5;
	struct roce_qp *q = dial();
	expect_req6();
	say_rep(THEIR_ID, 0x80, SIDE_QP, 16);
	expect_rtu();
	assert_int_equal(q->mtu, 4096);
}

/* A REP that is not from whom was asked, or for no queue pair of ours, connects nobody. */
static void test_other_reps(void **state)
{
	(void)state;
	(void)dial();
	expect_req4();
	say_rep(THEIR_ID, 0x81, SIDE_QP, 16);
	say_rep(THEIR_ID, 0x100, SIDE_QP, 16);
	theirs = support_ip4(3);
	say_rep(THEIR_ID, 0x80, SIDE_QP, 16);
	silent();
	assert_int_equal(events[ROCE_UP], 0);
	theirs = support_ip4(2);
	say_rep(THEIR_ID, 0x80, SIDE_QP, 16);
	expect_rtu();
}

/* The first packets after a REP: to its queue pair, from its PSN on, and as many READs as it allows. */
static void test_rep_values(void **state)
{
	static const uint8_t reads[][2] = {{0, 1}, {1, 1}, {3, 3}, {15, 15}, {16, 16}, {17, 16}, {255, 16}};
	static uint64_t memory;
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(reads); i++) {
		(void)end(NULL);
		(void)set_up(NULL);
		struct roce_qp *q = dial();
		say_rep(THEIR_ID, 0x80, SIDE_QP, reads[i][0]);
		s->outs = 0;
		struct roce_region *g = roce_region_add(&s->roce, "near", (uint8_t *)&memory, 0, 8, 0);
		const struct roce_work read = {.kind = ROCE_READ, .region = g, .bytes = 8};
		while (roce_post(q, &read) == SL_OK)
			;
		roce_poll(&s->roce, now);
		assert_int_equal(s->outs, reads[i][1]);
		for (unsigned k = 0; k < s->outs; k++) {
			const uint8_t *bth = support_bth(s->out[k].bytes);
			assert_int_equal(be24(bth + BTH_QP), SIDE_QP);
			assert_int_equal(be24(bth + BTH_PSN), 0x345678 + k);
		}
	}
}

/* Nobody answers: the REQ comes eight times more, then it is over. */
static void test_no_rep(void **state)
{
	(void)state;
	(void)dial();
	expect_req4();
	for (unsigned i = 0; i < 8; i++) {
		comes_after(now + REPEAT);
		expect_req4();
	}
	comes_after(now + REPEAT);
	silent();
	assert_int_equal(events[ROCE_DOWN], 1);
	assert_int_equal(roce_connections(&s->roce), 0);
	assert_int_equal(s->roce.used[0], 0);
}

static void test_no_rtu(void **state)
{
	(void)state;
	(void)replied();
	for (unsigned i = 0; i < 8; i++) {
		comes_after(now + REPEAT);
		expect_rep();
	}
	comes_after(now + REPEAT);
	silent();
	assert_int_equal(events[ROCE_DOWN], 1);
}

static void test_no_drep(void **state)
{
	(void)state;
	roce_disconnect(connected());
	expect_dreq(OUR_TID);
	for (unsigned i = 0; i < 5; i++) {
		comes_after(now + REPEAT);
		expect_dreq(OUR_TID);
	}
	comes_after(now + REPEAT);
	silent();
	assert_int_equal(events[ROCE_DOWN], 1);
}

/* An MRA of a REP puts its repetition off by 4.096 us * 2^n; one of something else does not. */
static void test_mra(void **state)
{
	(void)state;
	struct roce_qp *q = replied();
	say_ids(CM_MRA, THEIR_ID, 0x80, 1u << 30 | 20u << 19);
	comes_after(now + REPEAT + 4294967);
	expect_rep();
	say_ids(CM_MRA, THEIR_ID, 0x80, 0u << 30 | 20u << 19);
	say_ids(CM_MRA, THEIR_ID, 0x80, 2u << 30 | 20u << 19);
	say_ids(CM_MRA, THEIR_ID + 1, 0x80, 1u << 30 | 20u << 19);
	comes_after(now + REPEAT);
	expect_rep();
	assert_true(roce_established(q));
	say_ids(CM_MRA, THEIR_ID, 0x80, 1u << 30 | 20u << 19);
	roce_poll(&s->roce, now += 2 * REPEAT + 5000000);
	silent();
}

/* A REQ that comes again is answered again until the RTU comes, which is taken once. */
static void test_answer(void **state)
{
	(void)state;
	struct roce_qp *q = replied();
	say_req(THEIR_ID, SIDE_QP);
	expect_rep();
	say_ids(CM_RTU, THEIR_ID + 1, 0x80, 0);
	say_ids(CM_RTU, THEIR_ID, 0x100, 0);
	assert_int_equal(events[ROCE_UP], 0);
	say_ids(CM_RTU, THEIR_ID, 0x80, 0);
	say_ids(CM_RTU, THEIR_ID, 0x80, 0);
	say_req(THEIR_ID, SIDE_QP);
	silent();
	assert_int_equal(events[ROCE_UP], 1);
	assert_true(roce_established(q));
	assert_int_equal(events[ROCE_UP], 1);
	roce_poll(&s->roce, now += 100 * REPEAT);
	silent();
	roce_disconnect(q);
	assert_false(roce_established(q));
	expect_dreq(THEIR_TID);
	assert_int_equal(s->roce.counts.requests, 3);
}

/* The peer may say what READs it takes and asks: at most ROCE_READS of both are promised. */
static void test_req_values(void **state)
{
	static const uint8_t most[][3] = {
		{0, 0, 0}, {16, 16, 16}, {17, 15, 16}, {15, 17, 15}, {255, 255, 16}};
	(void)state;
	assert_true(roce_listen(&s->roce, PORT, on_event, CONTEXT));
	for (unsigned i = 0; i < ARRAY_LEN(most); i++) {
		uint8_t b[REQ_BYTES];
		support_roce_req(b, 10 + i, PORT, 0x100 + i, 1, 1 + i);
		b[REQ_READS] = most[i][0];
		b[REQ_DEPTH] = most[i][1];
		s->outs = 0;
		say(CM_REQ, b, sizeof b);
		assert_int_equal(s->outs, 1);
		const uint8_t *rep = support_mad(s->out[0].bytes) + MAD_BODY;
		assert_int_equal(rep[REP_DEPTH], most[i][2]);
		assert_int_equal(rep[REP_READS], most[i][1] < 16 ? most[i][1] : 16);
		assert_int_equal(be24(rep + REP_QPN), 0x80 + i);
		assert_int_equal(be24(rep + REP_PSN), 0x200000 + i);
		assert_int_equal(s->roce.qp[i].mtu, 256 << i);
	}
}

/* What cannot be served, and the reason of the REJ. */
static void test_refusals(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
		unsigned reason;
	} rows[] = {{REQ_ID + 7, 1, 8},  {REQ_ID + 6, 1, 8},  {REQ_ID + 5, 5, 8},  {REQ_ID, 1, 8},
		    {REQ_TYPE, 2, 9},    {REQ_TYPE, 4, 9},    {REQ_TYPE, 6, 9},    {REQ_MTU, 0x0f, 26},
		    {REQ_MTU, 0x60, 26}, {REQ_MTU, 0xf0, 26}, {REQ_TYPE, 0xf9, 0}, {REQ_MTU, 0x1f, 0}};
	(void)state;
	assert_true(roce_listen(&s->roce, PORT, on_event, CONTEXT));
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t b[REQ_BYTES];
		support_roce_req(b, THEIR_ID + (rows[i].reason ? 0 : i), PORT, 0x100 + i, 1, 3);
		b[rows[i].at] = rows[i].value;
		say(CM_REQ, b, sizeof b);
		if (rows[i].reason) {
			expect_rej(rows[i].reason);
			silent();
			continue;
		}
		assert_int_equal(be16(support_mad(s->out[0].bytes) + MAD_ATTR), CM_REP);
		sent++;
		s->outs = 0;
	}
	assert_int_equal(roce_connections(&s->roce), 2);
	assert_int_equal(s->roce.counts.rejects, 10);
	assert_int_equal(s->roce.counts.requests, 12);
}

/* With all queue pairs in use the next one is refused; those that end are used again under other numbers. */
static void test_all_in_use(void **state)
{
	(void)state;
	assert_true(roce_listen(&s->roce, PORT, on_event, CONTEXT));
	for (unsigned i = 0; i < ROCE_QPS; i++) {
		say_req(1000 + i, 1000 + i);
		assert_int_equal(be32(support_mad(s->out[0].bytes) + MAD_BODY), ROCE_QPS + i);
		s->outs = 0;
		sent++;
	}
	assert_int_equal(roce_connections(&s->roce), ROCE_QPS);
	say_req(THEIR_ID, SIDE_QP);
	expect_rej(1);
	assert_null(roce_connect(&s->roce, &ours, &theirs, their_mac, PORT, on_event, CONTEXT));
	say_ids(CM_REJ, 1000 + 64, ROCE_QPS + 64, 0);
	say_ids(CM_REJ, 1000 + 70, ROCE_QPS + 70, 0);
	assert_int_equal(events[ROCE_DOWN], 2);
	assert_int_equal(s->roce.used[0], UINT64_MAX);
	assert_int_equal(s->roce.used[1], UINT64_MAX - BIT(64 - 64) - BIT(70 - 64));
	roce_poll(&s->roce, now += REPEAT + SIDE_SWEEP); /* the others' REPs come again */
	assert_int_equal(s->outs, ROCE_QPS - 2);
	assert_int_equal(dial()->number, 2 * ROCE_QPS + 64);
	assert_int_equal(dial()->number, 2 * ROCE_QPS + 70);
}

/* A number's upper part is never 0. */
static void test_numbers(void **state)
{
	(void)state;
	s->roce.qp_generation[0] = UINT16_MAX;
	assert_int_equal(dial()->number, 0x80);
}

static void test_listeners(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROCE_LISTENERS; i++)
		assert_true(
			roce_listen(&s->roce, (uint16_t)(PORT - ROCE_LISTENERS + 1 + i), on_event, CONTEXT));
	assert_false(roce_listen(&s->roce, PORT + 1, on_event, CONTEXT));
	say_req(THEIR_ID, SIDE_QP);
	expect_rep();
	assert_int_equal(s->roce.qp[0].service, PORT);
}

/* The peer does not know its old queue pair any more, whose number it uses again: the old one ends. */
static void test_stale(void **state)
{
	(void)state;
	(void)replied();
	say_ids(CM_RTU, THEIR_ID, 0x80, 0);
	uint8_t b[REQ_BYTES];
	support_roce_req(b, THEIR_ID, PORT, SIDE_QP, 1, 3);
	b[0] ^= 0x40; /* another id */
	say(CM_REQ, b, sizeof b);
	expect_dreq(THEIR_TID);
	assert_int_equal(s->outs, 1);
	assert_int_equal(be16(support_mad(s->out[0].bytes) + MAD_ATTR), CM_REJ);
	assert_int_equal(be16(support_mad(s->out[0].bytes) + MAD_BODY + REJ_REASON), 10);
	sent++;
	s->outs = 0;
	theirs = support_ip4(3); /* another peer may have the same number */
	say(CM_REQ, b, sizeof b);
	assert_int_equal(be16(support_mad(s->out[0].bytes) + MAD_ATTR), CM_REP);
}

/* Who may end a connection, and with which message; what is answered. */
static void test_endings(void **state)
{
	enum { NOW_ASKED, NOW_REPLIED, NOW_CONNECTED, NOW_ENDING };
	static const struct {
		unsigned in, attribute;
		uint32_t id, ours, more;
		bool ends;
	} rows[] = {
		{NOW_CONNECTED, CM_DREQ, THEIR_ID, 0x80, 0x80 << 8, true},
		{NOW_ENDING, CM_DREQ, THEIR_ID, 0x80, 0x80 << 8, true},
		{NOW_REPLIED, CM_DREQ, THEIR_ID, 0x80, 0x80 << 8, true},
		{NOW_CONNECTED, CM_DREQ, THEIR_ID, 0x80, 0x81 << 8, false},
		{NOW_CONNECTED, CM_DREQ, THEIR_ID, 0x100, 0x80 << 8, false},
		{NOW_CONNECTED, CM_DREQ, THEIR_ID + 1, 0x80, 0x80 << 8, false},
		{NOW_CONNECTED, CM_DREP, THEIR_ID, 0x80, 0, false},
		{NOW_ENDING, CM_DREP, THEIR_ID, 0x80, 0, true},
		{NOW_ENDING, CM_DREP, THEIR_ID + 1, 0x80, 0, false},
		{NOW_ASKED, CM_REJ, 0, 0x80, 0, true},
		{NOW_ASKED, CM_REJ, 0, 0x100, 0, false},
		{NOW_ASKED, CM_REJ, 0, 0x81, 0, false},
		{NOW_REPLIED, CM_REJ, THEIR_ID, 0x80, 0, true},
		{NOW_REPLIED, CM_REJ, 0, 0x80, 0, false},
		{NOW_CONNECTED, CM_REJ, 0, 0x80, 0, false},
		{NOW_CONNECTED, CM_REJ, THEIR_ID, 0x80, 0, true},
		{NOW_CONNECTED, 0x17, THEIR_ID, 0x80, 0, false},
	};
	(void)state;
	for (unsigned i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		unsigned k = i / 2;
		bool other = i & 1; /* the same from somebody else */
		(void)end(NULL);
		(void)set_up(NULL);
		struct roce_qp *q = rows[k].in == NOW_ASKED     ? dial()
				    : rows[k].in == NOW_REPLIED ? replied()
								: connected();
		if (rows[k].in == NOW_ENDING)
			roce_disconnect(q);
		s->outs = 0;
		theirs = support_ip4(other ? 3 : 2);
		say_ids(rows[k].attribute, rows[k].id, rows[k].ours, rows[k].more);
		if (events[ROCE_DOWN] != (rows[k].ends && !other))
			fail_msg("row %u from %s", k, other ? "another" : "the peer");
		assert_int_equal(roce_connections(&s->roce), !events[ROCE_DOWN]);
		assert_int_equal(s->outs, rows[k].attribute == CM_DREQ);
	}
}

static void test_drep(void **state)
{
	(void)state;
	(void)connected();
	say_ids(CM_DREQ, THEIR_ID, 0x80, 0x80 << 8);
	EXPECT(0x16, THEIR_TID, F(0, OUR_ID), F(4, THEIRS));
	say_ids(CM_DREQ, THEIR_ID, 0x80, 0x80 << 8); /* the DREP was lost */
	EXPECT(0x16, THEIR_TID, F(0, OUR_ID), F(4, THEIRS));
	assert_int_equal(events[ROCE_DOWN], 1);
}

/* A queue pair that failed waits five seconds for its peer to end it, whoever asked whom. */
static void test_failed(void **state)
{
	(void)state;
	for (unsigned asked = 0; asked < 2; asked++) {
		(void)end(NULL);
		(void)set_up(NULL);
		struct roce_qp *q = asked ? replied() : connected();
		(void)roce_established(q);
		roce_poll(&s->roce, now += 10 * REPEAT);
		silent();
		q->failed = true;
		roce_poll(&s->roce, now += SIDE_SWEEP);
		comes_after(now + 5000000);
		expect_dreq(asked ? THEIR_TID : OUR_TID);
		roce_disconnect(q); /* once */
		silent();
	}
}

/* A SEND that has come is acknowledged before the end, and no connection ends that is not there. */
static void test_disconnect(void **state)
{
	uint8_t frame[ROCE_FRAME_MOST], inbox[8];
	(void)state;
	struct roce_qp *q = connected();
	roce_receive(q, inbox, sizeof inbox, 1);
	size_t n = support_roce_packet(frame, &theirs, &ours, OP_SEND_ONLY, 0x80, 0x200000, true, "abcd", 4);
	assert_true(roce_take(&s->roce, frame, n, now));
	roce_disconnect(q);
	assert_int_equal(s->outs, 2);
	assert_int_equal(support_bth(s->out[0].bytes)[BTH_OPCODE], OP_ACK);
	assert_int_equal(be16(support_mad(s->out[1].bytes) + MAD_ATTR), CM_DREQ);
	s->outs = 0;
	struct roce_qp *asked = dial();
	s->outs = 0;
	roce_disconnect(asked);
	silent();
}

/* The local ACK timeout of the peer's REQ, 4.096 us * 2^n, is how long an acknowledgement is waited for. */
static void test_ack_timeout(void **state)
{
	static const struct {
		uint8_t code;
		uint64_t us;
	} rows[] = {{0, 4},        {1, 8},         {13, 33554},    {17, 536870},
		    {21, 8589934}, {22, 17179869}, {23, 17179869}, {31, 17179869}};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t b[REQ_BYTES];
		(void)end(NULL);
		(void)set_up(NULL);
		assert_true(roce_listen(&s->roce, PORT, on_event, CONTEXT));
		support_roce_req(b, THEIR_ID, PORT, SIDE_QP, 1, 3);
		b[REQ_ACK] = (uint8_t)(rows[i].code << 3 | 7);
		say(CM_REQ, b, sizeof b);
		say_ids(CM_RTU, THEIR_ID, 0x80, 0);
		s->outs = 0;
		now += rows[i].us < SIDE_SWEEP ? SIDE_SWEEP - rows[i].us
					       : 0; /* so that its end is looked at */
		assert_int_equal(
			roce_post(&s->roce.qp[0],
				  &(struct roce_work){.kind = ROCE_SEND, .message = "x", .bytes = 1}),
			SL_OK);
		roce_poll(&s->roce, now);
		assert_int_equal(s->outs, 1);
		s->outs = 0;
		comes_after(now + rows[i].us);
		assert_int_equal(s->outs, 1);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, end)
	const struct CMUnitTest tests[] = {
		T(test_dial),    T(test_dial6),      T(test_other_reps), T(test_rep_values),
		T(test_no_rep),  T(test_no_rtu),     T(test_no_drep),    T(test_mra),
		T(test_answer),  T(test_req_values), T(test_refusals),   T(test_all_in_use),
		T(test_numbers), T(test_listeners),  T(test_stale),      T(test_endings),
		T(test_drep),    T(test_failed),     T(test_disconnect), T(test_ack_timeout),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
