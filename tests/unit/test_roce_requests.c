/* drivers/roce/request.h and responder.c: what a peer may ask, one request after another, and what it is
 * answered (IBA, chapter 9.7). The path MTU is 256 bytes. */
#include <stdio.h>
#include <string.h>
#include "drivers/roce/region.h"
#include "drivers/roce/work.h"
#include "tests/unit/support_roce_side.h"
#include "tests/unit/test.h"

#define PORT   4000u
#define MTU    256u
#define AT     0x2000000000ull
#define MEMORY 32768u
#define RNR    0x2eu /* not ready for 1.28 ms */

static struct side *s;
static struct roce_qp *q;
static struct roce_region *all;
static uint64_t now;
static uint8_t memory[MEMORY] __attribute__((aligned(8))), inbox[1024];
static unsigned events[ROCE_DOWN + 1];
static struct roce_event last;

static void on_event(void *ctx, struct roce_qp *qp, const struct roce_event *e)
{
	(void)ctx, (void)qp;
	events[e->kind]++;
	last = *e;
}

static int set_up(void **state)
{
	struct net_ip from = support_ip4(2), to = support_ip4(1);
	(void)state;
	now = 1000000;
	s = support_side(1);
	assert_true(roce_listen(&s->roce, PORT, on_event, NULL));
	q = support_side_meet(s, &from, &to, PORT, 5, 1, now);
	q->expected = SIDE_PSN;
	for (unsigned i = 0; i < MEMORY; i++)
		memory[i] = (uint8_t)(i * 7 + (i >> 8));
	memset(inbox, 0, sizeof inbox);
	all = roce_region_add(&s->roce, "all", memory, AT, MEMORY, 7);
	memset(events, 0, sizeof events);
	return 0;
}

static int end(void **state)
{
	(void)state;
	support_side_end(s);
	return 0;
}

static void again(void)
{
	(void)end(NULL);
	(void)set_up(NULL);
}

/* ---- the peer's packets, and what comes back ---- */

/* A packet with these extension headers and n bytes of data, which are 1, 2, 3 and so on; PSNs from SIDE_PSN
 * on. */
static size_t make(uint8_t *frame, uint8_t opcode, uint32_t psn, bool ack, const void *ext, size_t ext_bytes,
		   size_t n)
{
	uint8_t bytes[64 + 1024];
	struct net_ip from = support_ip4(2), to = support_ip4(1);
	if (ext_bytes)
		memcpy(bytes, ext, ext_bytes);
	for (size_t i = 0; i < n; i++)
		bytes[ext_bytes + i] = (uint8_t)(i + 1);
	return support_roce_packet(frame, &from, &to, opcode, q->number, SIDE_PSN + psn, ack, bytes,
				   ext_bytes + n);
}

static void packet(uint8_t opcode, uint32_t psn, bool ack, const void *ext, size_t ext_bytes, size_t n)
{
	uint8_t frame[ROCE_FRAME_MOST];
	assert_true(support_side_take(s, frame, make(frame, opcode, psn, ack, ext, ext_bytes, n), now));
}

static void send_(uint8_t opcode, uint32_t psn, size_t n)
{
	packet(opcode, psn, false, "\1\2\3\4",
	       opcode == OP_SEND_ONLY_IMM || opcode == OP_SEND_LAST_IMM ? IMM_BYTES : 0, n);
}

/* A request with a RETH. */
static void ask(uint8_t opcode, uint32_t psn, uint64_t offset, uint32_t length, size_t n)
{
	uint8_t ext[RETH_BYTES + IMM_BYTES];
	put_be64(ext, AT + offset);
	put_be32(ext + RETH_KEY, all->key);
	put_be32(ext + RETH_LENGTH, length);
	put_be32(ext + RETH_BYTES, 0x05060708);
	packet(opcode, psn, false, ext, opcode == OP_WRITE_ONLY_IMM ? sizeof ext : RETH_BYTES, n);
}

static void ask_atomic(uint8_t opcode, uint32_t psn, uint64_t offset, uint64_t swap, uint64_t compare)
{
	uint8_t ext[ATOMIC_BYTES];
	put_be64(ext, AT + offset);
	put_be32(ext + ATOMIC_KEY, all->key);
	put_be64(ext + ATOMIC_SWAP, swap);
	put_be64(ext + ATOMIC_CMP, compare);
	packet(opcode, psn, false, ext, sizeof ext, 0);
}

static void drop_first(void)
{
	s->outs--;
	memmove(s->out, s->out + 1, s->outs * sizeof *s->out);
}

/* The next frame is this; returns how many bytes are behind its AETH, and *data. */
static size_t answer(uint8_t opcode, uint32_t psn, unsigned syndrome, uint32_t msn, const uint8_t **data)
{
	static struct side_frame f;
	assert_true(s->outs > 0);
	f = s->out[0];
	uint8_t *bth = support_bth(f.bytes);
	size_t ext = opcode == OP_READ_MIDDLE ? 0 : AETH_BYTES;
	assert_int_equal(bth[BTH_OPCODE], opcode);
	assert_int_equal(be32(bth + BTH_ACK), (SIDE_PSN + psn) & PSN_MASK);
	assert_int_equal(be24(bth + BTH_QP), SIDE_QP);
	if (ext) {
		assert_int_equal(bth[BTH_BYTES], syndrome);
		assert_int_equal(be24(bth + BTH_BYTES + 1), msn);
	}
	*data = bth + BTH_BYTES + ext;
	drop_first();
	return be16(bth - UDP_BYTES + UDP_LENGTH) - UDP_BYTES - BTH_BYTES - ext - ICRC_BYTES -
	       (bth[BTH_FLAGS] >> 4 & 3);
}

static void expect(uint32_t psn, unsigned syndrome, uint32_t msn)
{
	const uint8_t *data;
	assert_int_equal(answer(OP_ACK, psn, syndrome, msn, &data), 0);
}

static void silent(void)
{
	assert_int_equal(s->outs, 0);
}

/* ---- one request ---- */

/* Every opcode as the first of a connection, with its extension headers (all zeros) and 8 bytes: what it is
 * answered, 0 for nothing. */
static void test_opcodes(void **state)
{
	enum { NONE = 0, ACK = SYN_ACK };
	static const struct {
		uint8_t ext, syndrome;
	} rows[] = {{0, SYN_INVALID},  {0, SYN_INVALID}, {0, SYN_INVALID},  {4, SYN_INVALID},
		    {0, ACK},          {4, ACK},         {16, SYN_INVALID}, {0, SYN_INVALID},
		    {0, SYN_INVALID},  {4, SYN_INVALID}, {16, SYN_INVALID}, {20, SYN_INVALID},
		    {16, SYN_INVALID}, {4, NONE},        {0, NONE},         {4, NONE},
		    {4, NONE},         {4, NONE},        {12, NONE},        {28, SYN_INVALID},
		    {28, SYN_INVALID}, {0, SYN_INVALID}, {4, SYN_INVALID},  {4, SYN_ACCESS},
		    {0, NONE},         {0, NONE}};
	static const uint8_t zeros[32];
	(void)state;
	for (unsigned op = 0; op < ARRAY_LEN(rows); op++) {
		again();
		roce_receive(q, inbox, sizeof inbox, 1);
		packet((uint8_t)op, 0, true, zeros, rows[op].ext, 8);
		if (s->outs != (rows[op].syndrome != NONE))
			fail_msg("opcode 0x%x: %u frames", op, s->outs);
		if (rows[op].syndrome)
			expect(0, rows[op].syndrome, rows[op].syndrome == ACK);
		assert_int_equal(s->roce.counts.unknown, op >= 0x18);
	}
}

/* What may come after the first packet of a message, of each kind, and after a message. */
static void test_sequences(void **state)
{
	enum { NOTHING, SENDS, WRITES };
	static const struct {
		uint8_t opcode;
		unsigned goes_on; /* with which kind of message */
		uint32_t bytes;
	} second[] = {{OP_SEND_FIRST, NOTHING, MTU},  {OP_SEND_MIDDLE, SENDS, MTU},
		      {OP_SEND_LAST, SENDS, 8},       {OP_SEND_LAST_IMM, SENDS, 8},
		      {OP_SEND_ONLY, NOTHING, 8},     {OP_SEND_ONLY_IMM, NOTHING, 8},
		      {OP_WRITE_MIDDLE, WRITES, MTU}, {OP_WRITE_LAST, WRITES, MTU}};
	static const struct {
		uint8_t opcode;
		unsigned opens;
		uint32_t bytes;
	} first[] = {{OP_SEND_FIRST, SENDS, MTU}, {OP_SEND_ONLY, NOTHING, 8}, {OP_WRITE_FIRST, WRITES, MTU}};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(first); i++)
		for (unsigned k = 0; k < ARRAY_LEN(second); k++) {
			again();
			roce_receive(q, inbox, sizeof inbox, 2);
			if (first[i].opens == WRITES)
				ask(OP_WRITE_FIRST, 0, 0, 2 * MTU, MTU);
			else
				send_(first[i].opcode, 0, first[i].bytes);
			s->outs = 0;
			send_(second[k].opcode, 1, second[k].bytes);
			bool fine = second[k].goes_on == first[i].opens;
			if (q->failed == fine)
				fail_msg("opcode %x, then %x", first[i].opcode, second[k].opcode);
			assert_int_equal(s->roce.counts.naks, !fine);
		}
}

/* How many bytes a packet may have. */
static void test_packet_lengths(void **state)
{
	static const struct {
		uint8_t opcode;
		uint32_t bytes;
		bool fine;
	} rows[] = {
		{OP_SEND_FIRST, MTU, true}, {OP_SEND_FIRST, MTU - 1, false}, {OP_SEND_FIRST, MTU + 1, false},
		{OP_SEND_FIRST, 0, false},  {OP_SEND_ONLY, MTU, true},       {OP_SEND_ONLY, MTU + 1, false},
		{OP_SEND_ONLY, 0, true},    {OP_SEND_MIDDLE, MTU, true},     {OP_SEND_MIDDLE, MTU - 4, false},
		{OP_SEND_LAST, MTU, true},  {OP_SEND_LAST, MTU + 1, false},  {OP_SEND_LAST, 1, true},
		{OP_SEND_LAST, 0, false}};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		bool later = rows[i].opcode == OP_SEND_MIDDLE || rows[i].opcode == OP_SEND_LAST;
		again();
		roce_receive(q, inbox, sizeof inbox, 1);
		if (later)
			send_(OP_SEND_FIRST, 0, MTU);
		send_(rows[i].opcode, later, rows[i].bytes);
		if (q->failed == rows[i].fine)
			fail_msg("opcode %x of %u bytes", rows[i].opcode, rows[i].bytes);
	}
}

/* ---- SENDs ---- */

/* Messages of several packets, whole in the buffer, one after another; each takes one receive. */
static void test_sends(void **state)
{
	(void)state;
	roce_receive(q, inbox, 2 * MTU + 5, 2);
	for (unsigned i = 0; i < 2; i++) {
		memset(inbox, 0, sizeof inbox);
		send_(OP_SEND_FIRST, 3 * i, MTU);
		send_(OP_SEND_MIDDLE, 3 * i + 1, MTU);
		silent();
		send_(OP_SEND_LAST, 3 * i + 2, 5);
		expect(3 * i + 2, SYN_ACK, i + 1);
		assert_null(s->roce.busy);
		assert_int_equal(events[ROCE_RECEIVED], i + 1);
		assert_int_equal(last.bytes, 2 * MTU + 5);
		assert_false(last.has_immediate);
		for (unsigned k = 0; k < sizeof inbox; k++)
			assert_int_equal(inbox[k], k < 2 * MTU + 5 ? (k + 1) & 0xff : 0);
	}
	assert_int_equal(s->roce.counts.bytes_in, 2 * (2 * MTU + 5));
	send_(OP_SEND_ONLY, 6, 1);
	expect(6, RNR, 2);
	assert_int_equal(s->roce.counts.rnr_naks, 1);
	roce_receive(q, inbox, sizeof inbox, 1);
	packet(OP_SEND_FIRST, 6, true, NULL, 0, MTU); /* the peer wants to know */
	expect(6, SYN_ACK, 2);
	assert_int_equal(s->roce.counts.sends, 2);
	assert_int_equal(s->roce.counts.acks, 3);
}

/* The last byte that there is room for, and one more. */
static void test_long_sends(void **state)
{
	(void)state;
	for (unsigned more = 0; more < 2; more++)
		for (unsigned packets = 1; packets < 3; packets++) {
			again();
			roce_receive(q, inbox, packets == 1 ? 100 : MTU + 100, 1);
			if (packets == 2)
				send_(OP_SEND_FIRST, 0, MTU);
			send_(packets == 2 ? OP_SEND_LAST : OP_SEND_ONLY, packets - 1, 100 + more);
			expect(packets - 1, more ? SYN_INVALID : SYN_ACK, !more);
			assert_int_equal(events[ROCE_RECEIVED], !more);
		}
}

/* Which opcodes need a receive. */
static void test_credits(void **state)
{
	static const uint8_t key[4];
	static const struct {
		uint8_t opcode;
		bool needs;
	} rows[] = {{OP_SEND_FIRST, true},     {OP_SEND_ONLY, true},   {OP_SEND_ONLY_IMM, true},
		    {OP_WRITE_ONLY_IMM, true}, {OP_WRITE_ONLY, false}, {OP_SEND_ONLY_INV, true}};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		again();
		uint8_t op = rows[i].opcode;
		if (op == OP_WRITE_ONLY || op == OP_WRITE_ONLY_IMM)
			ask(op, 0, 0, 8, 8);
		else if (op == OP_SEND_ONLY_INV)
			packet(op, 0, false, key, 4, 8);
		else
			send_(op, 0, op == OP_SEND_FIRST ? MTU : 8);
		expect(0, rows[i].needs ? RNR : SYN_ACK, !rows[i].needs);
		assert_int_equal(q->expected, (SIDE_PSN + !rows[i].needs) & PSN_MASK);
	}
}

/* Of each opcode that carries immediate data, whose place depends on it. A WRITE with them takes a receive.
 */
static void test_immediate(void **state)
{
	(void)state;
	roce_receive(q, inbox, sizeof inbox, 3);
	send_(OP_SEND_ONLY_IMM, 0, 9);
	assert_true(last.kind == ROCE_RECEIVED && last.has_immediate && last.immediate == 0x01020304);
	assert_int_equal(last.bytes, 9);
	ask(OP_WRITE_ONLY_IMM, 1, 0, 9, 9);
	assert_true(last.kind == ROCE_RECEIVED && last.has_immediate && last.immediate == 0x05060708);
	assert_int_equal(last.bytes, 9);
	assert_memory_equal(memory, "\1\2\3\4\5\6\7\x8\x9", 9);
	ask(OP_WRITE_FIRST, 2, 0, MTU + 1, MTU);
	packet(OP_WRITE_LAST_IMM, 3, false, "\7\7\7\7", 4, 1);
	assert_true(last.has_immediate && last.immediate == 0x07070707);
	assert_int_equal(last.bytes, MTU + 1);
	assert_int_equal(events[ROCE_RECEIVED], 3);
	s->outs = 0;
	ask(OP_WRITE_FIRST, 4, 0, MTU + 1, MTU);
	packet(OP_WRITE_LAST_IMM, 5, false, "\7\7\7\7", 4, 1);
	expect(5, RNR, 3);
	assert_int_equal(events[ROCE_RECEIVED], 3);
}

/* WRITEs without them are told only to those who want to know. */
static void test_written(void **state)
{
	(void)state;
	ask(OP_WRITE_ONLY, 0, 0, 9, 9);
	assert_int_equal(events[ROCE_WRITTEN], 0);
	q->tells_writes = true;
	ask(OP_WRITE_ONLY, 1, 0, 10, 10);
	assert_int_equal(events[ROCE_WRITTEN], 1);
	assert_int_equal(events[ROCE_RECEIVED], 0);
	assert_true(last.bytes == 10 && !last.has_immediate && !last.immediate);
	assert_int_equal(s->roce.counts.writes, 2);
	assert_int_equal(s->roce.counts.sends, 0);
	assert_int_equal(s->roce.counts.bytes_in, 19);
}

/* A SEND that ends a key: once. */
static void test_invalidate(void **state)
{
	(void)state;
	uint8_t key[4];
	char text[256];
	struct roce_note note;
	put_be32(key, all->key);
	struct roce_region *other = roce_region_add(&s->roce, "other", memory, AT, 8, 7);
	roce_receive(q, inbox, sizeof inbox, 3);
	packet(OP_SEND_ONLY_INV, 0, false, key, 4, 3);
	expect(0, SYN_ACK, 1);
	assert_true(!all->valid && other->valid);
	assert_true(last.kind == ROCE_RECEIVED && !last.has_immediate && last.bytes == 3);
	packet(OP_SEND_ONLY_INV, 1, false, key, 4, 3);
	expect(1, SYN_ACCESS, 1);
	assert_true(roce_note_take(&s->roce.notes, &note));
	assert_string_equal(roce_note_text(&note, text, sizeof text),
			    "NAK remote access to 10.0.0.2 for QP 0x77: SEND of 0 bytes at 0x0 with key "
			    "0x101: it invalidates a key that no region has");
	assert_int_equal(events[ROCE_RECEIVED], 1);
}

/* ---- WRITEs ---- */

/* What a WRITE says of its length, and what its packets have. */
static void test_write_lengths(void **state)
{
	static const struct {
		uint32_t length, first, then; /* then 0: of one packet */
		bool fine;
	} rows[] = {{8, 8, 0, true},         {8, 7, 0, false},         {8, 9, 0, false},
		    {0, 0, 0, true},         {0, 1, 0, false},         {1, 0, 0, false},
		    {MTU + 8, MTU, 8, true}, {MTU + 8, MTU, 7, false}, {MTU + 8, MTU, 9, false},
		    {MTU, MTU, 1, false},    {MTU - 1, MTU, 1, false}, {2 * MTU, MTU, MTU, true}};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		again();
		ask(rows[i].then ? OP_WRITE_FIRST : OP_WRITE_ONLY, 0, 8, rows[i].length, rows[i].first);
		if (rows[i].then)
			packet(OP_WRITE_LAST, 1, false, NULL, 0, rows[i].then);
		assert_int_equal(s->outs, 1);
		if (q->failed == rows[i].fine)
			fail_msg("%u bytes in packets of %u and %u", rows[i].length, rows[i].first,
				 rows[i].then);
		assert_int_equal(support_bth(s->out[0].bytes)[BTH_BYTES],
				 rows[i].fine ? SYN_ACK : SYN_INVALID);
	}
}

/* Bytes that nobody may reach are not needed for a WRITE of none. */
static void test_write_of_none(void **state)
{
	(void)state;
	ask(OP_WRITE_ONLY, 0, MEMORY + 1, 0, 0);
	expect(0, SYN_ACK, 1);
	ask(OP_READ, 1, MEMORY + 1, 0, 0);
	const uint8_t *data;
	assert_int_equal(answer(OP_READ_ONLY, 1, SYN_ACK, 2, &data), 0);
	silent();
}

/* The whole of a message has to be the peer's before its first byte is written, and at each packet. */
static void test_write_regions(void **state)
{
	(void)state;
	ask(OP_WRITE_FIRST, 0, MEMORY - MTU, MTU + 1, MTU);
	expect(0, SYN_ACCESS, 0);
	assert_int_not_equal(memory[MEMORY - MTU], 1);
	again();
	ask(OP_WRITE_FIRST, 0, MEMORY - MTU - 1, MTU + 1, MTU);
	packet(OP_WRITE_LAST, 1, false, NULL, 0, 1);
	expect(1, SYN_ACK, 1);
	again();
	ask(OP_WRITE_FIRST, 0, 0, 2 * MTU, MTU);
	roce_region_revoke(all);
	packet(OP_WRITE_LAST, 1, false, NULL, 0, MTU);
	expect(1, SYN_ACCESS, 0);
	assert_int_not_equal(memory[MTU + 1], 2);
	again();
	ask(OP_WRITE_FIRST, 0, 0, 2 * MTU, MTU);
	all->mapped = false;
	packet(OP_WRITE_LAST, 1, false, NULL, 0, MTU);
	expect(1, SYN_REMOTE, 0);
	assert_int_not_equal(memory[MTU + 1], 2);
}

/* ---- READs ---- */

/* Around each number of packets: opcodes, PSNs and bytes. */
static void test_reads(void **state)
{
	static const uint32_t lengths[] = {0, 1, MTU - 1, MTU, MTU + 1, 2 * MTU, 2 * MTU + 1, 5 * MTU + 77};
	uint32_t psn = 0, read = 0;
	const uint8_t *data;
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
		uint32_t packets = lengths[i] ? (lengths[i] + MTU - 1) / MTU : 1;
		ask(OP_READ, psn, 3, lengths[i], 0);
		for (uint32_t k = 0; k < packets; k++) {
			uint32_t left = lengths[i] - k * MTU;
			assert_int_equal(answer(packets == 1       ? OP_READ_ONLY
						: k == 0           ? OP_READ_FIRST
						: k == packets - 1 ? OP_READ_LAST
								   : OP_READ_MIDDLE,
						psn + k, SYN_ACK, i + 1, &data),
					 left < MTU ? left : MTU);
			assert_memory_equal(data, memory + 3 + k * MTU, left < MTU ? left : MTU);
		}
		silent();
		psn += packets;
		read += lengths[i];
	}
	assert_int_equal(s->roce.counts.reads, ARRAY_LEN(lengths));
	assert_int_equal(s->roce.counts.bytes_out, read);
	assert_int_equal(s->roce.counts.acks, 0);
}

static void test_bad_reads(void **state)
{
	(void)state;
	ask(OP_READ, 0, 0, 8, 8);
	expect(0, SYN_INVALID, 0);
	again();
	all->bytes = UINT64_MAX / 2;
	ask(OP_READ, 0, 0, BIT(31), 0);
	expect(0, SYN_INVALID, 0);
	again();
	ask(OP_READ, 0, 0, BIT(31) - 1, 0);
	expect(0, SYN_ACCESS, 0);
	again();
	ask(OP_READ, 0, 1, MEMORY, 0);
	expect(0, SYN_ACCESS, 0);
	again();
	ask_atomic(OP_FETCH_ADD, 0, MEMORY - 8, 1, 0);
	assert_int_equal(support_bth(s->out[0].bytes)[BTH_OPCODE], OP_ATOMIC_ACK);
	again();
	ask_atomic(OP_FETCH_ADD, 0, MEMORY, 1, 0);
	expect(0, SYN_ACCESS, 0);
	again();
	ask_atomic(OP_CMP_SWAP, 0, 1, 1, 0);
	expect(0, SYN_INVALID, 0);
}

/* 64 packets in a turn; an answer is a packet too. */
static void test_turns(void **state)
{
	(void)state;
	ask(OP_READ, 0, 0, 100 * MTU, 0);
	assert_int_equal(s->outs, 64);
	roce_poll(&s->roce, now);
	assert_int_equal(s->outs, 100);
	roce_poll(&s->roce, now);
	assert_int_equal(s->outs, 100);
	for (unsigned k = 0; k < 100; k++)
		assert_int_equal(be24(support_bth(s->out[k].bytes) + BTH_PSN), (SIDE_PSN + k) & PSN_MASK);
	again();
	s->full = true;
	ask_atomic(OP_FETCH_ADD, 0, 0, 1, 0);
	ask(OP_READ, 1, 0, 63 * MTU, 0);
	ask_atomic(OP_FETCH_ADD, 64, 0, 1, 0);
	s->full = false;
	roce_poll(&s->roce, now);
	assert_int_equal(s->outs, 64);
	roce_poll(&s->roce, now);
	assert_int_equal(s->outs, 65);
}

/* A key that is revoked while a long READ is answered, and what waits behind it. */
static void test_read_revoked(void **state)
{
	char text[256];
	struct roce_note note;
	(void)state;
	ask(OP_READ, 0, 16, 100 * MTU, 0);
	s->full = true;
	ask(OP_READ, 100, 0, 8, 0);
	s->full = false;
	s->outs = 0;
	roce_region_revoke(all);
	roce_poll(&s->roce, now);
	expect(64, SYN_ACCESS, 2);
	silent();
	assert_true(roce_note_take(&s->roce.notes, &note));
	assert_string_equal(roce_note_text(&note, text, sizeof text),
			    "NAK remote access to 10.0.0.2 for QP 0x77: READ of 25600 bytes at 0x2000000010 "
			    "with key 0x101: the region's key was revoked");
	roce_poll(&s->roce, now);
	silent();
}

/* As many as were agreed on wait; one more ends the connection. */
static void test_many_reads(void **state)
{
	(void)state;
	s->full = true;
	for (unsigned i = 0; i < ROCE_READS; i++)
		ask(OP_READ, i, 8 * i, 8, 0);
	assert_false(q->failed);
	ask(OP_READ, ROCE_READS, 0, 8, 0);
	assert_true(q->failed);
	s->full = false;
	roce_poll(&s->roce, now);
	for (unsigned i = 0; i < ROCE_READS; i++) {
		const uint8_t *data;
		assert_int_equal(answer(OP_READ_ONLY, i, SYN_ACK, ROCE_READS, &data), 8);
		assert_memory_equal(data, memory + 8 * i, 8);
	}
	expect(ROCE_READS, SYN_INVALID, ROCE_READS);
}

/* A duplicate among those that wait, the first or the last, takes the place of one: that one is as if lost.
 */
static void test_many_and_again(void **state)
{
	(void)state;
	for (unsigned place = 0; place < ROCE_READS; place += ROCE_READS - 1) {
		const uint8_t *data;
		again();
		ask(OP_READ, 0, 0, 8, 0);
		s->outs = 0;
		s->full = true;
		for (unsigned i = 0, psn = 1; i < ROCE_READS; i++)
			ask(OP_READ, i == place ? 0 : psn++, 0, 8, 0);
		ask(OP_READ, ROCE_READS, 0, 8, 0);
		assert_false(q->failed);
		s->full = false;
		roce_poll(&s->roce, now);
		assert_int_equal(s->outs, ROCE_READS);
		s->outs = 0;
		ask(OP_READ, ROCE_READS, 0, 8, 0);
		assert_int_equal(answer(OP_READ_ONLY, ROCE_READS, SYN_ACK, ROCE_READS + 1, &data), 8);
	}
}

/* ---- atomics ---- */

static uint64_t number_at(uint64_t offset)
{
	uint64_t v;
	memcpy(&v, memory + offset, sizeof v);
	return v;
}

static uint64_t old_value(uint32_t psn, uint32_t msn)
{
	const uint8_t *data;
	assert_int_equal(answer(OP_ATOMIC_ACK, psn, SYN_ACK, msn, &data), 8);
	return be64(data);
}

/* The answer is lost: it comes again, and is not executed again, as long as it is among the last 16. */
static void test_atomics(void **state)
{
	(void)state;
	memset(memory, 0, 8);
	for (unsigned i = 0; i < 17; i++) {
		ask_atomic(OP_FETCH_ADD, i, 0, 3, 0);
		assert_int_equal(old_value(i, i + 1), 3 * i);
	}
	ask_atomic(OP_FETCH_ADD, 0, 0, 3, 0);
	silent();
	ask_atomic(OP_FETCH_ADD, 1, 0, 3, 0);
	assert_int_equal(old_value(1, 17), 3);
	ask_atomic(OP_CMP_SWAP, 17, 0, 99, 51);
	assert_int_equal(old_value(17, 18), 51);
	ask_atomic(OP_CMP_SWAP, 18, 0, 7, 51);
	assert_int_equal(old_value(18, 19), 99);
	ask_atomic(OP_CMP_SWAP, 17, 0, 1, 99);
	assert_int_equal(old_value(17, 19), 51);
	assert_int_equal(number_at(0), 99);
	assert_int_equal(s->roce.counts.atomics, 19);
	assert_int_equal(s->roce.counts.duplicates, 3);
}

/* No room for its answer: it is executed once. Its region goes before its turn: it is not executed. */
static void test_atomics_wait(void **state)
{
	(void)state;
	memset(memory, 0, 8);
	s->full = true;
	ask_atomic(OP_FETCH_ADD, 0, 0, 3, 0);
	roce_poll(&s->roce, now);
	ask_atomic(OP_FETCH_ADD, 1, 0, 3, 0);
	s->full = false;
	roce_poll(&s->roce, now);
	assert_int_equal(old_value(0, 2), 0);
	assert_int_equal(old_value(1, 2), 3);
	assert_int_equal(number_at(0), 6);
	for (unsigned kind = 0; kind < 2; kind++) {
		again();
		memset(memory, 0, 16);
		s->full = true;
		ask_atomic(OP_FETCH_ADD, 0, 0, 3, 0);
		ask_atomic(OP_FETCH_ADD, 1, 8, 3, 0);
		if (kind)
			all->mapped = false;
		else
			roce_region_revoke(all);
		s->full = false;
		roce_poll(&s->roce, now);
		assert_int_equal(old_value(0, 2), 0);
		expect(1, kind ? SYN_REMOTE : SYN_ACCESS, 2);
		silent();
		assert_int_equal(number_at(8), 0);
	}
}

/* ---- what comes again, and what is missing ---- */

static void test_again(void **state)
{
	static const struct {
		uint32_t psn, length;
		uint64_t offset;
		bool answered;
	} rows[] = {{1, 3 * MTU, 0, true},  {2, 2 * MTU, MTU, true}, {3, MTU, 0, true},
		    {3, 0, 0, true},        {3, MTU + 1, 0, false},  {1, 4 * MTU, 0, false},
		    {1, BIT(31), 0, false}, {3, 8, MEMORY, false}};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		again();
		roce_receive(q, inbox, sizeof inbox, 1);
		send_(OP_SEND_ONLY, 0, 4);
		ask(OP_READ, 1, 0, 3 * MTU, 0);
		s->outs = 0;
		ask(OP_READ, rows[i].psn, rows[i].offset, rows[i].length, 0);
		if (!s->outs == rows[i].answered)
			fail_msg("row %u: %u frames", i, s->outs);
		assert_int_equal(s->roce.counts.reads, 1);
		assert_int_equal(s->roce.counts.duplicates, 1);
		assert_false(q->failed);
		s->outs = 0;
		send_(OP_SEND_ONLY, 0, 4);
		expect(3, SYN_ACK, 2);
		assert_int_equal(events[ROCE_RECEIVED], 1);
	}
}

/* A gap has one NAK, until what is missing has come. Half of all PSNs are before what is expected. */
static void test_gaps(void **state)
{
	(void)state;
	roce_receive(q, inbox, sizeof inbox, 100);
	send_(OP_SEND_ONLY, 1, 4);
	expect(0, SYN_SEQUENCE, 0);
	send_(OP_SEND_ONLY, 2, 4);
	silent();
	send_(OP_SEND_ONLY, 0, 4);
	expect(0, SYN_ACK, 1);
	send_(OP_SEND_ONLY, 2, 4);
	expect(1, SYN_SEQUENCE, 1);
	assert_int_equal(s->roce.counts.sequence_naks, 2);
	again();
	send_(OP_SEND_ONLY, 0x7fffff, 4);
	expect(0, SYN_SEQUENCE, 0);
	again();
	send_(OP_SEND_ONLY, 0x800000, 4);
	expect(0xffffff, SYN_ACK, 0);
	assert_int_equal(s->roce.counts.duplicates, 1);
}

/* Packets that come together have one ACK, of the last; one that came before a gap is in its NAK. */
static void test_together(void **state)
{
	uint8_t frame[ROCE_FRAME_MOST];
	(void)state;
	roce_receive(q, inbox, sizeof inbox, 100);
	for (unsigned i = 0; i < 3; i++)
		assert_true(roce_take(&s->roce, frame, make(frame, OP_SEND_ONLY, i, true, NULL, 0, 4), now));
	roce_poll(&s->roce, now);
	expect(2, SYN_ACK, 3);
	silent();
	assert_true(roce_take(&s->roce, frame, make(frame, OP_SEND_ONLY, 3, true, NULL, 0, 4), now));
	assert_true(roce_take(&s->roce, frame, make(frame, OP_SEND_ONLY, 5, true, NULL, 0, 4), now));
	roce_poll(&s->roce, now);
	expect(4, SYN_SEQUENCE, 4);
	silent();
	assert_true(roce_take(&s->roce, frame, make(frame, OP_SEND_ONLY, 5, true, NULL, 0, 4), now));
	assert_true(roce_take(&s->roce, frame, make(frame, OP_SEND_ONLY, 4, true, NULL, 0, 4), now));
	assert_true(roce_take(&s->roce, frame, make(frame, OP_SEND_ONLY, 6, true, NULL, 0, 4), now));
	roce_poll(&s->roce, now);
	expect(5, SYN_SEQUENCE, 5);
	silent();
}

/* No room for an ACK, or a NAK: it comes when there is. */
static void test_no_room(void **state)
{
	(void)state;
	roce_receive(q, inbox, sizeof inbox, 1);
	s->full = true;
	send_(OP_SEND_ONLY, 0, 4);
	s->full = false;
	roce_poll(&s->roce, now);
	expect(0, SYN_ACK, 1);
	s->full = true;
	send_(OP_SEND_ONLY, 1, 4);
	s->full = false;
	roce_poll(&s->roce, now);
	expect(1, RNR, 1);
	roce_poll(&s->roce, now);
	silent();
	assert_null(s->roce.busy);
}

/* What was refused ends it: nothing is taken any more. */
static void test_after_refusal(void **state)
{
	(void)state;
	roce_receive(q, inbox, sizeof inbox, 100);
	send_(OP_SEND_LAST, 0, 4);
	expect(0, SYN_INVALID, 0);
	send_(OP_SEND_ONLY, 0, 4);
	send_(OP_SEND_ONLY, 1, 4);
	silent();
	assert_int_equal(events[ROCE_RECEIVED], 0);
}

/* ---- regions and sentences ---- */

/* Slots are used again under other keys, 255 times each. */
static void test_regions(void **state)
{
	(void)state;
	struct roce_region *g = NULL;
	for (unsigned i = 1; i < ROCE_REGIONS; i++) {
		g = roce_region_add(&s->roce, "next", memory, AT, 8, 7);
		assert_int_equal(g->key, (i + 1) << 8 | 1);
	}
	assert_null(roce_region_add(&s->roce, "more", memory, AT, 8, 7));
	for (unsigned i = 2; i <= 255; i++) {
		roce_region_revoke(g);
		assert_ptr_equal(roce_region_add(&s->roce, "next", memory, AT, 8, 7), g);
		assert_int_equal(g->key, ROCE_REGIONS << 8 | i);
	}
	roce_region_revoke(g);
	assert_null(roce_region_add(&s->roce, "more", memory, AT, 8, 7));
}

/* Why a request was refused. */
static void test_sentences(void **state)
{
	static const struct {
		uint8_t opcode;
		uint64_t offset;
		uint32_t length, bytes, key;
		const char *what, *text;
	} rows[] = {
		{OP_WRITE_ONLY, 16, 8, 8, 0x102, "remote access",
		 "WRITE of 8 bytes at 0x2000000010 with key 0x102: no region has this key"},
		{OP_READ, 16, 8, 0, 0x1101, "remote access",
		 "READ of 8 bytes at 0x2000000010 with key 0x1101: no region has this key"},
		{OP_READ, 16, 8, 0, 0, "remote access",
		 "READ of 8 bytes at 0x2000000010 with key 0x0: no region has this key"},
		{OP_READ, MEMORY, 1, 0, 0x101, "remote access",
		 "READ of 1 bytes at 0x2000008000 with key 0x101: not all of it lies in the key's region"},
		{OP_READ, MEMORY + 1, 1, 0, 0x101, "remote access",
		 "READ of 1 bytes at 0x2000008001 with key 0x101: not all of it lies in the key's region"},
		{OP_READ, MEMORY - 7, 8, 0, 0x101, "remote access",
		 "READ of 8 bytes at 0x2000007ff9 with key 0x101: not all of it lies in the key's region"},
		{OP_READ, 0 - AT, 8, 0, 0x101, "remote access",
		 "READ of 8 bytes at 0x0 with key 0x101: not all of it lies in the key's region"},
		{OP_READ, MEMORY - 8, 8, 0, 0x201, "remote access",
		 "READ of 8 bytes at 0x2000007ff8 with key 0x201: the key's region does not allow it"},
		{OP_READ, 0, 8, 0, 0x201, "remote access",
		 "READ of 8 bytes at 0x2000000000 with key 0x201: the key's region does not allow it"},
		{OP_READ, 0, 8, 0, 0x301, "remote access",
		 "READ of 8 bytes at 0x2000000000 with key 0x301: the region's key was revoked"},
		{OP_WRITE_ONLY, 0, 8, 8, 0x401, "remote operation",
		 "WRITE of 8 bytes at 0x2000000000 with key 0x401: its region is not mapped in the VF's domain any more"},
		{OP_READ, 0, 8, 8, 0x101, "invalid request",
		 "READ of 8 bytes at 0x0 with key 0x0: it carries data"},
		{OP_WRITE_LAST, 0, 0, 8, 0, "invalid request",
		 "WRITE of 24 bytes at 0x0 with key 0x0: no message of its kind was begun"},
		{OP_WRITE_FIRST, 0, 8, 8, 0x101, "invalid request",
		 "WRITE of 8 bytes at 0x0 with key 0x0: the packet is not as long as the path MTU"},
		{OP_CMP_SWAP, 0, 0, 20, 0x101, "invalid request",
		 "atomic of 8 bytes at 0x0 with key 0x0: it carries data"},
	};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		again();
		(void)roce_region_add(&s->roce, "write", memory, AT, MEMORY, ROCE_MAY_WRITE);
		struct roce_region *old = roce_region_add(&s->roce, "old", memory, AT, MEMORY, 7);
		roce_region_add(&s->roce, "unmapped", memory, AT, MEMORY, 7)->mapped = false;
		roce_region_revoke(old);
		uint8_t ext[RETH_BYTES];
		char text[256], expected[256];
		struct roce_note note;
		put_be64(ext, AT + rows[i].offset);
		put_be32(ext + RETH_KEY, rows[i].key);
		put_be32(ext + RETH_LENGTH, rows[i].length);
		packet(rows[i].opcode, 0, false, ext, sizeof ext, rows[i].bytes);
		assert_true(roce_note_take(&s->roce.notes, &note));
		(void)snprintf(expected, sizeof expected, "NAK %s to 10.0.0.2 for QP 0x77: %s", rows[i].what,
			       rows[i].text);
		assert_string_equal(roce_note_text(&note, text, sizeof text), expected);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, end)
	const struct CMUnitTest tests[] = {
		T(test_opcodes),       T(test_sequences),      T(test_packet_lengths), T(test_sends),
		T(test_long_sends),    T(test_credits),        T(test_immediate),      T(test_written),
		T(test_invalidate),    T(test_write_lengths),  T(test_write_of_none),  T(test_write_regions),
		T(test_reads),         T(test_bad_reads),      T(test_turns),          T(test_read_revoked),
		T(test_many_reads),    T(test_many_and_again), T(test_atomics),        T(test_atomics_wait),
		T(test_again),         T(test_gaps),           T(test_together),       T(test_no_room),
		T(test_after_refusal), T(test_regions),        T(test_sentences),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
