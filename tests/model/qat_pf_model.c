#include <string.h>
#include "tests/model/qat_pf_model.h"

/* Letters: p power, r into reset, o out of it, M authenticates the public key unit's image, A an engines'
 * one, L loads, S starts, c constants, f features, i init; a arbiter on, m maps valid. A run of one letter is
 * noted once. */
static void note(struct qat_pf_model *m, char what)
{
	size_t n = strlen(m->order);
	if ((!n || m->order[n - 1] != what) && n + 1 < sizeof m->order)
		m->order[n] = what;
}

static void wrong(struct qat_pf_model *m, const char *what)
{
	m->errors++;
	m->last = what;
}

static uint32_t get(const uint8_t *p, unsigned bytes)
{
	uint32_t v = 0;
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint32_t)p[i] << (8 * i);
	return v;
}

static void put(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t pair(const uint8_t *high)
{
	return (uint64_t)get(high, 4) << 32 | get(high + 4, 4);
}

uint64_t qat_pf_model_sum(uint64_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum = (sum ^ p[i]) * 0x100000001b3ull + 1;
	return sum;
}

/* Registers of 4xxx stand where those of C62x do that mean the same; what it has alone, from 3f000 on. */
static uint32_t translate(const struct qat_pf_model *m, bool rings, uint32_t off)
{
	static const uint32_t pairs[][2] = {{0x640938, 0x30a0c}, {0x640964, 0x30a50}, {0x640aa0, 0x30a04},
					    {0x641000, 0x308c0}, {0x641004, 0x308c4}, {0x641014, 0x308cc},
					    {0x641018, 0x308d0}, {0x500574, 0x3a574}, {0x500578, 0x3a578},
					    {0x641008, 0x3f008}, {0x641010, 0x3f010}, {0x50a00c, 0x3f00c},
					    {0x50a028, 0x3f028}, {0x41a218, 0x3f218}};
	if (m->gen == 2)
		return off;
	if (rings)
		return off < 0x10                    ? 0x30000 + off
		       : off >= 0x400 && off < 0x424 ? 0x30180 + off - 0x400
						     : UINT32_MAX;
	for (unsigned i = 0; i < ARRAY_LEN(pairs); i++)
		if (pairs[i][0] == off)
			return pairs[i][1];
	return off >= 0x600000 && off < 0x609000 ? 0x20000 + off - 0x600000
	       : off >= 0x54 && off <= 0x60      ? off
						 : UINT32_MAX;
}

static unsigned key_bytes(const struct qat_pf_model *m)
{
	return m->gen == 2 ? 256 : 384;
}

static uint32_t awake(const struct qat_pf_model *m)
{
	uint32_t up = ~m->reset & m->clocks;
	return m->gen == 2 ? up & 0x3ff
			   : (up & 1 ? 0x0f : 0u) | (up & 4 ? 0xf0 : 0u) | (up & 16 ? 0x100 : 0u);
}

static bool verify(struct qat_pf_model *m)
{
	uint64_t at = (uint64_t)get(m->misc + 0x308d0, 4) << 32 | get(m->misc + 0x308cc, 4);
	const uint8_t *d = m->reach(m->ctx, at, 80);
	if (!d)
		return false;
	uint32_t len = get(d, 4);
	const uint8_t *header = m->reach(m->ctx, pair(d + 8), 128),
		      *body = m->reach(m->ctx, pair(d + 16), len);
	unsigned rsa = key_bytes(m);
	const uint8_t *signature = m->reach(m->ctx, pair(d + 24), rsa),
		      *key = m->reach(m->ctx, pair(d + 32), 2 * rsa);
	if (!header || !body || !signature || !key || get(header + 24, 4) * 4 != 132 + 2 * rsa + len)
		return false;
	for (unsigned i = 0; i < 2 * rsa; i++) /* modulus of one byte, padding, exponent */
		if (key[i] != (i < rsa ? 0x5a : i == 2 * rsa - 4 ? 3 : 0))
			return false;
	uint64_t sum = qat_pf_model_sum(qat_pf_model_sum(0, header, 128), body, len);
	if (memcmp(signature, &sum, sizeof sum))
		return false;
	bool mmp = get(header + 40, 4);
	m->mmp |= mmp;
	m->authentic = mmp ? 0 : get(d + 4, 4) & get(body + 16, 4);
	note(m, mmp ? 'M' : 'A');
	if (mmp ? pair(d + 56) != pair(d + 16)
		: !m->authentic || pair(d + 40) != pair(d + 16) || pair(d + 48) != pair(d + 16) + 552 ||
			    pair(d + 56) != pair(d + 16) + 952)
		return false;
	/* An engine reads all of its memory, whatever the image has. */
	return mmp || m->reach(m->ctx, pair(d + 56), 0x20000);
}

static void load(struct qat_pf_model *m)
{
	bool one = m->command & 0x10;
	uint32_t these = one ? 1u << (m->command >> 8 & 31) : m->gen == 4 ? get(m->misc + 0x3f008, 4) : 0;
	if (!these || these & ~m->authentic || these & ~awake(m) || these & m->running ||
	    (m->gen == 4 && one != (these == 0x100)))
		wrong(m, "load");
	for (unsigned ae = 0; ae < QAT_PF_MODEL_ENGINES; ae++)
		if (these >> ae & 1 && m->contexts[ae] != 0xff)
			wrong(m, "an engine as reset has left it");
	if (m->load_fails && these & 8) {
		m->fcu = (m->fcu & ~7u) | 4;
		return;
	}
	m->loaded |= these;
	m->fcu = (m->fcu & ~7u) | 2 | (m->gen == 2 ? these << 22 : 0);
	put(m->misc + 0x3f010, m->loaded);
	note(m, 'L');
}

static void fcu(struct qat_pf_model *m)
{
	switch (m->command & 15) {
	case 1:
		m->fcu = (m->fcu & ~7u) | (verify(m) ? 0x101 : 3);
		break;
	case 2:
		load(m);
		break;
	case 3:
		if (m->never_starts)
			break;
		m->running = m->loaded;
		m->fcu |= 0x200;
		note(m, 'S');
		break;
	}
	m->command = 0;
}

static void answer(struct qat_pf_model *m, unsigned ae)
{
	uint64_t area = (uint64_t)get(m->misc + 0x3a574, 4) << 32 | get(m->misc + 0x3a578, 4);
	uint8_t *q = m->reach(m->ctx, area + 64 * ae, 64);
	if (!q || !(m->running >> ae & 1)) {
		wrong(m, "a message to an engine that does not run");
		return;
	}
	if (m->silent >> ae & 1)
		return;
	bool good = !(m->sick >> ae & 1);
	if (q[3] == 3) {
		uint64_t at = get(q + 16, 4) | (uint64_t)get(q + 20, 4) << 32;
		const uint8_t *table = m->reach(m->ctx, at, 1024);
		good &= get(q, 2) == 1024 && table && table[0x48] == 1;
		good &= m->gen == 2 || ae == 8;
		m->constants |= good ? 1u << ae : 0;
		note(m, 'c');
	} else if (q[3] == 9) {
		good &= m->gen == 2 || ae != 8;
		note(m, 'f');
	} else if (q[3] == 0) {
		good &= m->constants >> (m->gen == 2 ? ae : 8) & 1;
		m->ready |= good ? 1u << ae : 0;
		note(m, 'i');
	} else {
		wrong(m, "a message that is not known");
	}
	memset(q + 32, 0, 32);
	q[32 + 2] = !good;
	q[32 + 3] = q[3];
	put(q + 32 + 4, q[32 + 3] != 9 ? 0x5500 : ae == 9 ? 0x80 : 1); /* of others it is not features */
	put(m->misc + 0x20970 + 0x1000 * ae, 0);
}

uint32_t qat_pf_model_rd(struct qat_pf_model *m, bool rings, uint32_t off)
{
	if (m->gone)
		return UINT32_MAX;
	off = translate(m, rings, off);
	if (off >= sizeof m->misc) {
		wrong(m, "an address");
		return 0;
	}
	if (rings)
		return get(m->rings + off, 4);
	if (off == 0x3f00c)
		return m->powered ? 1u << 21 : 0;
	if (off == 0x30a0c)
		return m->reset;
	if (off == 0x30a50)
		return m->clocks;
	if (off == 0x308c4) {
		if (m->command && m->now < m->since + 5000)
			return m->fcu; /* it has not got round to it */
		if (m->command && !m->mute && ++m->wait > 3)
			fcu(m);
		return m->command && (m->command & 15) != 3 ? (m->fcu & ~7u) | 5 : m->fcu;
	}
	unsigned ae = (off - 0x20000) / 0x1000;
	if (off < 0x20000 || ae >= QAT_PF_MODEL_ENGINES)
		return get(m->misc + off, 4);
	off %= 0x1000;
	if (off == 0x970) {
		if (get(m->misc + 0x20970 + 0x1000 * ae, 4))
			answer(m, ae);
	} else if (!(awake(m) >> ae & 1)) {
		return 0;
	} else if (off == 0x944) {
		m->cycles += m->dead >> ae & 1 ? 0 : 0x3100;
		return m->cycles & 0xffff;
	} else if (off == 0x980) {
		if (m->slow)
			m->slow--;
		return m->busy >> ae & 1 || m->slow;
	} else if (off == 0x844) {
		return (m->running | m->runs) >> ae & 1 ? 1u << 31 : 0;
	} else if (off == 0x818 && m->ready_to_run >> ae & 1) {
		return 1u << 15;
	}
	return get(m->misc + 0x20000 + 0x1000 * ae + off, 4);
}

static void engine_wr(struct qat_pf_model *m, unsigned ae, uint32_t off)
{
	const uint8_t *csr = m->misc + 0x20800 + 0x1000 * ae;
	if (!(awake(m) >> ae & 1))
		wrong(m, "a write to an engine in reset");
	if (off == 0x840)
		m->contexts[ae] |= 1u << (get(csr + 0x20, 4) & 7);
}

void qat_pf_model_wr(struct qat_pf_model *m, bool rings, uint32_t off, uint32_t v)
{
	off = translate(m, rings, off);
	if (off % 4 || off >= sizeof m->misc || m->gone) {
		wrong(m, "an address");
		return;
	}
	put((rings ? m->rings : m->misc) + off, v);
	unsigned ae = (off - 0x20000) / 0x1000;
	if (rings) {
		if (off == 0x3000c && v)
			note(m, 'a');
	} else if (off == 0x3f028 && v & 1u << 20) {
		m->powered = !m->asleep;
		note(m, 'p');
	} else if (off == 0x30a0c) {
		if (!m->powered && v != (m->gen == 2 ? 0x1f003ff : 0x100015))
			wrong(m, "out of reset without power");
		m->reset = m->stuck ? v | 0x200 : v;
		note(m, v & 0x3ff ? 'r' : 'o');
		if (v & 0x3ff)
			m->fcu = m->loaded = m->running = m->ready = m->constants = 0;
	} else if (off == 0x30a50) {
		m->clocks = v;
	} else if (off == 0x308c0) {
		if (m->command)
			wrong(m, "a command while one is under way");
		m->command = v;
		m->wait = 0;
		m->since = m->now;
	} else if (off == 0x3a734 && v & 0x80) {
		note(m, 'm');
	} else if (off >= 0x20000 && ae < QAT_PF_MODEL_ENGINES && off % 0x1000 != 0x970) {
		engine_wr(m, ae, off % 0x1000);
	}
}

static bool is_mapped(const struct qat_pf_model *m, unsigned ae, unsigned thread)
{
	return m->gen == 4 || (get(m->misc + 0x3a590 + 4 * (8 * ae + thread), 4) & 0x80 &&
			       get(m->misc + 0x3a710 + 4 * ae, 4) & 0x80);
}

bool qat_pf_model_serves(const struct qat_pf_model *m, unsigned pair)
{
	if (get(m->rings + 0x30000 + 4 * pair, 4) != 0x80000041 || (m->gen == 2 && pair == 0 && !m->mmp))
		return false;
	for (unsigned ae = 0; ae < QAT_PF_MODEL_ENGINES; ae++)
		for (unsigned t = 0; t < 8; t++)
			if (m->ready >> ae & 1 &&
			    ~m->reset & m->clocks & 1u << (20 + (m->gen == 2 ? ae / 2 : 0)) &&
			    get(m->rings + 0x30180 + 4 * ae, 4) >> 4 * t >> pair & 1 && is_mapped(m, ae, t))
				return true;
	return false;
}

void qat_pf_model_init(struct qat_pf_model *m, unsigned gen, void *(*reach)(void *, uint64_t, uint64_t),
		       void *ctx)
{
	memset(m, 0, sizeof *m);
	m->gen = gen;
	m->reach = reach;
	m->ctx = ctx;
	m->powered = gen == 2;
	m->reset = gen == 2 ? 0x1f003ff : 0x100015;
}
