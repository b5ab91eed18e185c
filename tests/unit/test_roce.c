/* drivers/roce: what Linux's soft-RoCE answered in recorded runs is what is answered here, packet by packet;
 * two end points over a wire that loses, doubles and reorders; and peers that ask for what is not theirs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "apps/work/rdma.h"
#include "drivers/roce/work.h"
#include "tests/unit/support.h"
#include "tests/unit/support_roce_side.h"
#include "tests/unit/test.h"

static struct side *sides[2];
static uint64_t now;

static int set_up(void **state)
{
	(void)state;
	now = 1000000;
	for (unsigned i = 0; i < 2; i++)
		sides[i] = support_side(1 + i);
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++)
		support_side_end(sides[i]);
	return 0;
}

static void feed(struct side *s, const uint8_t *frame, size_t n)
{
	(void)support_side_take(s, frame, n, now);
}

/* ---- a peer that is typed in ---- */

static struct roce_event last_event;
static unsigned events[ROCE_DOWN + 1];

static void on_event(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	(void)ctx, (void)q;
	last_event = *e;
	events[e->kind]++;
}

/* A connection from 10.0.0.2's queue pair 0x77, which begins at PSN_FIRST in both directions. */
#define PSN_FIRST 0xfffffeu

static struct roce_qp *connect(struct side *s, unsigned mtu)
{
	uint8_t body[REQ_BYTES], frame[ROCE_FRAME_MOST];
	struct net_ip from = support_ip4(2), to = support_ip4(1);
	memset(events, 0, sizeof events);
	assert_true(roce_listen(&s->roce, 99, on_event, NULL));
	support_roce_req(body, 5, 99, 0x77, PSN_FIRST, mtu);
	feed(s, frame, support_roce_mad(frame, &from, &to, CM_REQ, body, sizeof body));
	assert_int_equal(s->outs, 1);
	const uint8_t *mad = support_mad(s->out[0].bytes);
	assert_int_equal(be16(mad + MAD_ATTR), CM_REP);
	struct roce_qp *q = &s->roce.qp[be24(mad + MAD_BODY + REP_QPN) % ROCE_QPS];
	uint8_t rtu[8];
	put_be32(rtu, 5);
	memcpy(rtu + 4, mad + MAD_BODY, 4);
	assert_int_equal(events[ROCE_UP], 0);
	feed(s, frame, support_roce_mad(frame, &from, &to, CM_RTU, rtu, sizeof rtu));
	assert_int_equal(events[ROCE_UP], 1);
	q->expected = PSN_FIRST;
	s->outs = 0;
	return q;
}

static void packet(struct side *s, const struct roce_qp *q, uint8_t opcode, uint32_t psn, bool ack,
		   const void *bytes, size_t n)
{
	uint8_t frame[ROCE_FRAME_MOST];
	struct net_ip from = support_ip4(2), to = support_ip4(1);
	feed(s, frame, support_roce_packet(frame, &from, &to, opcode, q->number, psn, ack, bytes, n));
}

/* The next frame that came out is this. */
static const uint8_t *expect(struct side *s, unsigned *i, uint8_t opcode, uint32_t psn, unsigned syndrome)
{
	assert_true(*i < s->outs);
	const uint8_t *bth = support_bth(s->out[(*i)++].bytes);
	assert_int_equal(bth[BTH_OPCODE], opcode);
	assert_int_equal(be24(bth + BTH_PSN), psn & PSN_MASK);
	assert_int_equal(be24(bth + BTH_QP), 0x77);
	if (opcode != OP_READ_MIDDLE)
		assert_int_equal(bth[BTH_BYTES], syndrome);
	return bth + BTH_BYTES;
}

static void reth(uint8_t *out, uint64_t at, uint32_t key, uint32_t bytes)
{
	put_be64(out + RETH_VA, at);
	put_be32(out + RETH_KEY, key);
	put_be32(out + RETH_LENGTH, bytes);
}

static uint64_t memory[1024];
#define AT 0x2000000000ull

static struct roce_region *region(struct side *s, unsigned rights)
{
	for (unsigned i = 0; i < ARRAY_LEN(memory); i++)
		memory[i] = i * 0x9e3779b97f4a7c15ull;
	return roce_region_add(&s->roce, "test", (uint8_t *)memory, AT, sizeof memory, rights);
}

static void test_write_and_read(void **state)
{
	struct side *s = sides[0];
	struct roce_qp *q = connect(s, 1);
	struct roce_region *g = region(s, ROCE_MAY_READ | ROCE_MAY_WRITE);
	uint8_t bytes[RETH_BYTES + 256], *data = bytes + RETH_BYTES;
	unsigned i = 0;
	(void)state;
	memset(data, 0xa5, 256);
	reth(bytes, AT + 8, g->key, 515);
	packet(s, q, OP_WRITE_FIRST, PSN_FIRST, false, bytes, sizeof bytes);
	packet(s, q, OP_WRITE_MIDDLE, PSN_FIRST + 1, false, data, 256);
	assert_int_equal(s->outs, 0);
	packet(s, q, OP_WRITE_LAST, 0, true, data, 3);
	assert_int_equal(be24(expect(s, &i, OP_ACK, 0, SYN_ACK) + 1), 1);
	assert_int_equal(memory[0], 0);
	for (unsigned k = 0; k < 515; k++)
		assert_int_equal(((uint8_t *)memory)[8 + k], 0xa5);
	assert_int_not_equal(((uint8_t *)memory)[8 + 515], 0xa5);
	reth(bytes, AT + 8, g->key, 515);
	packet(s, q, OP_READ, 1, true, bytes, RETH_BYTES);
	assert_memory_equal(expect(s, &i, OP_READ_FIRST, 1, SYN_ACK) + AETH_BYTES, data, 256);
	assert_memory_equal(expect(s, &i, OP_READ_MIDDLE, 2, 0), data, 256);
	assert_memory_equal(expect(s, &i, OP_READ_LAST, 3, SYN_ACK) + AETH_BYTES, data, 3);
	/* A READ is executed again from where it is asked for, a WRITE is not. */
	reth(bytes, AT + 8 + 512, g->key, 3);
	packet(s, q, OP_READ, 3, true, bytes, RETH_BYTES);
	expect(s, &i, OP_READ_ONLY, 3, SYN_ACK);
	memory[1] = 7;
	packet(s, q, OP_WRITE_LAST, 0, true, data, 3);
	expect(s, &i, OP_ACK, 3, SYN_ACK);
	assert_int_equal(memory[1], 7);
	assert_int_equal(i, s->outs);
	assert_int_equal(s->roce.counts.duplicates, 2);
}

/* Requests, and how each is answered. */
static const struct {
	uint8_t opcode;
	int64_t at; /* from AT */
	uint32_t key_xor, bytes;
	unsigned rights, syndrome;
	bool unmapped, revoked;
} cases[] = {
	{OP_WRITE_ONLY, 0, 0, 64, 7, SYN_ACK, false, false},
	{OP_WRITE_ONLY, 0, 1, 64, 7, SYN_ACCESS, false, false},
	{OP_WRITE_ONLY, 0, 0x100, 64, 7, SYN_ACCESS, false, false},
	{OP_WRITE_ONLY, 0, 0xff000000, 64, 7, SYN_ACCESS, false, false},
	{OP_WRITE_ONLY, sizeof memory - 64, 0, 64, 7, SYN_ACK, false, false},
	{OP_WRITE_ONLY, sizeof memory - 63, 0, 64, 7, SYN_ACCESS, false, false},
	{OP_WRITE_ONLY, -1, 0, 64, 7, SYN_ACCESS, false, false},
	{OP_WRITE_ONLY, INT64_MAX - (int64_t)AT, 0, 64, 7, SYN_ACCESS, false, false},
	{OP_WRITE_ONLY, 0, 0, 64, ROCE_MAY_READ, SYN_ACCESS, false, false},
	{OP_WRITE_ONLY, 0, 0, 64, 7, SYN_REMOTE, true, false},
	{OP_WRITE_ONLY, 0, 0, 64, 7, SYN_ACCESS, false, true},
	{OP_READ, 0, 0, 64, ROCE_MAY_WRITE, SYN_ACCESS, false, false},
	{OP_READ, 1, 0, sizeof memory, 7, SYN_ACCESS, false, false},
	{OP_READ, 0, 0, 64, 7, SYN_ACCESS, false, true},
	{OP_FETCH_ADD, 0, 0, 0, 3, SYN_ACCESS, false, false},
	{OP_FETCH_ADD, 4, 0, 0, 7, SYN_INVALID, false, false},
	{OP_FETCH_ADD, 0, 0, 0, 7, SYN_REMOTE, true, false},
	{0x15, 0, 0, 0, 7, SYN_INVALID, false, false},
};

/* Those that are refused: with which NAK, and that memory and the queue pair's rest stay as they are. */
static void test_refusals(void **state)
{
	(void)state;
	for (unsigned c = 0; c < ARRAY_LEN(cases); c++) {
		(void)end(NULL);
		(void)set_up(NULL);
		struct side *s = sides[0];
		struct roce_qp *q = connect(s, 3);
		struct roce_region *g = region(s, cases[c].rights);
		uint64_t before[ARRAY_LEN(memory)];
		uint8_t bytes[RETH_BYTES + 64] = {0};
		unsigned i = 0;
		size_t n = cases[c].opcode == OP_READ        ? RETH_BYTES
			   : cases[c].opcode == OP_FETCH_ADD ? ATOMIC_BYTES
							     : sizeof bytes;
		memcpy(before, memory, sizeof memory);
		reth(bytes, AT + (uint64_t)cases[c].at, g->key ^ cases[c].key_xor, cases[c].bytes);
		g->mapped = !cases[c].unmapped;
		if (cases[c].revoked)
			roce_region_revoke(g);
		packet(s, q, cases[c].opcode, PSN_FIRST, true, bytes, n);
		expect(s, &i, OP_ACK, PSN_FIRST, cases[c].syndrome);
		bool fine = cases[c].syndrome == SYN_ACK;
		assert_int_equal(memcmp(before, memory, sizeof memory) == 0, !fine);
		assert_int_equal(s->roce.counts.naks, !fine);
		/* What follows is executed after an ACK and not after a NAK. */
		reth(bytes, AT, g->key, 0);
		packet(s, q, OP_WRITE_ONLY, PSN_FIRST + 1, true, bytes, RETH_BYTES);
		assert_int_equal(s->outs, fine ? 2 : 1);
		char text[256];
		struct roce_note note;
		assert_int_equal(roce_note_take(&s->roce.notes, &note), !fine);
		if (!fine)
			assert_non_null(strstr(roce_note_text(&note, text, sizeof text), "for QP 0x77: "));
		assert_false(roce_note_take(&s->roce.notes, &note));
	}
}

/* Of more notes than there is room for the last are there; one that is being written is not read. */
static void test_notes(void **state)
{
	struct roce_notes *n = &sides[0]->roce.notes;
	struct roce_note note;
	(void)state;
	struct roce_qp *q = connect(sides[0], 3);
	for (uint32_t i = 0; i < 3 * ROCE_NOTES; i++) {
		uint8_t bytes[RETH_BYTES];
		reth(bytes, AT, 0x4000 + i, 8);
		packet(sides[0], q, OP_READ, PSN_FIRST, true, bytes, sizeof bytes);
		q->failed = false;
	}
	for (uint32_t i = 2 * ROCE_NOTES; i < 3 * ROCE_NOTES; i++) {
		assert_true(roce_note_take(n, &note));
		assert_int_equal(note.key, 0x4000 + i);
	}
	assert_false(roce_note_take(n, &note));
	assert_int_equal(n->missed, 2 * ROCE_NOTES);
	n->taken = n->made - ROCE_NOTES; /* the oldest one's slot is written to */
	n->begun = n->made + 1;
	assert_true(roce_note_take(n, &note));
	assert_int_equal(note.key, 0x4000 + 2 * ROCE_NOTES + 1);
	assert_int_equal(n->missed, 2 * ROCE_NOTES + 1);
}

/* What is not of the connection, or damaged, has no answer and no effect. */
static void test_silence(void **state)
{
	struct side *s = sides[0];
	struct roce_qp *q = connect(s, 3);
	uint8_t frame[ROCE_FRAME_MOST], mad[REQ_BYTES] = {0};
	struct net_ip from = support_ip4(2), other = support_ip4(9), to = support_ip4(1);
	(void)state;
	size_t n = support_roce_packet(frame, &from, &to, OP_SEND_ONLY, q->number, PSN_FIRST, true, mad, 64);
	roce_receive(q, (uint8_t *)memory, sizeof memory, 1);
	for (size_t at = NET_ETH; at < n; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			/* Type of service, identification's and others' place in the IP header: its own sum
			 * sees them; the ICRC leaves out TOS, TTL, both sums and the BTH's reserved byte. */
			frame[at] ^= (uint8_t)(1 << bit);
			if (at != IP4_DATA + UDP_SUM && at != IP4_DATA + UDP_SUM + 1 && at != 42 + BTH_RESV)
				feed(s, frame, n);
			frame[at] ^= (uint8_t)(1 << bit);
		}
	for (size_t shorter = 0; shorter < n; shorter++)
		feed(s, frame, shorter);
	feed(s, frame,
	     support_roce_packet(frame, &other, &to, OP_SEND_ONLY, q->number, PSN_FIRST, true, mad, 64));
	feed(s, frame,
	     support_roce_packet(frame, &from, &to, OP_SEND_ONLY, q->number + ROCE_QPS, PSN_FIRST, true, mad,
				 64));
	feed(s, frame,
	     support_roce_packet(frame, &from, &to, OP_SEND_ONLY, q->number + 1, PSN_FIRST, true, mad, 64));
	assert_int_equal(s->outs, 0);
	assert_int_equal(events[ROCE_RECEIVED], 0);
	feed(s, frame,
	     support_roce_packet(frame, &from, &to, OP_SEND_ONLY, q->number, PSN_FIRST, true, mad, 64));
	assert_int_equal(s->outs, 1);
	assert_int_equal(events[ROCE_RECEIVED], 1);
}

static void test_order(void **state)
{
	struct side *s = sides[0];
	struct roce_qp *q = connect(s, 3);
	uint8_t bytes[8] = {0};
	unsigned i = 0;
	(void)state;
	packet(s, q, OP_SEND_ONLY, PSN_FIRST, true, bytes, 8);
	expect(s, &i, OP_ACK, PSN_FIRST, SYN_RNR | 14);
	packet(s, q, OP_SEND_ONLY, PSN_FIRST + 1, true, bytes, 8);
	assert_int_equal(s->outs, 1);
	roce_receive(q, (uint8_t *)memory, 8, 2);
	packet(s, q, OP_SEND_ONLY_IMM, PSN_FIRST, true, "\1\2\3\4datadata", 12);
	expect(s, &i, OP_ACK, PSN_FIRST, SYN_ACK);
	assert_true(last_event.has_immediate && last_event.immediate == 0x01020304 && last_event.bytes == 8);
	assert_memory_equal(memory, "datadata", 8);
	packet(s, q, OP_SEND_ONLY, PSN_FIRST + 3, true, bytes, 8);
	expect(s, &i, OP_ACK, PSN_FIRST + 1, SYN_SEQUENCE);
	packet(s, q, OP_SEND_ONLY, PSN_FIRST + 4, true, bytes, 8);
	assert_int_equal(s->outs, i);
	packet(s, q, OP_SEND_MIDDLE, PSN_FIRST + 1, true, bytes, 8);
	expect(s, &i, OP_ACK, PSN_FIRST + 1, SYN_INVALID);
}

static void test_atomics(void **state)
{
	struct side *s = sides[0];
	struct roce_qp *q = connect(s, 3);
	struct roce_region *g = region(s, ROCE_MAY_ATOMIC);
	uint8_t bytes[ATOMIC_BYTES] = {0};
	unsigned i = 0;
	(void)state;
	memory[1] = 40;
	reth(bytes, AT + 8, g->key, 0);
	put_be64(bytes + ATOMIC_SWAP, 2);
	packet(s, q, OP_FETCH_ADD, PSN_FIRST, true, bytes, sizeof bytes);
	assert_int_equal(be64(expect(s, &i, OP_ATOMIC_ACK, PSN_FIRST, SYN_ACK) + AETH_BYTES), 40);
	packet(s, q, OP_FETCH_ADD, PSN_FIRST, true, bytes, sizeof bytes);
	assert_int_equal(be64(expect(s, &i, OP_ATOMIC_ACK, PSN_FIRST, SYN_ACK) + AETH_BYTES), 40);
	assert_int_equal(memory[1], 42);
	put_be64(bytes + ATOMIC_SWAP, 5);
	put_be64(bytes + ATOMIC_CMP, 41);
	packet(s, q, OP_CMP_SWAP, PSN_FIRST + 1, true, bytes, sizeof bytes);
	assert_int_equal(be64(expect(s, &i, OP_ATOMIC_ACK, PSN_FIRST + 1, SYN_ACK) + AETH_BYTES), 42);
	put_be64(bytes + ATOMIC_CMP, 42);
	packet(s, q, OP_CMP_SWAP, 0, true, bytes, sizeof bytes);
	assert_int_equal(be64(expect(s, &i, OP_ATOMIC_ACK, 0, SYN_ACK) + AETH_BYTES), 42);
	assert_int_equal(memory[1], 5);
}

/* ---- the connection manager ---- */

static unsigned cm(struct side *s, unsigned attribute, const uint8_t *body, size_t n, const uint8_t **answer)
{
	uint8_t frame[ROCE_FRAME_MOST];
	struct net_ip from = s->roce.ip[2], to = from;
	from.b[15] = 7;
	s->outs = 0;
	feed(s, frame, support_roce_mad(frame, &from, &to, attribute, body, n));
	if (!s->outs)
		return 0;
	const uint8_t *mad = support_mad(s->out[0].bytes);
	assert_memory_equal(mad + MAD_TID, "ZZZZZZZZ", 8);
	*answer = mad + MAD_BODY;
	return be16(mad + MAD_ATTR);
}

static void test_cm(void **state)
{
	struct side *s = sides[0];
	uint8_t body[REQ_BYTES], dreq[12] = {0};
	const uint8_t *a = NULL;
	(void)state;
	memset(events, 0, sizeof events);
	support_roce_req(body, 6, 4000, 0x88, 1, 3);
	assert_int_equal(cm(s, CM_REQ, body, sizeof body, &a), CM_REJ);
	assert_int_equal(be16(a + REJ_REASON), 8);
	assert_int_equal(be32(a + CM_REMOTE), 6);
	assert_true(roce_listen(&s->roce, 4000, on_event, NULL));
	body[REQ_TYPE] = 2;
	assert_int_equal(cm(s, CM_REQ, body, sizeof body, &a), CM_REJ);
	support_roce_req(body, 6, 4000, 0x88, 1, 6);
	assert_int_equal(cm(s, CM_REQ, body, sizeof body, &a), CM_REJ);
	assert_int_equal(roce_connections(&s->roce), 0);
	support_roce_req(body, 6, 4000, 0x88, 1, 3);
	assert_int_equal(cm(s, CM_REQ, body, sizeof body, &a), CM_REP);
	uint32_t number = be24(a + REP_QPN);
	memcpy(dreq, body, 4);
	memcpy(dreq + 4, a, 4);
	put_be24(dreq + DREQ_QPN, number);
	assert_int_equal(cm(s, CM_REQ, body, sizeof body, &a), CM_REP); /* the REP was lost */
	assert_int_equal(be24(a + REP_QPN), number);
	now += 5000000;
	s->outs = 0;
	roce_poll(&s->roce, now); /* or the RTU was */
	assert_int_equal(s->outs, 1);
	dreq[MRA_WHAT] = 1 << 6;
	dreq[MRA_TIME] = 20 << 3;
	assert_int_equal(cm(s, CM_MRA, dreq, sizeof dreq, &a), 0);
	put_be24(dreq + DREQ_QPN, number);
	now += 5000000;
	s->outs = 0;
	roce_poll(&s->roce, now);
	assert_int_equal(s->outs, 0);
	assert_int_equal(cm(s, CM_RTU, dreq, 8, &a), 0);
	assert_int_equal(events[ROCE_UP], 1);
	put_be32(dreq, 7);
	assert_int_equal(cm(s, CM_DREQ, dreq, sizeof dreq, &a), CM_DREP); /* not its peer's id */
	assert_int_equal(roce_connections(&s->roce), 1);
	put_be32(dreq, 6);
	assert_int_equal(cm(s, CM_DREQ, dreq, sizeof dreq, &a), CM_DREP);
	assert_int_equal(roce_connections(&s->roce), 0);
	assert_int_equal(events[ROCE_DOWN], 1);
}

static void test_many_connections(void **state)
{
	struct side *s = sides[0];
	uint8_t body[REQ_BYTES];
	const uint8_t *a = NULL;
	(void)state;
	assert_true(roce_listen(&s->roce, 4000, on_event, NULL));
	for (unsigned i = 0; i < 10000; i++) {
		support_roce_req(body, i, 4000, 0x100 + i, 1, 3);
		unsigned said = cm(s, CM_REQ, body, sizeof body, &a);
		assert_int_equal(said, i % 200 < ROCE_QPS ? CM_REP : CM_REJ);
		if (i % 200 != 199)
			continue;
		for (unsigned turn = 0; turn < 40; turn++) { /* nobody answers the REPs */
			now += 5000000;
			s->outs = 0;
			roce_poll(&s->roce, now);
		}
		assert_int_equal(roce_connections(&s->roce), 0);
	}
}

/* ---- two end points ---- */

static uint8_t far_memory[1 << 16], near_memory[1 << 16];
static unsigned works_done, works_failed;

static void on_work(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	(void)ctx;
	if (e->kind == ROCE_DONE) {
		works_done++;
		works_failed += e->status != 0;
	}
	if (e->kind == ROCE_RECEIVED)
		roce_receive(q, q->inbox, q->inbox_bytes, 1);
}

static void exchange(unsigned loss, bool disorder)
{
	static struct side_frame wire[SIDE_FRAMES];
	for (unsigned i = 0; i < 2; i++) {
		struct side *from = sides[i], *to = sides[!i];
		unsigned n = support_side_sent(from, wire);
		for (unsigned k = 0; k < n; k++) {
			unsigned which = disorder && k + 1 < n && rand() % 20 == 0 ? k + 1 : k;
			if (loss && (unsigned)rand() % 100 < loss)
				continue;
			feed(to, wire[which].bytes, wire[which].n);
			if (disorder && rand() % 30 == 0)
				feed(to, wire[k].bytes, wire[k].n);
		}
		roce_poll(&to->roce, now);
	}
}

/* The first side asks the second, and each PSN begins shortly before its wrap. */
static struct roce_qp *meet(unsigned mtu)
{
	struct side *s = sides[0], *peer = sides[1];
	assert_true(roce_listen(&peer->roce, 99, on_work, NULL));
	struct roce_qp *q =
		roce_connect(&s->roce, &s->roce.ip[0], &peer->roce.ip[0], peer->roce.mac, 99, on_work, NULL);
	assert_non_null(q);
	for (unsigned i = 0; i < 3; i++)
		exchange(0, false);
	struct roce_qp *far = &peer->roce.qp[q->peer % ROCE_QPS];
	assert_true(q->state == ROCE_CONNECTED && far->state == ROCE_CONNECTED && far->peer == q->number);
	assert_true(q->mtu == 1024 && far->mtu == 1024 && q->depth == ROCE_READS &&
		    q->next_psn == far->expected && far->next_psn == q->expected);
	q->mtu = far->mtu = 128u << mtu;
	q->expected = q->next_psn = q->acked_psn = far->expected = far->next_psn = far->acked_psn = PSN_FIRST;
	return q;
}

static void work_through(unsigned loss, bool disorder)
{
	struct roce_qp *q = meet(1 + (unsigned)rand() % 5), *far = &sides[1]->roce.qp[q->peer % ROCE_QPS];
	struct roce_region *local = roce_region_add(&sides[0]->roce, "near", near_memory, AT,
						    sizeof near_memory, 0),
			   *remote = roce_region_add(&sides[1]->roce, "far", far_memory, AT,
						     sizeof far_memory, 3);
	uint8_t model[sizeof far_memory], inbox[128];
	roce_receive(far, inbox, sizeof inbox, 1);
	for (unsigned i = 0; i < sizeof model; i++)
		model[i] = far_memory[i] = (uint8_t)rand();
	works_done = works_failed = 0;
	for (unsigned round = 0; round < 60; round++) {
		uint32_t bytes = (unsigned)rand() % 20000, at = (unsigned)rand() % 40000,
			 from = (unsigned)rand() % 40000;
		for (unsigned i = 0; i < bytes; i++)
			near_memory[from + i] = (uint8_t)rand();
		memcpy(model + at, near_memory + from, bytes);
		struct roce_work write = {.kind = ROCE_WRITE,
					  .region = local,
					  .offset = from,
					  .bytes = bytes,
					  .at = AT + at,
					  .key = remote->key};
		struct roce_work say = {.kind = ROCE_SEND, .message = "hello", .bytes = 5};
		assert_int_equal(roce_post(q, &write), SL_OK);
		assert_int_equal(roce_post(q, &say), SL_OK);
		for (unsigned turn = 0; q->head != q->tail && turn < 20000; turn++, now += 20000)
			exchange(loss, disorder);
		assert_int_equal(q->head, q->tail);
		assert_memory_equal(far_memory, model, sizeof model);
		assert_memory_equal(inbox, "hello", 5);
		uint32_t back = (unsigned)rand() % 20000;
		struct roce_work read = {.kind = ROCE_READ,
					 .region = local,
					 .offset = from,
					 .bytes = bytes,
					 .at = AT + at,
					 .key = remote->key};
		struct roce_work second = {.kind = ROCE_READ,
					   .region = local,
					   .offset = 40000,
					   .bytes = back,
					   .at = AT,
					   .key = remote->key};
		memset(near_memory, 0, sizeof near_memory);
		assert_int_equal(roce_post(q, &read), SL_OK);
		assert_int_equal(roce_post(q, &second), SL_OK);
		for (unsigned turn = 0; q->head != q->tail && turn < 20000; turn++, now += 20000)
			exchange(loss, disorder);
		assert_int_equal(q->head, q->tail);
		assert_int_equal(works_failed, 0);
		if (from + bytes <= 40000)
			assert_memory_equal(near_memory + from, model + at, bytes);
		assert_memory_equal(near_memory + 40000, model, back);
	}
	assert_int_equal(works_done, 240);
	assert_int_equal(works_failed, 0);
}

static void test_wire(void **state)
{
	(void)state;
	srand(1);
	work_through(0, false);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(sides[i]->roce.counts.repeats, 0);
		assert_int_equal(sides[i]->roce.counts.duplicates, 0);
	}
}

static void test_bad_wire(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 6; seed++) {
		(void)end(NULL);
		(void)set_up(NULL);
		srand(seed);
		work_through(seed, seed & 1);
		assert_true(sides[0]->roce.counts.repeats > 0);
	}
}

/* Ten thousand connections, each with a message, one after another: nothing of them is left. */
static void test_ten_thousand(void **state)
{
	(void)state;
	struct side *s = sides[0], *peer = sides[1];
	const struct roce_work w = {.kind = ROCE_WRITE,
				    .message = "x",
				    .bytes = 1,
				    .at = AT,
				    .key = roce_region_add(&peer->roce, "far", far_memory, AT, 64, 2)->key};
	memset(events, 0, sizeof events);
	assert_true(roce_listen(&peer->roce, 99, on_event, NULL));
	for (unsigned i = 0; i < 10000; i++) {
		struct roce_qp *q = roce_connect(&s->roce, &s->roce.ip[0], &peer->roce.ip[0], peer->roce.mac,
						 99, on_work, NULL);
		assert_non_null(q);
		for (unsigned turn = 0; turn < 3; turn++)
			exchange(0, false);
		assert_int_equal(roce_post(q, &w), SL_OK);
		roce_poll(&s->roce, now);
		exchange(0, false);
		assert_int_equal(q->head, q->tail);
		roce_disconnect(i & 1 ? q : &peer->roce.qp[q->peer % ROCE_QPS]);
		for (unsigned turn = 0; turn < 3; turn++)
			exchange(0, false);
		assert_int_equal(roce_connections(&s->roce) + roce_connections(&peer->roce), 0);
	}
	assert_int_equal(events[ROCE_UP], 10000);
	assert_int_equal(events[ROCE_DOWN], 10000);
	assert_int_equal(peer->roce.counts.writes, 10000);
	assert_null(s->roce.busy);
	assert_null(peer->roce.busy);
}

static struct roce_event last_work;

static void on_far(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	on_work(ctx, q, e);
	if (e->kind != ROCE_DONE)
		last_work = *e;
}

static uint8_t ask(struct roce_qp *q, const struct roce_work *w, unsigned loss)
{
	works_done = works_failed = 0;
	assert_int_equal(roce_post(q, w), SL_OK);
	for (unsigned turn = 0; q->head != q->tail && turn < 20000; turn++, now += 20000)
		exchange(loss, loss);
	assert_int_equal(works_done, 1);
	return (uint8_t)works_failed;
}

static uint64_t number(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

/* Each atomic is executed once, whatever is lost on the way, and brings what was there. */
static void asked_atomics(unsigned loss)
{
	struct roce_qp *q = meet(3);
	struct roce_region *local = roce_region_add(&sides[0]->roce, "near", near_memory, AT, 64, 0),
			   *remote = roce_region_add(&sides[1]->roce, "far", far_memory, AT, 64, 7);
	struct roce_work w = {.kind = ROCE_FETCH_ADD,
			      .region = local,
			      .offset = 8,
			      .bytes = 8,
			      .at = AT + 16,
			      .key = remote->key,
			      .swap = 7};
	memset(far_memory, 0, 64);
	for (uint64_t i = 0; i < 50; i++) {
		assert_int_equal(ask(q, &w, loss), 0);
		assert_int_equal(number(near_memory + 8), 7 * i);
		assert_int_equal(number(far_memory + 16), 7 * (i + 1));
	}
	w.kind = ROCE_CMP_SWAP;
	w.compare = 350;
	w.swap = 0x1122334455667788;
	for (unsigned i = 0; i < 2; i++) { /* the second one finds another number */
		assert_int_equal(ask(q, &w, loss), 0);
		assert_int_equal(number(near_memory + 8), i ? w.swap : w.compare);
		assert_int_equal(number(far_memory + 16), w.swap);
	}
	w.key ^= 0x40;
	assert_int_equal(ask(q, &w, loss), 1);
	assert_int_equal(number(far_memory + 16), w.swap);
}

static void test_asked_atomics(void **state)
{
	(void)state;
	srand(5);
	for (unsigned loss = 0; loss < 8; loss += 3) {
		(void)end(NULL);
		(void)set_up(NULL);
		asked_atomics(loss);
	}
}

/* Immediate data, and a key that ends with a message; of one packet and of several. */
static void test_with(void **state)
{
	(void)state;
	struct roce_qp *q = meet(3), *far = &sides[1]->roce.qp[q->peer % ROCE_QPS];
	struct roce_region *local = roce_region_add(&sides[0]->roce, "near", near_memory, AT, 8192, 0);
	far->event = on_far;
	roce_receive(far, far_memory + 8192, 8192, 1);
	for (unsigned i = 0; i < 12; i++) {
		struct roce_region *remote = roce_region_add(&sides[1]->roce, "far", far_memory, AT, 8192, 2);
		struct roce_work w = {.kind = i & 1 ? ROCE_WRITE : ROCE_SEND,
				      .region = local,
				      .bytes = i < 2   ? 0
					       : i < 8 ? 100
						       : 5000,
				      .at = AT,
				      .key = remote->key,
				      .with = i % 4 == 2 ? ROCE_INVALIDATE : ROCE_IMMEDIATE,
				      .extra = remote->key};
		memset(near_memory, (int)i + 1, 8192);
		memset(far_memory, 0, 16384);
		last_work = (struct roce_event){.kind = ROCE_DOWN};
		assert_int_equal(ask(q, &w, 0), 0);
		assert_int_equal(last_work.kind, ROCE_RECEIVED);
		assert_int_equal(last_work.bytes, w.bytes);
		assert_int_equal(last_work.has_immediate, w.with == ROCE_IMMEDIATE);
		assert_int_equal(last_work.immediate, w.with == ROCE_IMMEDIATE ? w.extra : 0);
		assert_int_equal(remote->valid, w.with == ROCE_IMMEDIATE);
		assert_memory_equal(far_memory + (i & 1 ? 0 : 8192), near_memory, w.bytes);
		roce_region_revoke(remote);
	}
	far->tells_writes = true;
	struct roce_region *remote = roce_region_add(&sides[1]->roce, "far", far_memory, AT, 8192, 2);
	struct roce_work w = {.kind = ROCE_WRITE, .region = local, .bytes = 30, .at = AT, .key = remote->key};
	assert_int_equal(ask(q, &w, 0), 0);
	assert_int_equal(last_work.kind, ROCE_WRITTEN);
	assert_int_equal(last_work.bytes, 30);
}

static void test_bad_works(void **state)
{
	(void)state;
	struct roce_qp *q = meet(3);
	struct roce_region *g = roce_region_add(&sides[0]->roce, "near", near_memory, AT, 64, 0);
	const struct roce_work bad[] = {
		{.kind = ROCE_FETCH_ADD, .region = g, .bytes = 4, .at = AT},
		{.kind = ROCE_FETCH_ADD, .region = g, .bytes = 8, .at = AT + 4},
		{.kind = ROCE_CMP_SWAP, .message = "12345678", .bytes = 8, .at = AT},
		{.kind = ROCE_CMP_SWAP, .region = g, .offset = 57, .bytes = 8, .at = AT},
		{.kind = ROCE_READ, .region = g, .bytes = 8, .at = AT, .with = ROCE_IMMEDIATE},
		{.kind = ROCE_WRITE, .region = g, .bytes = 8, .at = AT, .with = ROCE_INVALIDATE},
		{.kind = ROCE_WRITE, .bytes = 8, .at = AT},
		{.kind = ROCE_SEND, .message = far_memory, .bytes = ROCE_INLINE + 1},
		{.kind = ROCE_SEND, .region = g, .offset = 65},
		{.kind = ROCE_READ, .region = g, .bytes = 65, .at = AT},
	};
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(roce_post(q, &bad[i]), SL_BADVAL);
	assert_int_equal(q->tail, 0);
}

/* Nobody listens, and nobody is there. */
static void test_no_connection(void **state)
{
	(void)state;
	struct side *s = sides[0], *peer = sides[1];
	memset(events, 0, sizeof events);
	assert_non_null(roce_connect(&s->roce, &s->roce.ip[0], &peer->roce.ip[0], peer->roce.mac, 98,
				     on_event, NULL));
	exchange(0, false);
	exchange(0, false);
	assert_int_equal(events[ROCE_DOWN], 1);
	assert_non_null(roce_connect(&s->roce, &s->roce.ip[0], &peer->roce.ip[0], peer->roce.mac, 98,
				     on_event, NULL));
	for (unsigned i = 0; i < 20; i++, now += 5000000)
		roce_poll(&s->roce, now);
	assert_int_equal(events[ROCE_DOWN], 2);
	assert_int_equal(events[ROCE_UP], 0);
	assert_int_equal(roce_connections(&s->roce), 0);
}

/* Nobody answers: the work request ends, once. */
static void test_no_answer(void **state)
{
	(void)state;
	struct roce_qp *q = meet(3);
	struct roce_work say = {.kind = ROCE_SEND, .message = "hello", .bytes = 5};
	works_done = works_failed = 0;
	assert_int_equal(roce_post(q, &say), SL_OK);
	for (unsigned turn = 0; turn < 1000; turn++, now += 20000)
		roce_poll(&sides[0]->roce, now);
	assert_int_equal(works_failed, 1);
	assert_int_equal(roce_post(q, &say), SL_DEVICE);
}

/* A receiver that is not ready says for how long: for each of its codes nothing is sent before, and the
 * request comes again then (IBTA, the RNR NAK timer field). */
static void test_not_ready(void **state)
{
	(void)state;
	static const unsigned us[32] = {655360, 10,    20,    30,     40,     60,     80,     120,
					160,    240,   320,   480,    640,    960,    1280,   1920,
					2560,   3840,  5120,  7680,   10240,  15360,  20480,  30720,
					40960,  61440, 81920, 122880, 163840, 245760, 327680, 491520};
	struct side *s = sides[0];
	struct roce_qp *q = connect(s, 3);
	struct roce_work say = {.kind = ROCE_SEND, .message = "hello", .bytes = 5};
	for (unsigned code = 0; code < 32; code++) {
		uint32_t psn = q->next_psn;
		uint8_t aeth[AETH_BYTES] = {(uint8_t)(SYN_RNR | code)};
		assert_int_equal(roce_post(q, &say), SL_OK);
		s->outs = 0;
		roce_poll(&s->roce, ++now);
		assert_int_equal(s->outs, 1);
		packet(s, q, OP_ACK, psn, false, aeth, sizeof aeth);
		assert_int_equal(q->wait_until, now + us[code]);
		roce_poll(&s->roce, now + us[code] - 1);
		assert_int_equal(s->outs, 1);
		now += us[code];
		for (unsigned i = 0; i < 100 && s->outs == 1;
		     i++) /* those that wait are looked at now and then */
			roce_poll(&s->roce, now += 100);
		assert_int_equal(s->outs, 2);
		assert_int_equal(be24(support_bth(s->out[1].bytes) + BTH_PSN), psn);
		aeth[0] = SYN_ACK;
		packet(s, q, OP_ACK, psn, false, aeth, sizeof aeth);
		assert_true(q->head == q->tail && !q->failed);
	}
}

/* A card without room for a while: nothing is lost. */
static void test_no_room(void **state)
{
	(void)state;
	struct side *s = sides[0];
	struct roce_qp *q = connect(s, 3);
	struct roce_region *g = region(s, ROCE_MAY_READ);
	uint8_t bytes[RETH_BYTES];
	unsigned i = 0;
	s->full = true;
	reth(bytes, AT, g->key, 4096);
	packet(s, q, OP_READ, PSN_FIRST, true, bytes, sizeof bytes);
	assert_int_equal(s->outs, 0);
	s->full = false;
	roce_poll(&s->roce, now);
	expect(s, &i, OP_READ_FIRST, PSN_FIRST, SYN_ACK);
	expect(s, &i, OP_READ_MIDDLE, PSN_FIRST + 1, 0);
	expect(s, &i, OP_READ_MIDDLE, PSN_FIRST + 2, 0);
	expect(s, &i, OP_READ_LAST, PSN_FIRST + 3, SYN_ACK);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, end)
	const struct CMUnitTest tests[] = {
		T(test_write_and_read), T(test_refusals),     T(test_silence),          T(test_order),
		T(test_atomics),        T(test_cm),           T(test_many_connections), T(test_wire),
		T(test_bad_wire),       T(test_no_answer),    T(test_no_connection),    T(test_no_room),
		T(test_not_ready),      T(test_notes),        T(test_asked_atomics),    T(test_with),
		T(test_bad_works),      T(test_ten_thousand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
