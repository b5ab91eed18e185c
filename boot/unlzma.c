/* The format is that of the LZMA specification (draft of 2015, in the public domain), whose names are used
 * here. */
#include "boot/unlzma.h"

#define HEADER     13u /* properties, size of the dictionary, size of the result */
#define STATES     12u
#define POS_STATES 16u
#define LITERAL    0x300u
#define MIN_LEN    2u
#define ALIGN_BITS 4u
#define END_POS    14u /* slots from here on have direct bits */
#define END_MARKER UINT32_MAX

struct lengths {
	uint16_t choice, choice2, low[POS_STATES][8], mid[POS_STATES][8], high[256];
};

struct probs {
	uint16_t is_match[STATES][POS_STATES], is_rep[STATES], is_rep_g0[STATES], is_rep_g1[STATES],
		is_rep_g2[STATES];
	uint16_t is_rep0_long[STATES][POS_STATES];
	uint16_t pos_slot[4][64], pos[115], align[BIT(ALIGN_BITS)];
	struct lengths len, rep_len;
	uint16_t literal[LITERAL << 3];
};
_Static_assert(sizeof(struct probs) == UNLZMA_WORK, "work");

struct decoder {
	struct probs *p;
	struct span in;
	size_t at; /* in in */
	uint32_t range, code;
	uint8_t *out;
	size_t n, room; /* of out */
	uint32_t rep[4];
	unsigned state, lc, lp, pb;
	bool bad;
};

/* ---- the range decoder */

static void normalize(struct decoder *d)
{
	if (d->range >= BIT(24))
		return;
	d->bad |= d->at >= d->in.n;
	d->range <<= 8;
	d->code = d->code << 8 | span_u8(d->in, d->at++);
}

static unsigned bit(struct decoder *d, uint16_t *prob)
{
	uint32_t bound = (d->range >> 11) * *prob;
	unsigned one = d->code >= bound;
	if (one) {
		*prob = (uint16_t)(*prob - (*prob >> 5));
		d->code -= bound;
		d->range -= bound;
	} else {
		*prob = (uint16_t)(*prob + ((2048 - *prob) >> 5));
		d->range = bound;
	}
	normalize(d);
	return one;
}

static uint32_t direct(struct decoder *d, unsigned bits)
{
	uint32_t v = 0;
	for (; bits; bits--) {
		d->range >>= 1;
		bool one = d->code >= d->range;
		d->code -= one ? d->range : 0;
		v = v << 1 | one;
		normalize(d);
	}
	return v;
}

static unsigned tree(struct decoder *d, uint16_t *probs, unsigned bits)
{
	unsigned m = 1;
	for (unsigned i = 0; i < bits; i++)
		m = m << 1 | bit(d, &probs[m]);
	return m - (1u << bits);
}

static unsigned reverse(struct decoder *d, uint16_t *probs, unsigned bits)
{
	unsigned m = 1, v = 0;
	for (unsigned i = 0; i < bits; i++) {
		unsigned b = bit(d, &probs[m]);
		m = m << 1 | b;
		v |= b << i;
	}
	return v;
}

/* ---- what the bits mean */

static unsigned length(struct decoder *d, struct lengths *l, unsigned pos_state)
{
	if (!bit(d, &l->choice))
		return tree(d, l->low[pos_state], 3);
	if (!bit(d, &l->choice2))
		return 8 + tree(d, l->mid[pos_state], 3);
	return 16 + tree(d, l->high, 8);
}

static uint32_t distance(struct decoder *d, unsigned len)
{
	unsigned slot = tree(d, d->p->pos_slot[len < 3 ? len : 3], 6), bits = (slot >> 1) - 1;
	if (slot < 4)
		return slot;
	uint32_t dist = (2 | (slot & 1)) << bits;
	if (slot < END_POS)
		return dist + reverse(d, d->p->pos + (dist - slot), bits);
	dist += direct(d, bits - ALIGN_BITS) << ALIGN_BITS;
	return dist + reverse(d, d->p->align, ALIGN_BITS);
}

static void copy(struct decoder *d, unsigned len)
{
	if (d->rep[0] >= d->n || len > d->room - d->n) {
		d->bad = true;
		return;
	}
	for (; len; len--, d->n++)
		d->out[d->n] = d->out[d->n - d->rep[0] - 1];
}

static void literal(struct decoder *d)
{
	unsigned before = d->n ? d->out[d->n - 1] : 0, symbol = 1;
	unsigned context = (unsigned)(d->n & (BIT(d->lp) - 1)) << d->lc | before >> (8 - d->lc);
	uint16_t *probs = d->p->literal + LITERAL * context;
	if (d->n == d->room || (d->state >= 7 && d->rep[0] >= d->n)) {
		d->bad = true;
		return;
	}
	unsigned match = d->state >= 7 ? d->out[d->n - d->rep[0] - 1] : 0;
	for (bool same = d->state >= 7; symbol < 0x100;) {
		unsigned expected = match >> 7 & 1;
		unsigned b = bit(d, &probs[same ? ((1 + expected) << 8) + symbol : symbol]);
		symbol = symbol << 1 | b;
		same = same && b == expected;
		match <<= 1;
	}
	d->out[d->n++] = (uint8_t)symbol;
	d->state = d->state < 4 ? 0 : d->state < 10 ? d->state - 3 : d->state - 6;
}

/* One of the last four distances; false: a single byte, which is copied. */
static bool choose_rep(struct decoder *d, unsigned pos_state)
{
	unsigned i = 0;
	if (!bit(d, &d->p->is_rep_g0[d->state])) {
		if (!bit(d, &d->p->is_rep0_long[d->state][pos_state])) {
			d->state = d->state < 7 ? 9 : 11;
			copy(d, 1);
			return false;
		}
	} else {
		i = !bit(d, &d->p->is_rep_g1[d->state]) ? 1 : 2 + bit(d, &d->p->is_rep_g2[d->state]);
	}
	uint32_t dist = d->rep[i];
	for (; i; i--)
		d->rep[i] = d->rep[i - 1];
	d->rep[0] = dist;
	return true;
}

/* False at the end marker. */
static bool match(struct decoder *d, unsigned pos_state)
{
	unsigned len;
	if (bit(d, &d->p->is_rep[d->state])) {
		if (!choose_rep(d, pos_state))
			return true;
		len = length(d, &d->p->rep_len, pos_state);
		d->state = d->state < 7 ? 8 : 11;
	} else {
		len = length(d, &d->p->len, pos_state);
		d->state = d->state < 7 ? 7 : 10;
		for (unsigned i = 3; i; i--)
			d->rep[i] = d->rep[i - 1];
		d->rep[0] = distance(d, len);
		if (d->rep[0] == END_MARKER)
			return false;
	}
	copy(d, len + MIN_LEN);
	return true;
}

/* ---- */

static bool properties(struct span file, struct decoder *d)
{
	unsigned v = span_u8(file, 0);
	d->lc = v % 9;
	d->lp = v / 9 % 5;
	d->pb = v / 45;
	return span_has(file, 0, HEADER) && d->pb <= 4 && d->lc + d->lp <= 3;
}

uint64_t unlzma_size(struct span file)
{
	struct decoder d;
	return properties(file, &d) ? span_u64(file, 5) : 0;
}

bool unlzma(struct span file, void *work, uint8_t *out, size_t room)
{
	struct decoder d = {.p = work, .in = span_sub(file, HEADER, file.n), .range = UINT32_MAX, .out = out};
	uint64_t size = unlzma_size(file);
	if (!properties(file, &d) || size > room || !span_has(d.in, 0, 5) || d.in.p[0] != 0)
		return false;
	d.room = (size_t)size;
	for (size_t i = 0; i < sizeof *d.p / sizeof(uint16_t); i++)
		((uint16_t *)work)[i] = 1024;
	for (d.at = 1; d.at < 5; d.at++)
		d.code = d.code << 8 | d.in.p[d.at];
	for (bool more = true; more && !d.bad;) {
		unsigned pos_state = (unsigned)(d.n & (BIT(d.pb) - 1));
		if (!bit(&d, &d.p->is_match[d.state][pos_state]))
			literal(&d);
		else
			more = match(&d, pos_state);
	}
	return !d.bad && d.n == size && d.code == 0;
}
