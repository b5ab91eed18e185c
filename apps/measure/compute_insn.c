/* Stage insn of a VF that computes: rows of one operation each, passes= times over, all run by the same loop.
 * tools/insncount counts the loop's instructions between the markers; what it needs besides stands in a BENCH
 * line. What each tag did last is checked after each row. */
#include "apps/measure/insn.h"
#include "apps/vf/qat.h"
#include "apps/work/jobs.h"
#include "kernel/inflate.h"
#include "apps/work/pattern.h"
#include "drivers/crypto/aes.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/marker.h"

#define BYTES   4096u      /* of an operation */
#define LOOK    (1u << 16) /* empty polls between two looks at the clock */
#define AAD_LEN 16u

/* A silent device is not brought back here, and an emulator on a busy host may be silent for seconds. */
#define STALL_US 10000000u

/* How the loop reaches the VF: the ring's own calls for one service, or the table in drivers/compute.h. */
enum way { CRYPTO = QAT_SYM, COMPRESSION = QAT_DC, TABLE };

#define GCM                                                                                                  \
	{                                                                                                    \
		.service = COMPUTE_AEAD, .key_len = 16, .aad_len = AAD_LEN                                   \
	}
static const struct row {
	const char *name;
	struct compute_session spec;
	enum way way;
	uint32_t depth, batch, ops; /* ops: depth and any number of batches */
} rows[] = {
	{"aes-128-gcm", GCM, CRYPTO, 1, 1, 2048},
	{"aes-128-gcm", GCM, CRYPTO, 32, 8, 16384},
	{"aes-128-gcm,table", GCM, TABLE, 32, 8, 16384},
	{"sha-256", {.service = COMPUTE_HASH, .hash = SHA_256}, CRYPTO, 32, 8, 8192},
	{"deflate", {.service = COMPUTE_DEFLATE}, COMPRESSION, 32, 8, 4096},
};

/* One row while it runs. */
static struct run {
	struct qat_vf *vf;
	struct compute *a; /* of vf */
	struct compute_job job[JOB_TAGS];
	uint64_t count;        /* the next IV */
	uint64_t empty, waits; /* looks that found nothing, and how often they began */
	unsigned errors;
} run;

/* An IV is used once: SP 800-38D §8. */
FAST_INLINE void send(struct run *r, uint32_t tag, enum way way)
{
	struct compute_job *job = &r->job[tag];
	job->iv[0] = r->count++;
	bool sent = way == TABLE ? r->a->ops->submit(r->a, job, 1) == 1 : qat_vf_put(r->vf, job) == SL_OK;
	if (UNLIKELY(!sent))
		r->errors++;
}

FAST_INLINE void ring(struct run *r, enum way way)
{
	if (way == TABLE)
		r->a->q.ops->ring(&r->a->q);
	else
		qat_ring_ring(&r->vf->ring[way]);
}

/* Waits for a response; false when the device is silent. */
static __attribute__((noinline)) bool wait(struct run *r)
{
	struct deadline d = deadline_in(STALL_US);
	r->waits++;
	while (deadline_look(&d))
		for (uint32_t i = 0; i < LOOK; i++) {
			if (r->a->q.ops->ready(&r->a->q))
				return true;
			r->empty++;
		}
	return false;
}

/* Up to n results; 0 when there is none that is one. */
FAST_INLINE unsigned take(struct run *r, struct queue_done *done, uint32_t n, enum way way)
{
	if (way == TABLE)
		return r->a->q.ops->poll(&r->a->q, done, n);
	return qat_vf_take(r->vf, way, done) == QAT_TOOK;
}

/* Takes n results (1 or more) and, with again set, sends each tag's job again, under an IV of its own; one
 * doorbell. */
FAST_INLINE bool turn(struct run *r, uint32_t n, bool again, enum way way)
{
	struct queue_done done[JOB_TAGS];
	for (uint32_t got = 0; got < n;) {
		unsigned some = take(r, done, n - got, way);
		if (UNLIKELY(!some)) {
			MARKER(MARK_WAIT);
			bool ready = wait(r);
			MARKER(MARK_GO_ON);
			if (!ready)
				return false;
			continue;
		}
		for (unsigned i = 0; i < some; i++) {
			if (UNLIKELY(done[i].status))
				r->errors++;
			if (again)
				send(r, done[i].tag, way);
		}
		got += some;
	}
	if (again)
		ring(r, way);
	if (way != TABLE)
		qat_ring_release(&r->vf->ring[way]);
	return true;
}

/* Keeps row->depth in flight until ops operations are through. False when the device fell silent. */
FAST_INLINE bool loop(struct run *r, const struct row *row, uint32_t ops, enum way way)
{
	for (uint32_t tag = 0; tag < row->depth; tag++)
		send(r, tag, way);
	ring(r, way);
	for (uint32_t left = ops - row->depth; left; left -= row->batch)
		if (!turn(r, row->batch, true, way))
			return false;
	return turn(r, row->depth, false, way);
}

static bool loop_crypto(struct run *r, const struct row *row, uint32_t ops)
{
	return loop(r, row, ops, CRYPTO);
}

static bool loop_compression(struct run *r, const struct row *row, uint32_t ops)
{
	return loop(r, row, ops, COMPRESSION);
}

static bool loop_table(struct run *r, const struct row *row, uint32_t ops)
{
	return loop(r, row, ops, TABLE);
}

static uint8_t *place(const struct vf *vf, uint32_t tag, uint32_t off)
{
	return (uint8_t *)vf->buffers.va + tag * JOB_BYTES + off;
}

static enum sl_err prepare(struct vf *vf, const struct row *row, struct run *r)
{
	uint32_t id;
	enum sl_err e = vf->compute->ops->session(vf->compute, &row->spec, &id);
	*r = (struct run){.vf = qat_of(vf), .a = vf->compute, .count = 1};
	for (uint32_t tag = 0; tag < row->depth && !e; tag++) {
		uint64_t at = vf->buffers.iova.v + tag * JOB_BYTES;
		pattern_fill(place(vf, tag, JOB_SRC), BYTES, pattern_seed(0, 5, tag));
		for (uint32_t i = 0; i < BYTES; i++) /* what can be compressed */
			*place(vf, tag, JOB_SRC + i) &= 7;
		memset(place(vf, tag, JOB_AAD), 0x2a, AAD_LEN);
		r->job[tag] = (struct compute_job){.session = id,
						   .tag = tag,
						   .src = IOVA(at + JOB_SRC),
						   .dst = IOVA(at + JOB_DST),
						   .len = BYTES,
						   .room = JOB_AAD - JOB_DST - INFLATE_PAD,
						   .digest = IOVA(at + JOB_DIGEST),
						   .aad = IOVA(at + JOB_AAD)};
	}
	return e;
}

/* What the tag's last operation left in memory. */
static bool right(const struct vf *vf, const struct row *row, const struct run *r, uint32_t tag)
{
	static uint8_t want[BYTES];
	uint8_t digest[SHA_DIGEST_MAX];
	struct gcm gcm;
	const uint8_t *src = place(vf, tag, JOB_SRC), *dst = place(vf, tag, JOB_DST);
	const uint8_t *iv = (const uint8_t *)r->job[tag].iv;
	if (row->spec.service == COMPUTE_DEFLATE) {
		int n = inflate(place(vf, tag, JOB_DST), r->a->ops->produced(r->a, tag), want, sizeof want);
		return n == BYTES && memcmp(want, src, BYTES) == 0;
	}
	if (row->spec.service == COMPUTE_HASH) {
		sha_hash(SHA_256, src, BYTES, digest);
		return memcmp(place(vf, tag, JOB_DIGEST), digest, sha_size(SHA_256)) == 0;
	}
	if (gcm_init(&gcm, row->spec.key, row->spec.key_len))
		return false;
	gcm_encrypt(&gcm, iv, place(vf, tag, JOB_AAD), AAD_LEN, src, BYTES, want, digest);
	return memcmp(dst, want, BYTES) == 0 && memcmp(place(vf, tag, JOB_DIGEST), digest, GCM_TAG) == 0;
}

static uint64_t doorbells_of(const struct qat_vf *vf)
{
	return vf->ring[QAT_SYM].doorbells + vf->ring[QAT_DC].doorbells;
}

static enum sl_err run_row(struct vf *vf, const struct row *row)
{
	static bool (*const loops[])(struct run *, const struct row *, uint32_t) = {
		[CRYPTO] = loop_crypto, [COMPRESSION] = loop_compression, [TABLE] = loop_table};
	struct run *r = &run;
	enum sl_err e = prepare(vf, row, r);
	if (e)
		return e;
	bool done = loops[row->way](r, row, row->depth); /* once before: code and tables have been used */
	for (uint32_t tag = 0; tag < row->depth; tag++)
		memset(place(vf, tag, JOB_DST), 0x5a, JOB_AAD - JOB_DST);
	uint64_t start = now_us(), doorbells = doorbells_of(r->vf);
	r->empty = r->waits = 0;
	MARKER(MARK_BEGIN);
	done = done && loops[row->way](r, row, row->ops);
	MARKER(MARK_END);
	uint64_t us = now_us() - start;
	if (!done || r->errors || r->vf->ring[QAT_SYM].bad || r->vf->ring[QAT_DC].bad)
		return SL_DEVICE;
	for (uint32_t tag = 0; tag < row->depth; tag++)
		if (!right(vf, row, r, tag))
			return SL_VERIFY;
	log_text(
		"BENCH op=%s bytes=%u depth=%u batch=%u ops=%u us=%llu doorbells=%llu empty=%llu waits=%llu\n",
		row->name, BYTES, row->depth, row->batch, row->ops, (ull)us,
		(ull)(doorbells_of(r->vf) - doorbells), (ull)r->empty, (ull)r->waits);
	return SL_OK;
}

enum sl_err compute_insn(struct machine *m)
{
	enum sl_err e = SL_OK;
	for (uint32_t pass = 0; pass < m->cfg->passes; pass++)
		for (unsigned i = 0; i < ARRAY_LEN(rows) && !e; i++)
			e = run_row(&m->vf[0], &rows[i]);
	if (e)
		log_fail("insn", "run again; if this persists, the device fails under load",
			 "operations under load failed: %s", sl_err_text(e));
	return e;
}
