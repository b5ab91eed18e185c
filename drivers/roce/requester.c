/* What we ask of peers: IBA, chapter 9. Packets of all work requests in order, until their
 * acknowledgements stay away or something is missing: then again from there. */
#include "drivers/roce/sides.h"
#include "kernel/str.h"

#define WINDOW  64u /* packets without an acknowledgement */
#define ASK     16u /* an acknowledgement is asked for after so many packets, and of each message's last */
#define RETRIES 7u

/* It has an answer with data, and not only an acknowledgement. */
static bool is_answered(const struct roce_work *k)
{
	return k->kind >= ROCE_READ;
}

static bool is_atomic(const struct roce_work *k)
{
	return k->kind >= ROCE_FETCH_ADD;
}

/* What nobody could execute. */
static bool is_bad(const struct roce_work *k)
{
	bool place = k->region && k->offset <= k->region->bytes && k->bytes <= k->region->bytes - k->offset;
	if (is_answered(k) && (k->message || k->with))
		return true;
	if (is_atomic(k) && (k->bytes != sizeof(uint64_t) || k->at & 7))
		return true;
	return k->bytes > INT32_MAX || (k->message && k->bytes > ROCE_INLINE) || (k->region && !place) ||
	       (k->bytes && !k->message && !k->region) ||
	       (k->kind == ROCE_WRITE && k->with == ROCE_INVALIDATE);
}

static struct roce_request *at(struct roce_qp *q, uint32_t i)
{
	return &q->request[i % ROCE_WORKS];
}

/* The codes of the RNR timer, in units of 10 us. */
static uint64_t rnr_us(unsigned code)
{
	static const uint32_t units[] = {65536, 1,    2,    3,     4,     6,     8,     12,
					 16,    24,   32,   48,    64,    96,    128,   192,
					 256,   384,  512,  768,   1024,  1536,  2048,  3072,
					 4096,  6144, 8192, 12288, 16384, 24576, 32768, 49152};
	return units[code] * 10ull;
}

enum sl_err roce_post(struct roce_qp *qp, const struct roce_work *work)
{
	if (qp->failed || qp->state != ROCE_CONNECTED)
		return SL_DEVICE;
	if (is_bad(work))
		return SL_BADVAL;
	if (qp->tail - qp->head == ROCE_WORKS)
		return SL_NOSPACE;
	struct roce_request *w = at(qp, qp->tail++);
	*w = (struct roce_request){
		.work = *work, .psn = qp->next_psn, .packets = packets_of(work->bytes, qp->mtu)};
	if (work->message)
		memcpy(w->message, work->message, work->bytes);
	qp->next_psn = (qp->next_psn + w->packets) & PSN_MASK;
	roce_busy(qp);
	return SL_OK;
}

/* The oldest work request. */
static void done(struct roce_qp *q, uint8_t status)
{
	const struct roce_work *k = &at(q, q->head++)->work;
	struct roce_event e = {.kind = ROCE_DONE, .bytes = k->bytes, .status = status, .tag = k->tag};
	roce_tell(q, &e);
}

void roce_fail(struct roce_qp *q, uint8_t status)
{
	q->failed = true;
	q->timer = q->wait_until = 0;
	while (q->head != q->tail)
		done(q, status);
	q->current = q->tail;
}

/* ---- sending */

/* Of packet i of a message. */
static uint8_t opcode_of(const struct roce_work *k, bool first, bool last)
{
	uint8_t base = k->kind == ROCE_WRITE ? OP_WRITE_FIRST : OP_SEND_FIRST;
	if (!last)
		return (uint8_t)(base + (first ? OP_SEND_FIRST : OP_SEND_MIDDLE));
	if (k->with == ROCE_INVALIDATE)
		return first ? OP_SEND_ONLY_INV : OP_SEND_LAST_INV;
	return (uint8_t)(base + (first ? OP_SEND_ONLY : OP_SEND_LAST) + (k->with == ROCE_IMMEDIATE));
}

static uint32_t put_reth(uint8_t *reth, const struct roce_work *k, uint32_t done)
{
	put_be64(reth + RETH_VA, k->at + done);
	put_be32(reth + RETH_KEY, k->key);
	put_be32(reth + RETH_LENGTH, k->bytes - done);
	return RETH_BYTES;
}

static bool send_packet(struct roce_qp *q, struct roce_request *w)
{
	uint8_t ext[RETH_BYTES + IMM_BYTES];
	const struct roce_work *k = &w->work;
	uint32_t i = q->packet, off = i * q->mtu, n = k->bytes - off, more = 0;
	bool first = i == 0, last = i == w->packets - 1;
	uint32_t psn = (w->psn + i) & PSN_MASK;
	uint8_t op = opcode_of(k, first, last);
	if (k->kind == ROCE_WRITE && first)
		more = put_reth(ext, k, 0);
	if (last && k->with) {
		put_be32(ext + more, k->extra);
		more += IMM_BYTES;
	}
	if (k->message)
		return roce_emit_message(q, op, psn, ext, more, w->message, k->bytes);
	const uint8_t *data = k->region ? k->region->memory + k->offset + off : NULL;
	return roce_emit(q, op, psn, last || i % ASK == ASK - 1, ext, more, data,
			 k->region ? k->region->at + k->offset + off : 0, n < q->mtu ? n : q->mtu);
}

/* An atomic; of a READ what has not come. */
static bool send_question(struct roce_qp *q, const struct roce_request *w)
{
	const struct roce_work *k = &w->work;
	uint8_t ext[ATOMIC_BYTES];
	uint32_t more = put_reth(ext, k, w->got);
	if (is_atomic(k)) { /* its header has address and key in the same places */
		put_be64(ext + ATOMIC_SWAP, k->swap);
		put_be64(ext + ATOMIC_CMP, k->compare);
		more = ATOMIC_BYTES;
	}
	uint8_t op = k->kind == ROCE_FETCH_ADD  ? OP_FETCH_ADD
		     : k->kind == ROCE_CMP_SWAP ? OP_CMP_SWAP
						: OP_READ;
	return roce_emit_bare(q, op, w->psn + w->got / q->mtu, true, ext, more);
}

/* READs and atomics that wait for their answers: as many as the peer allows. */
static bool may_read(struct roce_qp *q)
{
	unsigned n = 0;
	for (uint32_t i = q->head; i != q->current; i++)
		n += is_answered(&at(q, i)->work);
	return n < (q->depth ? q->depth : 1u);
}

/* Sends again from that PSN on, if not from one before it: a READ there may be asked for again already. */
static void rewind(struct roce_qp *q, uint32_t psn)
{
	for (uint32_t i = q->head; i != q->tail; i++) {
		struct roce_request *w = at(q, i);
		uint32_t d = psn_after(psn, w->psn);
		if (d >= w->packets)
			continue;
		if ((int32_t)(i - q->current) < 0 || (i == q->current && d < q->packet)) {
			q->current = i;
			q->packet = d; /* an answered one has one question, wherever it goes on */
			q->end->counts.repeats++;
		}
		return;
	}
}

/* No answer in time. */
static void again(struct roce_qp *q)
{
	if (q->retries++ == RETRIES) {
		roce_fail(q, ROCE_NO_ANSWER);
		return;
	}
	rewind(q, q->acked_psn);
	q->rewound = false;
	q->timer = q->end->now + q->ack_us;
}

bool roce_request_more(struct roce_qp *q)
{
	if (q->wait_until && q->end->now < q->wait_until)
		return false;
	q->wait_until = 0;
	if (q->timer && q->end->now > q->timer)
		again(q);
	while (!q->failed && q->current != q->tail) {
		struct roce_request *w = at(q, q->current);
		bool read = is_answered(&w->work);
		uint32_t psn = w->psn + (read ? w->got / q->mtu : q->packet);
		if (psn_after(psn, q->acked_psn) >= WINDOW || (read && !may_read(q)))
			return false;
		if (!(read ? send_question(q, w) : send_packet(q, w)))
			return true;
		if (!q->timer)
			q->timer = q->end->now + q->ack_us;
		if (read || ++q->packet == w->packets) {
			q->current++;
			q->packet = 0;
		}
	}
	return false;
}

/* ---- answers */

static void progress(struct roce_qp *q)
{
	q->retries = 0;
	q->rewound = false;
	q->timer = q->head == q->tail ? 0 : q->end->now + q->ack_us;
}

/* Everything before that PSN has been executed. A READ or an atomic among it whose answer is missing is asked
 * for again, once: its gap is a NAK (IBA: implied NAK). */
static void acked(struct roce_qp *q, uint32_t before)
{
	while (q->head != q->tail) {
		struct roce_request *w = at(q, q->head);
		uint32_t d = psn_after(before, w->psn);
		if (d >= PSN_HALF || !d)
			break;
		if (is_answered(&w->work) && w->got < w->work.bytes) {
			if (!q->rewound)
				rewind(q, w->psn);
			q->rewound = true;
			return;
		}
		if (d < w->packets) {
			if (q->current == q->head && q->packet < d) /* it was to be sent again */
				q->packet = d;
			q->acked_psn = before;
			progress(q);
			return;
		}
		if (q->current == q->head) { /* it was to be sent again */
			q->current++;
			q->packet = 0;
		}
		q->acked_psn = (w->psn + w->packets) & PSN_MASK;
		done(q, 0);
		progress(q);
	}
}

/* What an answer brings, into the work request's memory. False: it is not as long as it has to be. */
static bool keep(struct roce_qp *q, struct roce_request *w, const struct roce_packet *p)
{
	const struct roce_work *k = &w->work;
	uint32_t left = k->bytes - w->got, want = left < q->mtu ? left : q->mtu;
	uint8_t *to = want ? k->region->memory + k->offset + w->got : NULL;
	uint64_t old = be64(p->ext + AETH_BYTES);
	if (p->bytes != (is_atomic(k) ? 0 : want))
		return false;
	if (want)
		memcpy(to, is_atomic(k) ? (const uint8_t *)&old : p->data, want);
	w->got += want;
	return true;
}

static void take_data(struct roce_qp *q, const struct roce_packet *p)
{
	struct roce_request *w = NULL;
	uint32_t i = q->head, d = 0;
	for (; i != q->tail; i++) {
		w = at(q, i);
		d = psn_after(p->psn, w->psn);
		if (d < w->packets)
			break;
	}
	if (i == q->tail || !is_answered(&w->work) || is_atomic(&w->work) != (p->opcode == OP_ATOMIC_ACK))
		return;
	acked(q, w->psn);
	if (q->head != i)
		return; /* another READ's answer is missing before it */
	if (d * q->mtu > w->got && !q->rewound) {
		rewind(q, w->psn);
		q->rewound = true;
	}
	if (d * q->mtu != w->got)
		return;
	if (!keep(q, w, p)) {
		roce_fail(q, SYN_INVALID);
		return;
	}
	q->acked_psn = (p->psn + 1) & PSN_MASK;
	progress(q);
	if (w->got == w->work.bytes)
		acked(q, (w->psn + w->packets) & PSN_MASK);
}

void roce_take_answer(struct roce_qp *q, const struct roce_packet *p)
{
	uint8_t syndrome = p->opcode == OP_READ_MIDDLE ? SYN_ACK : p->ext[0];
	if (q->failed || q->head == q->tail)
		return;
	/* Not of what was asked: an old one, or none of this connection's. */
	uint32_t first = at(q, q->head)->psn;
	if (psn_after(p->psn, first) >= psn_after(q->next_psn, first))
		return;
	switch (SYN_KIND(syndrome)) {
	case KIND_ACK:
		if (p->opcode == OP_ACK)
			acked(q, (p->psn + 1) & PSN_MASK);
		else
			take_data(q, p);
		return;
	case KIND_RNR:
		acked(q, p->psn);
		rewind(q, p->psn);
		q->wait_until = q->end->now + rnr_us(syndrome & 31);
		q->timer = q->wait_until + q->ack_us;
		return;
	case KIND_NAK:
		acked(q, p->psn);
		if (syndrome == SYN_SEQUENCE)
			rewind(q, p->psn);
		else
			roce_fail(q, syndrome);
		return;
	default:
		return;
	}
}
