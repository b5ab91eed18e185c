#include <assert.h>
#include <string.h>
#include "kernel/inflate.h"
#include "drivers/crypto/aes.h"
#include "drivers/crypto/sha.h"
#include "tests/model/qat_model.h"

static uint64_t get(const void *p, unsigned off, unsigned bytes)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)((const uint8_t *)p)[off + i] << (8 * i);
	return v;
}

static void put(void *p, unsigned off, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		((uint8_t *)p)[off + i] = (uint8_t)(v >> (8 * i));
}

/* --- decryption of a block, which the driver's side does not have */

static uint8_t times(uint8_t a, uint8_t b)
{
	uint8_t r = 0;
	for (; b; b >>= 1, a = (uint8_t)(a << 1 ^ (a >> 7) * 0x1b))
		r ^= b & 1 ? a : 0;
	return r;
}

static uint8_t inverse_sbox(uint8_t v)
{
	uint8_t x = (uint8_t)((v << 1 | v >> 7) ^ (v << 3 | v >> 5) ^ (v << 6 | v >> 2) ^ 5), r = 1;
	for (unsigned i = 0; i < 254; i++) /* x^254 is 1/x */
		r = times(r, x);
	return r;
}

static void decrypt_block(const struct aes *a, const uint8_t in[16], uint8_t out[16])
{
	static uint8_t inverse[256];
	static bool made;
	for (unsigned i = 0; i < 256 && !made; i++)
		inverse[i] = inverse_sbox((uint8_t)i);
	made = true;
	uint8_t s[16], t[16];
	memcpy(s, in, 16);
	for (unsigned r = a->rounds + 1; r-- > 0;) {
		for (unsigned i = 0; i < 16; i++)
			s[i] ^= (uint8_t)(a->round_key[4 * r + i / 4] >> 8 * (i % 4));
		if (!r)
			break;
		for (unsigned i = 0; i < 16 && r < a->rounds; i++) {
			const uint8_t *c = s + i / 4 * 4;
			unsigned k = i % 4;
			t[i] = times(c[k], 14) ^ times(c[(k + 1) % 4], 11) ^ times(c[(k + 2) % 4], 13) ^
			       times(c[(k + 3) % 4], 9);
		}
		if (r < a->rounds)
			memcpy(s, t, 16);
		for (unsigned i = 0; i < 16; i++)
			t[(i + 4 * (i % 4)) % 16] = inverse[s[i]];
		memcpy(s, t, 16);
	}
	memcpy(out, s, 16);
}

/* --- what a request asks for */

struct work {
	struct qat_model *m;
	const uint8_t *q; /* the request */
	uint8_t *src, *dst, *cd;
	unsigned status, error;
	uint32_t consumed, produced;
	uint8_t *digest; /* that was written, digest_len bytes; and so to dst */
	uint32_t digest_len, dst_len;
};

static uint8_t *at(const struct work *w, uint64_t iova, uint64_t len, bool write)
{
	return len ? w->m->reach(w->m->ctx, iova, len, write) : NULL;
}

static void refuse(struct work *w)
{
	w->status = 0x80;
}

static uint8_t sbox(uint8_t v)
{
	for (unsigned x = 0; x < 256; x++)
		if (inverse_sbox((uint8_t)x) == v)
			return (uint8_t)x;
	return 0;
}

/* The key whose schedule ends in last: FIPS 197 §5.2 backwards, each word from the one that is nk before it.
 */
static void first_key(const uint8_t *last, unsigned key_len, uint8_t *key)
{
	uint8_t w[60][4];
	unsigned nk = key_len / 4, end = 4 * (nk + 7);
	memcpy(w[end - 4], last, 16);
	if (nk == 8)
		memcpy(w[end - 8], last + 16, 16);
	for (unsigned i = end; i-- > nk;)
		for (unsigned b = 0; b < 4; b++) {
			uint8_t t = w[i - 1][b], rcon = 1;
			for (unsigned n = 1; n < i / nk; n++)
				rcon = times(rcon, 2);
			if (i % nk == 0)
				t = sbox(w[i - 1][(b + 1) % 4]) ^ (b ? 0 : rcon);
			else if (nk == 8 && i % 8 == 4)
				t = sbox(t);
			w[i - nk][b] = w[i][b] ^ t;
		}
	memcpy(key, w, key_len);
}

/* Gen2: both keys stand one after another, and decrypting is told by the forward key. UCS: one key, to
 * decrypt the last of its schedule, and a tweak that is encrypted already. */
static void xts(struct work *w, const uint8_t *given, unsigned key_len, bool back, bool ucs,
		const uint8_t *from, uint32_t len)
{
	struct aes a, b;
	uint8_t t[16], x[16], key[32];
	if (len % 16 || key_len == 24 || w->q[0x6d] * 8u != (ucs ? 1 : 2) * key_len) {
		refuse(w);
		return;
	}
	memcpy(key, given, key_len);
	if (ucs && back)
		first_key(given, key_len, key);
	memcpy(t, w->q + 0x40, 16);
	assert(aes_init(&a, key, key_len) == SL_OK);
	if (!ucs) {
		assert(aes_init(&b, given + key_len, key_len) == SL_OK);
		aes_block(&b, t, t);
	}
	for (uint32_t i = 0; i < len; i += 16) {
		for (unsigned k = 0; k < 16; k++)
			x[k] = from[i + k] ^ t[k];
		if (back)
			decrypt_block(&a, x, x);
		else
			aes_block(&a, x, x);
		unsigned carry = 0;
		for (unsigned k = 0; k < 16; k++) {
			w->dst[i + k] = x[k] ^ t[k];
			carry |= (unsigned)t[k] << 1;
			t[k] = (uint8_t)carry;
			carry >>= 8;
		}
		t[0] ^= carry ? 0x87 : 0;
	}
}

static void cipher(struct work *w, uint8_t tag[16], bool *has_tag, const uint8_t *from)
{
	const uint8_t *q = w->q, *block = w->cd + 8 * q[0x6e];
	bool ucs = get(q, 4, 2) & 0x4000;
	uint32_t config = (uint32_t)get(block, 0, 4), len = (uint32_t)get(q, 0x3c, 4);
	unsigned algo = config & 15, mode = config >> 4 & 15, key = algo == 3 ? 16 : algo == 4 ? 24 : 32;
	const uint8_t *iv = q + 0x40;
	struct aes a;
	if (algo < 3 || algo > 5 || aes_init(&a, block + (ucs ? 16 : 8), key) || q[0x6d] * 8u < key ||
	    !(get(q, 4, 2) & 4) || get(q, 0x38, 4)) {
		refuse(w);
		return;
	}
	if (mode == 6 && !(config & 0x200) == (ucs || !(config & 0x100))) {
		xts(w, block + (ucs ? 16 : 8), key, config & 0x100, ucs, from, len);
	} else if (mode == 2) {
		uint8_t counter[16] = {0};
		memcpy(counter, iv, 16);
		if ((get(q, 4, 2) >> 7 & 7) == 2) { /* GCM: 12 bytes, the data begin at 2 */
			memset(counter + 12, 0, 3);
			counter[15] = 2;
		}
		aes_ctr(&a, counter, from, len, w->dst);
	} else if (mode == 1 && len % 16 == 0) {
		if (!(config & 0x100)) {
			aes_cbc(&a, iv, from, len, w->dst);
			return;
		}
		uint8_t last[16], now[16], x[16];
		if (!(config & 0x200)) { /* the key is that of encryption */
			refuse(w);
			return;
		}
		memcpy(last, iv, 16);
		for (uint32_t i = 0; i < len; i += 16) {
			memcpy(now, from + i, 16);
			decrypt_block(&a, now, x);
			for (unsigned b = 0; b < 16; b++)
				w->dst[i + b] = x[b] ^ last[b];
			memcpy(last, now, 16);
		}
	} else if (mode == 4 && ucs && get(q, 4, 2) & 0x2000) {
		uint32_t aad_len = (uint32_t)get(q, 0x54, 4);
		const uint8_t *aad = at(w, get(q, 0x58, 8), aad_len, false);
		struct gcm g;
		static uint8_t text[65536];
		if (gcm_init(&g, block + 16, key) || (aad_len && !aad) || len > sizeof text ||
		    (config >> 10 & 31) != 16 || get(block, 4, 4) != aad_len << 24 || q[0x6b] != 16) {
			refuse(w);
			return;
		}
		gcm_encrypt(&g, iv, aad, aad_len, from, len, text, tag);
		if (config & 0x100) { /* CTR is its own inverse; the tag is that of the ciphertext */
			static uint8_t again[65536];
			gcm_encrypt(&g, iv, aad, aad_len, text, len, again, tag);
			assert(memcmp(again, from, len) == 0);
		}
		memcpy(w->dst, text, len);
		*has_tag = true;
	} else {
		refuse(w);
	}
}

static unsigned load_state(struct sha_state *s, enum sha kind, const uint8_t *p, uint32_t counted)
{
	unsigned size = kind == SHA_1 ? 20 : kind >= SHA_384 ? 64 : 32, word = kind >= SHA_384 ? 8 : 4;
	sha_init(s, kind);
	for (unsigned i = 0; i < size / word; i++) {
		s->h[i] = 0;
		for (unsigned b = 0; b < word; b++)
			s->h[i] = s->h[i] << 8 | p[i * word + b];
	}
	s->bytes = counted;
	return sha_size(kind);
}

static unsigned auth(struct work *w, const uint8_t *text, uint8_t *digest)
{
	const uint8_t *q = w->q, *block = w->cd + 8 * q[0x72];
	uint32_t config = (uint32_t)get(block, 0, 4), len = (uint32_t)get(q, 0x54, 4);
	uint32_t counted = __builtin_bswap32((uint32_t)get(block, 8, 4));
	unsigned algo = config & 15, mode = config >> 4 & 15;
	const uint8_t *state2 = w->cd + 8 * q[0x7a];
	if (algo == 10 && mode == 1 && (get(q, 4, 2) >> 7 & 7) == 2) {
		uint32_t aad_len = __builtin_bswap32((uint32_t)get(state2, 16, 4));
		const uint8_t *aad = at(w, get(q, 0x58, 8), aad_len, false);
		const uint8_t *key = w->cd + 8 * q[0x6e];
		unsigned a = get(key, 0, 4) & 15, bytes = a == 3 ? 16 : a == 4 ? 24 : 32;
		struct gcm g;
		uint8_t h[16] = {0};
		static uint8_t plain[65536], again[65536];
		if (gcm_init(&g, key + 8, bytes) || (aad_len && !aad) || len > sizeof plain ||
		    q[0x68] < aad_len) {
			refuse(w);
			return 0;
		}
		aes_block(&g.aes, h, h);
		if (memcmp(h, state2, 16)) {
			refuse(w);
			return 0;
		}
		gcm_encrypt(&g, q + 0x40, aad, aad_len, text, len, plain, digest);
		gcm_encrypt(&g, q + 0x40, aad, aad_len, plain, len, again, digest);
		return 16;
	}
	enum sha kind = algo == 1   ? SHA_1
			: algo == 3 ? SHA_224
			: algo == 4 ? SHA_256
			: algo == 5 ? SHA_384
				    : SHA_512;
	struct sha_state s;
	uint8_t inner[64];
	if ((algo != 1 && (algo < 3 || algo > 6)) || mode > 1 ||
	    counted != (mode ? sha_block_size(kind) : 0) || (config >> 8 & 127) != sha_size(kind) ||
	    q[0x7a] * 8u != q[0x72] * 8u + 16 + q[0x79]) {
		refuse(w);
		return 0;
	}
	unsigned size = load_state(&s, kind, block + 16, counted);
	sha_add(&s, text, len);
	sha_end(&s, inner);
	memcpy(digest, inner, size);
	if (mode) {
		load_state(&s, kind, state2, counted);
		sha_add(&s, inner, size);
		sha_end(&s, digest);
	}
	return size;
}

static void run_la(struct work *w)
{
	const uint8_t *q = w->q;
	uint16_t flags = (uint16_t)get(q, 4, 2);
	uint8_t digest[64];
	bool has_tag = false;
	unsigned n = 0;
	w->cd = at(w, get(q, 8, 8), q[0x12] * 8u, false);
	if (!w->cd || q[1] > 3) {
		refuse(w);
		return;
	}
	if (q[1] == 0)
		cipher(w, digest, &has_tag, w->src);
	else if (q[1] == 1)
		n = auth(w, w->src, digest);
	else if (q[1] == 2) {
		cipher(w, digest, &has_tag, w->src);
		n = w->status ? 0 : auth(w, w->dst, digest);
	} else {
		n = auth(w, w->src, digest);
		if (!w->status)
			cipher(w, digest, &has_tag, w->src);
	}
	n = has_tag ? 16 : n;
	w->dst_len = q[1] == 1 || w->status ? 0 : (uint32_t)get(q, 0x3c, 4);
	if (w->status || !n)
		return;
	uint8_t *where = at(w, get(q, 0x60, 8), n, flags & 0x20);
	if (!where || q[0x6b] != n)
		refuse(w);
	else if (flags & 0x20) {
		memcpy(where, digest, n);
		w->digest = where;
		w->digest_len = n;
	} else if (flags & 0x40 && memcmp(where, digest, n))
		refuse(w);
}

static void run_comp(struct work *w)
{
	const uint8_t *q = w->q;
	uint32_t len = (uint32_t)get(q, 0x38, 4), room = (uint32_t)get(q, 0x3c, 4);
	uint32_t config = (uint32_t)get(q, 8, 4);
	bool inflates = w->m->gen == 2 ? config & 0x10 : config == 0x20000000;
	bool good = q[1] == 2 ? inflates : q[1] < (w->m->gen == 2 ? 1 : 2) && !inflates;
	if (!good || !(get(q, 6, 2) & 2) || !len || get(q, 0x44, 4) != 1) {
		w->status = 0x20;
		w->error = 0xff;
		return;
	}
	static uint8_t stream[65536 + INFLATE_PAD], plain[65536];
	memcpy(stream, w->src, len);
	int n = q[1] == 2 ? inflate(stream, len, plain, sizeof plain) : (int)len + 5;
	uint32_t want = (uint32_t)n;
	if (n < 0 || want > room) {
		w->status = 0x20;
		w->error = n < 0 ? 0xf7 : 0xf5; /* -9, -11 */
		return;
	}
	if (q[1] == 2) {
		memcpy(w->dst, plain, want);
	} else {
		w->dst[0] = 1;
		put(w->dst, 1, 2, len);
		put(w->dst, 3, 2, ~len);
		memcpy(w->dst + 5, w->src, len);
	}
	w->consumed = len;
	w->produced = w->dst_len = want;
}

static void spoil(struct work *w)
{
	uint32_t all = w->dst_len + w->digest_len;
	w->m->spoilt = NULL;
	if (w->status || !all)
		return;
	w->m->data = w->m->data * 6364136223846793005ull + 1442695040888963407ull;
	uint32_t at = (uint32_t)(w->m->data >> 33) % all;
	w->m->spoilt = at < w->dst_len ? w->dst + at : w->digest + (at - w->dst_len);
	w->m->spoilt[0] ^= (uint8_t)(1u << (w->m->data >> 30 & 7));
}

/* False: DMA went wrong, and the ring stops. */
static bool run(struct qat_model *m, const uint8_t *q, uint8_t answer[32])
{
	struct work w = {.m = m, .q = q};
	uint32_t len = (uint32_t)get(q, 0x30, 4), room = (uint32_t)get(q, 0x34, 4);
	w.src = at(&w, get(q, 0x20, 8), len, false);
	w.dst = at(&w, get(q, 0x28, 8), room, true);
	if (!w.src || !w.dst)
		return false;
	if (!(q[3] & 0x80))
		refuse(&w);
	else if (q[2] == 4)
		run_la(&w);
	else if (q[2] == 9)
		run_comp(&w);
	else
		refuse(&w);
	w.dst[0] ^= m->flip;
	if (m->data)
		spoil(&w);
	memset(answer, 0, 32);
	answer[1] = 1;
	answer[2] = q[2];
	answer[3] = 0x80;
	answer[5] = (uint8_t)w.error;
	answer[6] = (uint8_t)w.status;
	answer[7] = q[1];
	memcpy(answer + 8, q + 0x18, 8);
	put(answer, 16, 4, w.consumed);
	put(answer, 20, 4, w.produced);
	return true;
}

/* --- rings */

static uint8_t *bank_of(struct qat_model *m, unsigned bank)
{
	return m->bar + bank * (m->gen == 2 ? 0x1000u : 0x2000u);
}

static uint64_t ring_base(struct qat_model *m, unsigned bank, unsigned ring, uint32_t *bytes)
{
	uint8_t *b = bank_of(m, bank), *c = b + (m->gen == 2 ? 0 : 0x1000);
	uint64_t base = get(c, 0x40 + 4 * ring, 4) | get(c, 0x80 + 4 * ring, 4) << 32;
	*bytes = 64u << (get(c, 4 * ring, 4) & 31);
	return m->gen == 2 ? base << 6 : base;
}

void qat_model_post(struct qat_model *m, unsigned bank, unsigned ring, const uint8_t answer[32])
{
	uint32_t bytes, *tail = &m->tail[bank][ring];
	uint64_t base = ring_base(m, bank, ring, &bytes);
	uint8_t *slot = m->reach(m->ctx, base + *tail, 32, true);
	if ((*tail + 32) % bytes == get(bank_of(m, bank), 0xc0 + 4 * ring, 4))
		m->errors++;
	if (!slot) {
		m->dma_errors++;
		return;
	}
	memcpy(slot, answer, 32);
	*tail = (*tail + 32) % bytes;
	put(bank_of(m, bank), 0x100 + 4 * ring, 4, *tail);
}

static void step_ring(struct qat_model *m, unsigned bank, unsigned ring)
{
	uint32_t bytes, *head = &m->head[bank][ring];
	uint64_t base = ring_base(m, bank, ring, &bytes);
	uint32_t tail = (uint32_t)get(bank_of(m, bank), 0x100 + 4 * ring, 4);
	if (tail >= bytes || tail % 128) {
		m->errors++;
		return;
	}
	while (*head != tail && !m->stuck) {
		uint8_t answer[32];
		const uint8_t *q = m->reach(m->ctx, base + *head, 128, false);
		if (!q || !run(m, q, answer)) {
			m->dma_errors++;
			return;
		}
		*head = (*head + 128) % bytes;
		put(bank_of(m, bank), 0xc0 + 4 * ring, 4, *head);
		m->answered++;
		if (!m->tamper || m->tamper(m, answer))
			qat_model_post(m, bank, ring + (m->gen == 2 ? 8 : 1), answer);
	}
}

void qat_model_step(struct qat_model *m)
{
	for (unsigned b = 0; b < (m->gen == 2 ? 1 : QAT_MODEL_BANKS) && !m->stuck; b++)
		for (unsigned r = 0; r < (m->gen == 2 ? 8 : 1); r++)
			if (get(bank_of(m, b), 0x19c, 4) & BIT(r))
				step_ring(m, b, r);
}

void qat_model_reset(struct qat_model *m)
{
	memset(m->head, 0, sizeof m->head);
	memset(m->tail, 0, sizeof m->tail);
	memset(m->bar, 0, sizeof m->bar);
}

void qat_model_init(struct qat_model *m, unsigned gen, void *(*reach)(void *, uint64_t, uint64_t, bool),
		    void *ctx)
{
	memset(m, 0, sizeof *m);
	m->gen = gen;
	m->reach = reach;
	m->ctx = ctx;
}
