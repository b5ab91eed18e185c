#include "apps/work/jobs.h"
#include "kernel/inflate.h"
#include "apps/work/known_answers.h"
#include "apps/work/pattern.h"
#include "drivers/crypto/aes.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

#define SPOIL_EACH 16u /* one digest in so many is altered before it is compared */
#define ALPHABET   7u  /* data that can be compressed has so many different bytes */
#define AAD_LEN    20u
#define BATCH      8u      /* jobs to one doorbell */
#define STEP_US    100000u /* most silence counted between two polls */

/* The kinds of jobs, those of a service one after another. Jobs of a service go round its kinds. */
static const struct kind {
	const char *name;
	struct compute_session spec;
} kinds[] = {
	{"AES-128-CBC", {.service = COMPUTE_CIPHER, .cipher = COMPUTE_AES_CBC, .key_len = 16}},
	{"AES-256-CBC back",
	 {.service = COMPUTE_CIPHER, .cipher = COMPUTE_AES_CBC, .key_len = 32, .decrypt = true}},
	{"AES-192-CTR", {.service = COMPUTE_CIPHER, .cipher = COMPUTE_AES_CTR, .key_len = 24}},
	{"AES-256-CTR back",
	 {.service = COMPUTE_CIPHER, .cipher = COMPUTE_AES_CTR, .key_len = 32, .decrypt = true}},
	{"AES-128-XTS", {.service = COMPUTE_CIPHER, .cipher = COMPUTE_AES_XTS, .key_len = 32}},
	{"AES-256-XTS back",
	 {.service = COMPUTE_CIPHER, .cipher = COMPUTE_AES_XTS, .key_len = 64, .decrypt = true}},
	{"SHA-1", {.service = COMPUTE_HASH, .hash = SHA_1}},
	{"SHA-224", {.service = COMPUTE_HASH, .hash = SHA_224}},
	{"SHA-256", {.service = COMPUTE_HASH, .hash = SHA_256}},
	{"SHA-384", {.service = COMPUTE_HASH, .hash = SHA_384}},
	{"SHA-512", {.service = COMPUTE_HASH, .hash = SHA_512}},
	{"HMAC-SHA-1", {.service = COMPUTE_HMAC, .hash = SHA_1, .mac_len = 20}},
	{"HMAC-SHA-256 compared", {.service = COMPUTE_HMAC, .hash = SHA_256, .mac_len = 64, .check = true}},
	{"HMAC-SHA-384", {.service = COMPUTE_HMAC, .hash = SHA_384, .mac_len = 48}},
	{"HMAC-SHA-512", {.service = COMPUTE_HMAC, .hash = SHA_512, .mac_len = 100}},
	{"AES-128-CBC, HMAC-SHA-256",
	 {.service = COMPUTE_CHAIN, .hash = SHA_256, .key_len = 16, .mac_len = 32}},
	{"HMAC-SHA-1, AES-256-CBC back",
	 {.service = COMPUTE_CHAIN, .hash = SHA_1, .key_len = 32, .mac_len = 20, .decrypt = true}},
	{"AES-128-CTR, HMAC-SHA-512",
	 {.service = COMPUTE_CHAIN,
	  .cipher = COMPUTE_AES_CTR,
	  .hash = SHA_512,
	  .key_len = 16,
	  .mac_len = 64}},
	{"AES-128-GCM", {.service = COMPUTE_AEAD, .key_len = 16, .aad_len = AAD_LEN}},
	{"AES-256-GCM back", {.service = COMPUTE_AEAD, .key_len = 32, .aad_len = AAD_LEN, .decrypt = true}},
	{"deflate, fixed tables", {.service = COMPUTE_DEFLATE}},
	{"deflate, own tables", {.service = COMPUTE_DEFLATE, .dynamic = true}},
	{"inflate", {.service = COMPUTE_INFLATE}},
};
_Static_assert(ARRAY_LEN(kinds) <= JOB_KINDS, "kinds");

static uint8_t *at(const struct jobs *j, uint32_t tag, uint32_t off)
{
	return j->va + tag * JOB_BYTES + off;
}

static iova_t address(const struct jobs *j, uint32_t tag, uint32_t off)
{
	return IOVA(j->iova.v + tag * JOB_BYTES + off);
}

enum sl_err jobs_open(struct jobs *j)
{
	memset(j->state, 0, sizeof j->state);
	j->left = 0;
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		struct compute_session *s = &j->spec[k];
		*s = kinds[k].spec;
		uint64_t random[SHA_BLOCK_MAX / 8];
		pattern_fill(random, sizeof random, pattern_seed(j->owner, k, 1));
		memcpy(s->key, random, sizeof s->key);
		pattern_fill(random, sizeof random, pattern_seed(j->owner, k, 2));
		memcpy(s->mac_key, random, sizeof s->mac_key);
		enum sl_err e = j->a->ops->session(j->a, s, &j->session[k]);
		if (e && e != SL_UNSUPPORTED)
			return e;
		j->has[k] = !e;
	}
	return SL_OK;
}

static bool digests(const struct compute_session *s)
{
	return s->service >= COMPUTE_HASH && s->service <= COMPUTE_AEAD;
}

/* The device compares a digest instead of producing one. */
static bool compares(const struct compute_session *s)
{
	return s->check || (s->decrypt && digests(s));
}

/* What a service's turn comes to: the next of its kinds that there is. -1: none. */
static int choose(const struct jobs *j, unsigned service, uint32_t turn)
{
	unsigned n = 0;
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++)
		n += j->has[k] && kinds[k].spec.service == service;
	for (unsigned k = 0, i = 0; k < ARRAY_LEN(kinds) && n; k++)
		if (j->has[k] && kinds[k].spec.service == service && i++ == turn % n)
			return (int)k;
	return -1;
}

/* Few sizes are large, so that many are done in a given time. */
static uint32_t size_of(uint64_t random)
{
	return random % 16 ? 16 + (uint32_t)(random >> 8) % 240
			   : 16 + (uint32_t)(random >> 8) % (JOB_MAX - 15);
}

static unsigned digest_size(const struct compute_session *s)
{
	return s->service == COMPUTE_AEAD ? GCM_TAG : sha_size((enum sha)s->hash);
}

static void mac(const struct compute_session *s, const uint8_t *data, uint32_t len, uint8_t *out)
{
	struct sha_state inner, outer;
	if (s->service == COMPUTE_HASH) {
		sha_hash((enum sha)s->hash, data, len, out);
		return;
	}
	hmac_begin((enum sha)s->hash, s->mac_key, s->mac_len, &inner, &outer);
	hmac(&inner, &outer, data, len, out);
}

/* The lengths were accepted by session(). */
static void encrypt(const struct compute_session *s, const uint8_t *iv, const uint8_t *in, uint32_t len,
		    uint8_t *out)
{
	struct aes aes, tweak;
	bool xts = s->cipher == COMPUTE_AES_XTS;
	unsigned key_len = xts ? s->key_len / 2 : s->key_len;
	if (aes_init(&aes, s->key, key_len) || (xts && aes_init(&tweak, s->key + key_len, key_len)))
		return;
	if (xts)
		aes_xts(&aes, &tweak, iv, in, len, out);
	else
		(s->cipher == COMPUTE_AES_CBC ? aes_cbc : aes_ctr)(&aes, iv, in, len, out);
}

/* In the direction of encryption. */
static void compute(const struct compute_session *s, const uint64_t iv[2], const uint8_t *aad,
		    const uint8_t *in, uint32_t len, uint8_t *out, uint8_t *digest)
{
	struct gcm gcm;
	if (s->service == COMPUTE_AEAD) {
		if (gcm_init(&gcm, s->key, s->key_len) == SL_OK)
			gcm_encrypt(&gcm, (const uint8_t *)iv, aad, s->aad_len, in, len, out, digest);
		return;
	}
	if (s->service == COMPUTE_CIPHER || s->service == COMPUTE_CHAIN) {
		encrypt(s, (const uint8_t *)iv, in, len, out);
		in = out;
	}
	if (s->service != COMPUTE_CIPHER)
		mac(s, in, len, digest);
}

static void fill_data(const struct job_state *st, const struct compute_session *s, uint8_t *p)
{
	pattern_fill(p, ALIGN_UP(st->len, 8), st->seed);
	if (s->service == COMPUTE_DEFLATE || s->service == COMPUTE_INFLATE)
		for (uint32_t i = 0; i < st->len; i++)
			p[i] = (uint8_t)('a' + p[i] % ALPHABET);
}

static void fill_aad(const struct job_state *st, const struct compute_session *s, uint8_t *p)
{
	memset(p, 0, 256);
	memset(p, (int)(st->seed >> 40 & 0xff), s->aad_len);
}

static void iv_of(const struct job_state *st, uint64_t iv[2])
{
	iv[0] = st->seed * 3;
	iv[1] = st->seed * 5;
}

void jobs_prepare(struct jobs *j, uint32_t round, uint32_t tag, struct compute_job *out)
{
	struct job_state *st = &j->state[tag];
	uint8_t *src = at(j, tag, JOB_SRC), *dst = at(j, tag, JOB_DST), *digest = at(j, tag, JOB_DIGEST);
	unsigned service = (round + tag) % COMPUTE_SERVICES;
	int kind = -1;
	if (service == COMPUTE_INFLATE && !st->stream)
		service = COMPUTE_DEFLATE;
	if (service == COMPUTE_INFLATE)
		kind = choose(j, service, 0);
	for (unsigned i = 0; i < COMPUTE_INFLATE && kind < 0;
	     i++) /* a service that is not there: the next one */
		kind = choose(j, (service + i) % COMPUTE_INFLATE, round / COMPUTE_SERVICES + tag);
	st->kind = (uint8_t)kind;
	const struct compute_session *s = &j->spec[kind];
	*out = (struct compute_job){.session = j->session[kind],
				    .tag = tag,
				    .src = address(j, tag, JOB_SRC),
				    .dst = address(j, tag, JOB_DST),
				    .room = JOB_AAD - JOB_DST - INFLATE_PAD,
				    .digest = address(j, tag, JOB_DIGEST),
				    .aad = address(j, tag, JOB_AAD)};
	if (s->service == COMPUTE_INFLATE) { /* what this tag deflated last */
		memcpy(src, dst, st->stream);
		out->len = st->stream;
		pattern_fill(dst, JOB_AAD - JOB_DST, ~st->seed);
		return;
	}
	st->stream = 0;
	st->seed = pattern_seed(j->owner, round, tag);
	st->len = size_of(st->seed >> 7);
	if (s->service == COMPUTE_CIPHER || s->service == COMPUTE_CHAIN)
		st->len &= ~15u;
	st->spoilt = compares(s) && (st->seed >> 32) % SPOIL_EACH == 0;
	iv_of(st, out->iv);
	out->len = st->len;
	fill_data(st, s, src);
	pattern_fill(dst, ALIGN_UP(st->len, 8), ~st->seed); /* old data never passes for an answer */
	fill_aad(st, s, at(j, tag, JOB_AAD));
	memset(digest, 0, SHA_DIGEST_MAX);
	if (compares(s) || s->decrypt)
		compute(s, out->iv, at(j, tag, JOB_AAD), src, st->len, j->want, digest);
	if (s->decrypt)
		memcpy(src, j->want, st->len);
	digest[0] ^= st->spoilt;
}

static void say_why(struct jobs *j, uint32_t tag, const char *what)
{
	const struct job_state *st = &j->state[tag];
	fmt_print(j->why, sizeof j->why, "%s, %u bytes: %s", kinds[st->kind].name, st->len, what);
}

static enum sl_err wrong(struct jobs *j, uint32_t tag, const char *what)
{
	say_why(j, tag, what);
	return SL_VERIFY;
}

static enum sl_err check_comp(struct jobs *j, uint32_t tag)
{
	struct job_state *st = &j->state[tag];
	const struct compute_session *s = &j->spec[st->kind];
	uint32_t n = j->a->ops->produced(j->a, tag);
	uint8_t *src = at(j, tag, JOB_SRC);
	uint8_t *dst = at(j, tag, JOB_DST);
	if (s->service == COMPUTE_INFLATE) {
		st->stream = 0;
		fill_data(st, s, src);
		if (n != st->len || memcmp(dst, src, n) != 0)
			return wrong(j, tag, "not what was deflated");
		return SL_OK;
	}
	int got = n && n <= JOB_DST - JOB_SRC ? inflate(dst, n, j->want, sizeof j->want) : -1;
	fill_data(st, s, src);
	if (got < 0 || (uint32_t)got != st->len || memcmp(j->want, src, st->len) != 0)
		return wrong(j, tag, "does not inflate to what went in");
	st->stream = n;
	return SL_OK;
}

enum sl_err jobs_check(struct jobs *j, uint32_t tag, uint16_t status)
{
	struct job_state *st = &j->state[tag];
	const struct compute_session *s = &j->spec[st->kind];
	uint8_t digest[SHA_DIGEST_MAX];
	const uint8_t *dst = at(j, tag, JOB_DST);
	char text[64];
	enum sl_err e = SL_OK;
	if (st->spoilt && j->a->ops->is_mismatch(status)) {
		j->noticed++;
	} else if (status) {
		say_why(j, tag, j->a->q.ops->status_text(status, text, sizeof text));
		return SL_DEVICE;
	} else if (st->spoilt) {
		return wrong(j, tag, "a wrong digest was not detected");
	} else if (s->service == COMPUTE_DEFLATE || s->service == COMPUTE_INFLATE) {
		e = check_comp(j, tag);
	} else if (s->decrypt) {
		fill_data(st, s, j->want);
		if (memcmp(dst, j->want, st->len) != 0)
			return wrong(j, tag, "data is not what the CPU encrypted");
	} else if (!s->check) {
		uint64_t iv[2];
		iv_of(st, iv);
		uint8_t *src = at(j, tag, JOB_SRC);
		fill_data(st, s, src); /* not from memory that the device may have changed */
		fill_aad(st, s, at(j, tag, JOB_AAD));
		compute(s, iv, at(j, tag, JOB_AAD), src, st->len, j->want, digest);
		bool crypts = s->service != COMPUTE_HASH && s->service != COMPUTE_HMAC;
		if (crypts && memcmp(dst, j->want, st->len) != 0)
			return wrong(j, tag, "data is not what the CPU computed");
		if (digests(s) && memcmp(at(j, tag, JOB_DIGEST), digest, digest_size(s)) != 0)
			return wrong(j, tag, "digest is not what the CPU computed");
	}
	if (!e)
		j->done[s->service]++;
	return e;
}

enum sl_err jobs_begin(struct jobs *j, uint64_t now)
{
	struct compute *a = j->a;
	for (uint32_t tag = 0; tag < JOB_TAGS; tag += BATCH) {
		struct compute_job job[BATCH];
		for (uint32_t i = 0; i < BATCH; i++)
			jobs_prepare(j, j->round, tag + i, &job[i]);
		unsigned n = a->ops->submit(a, job, BATCH);
		a->q.ops->ring(&a->q);
		j->left += n;
		if (n < BATCH) {
			fmt_print(j->why, sizeof j->why, "took %u of %u requests: %s", n, BATCH,
				  sl_err_text(a->q.refused));
			return SL_BADVAL;
		}
	}
	j->round++;
	j->silent_us = 0;
	j->looked = now;
	return SL_OK;
}

enum sl_err jobs_turn(struct jobs *j, uint64_t now)
{
	struct queue_done done[JOB_TAGS];
	struct compute *a = j->a;
	unsigned n = a->q.ops->poll(&a->q, done, j->left);
	j->left -= n;
	for (unsigned i = 0; i < n; i++) {
		enum sl_err e = jobs_check(j, done[i].tag, done[i].status);
		if (e)
			return e;
	}
	uint64_t step = now - j->looked;
	j->looked = now;
	j->silent_us = n ? 0 : j->silent_us + (step < STEP_US ? step : STEP_US);
	if (!a->q.stats.bad && j->silent_us <= JOBS_SILENT_US)
		return SL_OK;
	(void)a->q.ops->explain(&a->q, j->why, sizeof j->why);
	return a->q.stats.bad ? SL_DEVICE : SL_TIMEOUT;
}

bool jobs_stream(struct jobs *j, uint32_t tag, struct jobs_stream *out)
{
	const struct job_state *st = &j->state[tag];
	if (!st->stream)
		return false;
	fill_data(st, &j->spec[st->kind], j->want);
	*out = (struct jobs_stream){.kind = kinds[st->kind].name,
				    .stream = at(j, tag, JOB_DST),
				    .text = j->want,
				    .len = st->stream,
				    .text_len = st->len};
	return true;
}

uint64_t jobs_least(const struct jobs *j)
{
	uint64_t least = UINT64_MAX;
	for (unsigned s = 0; s < COMPUTE_SERVICES; s++)
		if (j->a->services & BIT(s) && j->done[s] < least)
			least = j->done[s];
	return least;
}

static enum sl_err known(struct jobs *j, const struct kat *k, bool back,
			 enum sl_err (*run)(void *, const struct compute_job *, uint16_t *), void *ctx)
{
	struct compute_session s = {
		.service = k->service, .cipher = k->cipher, .hash = k->hash, .decrypt = back};
	uint8_t key[KAT_MAX], iv[KAT_MAX] = {0}, in[KAT_MAX], out[KAT_MAX], digest[KAT_MAX];
	unsigned key_len = kat_bytes(k->key, key), len = kat_bytes(k->in, in), n = kat_bytes(k->out, out);
	unsigned digest_len = kat_bytes(k->digest, digest);
	uint16_t status;
	char text[64];
	kat_bytes(k->iv, iv);
	memset(at(j, 0, 0), 0, JOB_BYTES);
	s.aad_len = (uint8_t)kat_bytes(k->aad, at(j, 0, JOB_AAD));
	if (k->service == COMPUTE_HMAC) {
		memcpy(s.mac_key, key, key_len);
		s.mac_len = (uint8_t)key_len;
	} else if (key_len <= sizeof s.key) {
		memcpy(s.key, key, key_len);
		s.key_len = (uint8_t)key_len;
	}
	struct compute_job job = {.src = address(j, 0, JOB_SRC),
				  .dst = address(j, 0, JOB_DST),
				  .len = len,
				  .room = JOB_AAD - JOB_DST,
				  .digest = address(j, 0, JOB_DIGEST),
				  .aad = address(j, 0, JOB_AAD)};
	memcpy(job.iv, iv, sizeof job.iv);
	memcpy(at(j, 0, JOB_SRC), back ? out : in, len);
	if (back)
		memcpy(at(j, 0, JOB_DIGEST), digest, digest_len);
	enum sl_err e = j->a->ops->session(j->a, &s, &job.session);
	if (!e)
		e = run(ctx, &job, &status);
	if (e)
		return e;
	bool right = memcmp(at(j, 0, JOB_DST), back ? in : out, n) == 0 &&
		     memcmp(at(j, 0, JOB_DIGEST), digest, digest_len) == 0 &&
		     (k->service != COMPUTE_INFLATE || j->a->ops->produced(j->a, 0) == n);
	if (status)
		fmt_print(j->why, sizeof j->why, "%s%s: %s", k->name, back ? ", back" : "",
			  j->a->q.ops->status_text(status, text, sizeof text));
	else if (!right)
		fmt_print(j->why, sizeof j->why, "%s%s: not the known answer", k->name, back ? ", back" : "");
	return status ? SL_DEVICE : right ? SL_OK : SL_VERIFY;
}

enum sl_err jobs_known(struct jobs *j,
		       enum sl_err (*run)(void *ctx, const struct compute_job *job, uint16_t *status),
		       void *ctx, unsigned *n)
{
	*n = 0;
	for (unsigned i = 0; i < kat_count; i++) {
		bool two_ways = kats[i].service == COMPUTE_CIPHER || kats[i].service == COMPUTE_AEAD;
		if (!(j->a->services & BIT(kats[i].service)))
			continue;
		for (unsigned back = 0; back <= two_ways; back++) {
			enum sl_err e = known(j, &kats[i], back, run, ctx);
			if (e && e != SL_UNSUPPORTED)
				return e;
			*n += !e;
		}
	}
	return SL_OK;
}
