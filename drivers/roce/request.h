/* What peers ask for, as the packets come: IBA, chapter 9. SENDs and WRITEs are executed at once; READs and
 * atomics wait for their turn in responder.c. For take.c alone, where every instruction counts. */
#pragma once
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

static bool place_send(struct roce_qp *q, const struct roce_packet *p, unsigned f)
{
	if (f & FIRST)
		q->got = 0;
	if (p->bytes > q->inbox_bytes - q->got) {
		roce_invalid(q, p, "the message is longer than the receive buffer");
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
		roce_forbid(q, p, q->write_at, bytes, q->write_key);
		return false;
	}
	if (UNLIKELY(p->bytes > q->left || (f & LAST && p->bytes != q->left))) {
		roce_invalid(q, p, "its packets are not as long as it said");
		return false;
	}
	if (UNLIKELY(!g))
		return true;
	if (UNLIKELY(!g->mapped)) {
		roce_refuse(q, p, SYN_REMOTE, q->write_at, p->bytes, q->write_key, ROCE_UNMAPPED);
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
		roce_refuse(q, p, SYN_ACCESS, 0, 0, key, "it invalidates a key that no region has");
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
	++*(send ? &c->sends : &c->writes);
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
static COLD void out_of_order(struct roce_qp *q, const struct roce_packet *p)
{
	if (psn_after(p->psn, q->expected) >= PSN_HALF) {
		roce_take_again(q, p);
	} else if (!q->naked) {
		q->naked = true;
		q->nak = SYN_SEQUENCE;
		q->nak_psn = q->expected;
		q->ack_due = false;
		q->end->counts.sequence_naks++;
	}
}

/* The peer asks, with an opcode that is in about[]. */
FAST_INLINE void roce_take_request(struct roce_qp *q, const struct roce_packet *p)
{
	unsigned f = about[p->opcode];
	if (UNLIKELY(q->failed))
		return;
	if (UNLIKELY(p->psn != q->expected)) {
		out_of_order(q, p);
		return;
	}
	const char *why = out_of_place(q, p, f);
	if (UNLIKELY(why)) {
		roce_invalid(q, p, why);
		return;
	}
	q->naked = false;
	q->nak = 0;
	if (UNLIKELY(f & CREDIT) && not_ready(q, p))
		return;
	if (KIND(f) >= READS) {
		roce_take_read(q, p);
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
