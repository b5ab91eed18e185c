// What one descriptor does, page by page, so that it can stop at a fault and go on there.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "dsa.h"

/* Words of a descriptor. */
enum { SRC = 2, DST = 3, SIZE = 4, SECOND = 5, SEED_AT = 6, MASK = 7 };

struct step {
	struct job *j;
	struct desc *q;
	struct record *rec;
	uint32_t len; /* of this step: no operand crosses a page in it */
	uint64_t off;
};

static bool get(struct step *s, uint64_t base, void *to)
{
	if (dsa_dma(s->j->d, s->j->pasid, base + s->off, to, s->len, false, s->j->fault, &s->rec->fault))
		return true;
	s->rec->status = PAGE_FAULT;
	return false;
}

static bool put(struct step *s, uint64_t base, void *from)
{
	if (s->j->fault == FAULT_FLIP)
		((uint8_t *)from)[s->len / 2] ^= 1;
	if (dsa_dma(s->j->d, s->j->pasid, base + s->off, from, s->len, true, s->j->fault, &s->rec->fault))
		return true;
	s->rec->status = PAGE_FAULT | STATUS_WRITE;
	return false;
}

/* CRC-32C (RFC 3720), reflected, without the inversions before and after. */
static uint32_t crc32c(uint32_t crc, const uint8_t *p, size_t n)
{
	static uint32_t table[256];
	if (!table[1])
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t v = i;
			for (int k = 0; k < 8; k++)
				v = v >> 1 ^ (v & 1 ? 0x82f63b78u : 0);
			table[i] = v;
		}
	while (n--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return crc;
}

/* True: all equal so far. */
static bool compare(struct step *s, const uint8_t *a, const uint8_t *b)
{
	for (uint32_t i = 0; i < s->len; i++)
		if (a[i] != b[i]) {
			s->rec->result = 1;
			s->rec->bytes = (uint32_t)s->off + i;
			return false;
		}
	return true;
}

static void pattern(const struct step *s, unsigned word, uint8_t *to)
{
	for (uint32_t i = 0; i < s->len; i++)
		to[i] = (uint8_t)(s->q->word[word] >> (s->off + i) % 8 * 8);
}

enum go { GO_ON, GO_END, GO_FAULT };

static enum go step_done(bool good)
{
	return good ? GO_ON : GO_FAULT;
}

static enum go step_delta(struct step *s, const uint8_t *a, const uint8_t *b)
{
	enum delta how = delta_add(s->j, s->q, s->off, a, b, s->len, s->rec);
	s->rec->result = how == DELTA_FULL ? 2 : s->q->delta != 0;
	if (how == DELTA_FAULT)
		s->rec->status = PAGE_FAULT | STATUS_WRITE;
	return how == DELTA_ALL ? GO_ON : how == DELTA_FULL ? GO_END : GO_FAULT;
}

static enum go step(struct step *s)
{
	uint8_t a[PAGE], b[PAGE];
	const uint64_t *w = s->q->word;
	switch (desc_op(s->q)) {
	case OP_MOVE:
		return step_done(get(s, w[SRC], a) && put(s, w[DST], a));
	case OP_FILL:
		pattern(s, SRC, a);
		return step_done(put(s, w[DST], a));
	case OP_COMPARE:
		if (!get(s, w[SRC], a) || !get(s, w[DST], b))
			return GO_FAULT;
		return compare(s, a, b) ? GO_ON : GO_END;
	case OP_COMPARE_PATTERN:
		if (!get(s, w[SRC], a))
			return GO_FAULT;
		pattern(s, DST, b);
		return compare(s, a, b) ? GO_ON : GO_END;
	case OP_DELTA:
		if (!get(s, w[SRC], a) || !get(s, w[DST], b))
			return GO_FAULT;
		return step_delta(s, a, b);
	case OP_DUALCAST:
		if (!get(s, w[SRC], a))
			return GO_FAULT;
		memcpy(b, a, s->len);
		return step_done(put(s, w[DST], a) && put(s, w[SECOND], b));
	case OP_CRC:
	case OP_COPY_CRC:
		if (!get(s, w[SRC], a))
			return GO_FAULT;
		memcpy(b, a, s->len);
		if (desc_op(s->q) == OP_COPY_CRC && !put(s, w[DST], b))
			return GO_FAULT;
		s->q->crc = crc32c(s->q->crc, a, s->len);
		return GO_ON;
	default: /* a flush: caches of the model have nothing of their own */
		return GO_ON;
	}
}

/* The operands that are addresses, as a mask of words; and whether the size is of use. */
static uint32_t addresses(unsigned op)
{
	switch (op) {
	case OP_MOVE:
	case OP_COMPARE:
	case OP_COPY_CRC:
	case OP_DELTA:
	case OP_APPLY:
		return 1u << SRC | 1u << DST;
	case OP_DUALCAST:
		return 1u << SRC | 1u << DST | 1u << SECOND;
	case OP_FILL:
	case OP_FLUSH:
		return 1u << DST;
	case OP_COMPARE_PATTERN:
	case OP_CRC:
		return 1u << SRC;
	default:
		return 0;
	}
}

/* How far from off, or down from off, every operand stays in its page. */
static uint32_t within_pages(const struct desc *q, uint64_t off, uint64_t rest, bool down)
{
	for (unsigned i = SRC; i <= SECOND; i++) {
		if (!(addresses(desc_op(q)) >> i & 1))
			continue;
		uint64_t at = (q->word[i] + off) & (PAGE - 1);
		uint64_t n = down ? (at ? at : PAGE) : PAGE - at;
		rest = n < rest ? n : rest;
	}
	return (uint32_t)rest;
}

static bool overlaps(const struct desc *q, uint32_t len)
{
	return q->word[SRC] < q->word[DST] + len && q->word[DST] < q->word[SRC] + len;
}

/* 0, or the status of a descriptor that is wrong in itself. */
static uint8_t refuse(struct dsa *d, const struct job *j, const struct desc *q, struct record *rec)
{
	uint32_t flags = desc_flags(q), len = (uint32_t)q->word[SIZE], mode = wqcfg(d, j->wq)[WQ_MODE];
	unsigned op = desc_op(q);
	if (op != OP_NOOP && op != OP_DRAIN && !addresses(op))
		return BAD_OPCODE;
	bool crc = op == OP_CRC || op == OP_COPY_CRC;
	uint32_t bad = flags & (FLAGS_RESERVED | (FLAGS_OF_OPERATION & ~(crc ? FLAG_SEED : 0u)));
	if (!(mode & WQ_BOF) && flags & FLAG_BOF)
		bad |= FLAG_BOF;
	if (bad) {
		rec->value = bad;
		return BAD_FLAGS;
	}
	if (addresses(op) && (!len || len > 1u << (wqcfg(d, j->wq)[WQ_LIMITS] & 31)))
		return BAD_SIZE;
	if (q->word[SIZE] >> 48 ||
	    ((op == OP_MOVE || op == OP_FILL) && (q->word[5] | q->word[6] | q->word[7])))
		return NONZERO_RESERVED;
	if (op == OP_DUALCAST && (q->word[DST] ^ q->word[SECOND]) & (PAGE - 1))
		return BAD_DUALCAST;
	if (op == OP_COPY_CRC && overlaps(q, len))
		return OVERLAP;
	return op == OP_DELTA || op == OP_APPLY ? delta_refuse(q) : 0;
}

/* The seed of a CRC: in the descriptor or in memory. */
static bool seed(struct step *s)
{
	uint32_t v = (uint32_t)s->q->word[SECOND];
	s->len = sizeof v;
	s->off = 0;
	if (desc_flags(s->q) & FLAG_SEED && !get(s, s->q->word[SEED_AT], &v))
		return false;
	s->q->crc = ~v;
	return true;
}

static void finish(struct step *s, unsigned op)
{
	struct record *rec = s->rec;
	rec->status = SUCCESS;
	if (op == OP_CRC || op == OP_COPY_CRC)
		rec->value = ~s->q->crc ^ (s->j->fault == FAULT_FLIP && op == OP_CRC ? 1 : 0);
	if (op == OP_COMPARE || op == OP_COMPARE_PATTERN) {
		rec->result ^= s->j->fault == FAULT_FLIP;
		if (desc_flags(s->q) & FLAG_CHECK && rec->result != (uint8_t)s->q->word[SECOND])
			rec->status = SUCCESS_PREDICATE;
	}
	if (op == OP_DELTA) {
		rec->value = s->q->delta;
		if (desc_flags(s->q) & FLAG_CHECK && !(s->q->word[MASK] >> rec->result & 1))
			rec->status = SUCCESS_PREDICATE;
	}
}

enum result operation_run(struct job *j, struct desc *q, struct record *rec)
{
	unsigned op = desc_op(q);
	uint32_t len = addresses(op) ? (uint32_t)q->word[SIZE] : 0;
	struct step s = {.j = j, .q = q, .rec = rec};
	*rec = (struct record){0};
	rec->status = refuse(j->d, j, q, rec);
	if (rec->status)
		return RESULT_DONE;
	if (!q->began && (op == OP_CRC || op == OP_COPY_CRC) && !seed(&s))
		return RESULT_FAULT;
	q->began = true;
	if (op == OP_APPLY)
		return delta_apply(j, q, rec);
	/* From the end down where the destination lies behind the source. */
	bool down = op == OP_MOVE && overlaps(q, len) && q->word[DST] > q->word[SRC];
	rec->result = down;
	while (q->off < len) {
		s.len = within_pages(q, down ? len - q->off : q->off, len - q->off, down);
		s.off = down ? len - q->off - s.len : q->off;
		enum go how = step(&s);
		if (how == GO_FAULT) {
			rec->bytes = (uint32_t)q->off;
			return RESULT_FAULT;
		}
		if (how == GO_END)
			break;
		q->off += s.len;
	}
	finish(&s, op);
	return RESULT_DONE;
}
