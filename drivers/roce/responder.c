/* What peers ask for: IBA, chapter 9. A message is executed as its packets come; READs and atomics wait for
 * their turn to be answered, in order, and acknowledgements wait for them. */
#include "drivers/roce/sides.h"
#include "kernel/str.h"

#define RNR_CODE 14u /* 1.28 ms */

enum { SENDS = 1, WRITES, READS, ATOMICS };
enum { FIRST = 8, LAST = 16, IMMEDIATE = 32, INVALIDATE = 64, CREDIT = 128 }; /* CREDIT: it needs a receive */

static const uint8_t about[] = {
	[OP_SEND_FIRST] = SENDS | FIRST | CREDIT,
	[OP_SEND_MIDDLE] = SENDS,
	[OP_SEND_LAST] = SENDS | LAST,
	[OP_SEND_LAST_IMM] = SENDS | LAST | IMMEDIATE,
	[OP_SEND_ONLY] = SENDS | FIRST | LAST | CREDIT,
	[OP_SEND_ONLY_IMM] = SENDS | FIRST | LAST | IMMEDIATE | CREDIT,
	[OP_WRITE_FIRST] = WRITES | FIRST,
	[OP_WRITE_MIDDLE] = WRITES,
	[OP_WRITE_LAST] = WRITES | LAST,
	[OP_WRITE_LAST_IMM] = WRITES | LAST | IMMEDIATE | CREDIT,
	[OP_WRITE_ONLY] = WRITES | FIRST | LAST,
	[OP_WRITE_ONLY_IMM] = WRITES | FIRST | LAST | IMMEDIATE | CREDIT,
	[OP_READ] = READS | FIRST | LAST,
	[OP_CMP_SWAP] = ATOMICS | FIRST | LAST,
	[OP_FETCH_ADD] = ATOMICS | FIRST | LAST,
	[OP_SEND_LAST_INV] = SENDS | LAST | INVALIDATE,
	[OP_SEND_ONLY_INV] = SENDS | FIRST | LAST | INVALIDATE | CREDIT,
};
#define KIND(f) ((f)&7)

static const char unmapped[] = "its region is not mapped in the VF's domain any more";

/* After these the queue pair takes nothing any more. */
static COLD void refuse(struct roce_qp *q, const struct roce_packet *p, uint8_t syndrome, uint64_t at,
			uint32_t bytes, uint32_t key, const char *why)
{
	q->nak = syndrome;
	q->nak_psn = p->psn;
	q->ack_due = false;
	q->failed = true;
	q->end->counts.naks++;
	roce_note(q, p, syndrome, at, bytes, key, why);
}

static COLD void forbidden(struct roce_qp *q, const struct roce_packet *p, uint64_t at, uint32_t bytes,
			   uint32_t key)
{
	refuse(q, p, SYN_ACCESS, at, bytes, key, roce_reach_why(q->end, key, at, bytes));
}

static COLD void invalid(struct roce_qp *q, const struct roce_packet *p, const char *why)
{
	refuse(q, p, SYN_INVALID, q->write_at, p->bytes, q->write_key, why);
}

static COLD bool not_ready(struct roce_qp *q, const struct roce_packet *p)
{
	if (q->credits)
		return false;
	q->nak = SYN_RNR | RNR_CODE;
	q->nak_psn = p->psn;
	q->naked = true;
	q->end->counts.rnr_naks++;
	return true;
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
				    .swap = read ? 0 : be64(p->ext + ATOMIC_SWAP),
				    .compare = read ? 0 : be64(p->ext + ATOMIC_CMP),
				    .opcode = p->opcode,
				    .again = again};
}

static NOINLINE void take_read(struct roce_qp *q, const struct roce_packet *p)
{
	struct roce_answer a = answer_of(q, p, false);
	bool read = a.opcode == OP_READ;
	if (p->bytes) {
		invalid(q, p, "it carries data");
	} else if (a.bytes > INT32_MAX) {
		invalid(q, p, "it is longer than 2 GiB");
	} else if (!read && a.at & 7) {
		invalid(q, p, "its address is no multiple of 8");
	} else if (a.bytes &&
		   !roce_reach(q->end, a.key, a.at, a.bytes, read ? ROCE_MAY_READ : ROCE_MAY_ATOMIC)) {
		forbidden(q, p, a.at, a.bytes, a.key);
	} else if (!enqueue(q, &a)) {
		invalid(q, p, "more READs and atomics are on the way than were agreed on");
	} else {
		q->expected = (q->expected + a.packets) & PSN_MASK;
		q->msn++;
		q->ack_due = false; /* its answer acknowledges all before it */
	}
}

/* Its answer is lost, or on the way: the READ is executed again, an atomic is not. */
static COLD void take_again(struct roce_qp *q, const struct roce_packet *p)
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
			forbidden(q, &p, a->at, a->bytes, a->key);
		else if (!g->mapped)
			refuse(q, &p, SYN_REMOTE, a->at, a->bytes, a->key, unmapped);
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
	return roce_emit(q, OP_ATOMIC_ACK, a->psn, false, ext, sizeof ext, NULL, 0, 0) ? SENT : NO_ROOM;
}

static uint8_t read_opcode(const struct roce_answer *a)
{
	bool first = a->next == 0, last = a->next == a->packets - 1;
	return first && last ? OP_READ_ONLY : first ? OP_READ_FIRST : last ? OP_READ_LAST : OP_READ_MIDDLE;
}

/* Up to *budget packets. The region is looked for each time: its key may be revoked while a long READ is
 * answered. Whether it is mapped is the IOMMU's to say. */
static enum answered answer_read(struct roce_qp *q, struct roce_answer *a, unsigned *budget)
{
	struct roce_region *g = a->bytes ? roce_reach(q->end, a->key, a->at, a->bytes, ROCE_MAY_READ) : NULL;
	if (UNLIKELY(a->bytes && !g)) {
		struct roce_packet p = {.opcode = OP_READ, .psn = (a->psn + a->next) & PSN_MASK};
		forbidden(q, &p, a->at, a->bytes, a->key);
		return REFUSED;
	}
	uint64_t at = a->at + (uint64_t)a->next * q->mtu;
	uint32_t left = (uint32_t)(a->at + a->bytes - at), bytes;
	uint8_t ext[AETH_BYTES];
	const uint8_t *data = g ? g->memory + (at - g->at) : ext; /* no data are no matter where */
	put_aeth(ext, SYN_ACK, q->msn);
	for (; a->next < a->packets; a->next++, at += bytes, data += bytes, left -= bytes) {
		uint8_t op = read_opcode(a);
		bytes = left < q->mtu ? left : q->mtu;
		if (!*budget || !roce_emit(q, op, a->psn + a->next, false, ext,
					   op == OP_READ_MIDDLE ? 0 : AETH_BYTES, data, at, bytes))
			return NO_ROOM;
		--*budget;
		q->end->counts.bytes_out += bytes;
	}
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
	if (!roce_emit(q, OP_ACK, q->nak ? q->nak_psn : q->expected - 1, false, ext, sizeof ext, NULL, 0, 0))
		return true;
	q->end->counts.acks += !q->nak;
	q->nak = 0;
	q->ack_due = false;
	return false;
}

/* ---- SENDs and WRITEs */

static bool place_send(struct roce_qp *q, const struct roce_packet *p, unsigned f)
{
	if (f & FIRST)
		q->got = 0;
	if (p->bytes > q->inbox_bytes - q->got) {
		invalid(q, p, "the message is longer than the receive buffer");
		return false;
	}
	memcpy(q->inbox + q->got, p->data, p->bytes);
	q->got += p->bytes;
	return true;
}

/* The whole message has to be within what its key allows, and then each packet: the key may be revoked
 * meanwhile. */
static bool place_write(struct roce_qp *q, const struct roce_packet *p, unsigned f)
{
	uint32_t bytes = p->bytes < q->left ? p->bytes : q->left;
	if (f & FIRST) {
		q->write_at = be64(p->ext + RETH_VA);
		q->write_key = be32(p->ext + RETH_KEY);
		bytes = q->left = q->got = be32(p->ext + RETH_LENGTH);
	}
	struct roce_region *g =
		bytes ? roce_reach(q->end, q->write_key, q->write_at, bytes, ROCE_MAY_WRITE) : NULL;
	if (UNLIKELY(bytes && !g)) {
		forbidden(q, p, q->write_at, bytes, q->write_key);
		return false;
	}
	if (UNLIKELY(p->bytes > q->left || (f & LAST && p->bytes != q->left))) {
		invalid(q, p, "its packets are not as long as it said");
		return false;
	}
	if (UNLIKELY(!g))
		return true;
	if (UNLIKELY(!g->mapped)) {
		refuse(q, p, SYN_REMOTE, q->write_at, p->bytes, q->write_key, unmapped);
		return false;
	}
	memcpy(g->memory + (q->write_at - g->at), p->data, p->bytes);
	q->write_at += p->bytes;
	q->left -= p->bytes;
	return true;
}

/* The key that a SEND invalidates, where it stands for one. */
static COLD bool revoke(struct roce_qp *q, const struct roce_packet *p)
{
	uint32_t key = be32(p->ext);
	struct roce_region *g = NULL;
	for (unsigned i = 0; !g && i < ROCE_REGIONS; i++)
		if (q->end->region[i].valid && q->end->region[i].key == key)
			g = &q->end->region[i];
	if (g)
		roce_region_revoke(g);
	else
		refuse(q, p, SYN_ACCESS, 0, 0, key, "it invalidates a key that no region has");
	return g;
}

static NOINLINE void tell(struct roce_qp *q, const struct roce_packet *p, unsigned f)
{
	bool send = KIND(f) == SENDS;
	const uint8_t *immediate = p->ext + (p->opcode == OP_WRITE_ONLY_IMM ? RETH_BYTES : 0);
	struct roce_event e = {.kind = send || f & IMMEDIATE ? ROCE_RECEIVED : ROCE_WRITTEN,
			       .bytes = q->got,
			       .has_immediate = f & IMMEDIATE,
			       .immediate = f & IMMEDIATE ? be32(immediate) : 0};
	roce_tell(q, &e);
}

static void completed(struct roce_qp *q, const struct roce_packet *p, unsigned f)
{
	bool send = KIND(f) == SENDS;
	struct roce_counts *c = &q->end->counts;
	c->sends += send;
	c->writes += !send;
	c->bytes_in += q->got;
	q->msn++;
	q->open = 0;
	if (send || f & IMMEDIATE || q->tells_writes)
		tell(q, p, f);
}

/* Whether a packet may come here and is as long as it has to be; NULL, or why not. */
static const char *out_of_place(const struct roce_qp *q, const struct roce_packet *p, unsigned f)
{
	if (!f)
		return "the opcode is reserved";
	if (f & FIRST && q->open)
		return "the message before it is not complete";
	if (!(f & FIRST) && q->open != KIND(f))
		return "no message of its kind was begun";
	if (p->bytes > q->mtu || (!(f & LAST) && p->bytes != q->mtu))
		return "the packet is not as long as the path MTU";
	if (!(f & FIRST) && !p->bytes)
		return "the packet is empty";
	return NULL;
}

/* Not the PSN that is expected: one that came before, or one behind a gap. */
static COLD void take_other(struct roce_qp *q, const struct roce_packet *p)
{
	if (psn_after(p->psn, q->expected) >= PSN_HALF) {
		take_again(q, p);
	} else if (!q->naked) {
		q->naked = true;
		q->nak = SYN_SEQUENCE;
		q->nak_psn = q->expected;
		q->ack_due = false;
		q->end->counts.sequence_naks++;
	}
}

void roce_take_request(struct roce_qp *q, const struct roce_packet *p)
{
	unsigned f = p->opcode < ARRAY_LEN(about) ? about[p->opcode] : 0;
	if (UNLIKELY(q->failed))
		return;
	if (UNLIKELY(p->psn != q->expected)) {
		take_other(q, p);
		return;
	}
	const char *why = out_of_place(q, p, f);
	if (UNLIKELY(why)) {
		invalid(q, p, why);
		return;
	}
	q->naked = false;
	q->nak = 0;
	if (UNLIKELY(f & CREDIT) && not_ready(q, p))
		return;
	if (KIND(f) >= READS) {
		take_read(q, p);
		return;
	}
	if (!(KIND(f) == SENDS ? place_send(q, p, f) : place_write(q, p, f)))
		return;
	if (f & CREDIT)
		q->credits--;
	q->open = KIND(f);
	if (UNLIKELY(f & INVALIDATE) && !revoke(q, p))
		return;
	q->expected = (p->psn + 1) & PSN_MASK;
	q->ack_due |= f & LAST || p->ack;
	if (f & LAST)
		completed(q, p, f);
}
