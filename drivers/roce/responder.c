/* What peers are answered: IBA, chapter 9. READs and atomics wait for their turn, in order, and
 * acknowledgements wait for them. */
#include "drivers/roce/sides.h"
#include "kernel/str.h"

COLD void roce_refuse(struct roce_qp *q, const struct roce_packet *p, uint8_t syndrome, uint64_t at,
		      uint32_t bytes, uint32_t key, const char *why)
{
	q->nak = syndrome;
	q->nak_psn = p->psn;
	q->ack_due = false;
	q->failed = true;
	q->end->counts.naks++;
	roce_note(q, p, syndrome, at, bytes, key, why);
}

COLD void roce_forbid(struct roce_qp *q, const struct roce_packet *p, uint64_t at, uint32_t bytes,
		      uint32_t key)
{
	roce_refuse(q, p, SYN_ACCESS, at, bytes, key, roce_reach_why(q->end, key, at, bytes));
}

COLD void roce_invalid(struct roce_qp *q, const struct roce_packet *p, const char *why)
{
	roce_refuse(q, p, SYN_INVALID, q->write_at, p->bytes, q->write_key, why);
}

void roce_receive(struct roce_qp *qp, uint8_t *to, uint32_t bytes, unsigned n)
{
	qp->inbox = to;
	qp->inbox_bytes = bytes;
	qp->credits += n;
}

/* ---- READs and atomics */

static bool enqueue(struct roce_qp *q, const struct roce_answer *a)
{
	if (q->answers == ROCE_READS)
		return false;
	q->answer[(q->answer_head + q->answers++) % ROCE_READS] = *a;
	return true;
}

static struct roce_answer answer_of(const struct roce_qp *q, const struct roce_packet *p, bool again)
{
	bool read = p->opcode == OP_READ;
	uint32_t bytes = read ? be32(p->ext + RETH_LENGTH) : sizeof(uint64_t);
	return (struct roce_answer){.psn = p->psn,
				    .key = be32(p->ext + RETH_KEY),
				    .bytes = bytes,
				    .packets = read ? packets_of(bytes, q->mtu) : 1,
				    .at = be64(p->ext + RETH_VA),
				    .swap = be64(p->ext + ATOMIC_SWAP), /* these two: of an atomic */
				    .compare = be64(p->ext + ATOMIC_CMP),
				    .opcode = p->opcode,
				    .again = again};
}

/* Whether one that waits is a duplicate. */
static COLD bool waits_again(const struct roce_qp *q)
{
	bool again = false;
	for (unsigned i = 0; i < q->answers; i++)
		again |= q->answer[(q->answer_head + i) % ROCE_READS].again;
	return again;
}

void roce_take_read(struct roce_qp *q, const struct roce_packet *p)
{
	struct roce_answer a = answer_of(q, p, false);
	bool read = a.opcode == OP_READ;
	if (p->bytes) {
		roce_invalid(q, p, "it carries data");
	} else if (a.bytes > INT32_MAX) {
		roce_invalid(q, p, "it is longer than 2 GiB");
	} else if (!read && a.at & 7) {
		roce_invalid(q, p, "its address is no multiple of 8");
	} else if (a.bytes &&
		   !roce_reach(q->end, a.key, a.at, a.bytes, read ? ROCE_MAY_READ : ROCE_MAY_ATOMIC)) {
		roce_forbid(q, p, a.at, a.bytes, a.key);
	} else if (!enqueue(q, &a)) {
		if (waits_again(q))
			return; /* as if it was lost, since a duplicate has its place: the peer asks again */
		roce_invalid(q, p, "more READs and atomics are on the way than were agreed on");
	} else {
		q->expected = (q->expected + a.packets) & PSN_MASK;
		q->msn++;
		q->ack_due = false; /* its answer acknowledges all before it */
	}
}

void roce_take_again(struct roce_qp *q, const struct roce_packet *p)
{
	struct roce_answer a = answer_of(q, p, true);
	q->end->counts.duplicates++;
	if (p->opcode == OP_READ) {
		if (a.bytes > INT32_MAX || psn_after(q->expected, p->psn) < a.packets ||
		    (a.bytes && !roce_reach(q->end, a.key, a.at, a.bytes, ROCE_MAY_READ)))
			return;
		(void)enqueue(q, &a);
	} else if (p->opcode == OP_CMP_SWAP || p->opcode == OP_FETCH_ADD) {
		(void)enqueue(q, &a);
	} else {
		q->ack_due = true;
	}
}

static uint64_t execute(const struct roce_answer *a, uint64_t *at)
{
	uint64_t old = a->compare;
	if (a->opcode == OP_FETCH_ADD)
		return __atomic_fetch_add(at, a->swap, __ATOMIC_ACQ_REL);
	(void)__atomic_compare_exchange_n(at, &old, a->swap, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	return old;
}

static void put_aeth(uint8_t *aeth, uint8_t syndrome, uint32_t msn)
{
	put_be32(aeth, (uint32_t)syndrome << 24 | (msn & PSN_MASK));
}

enum answered { NO_ROOM, SENT, REFUSED };

static enum answered answer_atomic(struct roce_qp *q, struct roce_answer *a)
{
	uint8_t ext[AETH_BYTES + RESULT_BYTES];
	struct roce_packet p = {.opcode = a->opcode, .psn = a->psn};
	unsigned i = 0;
	if (a->again) {
		while (i < ROCE_READS && (!q->result[i].valid || q->result[i].psn != a->psn))
			i++;
		if (i == ROCE_READS)
			return SENT; /* too old */
	} else {
		struct roce_region *g = roce_reach(q->end, a->key, a->at, a->bytes, ROCE_MAY_ATOMIC);
		if (!g)
			roce_forbid(q, &p, a->at, a->bytes, a->key);
		else if (!g->mapped)
			roce_refuse(q, &p, SYN_REMOTE, a->at, a->bytes, a->key, ROCE_UNMAPPED);
		if (!g || !g->mapped)
			return REFUSED;
		i = q->results++ % ROCE_READS;
		q->result[i].psn = a->psn;
		q->result[i].valid = true;
		q->result[i].result = execute(a, (uint64_t *)(void *)(g->memory + (a->at - g->at)));
		q->end->counts.atomics++;
		a->again = true; /* from here on only its answer is missing */
	}
	put_aeth(ext, SYN_ACK, q->msn);
	put_be64(ext + AETH_BYTES, q->result[i].result);
	return roce_emit_bare(q, OP_ATOMIC_ACK, a->psn, false, ext, sizeof ext) ? SENT : NO_ROOM;
}

/* Of the first packet, or the last. */
static uint8_t read_opcode(uint32_t packet, uint32_t packets)
{
	return packets == 1 ? OP_READ_ONLY : packet == 0 ? OP_READ_FIRST : OP_READ_LAST;
}

/* Up to *budget packets. The region is looked for each time: its key may be revoked while a long READ is
 * answered. Whether it is mapped is the IOMMU's to say. */
static enum answered answer_read(struct roce_qp *q, struct roce_answer *a, unsigned *budget)
{
	struct roce_region *g = a->bytes ? roce_reach(q->end, a->key, a->at, a->bytes, ROCE_MAY_READ) : NULL;
	if (UNLIKELY(a->bytes && !g)) {
		struct roce_packet p = {.opcode = OP_READ, .psn = (a->psn + a->next) & PSN_MASK};
		roce_forbid(q, &p, a->at, a->bytes, a->key);
		return REFUSED;
	}
	uint32_t next = a->next, bytes;
	uint64_t at = a->at + (uint64_t)next * q->mtu;
	uint8_t ext[AETH_BYTES];
	const uint8_t *data = g ? g->memory + (at - g->at) : ext; /* no data are no matter where */
	put_aeth(ext, SYN_ACK, q->msn);
	for (; next < a->packets; next++, at += bytes, data += bytes, --*budget) {
		uint8_t op = OP_READ_MIDDLE, ext_bytes = 0;
		bytes = q->mtu;
		if (UNLIKELY(next == 0 || next == a->packets - 1)) {
			uint32_t left = a->bytes - next * q->mtu;
			op = read_opcode(next, a->packets);
			ext_bytes = AETH_BYTES;
			bytes = left < q->mtu ? left : q->mtu;
		}
		if (!*budget || !roce_emit(q, op, a->psn + next, false, ext, ext_bytes, data, at, bytes))
			break;
	}
	a->next = next;
	if (next < a->packets)
		return NO_ROOM;
	q->end->counts.bytes_out += a->bytes;
	q->end->counts.reads += !a->again;
	return SENT;
}

/* The answers that wait, then what acknowledges all before them. */
bool roce_answer_more(struct roce_qp *q, unsigned budget)
{
	uint8_t ext[AETH_BYTES];
	while (q->answers) {
		struct roce_answer *a = &q->answer[q->answer_head];
		if (!budget)
			return true;
		budget -= a->opcode != OP_READ;
		enum answered done = a->opcode == OP_READ ? answer_read(q, a, &budget) : answer_atomic(q, a);
		if (done == NO_ROOM)
			return true;
		q->answer_head = (q->answer_head + 1) % ROCE_READS;
		q->answers = done == REFUSED ? 0 : q->answers - 1;
	}
	if (!q->nak && !q->ack_due)
		return false;
	put_aeth(ext, q->nak ? q->nak : SYN_ACK, q->msn);
	if (!roce_emit_bare(q, OP_ACK, q->nak ? q->nak_psn : q->expected - 1, false, ext, sizeof ext))
		return true;
	q->end->counts.acks += !q->nak;
	q->nak = 0;
	q->ack_due = false;
	return false;
}
