/* The QAT VF driver against a model of its rings: every service on both generations, around the rings many
 * times, and a device that lies. */
#include <string.h>
#include "apps/work/jobs.h"
#include "apps/work/known_answers.h"
#include "drivers/crypto/aes.h"
#include "drivers/qat/vf.h"
#include "kernel/inflate.h"
#include "tests/model/qat_model.h"
#include "tests/unit/test.h"

#define BASE  0x2000000000ull
#define DEPTH 32u
#define DATA  0x80000u /* behind the driver's memory */
#define SIZE  0x100000u

static _Alignas(0x10000) uint8_t memory[SIZE];
static struct qat_model model;
static struct qat_vf vf;
static struct compute *const a = &vf.compute;

static void *reach(void *ctx, uint64_t iova, uint64_t len, bool write)
{
	(void)ctx;
	(void)write;
	return iova >= BASE && len <= SIZE && iova - BASE <= SIZE - len ? memory + (iova - BASE) : NULL;
}

static struct qat_vf_cfg config(unsigned gen)
{
	static const struct qat_pair gen4[QAT_SERVICES] = {
		[QAT_SYM] = {true, 1, 0, 1}, [QAT_DC] = {true, 3, 0, 1}};
	return (struct qat_vf_cfg){.gen = qat_gen_of_vf(gen == 2 ? 0x37c9 : 0x4941),
				   .regs = model.bar,
				   .regs_len = sizeof model.bar,
				   .pair = gen4,
				   .mem = {.va = memory, .iova = IOVA(BASE), .len = DATA},
				   .depth = DEPTH};
}

static void open_vf(void)
{
	struct qat_vf_cfg cfg = config(model.gen);
	assert_int_equal(qat_vf_open(&vf, &cfg), SL_OK);
}

static void start(unsigned gen)
{
	qat_model_init(&model, gen, reach, NULL);
	memset(memory, 0xee, sizeof memory);
	open_vf();
	assert_int_equal(a->services, BIT(COMPUTE_SERVICES) - 1);
	assert_int_equal(a->q.ops->health(&a->q), SL_OK);
}

static void finish(void)
{
	assert_int_equal(model.errors, 0);
	assert_int_equal(a->q.stats.bad, 0);
	qat_vf_close(&vf);
	for (unsigned i = 0; i < sizeof model.bar; i += 4) {
		uint32_t v;
		memcpy(&v, model.bar + i, 4);
		if (i % 0x1000 < 0xc0 || i % 0x1000 == 0x19c)
			assert_int_equal(v, 0); /* no base, nothing served */
	}
}

static uint8_t *place(unsigned off)
{
	return memory + DATA + off;
}

static iova_t addr(unsigned off)
{
	return IOVA(BASE + DATA + off);
}

enum { SRC = 0, DST = 0x10000, DIGEST = 0x20000, AAD = 0x21000 };

static uint32_t session(struct compute_session s)
{
	uint32_t id;
	assert_int_equal(a->ops->session(a, &s, &id), SL_OK);
	return id;
}

static struct compute_job job(uint32_t id, uint32_t tag, uint32_t len)
{
	return (struct compute_job){.session = id,
				    .tag = tag,
				    .src = addr(SRC),
				    .dst = addr(DST),
				    .len = len,
				    .room = 0x10000,
				    .digest = addr(DIGEST),
				    .aad = addr(AAD)};
}

static uint16_t run(const struct compute_job *j)
{
	struct queue_done done = {.tag = 99};
	assert_int_equal(a->ops->submit(a, j, 1), 1);
	assert_int_equal(a->q.ops->poll(&a->q, &done, 1), 0);
	a->q.ops->ring(&a->q);
	qat_model_step(&model);
	assert_int_equal(a->q.ops->poll(&a->q, &done, 1), 1);
	assert_int_equal(done.tag, j->tag);
	return done.status;
}

static struct compute_session session_of(const struct kat *k)
{
	struct compute_session s = {.service = k->service, .cipher = k->cipher, .hash = k->hash};
	uint8_t key[KAT_MAX], aad[KAT_MAX];
	unsigned n = kat_bytes(k->key, key);
	if (k->service == COMPUTE_HMAC) {
		memcpy(s.mac_key, key, n);
		s.mac_len = (uint8_t)n;
	} else {
		memcpy(s.key, key, n);
		s.key_len = (uint8_t)n;
	}
	s.aad_len = (uint8_t)kat_bytes(k->aad, aad);
	return s;
}

/* Forth and back; then with a wrong digest. */
static void run_kat(const struct kat *k)
{
	uint8_t in[KAT_MAX], out[KAT_MAX], digest[KAT_MAX], iv[KAT_MAX] = {0};
	unsigned len = kat_bytes(k->in, in), digest_len = kat_bytes(k->digest, digest);
	unsigned out_len = kat_bytes(k->out, out);
	struct compute_session s = session_of(k);
	struct compute_job j = job(session(s), 7, len);
	kat_bytes(k->iv, iv);
	memcpy(j.iv, iv, sizeof j.iv);
	memset(place(AAD), 0, 256);
	kat_bytes(k->aad, place(AAD));
	memcpy(place(SRC), in, len);
	assert_int_equal(run(&j), 0);
	assert_memory_equal(place(DST), out, out_len);
	assert_memory_equal(place(DIGEST), digest, digest_len);
	if (k->service == COMPUTE_INFLATE) {
		assert_int_equal(a->ops->produced(a, 7), out_len);
		return;
	}
	s.decrypt = s.check = true;
	j.session = session(s);
	memcpy(place(SRC), out_len ? out : in, len);
	assert_int_equal(run(&j), 0);
	if (out_len)
		assert_memory_equal(place(DST), in, len);
	if (!digest_len)
		return;
	place(DIGEST)[digest_len - 1] ^= 1;
	uint16_t status = run(&j);
	assert_int_not_equal(status, 0);
	assert_true(a->ops->is_mismatch(status));
}

static void known_answers(unsigned gen)
{
	start(gen);
	for (unsigned i = 0; i < kat_count; i++)
		run_kat(&kats[i]);
	finish();
}

static void test_known_answers(void **state)
{
	(void)state;
	known_answers(2);
	known_answers(4);
}

static void chain(unsigned gen, enum sha kind)
{
	uint8_t want[4096], mac[64];
	struct compute_session s = {
		.service = COMPUTE_CHAIN, .hash = (uint8_t)kind, .key_len = 32, .mac_len = 20};
	struct aes aes;
	struct sha_state inner, outer;
	start(gen);
	for (unsigned i = 0; i < 32; i++)
		s.key[i] = s.mac_key[i] = (uint8_t)(i * 7);
	uint32_t enc = session(s);
	s.decrypt = true;
	uint32_t dec = session(s);
	for (unsigned i = 0; i < sizeof want; i++)
		place(SRC)[i] = (uint8_t)(i * i >> 3);
	struct compute_job j = job(enc, 3, sizeof want);
	j.iv[0] = 0x0123456789abcdef;
	assert_int_equal(aes_init(&aes, s.key, 32), SL_OK);
	aes_cbc(&aes, (const uint8_t *)j.iv, place(SRC), sizeof want, want);
	hmac_begin(kind, s.mac_key, s.mac_len, &inner, &outer);
	hmac(&inner, &outer, want, sizeof want, mac);
	assert_int_equal(run(&j), 0);
	assert_memory_equal(place(DST), want, sizeof want);
	assert_memory_equal(place(DIGEST), mac, sha_size(kind));
	j.session = dec;
	j.src = addr(DST);
	assert_int_equal(run(&j), 0);
	assert_memory_equal(place(DST), place(SRC), sizeof want);
	memcpy(place(DST), want, sizeof want);
	place(DST)[1000] ^= 4;
	assert_true(a->ops->is_mismatch(run(&j)));
	finish();
}

static void test_chain(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < SHA_KINDS; kind++) {
		chain(2, (enum sha)kind);
		chain(4, (enum sha)kind);
	}
}

static void deflate(unsigned gen)
{
	char text[96];
	start(gen);
	uint32_t pack = session((struct compute_session){.service = COMPUTE_DEFLATE});
	uint32_t unpack = session((struct compute_session){.service = COMPUTE_INFLATE});
	memset(place(SRC), 0x42, 1000);
	struct compute_job j = job(pack, 1, 1000);
	assert_int_equal(run(&j), 0);
	assert_int_equal(a->ops->produced(a, 1), 1005);
	j.session = unpack;
	j.len = 1005;
	j.src = addr(DST);
	j.dst = addr(SRC + 0x4000);
	assert_int_equal(run(&j), 0);
	assert_int_equal(a->ops->produced(a, 1), 1000);
	assert_memory_equal(place(SRC), place(SRC + 0x4000), 1000);
	j.room = 999;
	uint16_t status = run(&j);
	assert_int_equal(a->ops->produced(a, 1), 0);
	assert_string_equal(a->q.ops->status_text(status, text, sizeof text),
			    "compression error (status 20, code -11)");
	assert_false(a->ops->is_mismatch(status));
	uint32_t id;
	struct compute_session dynamic = {.service = COMPUTE_DEFLATE, .dynamic = true};
	assert_int_equal(a->ops->session(a, &dynamic, &id), gen == 2 ? SL_UNSUPPORTED : SL_OK);
	finish();
}

static void test_deflate(void **state)
{
	(void)state;
	deflate(2);
	deflate(4);
}

/* Around both rings several times, in batches, on both services: one doorbell for each ring and batch. */
static void wrap(unsigned gen, uint32_t batch)
{
	struct queue_done done[DEPTH];
	struct compute_job jobs[DEPTH];
	uint64_t answered = 0, tells = 0;
	start(gen);
	uint32_t hash = session((struct compute_session){.service = COMPUTE_HASH, .hash = SHA_1});
	uint32_t pack = session((struct compute_session){.service = COMPUTE_DEFLATE});
	unsigned rounds = 5000 / batch + 10;
	for (unsigned round = 0; round < rounds; round++) {
		for (uint32_t i = 0; i < batch; i++)
			jobs[i] = job(i % 2 ? pack : hash, i, 16);
		assert_int_equal(a->ops->submit(a, jobs, batch), batch);
		if (batch == DEPTH)
			assert_int_equal(a->ops->submit(a, jobs, 1), 0);
		a->q.ops->ring(&a->q);
		a->q.ops->ring(&a->q);
		qat_model_step(&model);
		unsigned n = a->q.ops->poll(&a->q, done, DEPTH), seen = 0;
		assert_int_equal(n, batch);
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(done[i].status, 0);
			seen += done[i].tag;
		}
		assert_int_equal(seen, batch * (batch - 1) / 2);
		answered += batch;
	}
	tells = a->q.stats.doorbells - rounds * (batch > 1 ? 2u : 1u);
	assert_true(tells <= answered / (QAT_RX_BYTES / QAT_RESPONSE - DEPTH) + 1);
	assert_int_equal(model.answered, answered);
	assert_int_equal(a->q.stats.ops, answered);
	finish();
}

static void test_wrap(void **state)
{
	(void)state;
	wrap(2, 1);
	wrap(2, 8);
	wrap(2, DEPTH);
	wrap(4, 8);
}

static void test_refused(void **state)
{
	(void)state;
	start(2);
	uint32_t id = session((struct compute_session){.service = COMPUTE_CIPHER, .key_len = 16});
	struct compute_job j = job(id, 0, 16);
#define REFUSED(field, value, err)                                                                           \
	do {                                                                                                 \
		struct compute_job bad = j;                                                                  \
		bad.field = value;                                                                           \
		assert_int_equal(a->ops->submit(a, &bad, 1), 0);                                             \
		assert_int_equal(a->q.refused, err);                                                         \
	} while (0)
	REFUSED(session, id + 1, SL_RANGE);
	REFUSED(tag, DEPTH, SL_RANGE);
	REFUSED(len, 0, SL_BADVAL);
	REFUSED(len, 17, SL_BADVAL);
	assert_int_equal(a->ops->submit(a, &j, 1), 1);
	REFUSED(len, 16, SL_BUSY);
	static const struct compute_session bad[] = {
		{.service = COMPUTE_SERVICES},
		{.service = COMPUTE_CIPHER, .key_len = 15},
		{.service = COMPUTE_CIPHER, .key_len = 16, .cipher = COMPUTE_AES_XTS},
		{.service = COMPUTE_CIPHER, .key_len = 48, .cipher = COMPUTE_AES_XTS},
		{.service = COMPUTE_CIPHER, .key_len = 32, .cipher = COMPUTE_AES_XTS + 1},
		{.service = COMPUTE_CHAIN, .key_len = 32, .cipher = COMPUTE_AES_XTS},
		{.service = COMPUTE_HASH, .hash = SHA_KINDS},
		{.service = COMPUTE_HMAC, .mac_len = SHA_BLOCK_MAX + 1},
		{.service = COMPUTE_AEAD, .key_len = 33},
		{.service = COMPUTE_AEAD, .key_len = 32, .aad_len = 241},
	};
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(a->ops->session(a, &bad[i], &id), SL_BADVAL);
	for (unsigned i = vf.sessions; i < QAT_SESSIONS; i++)
		session((struct compute_session){.service = COMPUTE_INFLATE});
	struct compute_session one = {.service = COMPUTE_INFLATE};
	assert_int_equal(a->ops->session(a, &one, &id), SL_NOSPACE);
}

/* A device that lies. */
static uint64_t wrong;
static bool opaque(struct qat_model *m, uint8_t answer[32])
{
	(void)m;
	for (unsigned i = 0; i < 8; i++)
		answer[8 + i] ^= (uint8_t)(wrong >> 8 * i);
	return true;
}

static bool too_much(struct qat_model *m, uint8_t answer[32])
{
	(void)m;
	memset(answer + 20, 0xff, 4);
	return true;
}

static void test_lies(void **state)
{
	struct queue_done done[4];
	uint8_t twice[32] = {1};
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) { /* any bit of the opaque value */
		start(2);
		uint32_t id = session((struct compute_session){.service = COMPUTE_HASH});
		struct compute_job j[2] = {job(id, 4, 8), job(id, 5, 8)};
		wrong = BIT(bit);
		model.tamper = opaque;
		assert_int_equal(a->ops->submit(a, j, 2), 2);
		a->q.ops->ring(&a->q);
		qat_model_step(&model);
		assert_int_equal(a->q.ops->poll(&a->q, done, 4), 0);
		assert_int_equal(a->q.stats.bad, 2);
		assert_int_equal(a->ops->submit(a, j, 1), 0); /* still in flight */
	}
	/* The right answer once is right, a second time it is not; nor is one to a later request. */
	start(2);
	uint32_t id = session((struct compute_session){.service = COMPUTE_HASH});
	struct compute_job j = job(id, 4, 8);
	assert_int_equal(run(&j), 0);
	memcpy(twice, memory + QAT_MEM_RX, 32);
	twice[0] = 0;
	twice[1] = 1;
	twice[2] = twice[3] = 0;
	qat_model_post(&model, 0, 10, twice);
	assert_int_equal(a->q.ops->poll(&a->q, done, 4), 0);
	assert_int_equal(a->ops->submit(a, &j, 1), 1);
	qat_model_post(&model, 0, 10, twice);
	assert_int_equal(a->q.ops->poll(&a->q, done, 4), 0);
	assert_int_equal(a->q.stats.bad, 2);
	/* An answer on the wrong ring. */
	uint64_t flight = vf.flight[4];
	memcpy(twice + 8, &flight, 8);
	qat_model_post(&model, 0, 14, twice);
	assert_int_equal(a->q.ops->poll(&a->q, done, 4), 0);
	assert_int_equal(a->q.stats.bad, 3);
	/* Zeros, to tags that are idle: on no ring. */
	memset(twice + 8, 0, 8);
	for (unsigned ring = 10; ring <= 14; ring += 4)
		qat_model_post(&model, 0, ring, twice);
	assert_int_equal(a->q.ops->poll(&a->q, done, 4), 0);
	assert_int_equal(a->q.stats.bad, 5);
	/* A tag beyond those in use, whatever lies behind them. */
	vf.flight[DEPTH] = (flight & ~OPAQUE_TAG) | DEPTH;
	memcpy(twice + 8, &vf.flight[DEPTH], 8);
	qat_model_post(&model, 0, 10, twice);
	assert_int_equal(a->q.ops->poll(&a->q, done, 4), 0);
	assert_int_equal(a->q.stats.bad, 6);
	memcpy(twice + 8, &flight, 8);
	/* A ring full of nonsense does not hold us longer than asked for. */
	for (unsigned i = 0; i < 100; i++)
		qat_model_post(&model, 0, 10, twice);
	assert_int_equal(a->q.ops->poll(&a->q, done, 4), 1); /* the one in flight */
	assert_int_equal(a->q.stats.bad, 9);
}

static void test_too_much(void **state)
{
	(void)state;
	start(4);
	model.tamper = too_much;
	struct compute_job j = job(session((struct compute_session){.service = COMPUTE_DEFLATE}), 0, 64);
	assert_int_equal(run(&j), QAT_STATUS_LENGTH);
	assert_int_equal(a->ops->produced(a, 0), 0);
}

static uint32_t claimed;

static bool claim(struct qat_model *m, uint8_t answer[32])
{
	(void)m;
	for (unsigned i = 0; i < 4; i++)
		answer[20 + i] = (uint8_t)(claimed >> 8 * i);
	return true;
}

/* As many bytes as there is room for are believed, and not one more. */
static void test_just_too_much(void **state)
{
	(void)state;
	start(4);
	model.tamper = claim;
	uint32_t pack = session((struct compute_session){.service = COMPUTE_DEFLATE});
	for (uint32_t tag = 0; tag < DEPTH; tag += DEPTH - 1) {
		struct compute_job j = job(pack, tag, 64);
		j.room = 100 + tag;
		claimed = j.room + 1;
		assert_int_equal(run(&j), QAT_STATUS_LENGTH);
		assert_int_equal(a->ops->produced(a, tag), 0);
		claimed = j.room;
		assert_int_equal(run(&j), 0);
		assert_int_equal(a->ops->produced(a, tag), j.room);
	}
	assert_int_equal(a->ops->produced(a, DEPTH), 0);
	char text[80];
	assert_string_equal(a->q.ops->status_text(QAT_STATUS_LENGTH, text, sizeof text),
			    "device claims more bytes than there is room for (status 01, code 0)");
}

/* Two rings: each is looked at, neither takes more than there is room for, and both count as ready. */
static void test_both_rings(void **state)
{
	struct queue_done done[4];
	(void)state;
	start(2);
	uint32_t hash = session((struct compute_session){.service = COMPUTE_HASH});
	uint32_t pack = session((struct compute_session){.service = COMPUTE_DEFLATE});
	for (unsigned which = 1; which < 4; which++) {
		struct compute_job j[2] = {job(which & 1 ? hash : pack, 0, 8), job(pack, 1, 8)};
		unsigned n = which == 3 ? 2 : 1;
		uint64_t bells = a->q.stats.doorbells, empty = a->q.stats.empty_polls;
		assert_false(a->q.ops->ready(&a->q));
		assert_int_equal(a->ops->submit(a, j, n), n);
		a->q.ops->ring(&a->q);
		assert_int_equal(a->q.stats.doorbells - bells, n);
		qat_model_step(&model);
		assert_true(a->q.ops->ready(&a->q));
		assert_int_equal(a->q.ops->poll(&a->q, done, 1), 1);
		assert_int_equal(a->q.ops->ready(&a->q), which == 3);
		assert_int_equal(a->q.ops->poll(&a->q, done, 1), n - 1);
		assert_int_equal(a->q.stats.empty_polls - empty, 2 - n);
	}
	finish();
	/* One service alone: the other ring is never looked at. */
	for (unsigned service = 0; service < QAT_SERVICES; service++) {
		struct qat_pair one[QAT_SERVICES] = {0};
		one[service] = (struct qat_pair){true, 2, 0, 1};
		qat_model_init(&model, 4, reach, NULL);
		struct qat_vf_cfg cfg = config(4);
		cfg.pair = one;
		memset(memory, 0, sizeof memory);
		assert_int_equal(qat_vf_open(&vf, &cfg), SL_OK);
		assert_int_equal(a->services, qat_services((enum qat_service)service));
		assert_false(a->q.ops->ready(&a->q));
		assert_int_equal(a->q.ops->poll(&a->q, done, 4), 0);
		assert_int_equal(a->q.ops->health(&a->q), SL_OK);
		struct compute_session other = {.service =
							service == QAT_SYM ? COMPUTE_DEFLATE : COMPUTE_HASH};
		uint32_t id;
		assert_int_equal(a->ops->session(a, &other, &id), SL_UNSUPPORTED);
		struct compute_job j =
			job(session((struct compute_session){
				    .service = service == QAT_SYM ? COMPUTE_HASH : COMPUTE_DEFLATE}),
			    0, 8);
		assert_int_equal(run(&j), 0);
		qat_vf_close(&vf);
	}
}

/* Pairs of rings to their last. */
static void test_pair_edges(void **state)
{
	(void)state;
	qat_model_init(&model, 4, reach, NULL);
	for (unsigned bad = 0; bad < 4; bad++) {
		struct qat_pair pair[QAT_SERVICES] = {{true, 3, 0, 1}};
		pair[0].bank = bad == 1 ? 4 : 3;
		pair[0].tx = bad == 2 ? 2 : 0;
		pair[0].rx = bad == 3 ? 2 : 1;
		struct qat_vf_cfg cfg = config(4);
		cfg.pair = pair;
		assert_int_equal(qat_vf_open(&vf, &cfg), bad ? SL_RANGE : SL_OK);
		qat_vf_close(&vf);
	}
}

/* Memory, registers and depth of the least size that will do. */
static void test_least_sizes(void **state)
{
	(void)state;
	qat_model_init(&model, 4, reach, NULL);
	struct qat_vf_cfg cfg = config(2);
	cfg.mem.len = QAT_MEM_SIZE;
	cfg.regs_len = 0x1000;
	cfg.depth = 1;
	assert_int_equal(qat_vf_open(&vf, &cfg), SL_OK);
	cfg = config(4);
	cfg.regs_len = 0x8000;
	assert_int_equal(qat_vf_open(&vf, &cfg), SL_OK);
}

/* Fields of a request that the model does not look at: lengths of keys and states, in 8 bytes, and a second
 * word that is for compression. */
static void test_session_fields(void **state)
{
	static uint8_t cd[QAT_CD_BYTES];
	static struct qat_session made;
	const struct qat_request *r = (const void *)made.request;
	(void)state;
	struct compute_session one = {.service = COMPUTE_SERVICES, .key_len = 16};
	assert_int_equal(qat_session_make(qat_gen_of_vf(0x37c9), &one, cd, IOVA(BASE), &made), SL_BADVAL);
	for (unsigned gen = 2; gen <= 4; gen += 2) {
		const struct qat_gen *of = qat_gen_of_vf(gen == 2 ? 0x37c9 : 0x4941);
		one = (struct compute_session){
			.service = COMPUTE_CIPHER, .cipher = COMPUTE_AES_CTR, .key_len = 24};
		assert_int_equal(qat_session_make(of, &one, cd, IOVA(BASE), &made), SL_OK);
		assert_true(r->key_words == (gen == 2 ? 3 : 4) && r->cd_words == (gen == 2 ? 4 : 6));
		one = (struct compute_session){.service = COMPUTE_AEAD, .key_len = 16};
		assert_int_equal(qat_session_make(of, &one, cd, IOVA(BASE), &made), SL_OK);
		assert_int_equal(r->state2_len, gen == 2 ? 40 : 0);
		one = (struct compute_session){.service = COMPUTE_INFLATE};
		assert_int_equal(qat_session_make(of, &one, cd, IOVA(BASE), &made), SL_OK);
		assert_true(r->config[1] == 0 && (gen == 2 || r->config[0] == 0x20000000));
	}
}

/* Keys of AES have 16, 24 or 32 bytes, of XTS twice 16 or 32, whichever service takes them. */
static void key_lengths(unsigned gen)
{
	start(gen);
	for (unsigned len = 0; len < 80; len++) {
		bool aes = len == 16 || len == 24 || len == 32, xts = len == 32 || len == 64;
		uint8_t n = (uint8_t)len;
		struct compute_session s[] = {
			{.service = COMPUTE_CIPHER, .cipher = COMPUTE_AES_CBC, .key_len = n},
			{.service = COMPUTE_CIPHER, .cipher = COMPUTE_AES_XTS, .key_len = n},
			{.service = COMPUTE_CHAIN, .cipher = COMPUTE_AES_CTR, .key_len = n},
			{.service = COMPUTE_AEAD, .key_len = n},
		};
		uint32_t id;
		for (unsigned i = 0; i < ARRAY_LEN(s); i++)
			assert_int_equal(a->ops->session(a, &s[i], &id),
					 (i == 1 ? xts : aes) ? SL_OK : SL_BADVAL);
	}
	finish();
}

static void test_key_lengths(void **state)
{
	(void)state;
	key_lengths(2);
	key_lengths(4);
}

/* What is authenticated, keys for it and kinds of hash, to the last that there is. */
static void session_limits(unsigned gen)
{
	static const struct {
		struct compute_session s;
		enum sl_err err;
	} row[] = {
		{{.service = COMPUTE_AEAD, .key_len = 16, .aad_len = 240}, SL_OK},
		{{.service = COMPUTE_HMAC, .mac_len = SHA_BLOCK_MAX}, SL_OK},
		{{.service = COMPUTE_CHAIN, .key_len = 16, .mac_len = SHA_BLOCK_MAX + 1}, SL_BADVAL},
		{{.service = COMPUTE_CHAIN, .key_len = 16, .hash = SHA_KINDS}, SL_BADVAL},
		{{.service = COMPUTE_HASH, .hash = SHA_KINDS - 1}, SL_OK},
	};
	uint32_t id;
	start(gen);
	for (unsigned i = 0; i < ARRAY_LEN(row); i++)
		assert_int_equal(a->ops->session(a, &row[i].s, &id), row[i].err);
	finish();
}

static void test_session_limits(void **state)
{
	(void)state;
	session_limits(2);
	session_limits(4);
}

static void refused(const struct compute_job *j, enum sl_err why)
{
	assert_int_equal(a->ops->submit(a, j, 1), 0);
	assert_int_equal(a->q.refused, why);
}

/* The last tag and the last session are taken, the session behind it is not. */
static void last_session(unsigned gen)
{
	start(gen);
	uint32_t hash = session((struct compute_session){.service = COMPUTE_HASH, .hash = SHA_KINDS - 1});
	struct compute_job j = job(hash, DEPTH - 1, 1);
	assert_int_equal(run(&j), 0);
	j.session = hash + 1;
	refused(&j, SL_RANGE);
	finish();
}

static void test_last_session(void **state)
{
	(void)state;
	last_session(2);
	last_session(4);
}

/* A stream cipher takes any length, a cipher of blocks does not. */
static void data_lengths(unsigned gen)
{
	start(gen);
	struct compute_session s = {.service = COMPUTE_CIPHER, .cipher = COMPUTE_AES_CTR, .key_len = 16};
	struct compute_job j = job(session(s), 0, 17);
	assert_int_equal(run(&j), 0);
	s.service = COMPUTE_CHAIN;
	s.cipher = COMPUTE_AES_CBC;
	j.session = session(s);
	refused(&j, SL_BADVAL);
	finish();
}

static void test_data_lengths(void **state)
{
	(void)state;
	data_lengths(2);
	data_lengths(4);
}

/* Heads and tails that cannot be. */
static void test_pointers(void **state)
{
	static const struct {
		uint32_t head, answers;
		bool sane;
	} row[] = {{0, 0, true},
		   {QAT_TX_BYTES - QAT_REQUEST, QAT_RX_BYTES - QAT_RESPONSE, true},
		   {QAT_TX_BYTES, 0, false},
		   {64, 0, false},
		   {0, QAT_RX_BYTES, false},
		   {0, 16, false}};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		struct qat_ring_seen seen;
		start(2);
		memcpy(model.bar + 0xc0 + 4 * 2, &row[i].head, 4);
		memcpy(model.bar + 0x100 + 4 * 10, &row[i].answers, 4);
		qat_ring_look(&vf.ring[QAT_SYM], &seen);
		assert_true(seen.head == row[i].head && seen.answers == row[i].answers && seen.there);
		assert_int_equal(seen.sane, row[i].sane);
		uint32_t tail = QAT_REQUEST;
		memcpy(model.bar + 0x100 + 4 * 2, &tail, 4); /* not where it was put */
		qat_ring_look(&vf.ring[QAT_SYM], &seen);
		assert_true(seen.tail == tail && !seen.sane);
	}
}

static void test_open(void **state)
{
	(void)state;
	struct qat_vf_cfg cfg;
	qat_model_init(&model, 2, reach, NULL);
#define OPEN(gen, field, value, err)                                                                         \
	do {                                                                                                 \
		cfg = config(gen);                                                                           \
		cfg.field = value;                                                                           \
		assert_int_equal(qat_vf_open(&vf, &cfg), err);                                               \
	} while (0)
	static const struct qat_pair none[QAT_SERVICES], far[QAT_SERVICES] = {{true, 4, 0, 1}};
	OPEN(2, depth, 0, SL_RANGE);
	OPEN(2, depth, QAT_DEPTH_MAX + 1, SL_RANGE);
	OPEN(2, regs_len, 0xfff, SL_NOSPACE);
	OPEN(4, regs_len, 0x7fff, SL_NOSPACE);
	OPEN(2, mem.len, QAT_MEM_SIZE - 1, SL_NOSPACE);
	OPEN(2, mem.iova, IOVA(BASE + 0x1000), SL_BADVAL);
	OPEN(4, pair, NULL, SL_NOTFOUND);
	OPEN(4, pair, none, SL_NOTFOUND);
	OPEN(4, pair, far, SL_RANGE);
	OPEN(2, depth, QAT_DEPTH_MAX, SL_OK);
	memset(model.bar, 0xff, sizeof model.bar); /* gone from the bus */
	assert_int_equal(a->q.ops->health(&a->q), SL_DEVICE);
	assert_null(qat_gen_of_vf(0x37c8));
	assert_ptr_equal(qat_gen_of_pf(0x37c8), qat_gen_of_vf(0x37c9));
}

static struct jobs jobs;

static enum sl_err run_known(void *ctx, const struct compute_job *j, uint16_t *status)
{
	(void)ctx;
	*status = run(j);
	return SL_OK;
}

static uint64_t now; /* us */

/* Rounds of mixed jobs, until one fails. */
static enum sl_err mixed(unsigned rounds)
{
	for (; rounds; rounds--) {
		assert_int_equal(jobs_begin(&jobs, now), SL_OK);
		for (unsigned looks = 0; jobs.left; looks++) {
			qat_model_step(&model);
			enum sl_err e = jobs_turn(&jobs, now += 50000);
			if (e)
				return e;
			assert_true(looks < 50);
		}
	}
	return SL_OK;
}

static void open_jobs(unsigned gen)
{
	start(gen);
	memset(&jobs, 0, sizeof jobs);
	jobs.a = a;
	jobs.va = memory + 0x40000; /* behind QAT_MEM_SIZE */
	jobs.iova = IOVA(BASE + 0x40000);
	jobs.owner = gen;
	assert_int_equal(jobs_open(&jobs), SL_OK);
}

static void assert_known(void)
{
	unsigned n;
	assert_int_equal(jobs_known(&jobs, run_known, NULL, &n), SL_OK);
	assert_int_equal(n, kat_count + 12); /* those that go both ways count twice */
}

static void run_jobs(unsigned gen)
{
	unsigned n;
	open_jobs(gen);
	assert_known();
	assert_int_equal(mixed(100), SL_OK);
	assert_true(jobs_least(&jobs) > 200);
	assert_true(jobs.noticed > 20);
	model.flip = true;
	assert_int_equal(mixed(10), SL_VERIFY);
	start(gen);
	assert_int_equal(jobs_open(&jobs), SL_OK);
	model.flip = true;
	assert_int_equal(jobs_known(&jobs, run_known, NULL, &n), SL_VERIFY);
	model.flip = false;
	finish();
}

/* A bit of the result is wrong, anywhere in it, and the device says that all is well: it is noticed in every
 * kind of job and at every place. */
static void spoilt_jobs(unsigned gen)
{
	unsigned in_dst = 0, in_digest = 0, nothing = 0;
	open_jobs(gen);
	assert_int_equal(mixed(4), SL_OK); /* streams to inflate */
	model.data = gen;
	for (uint32_t round = jobs.round; round < jobs.round + 40; round++)
		for (uint32_t tag = 0; tag < JOB_TAGS; tag++) {
			struct compute_job j;
			jobs_prepare(&jobs, round, tag, &j);
			uint16_t status = run(&j);
			enum sl_err e = jobs_check(&jobs, tag, status);
			const uint8_t *digest = jobs.va + tag * JOB_BYTES + JOB_DIGEST;
			const uint8_t *dst = jobs.va + tag * JOB_BYTES + JOB_DST;
			if (!model.spoilt || status) {
				assert_int_equal(e, SL_OK);
				nothing++;
			} else if (jobs.spec[jobs.state[tag].kind].service == COMPUTE_DEFLATE &&
				   model.spoilt == dst) {
				jobs.state[tag].stream = 0; /* five bits of it stand for nothing */
			} else {
				if (e != SL_VERIFY)
					fail_msg("gen %u, round %u, tag %u, kind %u: %u", gen, round, tag,
						 jobs.state[tag].kind, (unsigned)e);
				jobs.state[tag].stream = 0;
				in_dst += model.spoilt < digest;
				in_digest += model.spoilt >= digest;
			}
		}
	assert_true(in_dst > 300 && in_digest > 100 && nothing > 10);
	model.data = 0;
	assert_int_equal(mixed(4), SL_OK);
	finish();
}

static void test_one_bit_is_wrong(void **state)
{
	(void)state;
	spoilt_jobs(2);
	spoilt_jobs(4);
}

/* A device that alters what it was to authenticate, and computes the tag of that. */
static void test_altered_aad(void **state)
{
	unsigned seen = 0;
	(void)state;
	open_jobs(2);
	for (uint32_t round = 0; round < 7; round++)
		for (uint32_t tag = 0; tag < JOB_TAGS; tag++) {
			struct compute_job j;
			jobs_prepare(&jobs, round, tag, &j);
			const struct compute_session *s = &jobs.spec[jobs.state[tag].kind];
			if (s->service != COMPUTE_AEAD || s->decrypt)
				continue;
			jobs.va[tag * JOB_BYTES + JOB_AAD + 19] ^= 1;
			assert_int_equal(jobs_check(&jobs, tag, run(&j)), SL_VERIFY);
			seen++;
		}
	assert_true(seen > 10);
	finish();
}

static void test_jobs(void **state)
{
	(void)state;
	_Static_assert(QAT_MEM_SIZE <= 0x40000 && 0x40000 + JOB_TAGS * JOB_BYTES <= SIZE, "room");
	run_jobs(2);
	run_jobs(4);
}

static uint8_t *job_at(uint32_t tag, uint32_t off)
{
	return jobs.va + tag * JOB_BYTES + off;
}

static void one_bit(uint32_t tag, uint32_t off, bool seen)
{
	*job_at(tag, off) ^= 2;
	if (jobs_check(&jobs, tag, 0) != (seen ? SL_VERIFY : SL_OK))
		fail_msg("kind %u: byte 0x%x", jobs.state[tag].kind, off);
	*job_at(tag, off) ^= 2;
}

/* A device that authenticates other data than it was given, and gives the tag of that. */
static void other_aad(uint32_t tag, const struct compute_job *j)
{
	const struct compute_session *s = &jobs.spec[jobs.state[tag].kind];
	uint8_t out[JOB_MAX], aad[256];
	struct gcm gcm;
	memcpy(aad, job_at(tag, JOB_AAD), sizeof aad);
	job_at(tag, JOB_AAD)[s->aad_len - 1] ^= 1;
	assert_int_equal(gcm_init(&gcm, s->key, s->key_len), SL_OK);
	gcm_encrypt(&gcm, (const uint8_t *)j->iv, job_at(tag, JOB_AAD), s->aad_len, job_at(tag, JOB_SRC),
		    j->len, out, job_at(tag, JOB_DIGEST));
	assert_int_equal(jobs_check(&jobs, tag, 0), SL_VERIFY);
	assert_memory_equal(job_at(tag, JOB_AAD), aad, sizeof aad);
	gcm_encrypt(&gcm, (const uint8_t *)j->iv, aad, s->aad_len, job_at(tag, JOB_SRC), j->len, out,
		    job_at(tag, JOB_DIGEST));
}

/* A wrong bit anywhere in what the device gives is noticed, in every kind of job; what it has no business to
 * write is not looked at. */
static void wrong_data(unsigned gen)
{
	unsigned kinds = 0, seen[JOB_KINDS] = {0};
	open_jobs(gen);
	for (uint32_t round = 0; round < 400; round++) {
		struct compute_job j;
		jobs_prepare(&jobs, round, 0, &j);
		struct job_state *st = &jobs.state[0];
		const struct compute_session *s = &jobs.spec[st->kind];
		uint64_t done = jobs.done[s->service], noticed = jobs.noticed;
		bool comp = s->service == COMPUTE_DEFLATE || s->service == COMPUTE_INFLATE;
		bool compares = s->check || (s->decrypt && !comp && s->service != COMPUTE_CIPHER);
		uint16_t status = run(&j);
		assert_int_equal(status != 0, st->spoilt);
		assert_true(compares || !st->spoilt);
		assert_int_equal(jobs_check(&jobs, 0, status), SL_OK);
		assert_int_equal(jobs.done[s->service], done + 1);
		assert_int_equal(jobs.noticed, noticed + st->spoilt);
		if (st->spoilt) {
			assert_int_equal(jobs_check(&jobs, 0, 0), SL_VERIFY); /* a wrong digest that passed */
			continue;
		}
		kinds += !seen[st->kind]++;
		bool text = s->service != COMPUTE_HASH && s->service != COMPUTE_HMAC;
		uint32_t len = s->service == COMPUTE_DEFLATE ? st->stream : st->len;
		bool digest = s->service >= COMPUTE_HASH && s->service <= COMPUTE_AEAD && !compares;
		unsigned size = s->service == COMPUTE_AEAD ? GCM_TAG : sha_size((enum sha)s->hash);
		if (text) {
			one_bit(0, JOB_DST, true);
			one_bit(0, JOB_DST + len / 2, true);
			one_bit(0, JOB_DST + len - 1, true);
			one_bit(0, JOB_DST + len + INFLATE_PAD, false);
		}
		for (unsigned i = 0; digest && i < size; i++)
			one_bit(0, JOB_DIGEST + i, true);
		one_bit(0, JOB_DIGEST + (digest ? size : 0), false);
		if (s->service == COMPUTE_AEAD && !s->decrypt)
			other_aad(0, &j);
		/* jobs_check() makes the source anew, whatever the device did there. */
		if (s->service != COMPUTE_INFLATE && !s->decrypt)
			one_bit(0, JOB_SRC, false);
		assert_int_equal(jobs_check(&jobs, 0, 0x10), SL_DEVICE);
		assert_int_equal(jobs_check(&jobs, 0, 0), SL_OK);
	}
	assert_int_equal(kinds, gen == 2 ? 22 : 23);
	finish();
}

static void test_wrong_data(void **state)
{
	(void)state;
	wrong_data(2);
	wrong_data(4);
}

/* A VF with one service alone: rounds are of the kinds that it has, each in its turn. */
static void test_some_services(void **state)
{
	(void)state;
	for (unsigned service = 0; service < QAT_SERVICES; service++) {
		struct qat_pair one[QAT_SERVICES] = {0};
		unsigned count[JOB_KINDS] = {0}, kinds = 0, least = UINT32_MAX;
		one[service] = (struct qat_pair){true, 2, 0, 1};
		qat_model_init(&model, 4, reach, NULL);
		struct qat_vf_cfg cfg = config(4);
		cfg.pair = one;
		assert_int_equal(qat_vf_open(&vf, &cfg), SL_OK);
		memset(&jobs, 0, sizeof jobs);
		jobs.a = a;
		jobs.va = memory + 0x40000;
		jobs.iova = IOVA(BASE + 0x40000);
		assert_int_equal(jobs_open(&jobs), SL_OK);
		assert_int_equal(jobs_least(&jobs), 0);
		for (unsigned round = 0; round < 100; round++) {
			assert_int_equal(mixed(1), SL_OK);
			for (unsigned tag = 0; tag < JOB_TAGS; tag++)
				count[jobs.state[tag].kind]++;
		}
		for (unsigned k = 0; k < JOB_KINDS; k++) {
			kinds += count[k] != 0;
			if (count[k] && count[k] < least)
				least = count[k];
		}
		assert_int_equal(kinds, service == QAT_SYM ? 20 : 3);
		assert_true(least > 30);
		assert_true(jobs_least(&jobs) > 200);
		for (unsigned s = 0; s < COMPUTE_SERVICES; s++)
			assert_int_equal(jobs.done[s] != 0, a->services >> s & 1);
		qat_vf_close(&vf);
		for (uint8_t s = 0; s < COMPUTE_SERVICES; s++) { /* closed, it has no service */
			uint32_t id;
			struct compute_session none = {.service = s};
			assert_int_equal(a->ops->session(a, &none, &id), SL_UNSUPPORTED);
		}
	}
}

/* --- a device that fails in the middle of its work, and after a reset is right again */

static unsigned countdown; /* answers until the fault */
static uint8_t held[32];

static bool due(void)
{
	return countdown && !--countdown;
}

static bool say_error(struct qat_model *m, uint8_t answer[32])
{
	(void)m;
	if (due())
		answer[6] = 0x10;
	return true;
}

static bool say_twice(struct qat_model *m, uint8_t answer[32])
{
	if (due())
		qat_model_post(m, 0, answer[2] == 4 ? 10 : 14, answer);
	return true;
}

static bool say_other(struct qat_model *m, uint8_t answer[32])
{
	(void)m;
	if (due())
		answer[12] ^= 1;
	return true;
}

static bool hold_back(struct qat_model *m, uint8_t answer[32])
{
	(void)m;
	if (!due())
		return true;
	memcpy(held, answer, 32);
	return false;
}

static bool say_nonsense(struct qat_model *m, uint8_t answer[32])
{
	(void)m;
	if (due())
		for (unsigned i = 0; i < 32; i++)
			answer[i] = (uint8_t)(i * 37 + 1);
	return true;
}

static bool point_outside(struct qat_model *m, uint8_t answer[32])
{
	(void)answer;
	if (due()) {
		static const uint32_t far[2] = {0x7fffffc0, 0x7fffffe0};
		memcpy(m->bar + 0xc0 + 4 * 2, &far[0], 4);
		memcpy(m->bar + 0x100 + 4 * 10, &far[1], 4);
		m->stuck = true;
	}
	return true;
}

static const struct lie {
	bool (*tamper)(struct qat_model *m, uint8_t answer[32]);
	enum sl_err err;
	const char *why; /* part of it */
} lies[] = {
	{say_error, SL_DEVICE, "translation error (status 10"},
	{say_twice, SL_DEVICE, "responses that belong to no request: 1, the last with opaque value"},
	{say_other, SL_DEVICE, "responses that belong to no request: 1"},
	{say_nonsense, SL_DEVICE, "with opaque value 2c07e2bd98734e29"},
	{hold_back, SL_TIMEOUT, "1 in flight, fetched up to"},
	{point_outside, SL_TIMEOUT, "registers out of range: fetched 7fffffc0"},
};

/* What each lie does to a round; then reset, known answers, and rounds that are right, on from the counts
 * that there were. */
static void fail_and_recover(const struct lie *lie, unsigned at)
{
	open_jobs(2);
	assert_int_equal(mixed(7), SL_OK);
	uint64_t before = jobs_least(&jobs);
	assert_true(before);
	memset(held, 0, sizeof held);
	countdown = at;
	model.tamper = lie->tamper;
	assert_int_equal(mixed(3), lie->err);
	assert_non_null(strstr(jobs.why, lie->why));
	/* Driven like that, a request that the device has not answered is not done: only a reset ends it. */
	model.tamper = NULL;
	model.stuck = false;
	qat_vf_close(&vf);
	qat_model_reset(&model);
	open_vf();
	assert_int_equal(jobs_open(&jobs), SL_OK);
	if (held[3]) { /* what was late by a reset is none of the new ones, whatever these are */
		struct queue_done done[JOB_TAGS];
		assert_int_equal(jobs_begin(&jobs, now), SL_OK);
		qat_model_post(&model, 0, held[2] == 4 ? 10 : 14, held);
		assert_int_equal(a->q.ops->poll(&a->q, done, JOB_TAGS), 0);
		assert_int_equal(a->q.stats.bad, 1);
		assert_int_equal(jobs_turn(&jobs, now), SL_DEVICE);
		qat_vf_close(&vf);
		qat_model_reset(&model);
		open_vf();
		assert_int_equal(jobs_open(&jobs), SL_OK);
	}
	assert_known();
	assert_int_equal(mixed(14), SL_OK);
	assert_true(jobs_least(&jobs) > before + 20);
	finish();
}

static void test_recovery(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(lies); i++)
		for (unsigned at = 1; at <= 32; at += 31)
			fail_and_recover(&lies[i], at);
}

/* The answer to the first request after a reset is not that to the first request before it. */
static void test_late(void **state)
{
	struct queue_done done[2];
	(void)state;
	for (unsigned service = COMPUTE_HASH; service <= COMPUTE_DEFLATE;
	     service += COMPUTE_DEFLATE - COMPUTE_HASH) {
		memset(&vf, 0, sizeof vf);
		start(2);
		struct compute_job j =
			job(session((struct compute_session){.service = (uint8_t)service}), 4, 64);
		countdown = 1;
		model.tamper = hold_back;
		assert_int_equal(a->ops->submit(a, &j, 1), 1);
		a->q.ops->ring(&a->q);
		qat_model_step(&model);
		for (unsigned resets = 0; resets < 3; resets++) {
			qat_vf_close(&vf);
			qat_model_reset(&model);
			open_vf();
			j.session = session((struct compute_session){.service = (uint8_t)service});
			assert_int_equal(a->ops->submit(a, &j, 1), 1);
			a->q.ops->ring(&a->q);
			qat_model_post(&model, 0, service == COMPUTE_HASH ? 10 : 14, held);
			assert_int_equal(a->q.ops->poll(&a->q, done, 2), 0);
			assert_int_equal(a->q.stats.bad, 1);
			qat_model_step(&model);
			assert_int_equal(a->q.ops->poll(&a->q, done, 2), 1);
			assert_int_equal(done[0].tag, 4);
			assert_int_equal(a->q.stats.ops, 1);
		}
	}
}

/* Only time in which a core polled counts as silence. */
static void test_silence(void **state)
{
	(void)state;
	open_jobs(4);
	model.stuck = true;
	assert_int_equal(jobs_begin(&jobs, now), SL_OK);
	assert_int_equal(jobs_turn(&jobs, now += 10000000), SL_OK);
	for (unsigned i = 0; i < 19; i++)
		assert_int_equal(jobs_turn(&jobs, now += 100000), SL_OK);
	model.stuck = false; /* some answers, and it begins anew */
	qat_model_step(&model);
	assert_int_equal(jobs_turn(&jobs, now), SL_OK);
	assert_int_equal(jobs.left, 0);
	model.stuck = true;
	assert_int_equal(jobs_begin(&jobs, now), SL_OK);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(jobs_turn(&jobs, now += 100000), SL_OK);
	assert_int_equal(jobs_turn(&jobs, now += 100000), SL_TIMEOUT);
	assert_non_null(strstr(jobs.why, "crypto ring: "));
	memset(model.bar, 0xff, sizeof model.bar);
	assert_int_equal(jobs_turn(&jobs, now), SL_TIMEOUT);
	assert_string_equal(jobs.why, "crypto ring: its registers do not have it any more");
}

/* The message names the ring with the stray response, not the one that waits. */
static void test_which_ring(void **state)
{
	uint8_t answer[32] = {0, 1};
	char text[192];
	(void)state;
	for (unsigned bad = 0; bad < QAT_SERVICES; bad++) {
		struct queue_done done[2];
		start(2);
		assert_string_equal(a->q.ops->explain(&a->q, text, sizeof text),
				    "nothing is in flight, and the rings are as they were set up");
		uint8_t other = bad == QAT_SYM ? COMPUTE_DEFLATE : COMPUTE_HASH;
		struct compute_job j = job(session((struct compute_session){.service = other}), 0, 8);
		assert_int_equal(a->ops->submit(a, &j, 1), 1);
		a->q.ops->ring(&a->q);
		assert_non_null(strstr(a->q.ops->explain(&a->q, text, sizeof text),
				       "ring: 1 in flight, fetched up to 0 of 80"));
		qat_model_post(&model, 0, bad == QAT_SYM ? 10 : 14, answer);
		assert_int_equal(a->q.ops->poll(&a->q, done, 2), 0);
		assert_string_equal(
			a->q.ops->explain(&a->q, text, sizeof text),
			bad == QAT_SYM ? "crypto ring: responses that belong to no request: 1, the last with "
					 "opaque value 0000000000000000; 0 in flight"
				       : "compression ring: responses that belong to no request: 1, the last "
					 "with opaque value 0000000000000000; 0 in flight");
	}
}

/* Anything at all on the response rings: nothing is done that was not asked for, and nothing is reached by
 * what is written there. */
static void test_noise(void **state)
{
	struct queue_done done[DEPTH];
	uint64_t random = 7;
	(void)state;
	start(2);
	uint32_t hash = session((struct compute_session){.service = COMPUTE_HASH});
	uint32_t pack = session((struct compute_session){.service = COMPUTE_DEFLATE});
	for (uint32_t tag = 0; tag < DEPTH; tag++) {
		struct compute_job j = job(tag % 2 ? hash : pack, tag, 64);
		assert_int_equal(a->ops->submit(a, &j, 1), 1);
	}
	unsigned seen = 0;
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t answer[4];
		for (unsigned k = 0; k < 4; k++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			answer[k] = random >> 16 ^ random << 32;
		}
		uint32_t tag = i % DEPTH;
		bool right = i >= 19000 && vf.flight[tag];
		if (i % 3 || right)
			answer[1] = vf.flight[tag]; /* of a request that is in flight, or 0 */
		if (!right && i % 3)
			answer[1] ^= BIT(16 + i % 48);
		qat_model_post(&model, 0, tag % 2 ? 10 : 14, (const uint8_t *)answer);
		unsigned n = a->q.ops->poll(&a->q, done, 1);
		assert_int_equal(n, right);
		seen += n;
		if (n && tag % 2 == 0)
			assert_true(a->ops->produced(a, tag) <= 0x10000);
	}
	assert_int_equal(seen, DEPTH);
	assert_int_equal(a->q.stats.ops, DEPTH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),  cmocka_unit_test(test_chain),
		cmocka_unit_test(test_deflate),        cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_refused),        cmocka_unit_test(test_lies),
		cmocka_unit_test(test_jobs),           cmocka_unit_test(test_one_bit_is_wrong),
		cmocka_unit_test(test_altered_aad),    cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_open),           cmocka_unit_test(test_recovery),
		cmocka_unit_test(test_silence),        cmocka_unit_test(test_noise),
		cmocka_unit_test(test_late),           cmocka_unit_test(test_which_ring),
		cmocka_unit_test(test_just_too_much),  cmocka_unit_test(test_both_rings),
		cmocka_unit_test(test_pair_edges),     cmocka_unit_test(test_least_sizes),
		cmocka_unit_test(test_session_fields), cmocka_unit_test(test_key_lengths),
		cmocka_unit_test(test_session_limits), cmocka_unit_test(test_last_session),
		cmocka_unit_test(test_data_lengths),   cmocka_unit_test(test_pointers),
		cmocka_unit_test(test_wrong_data),     cmocka_unit_test(test_some_services),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
