/* Stage insn of a VF that computes: rows of one operation each, passes= times over, all run by the same loop.
 * tools/insncount counts the loop's instructions between the markers; what it needs besides stands in a BENCH
 * line. What each tag did last is checked after each row. */
#include "apps/accel.h"
#include "kernel/inflate.h"
#include "apps/pattern.h"
#include "drivers/crypto/aes.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/x86/marker.h"

#define BYTES   4096u      /* of an operation */
#define LOOK    (1u << 16) /* empty polls between two looks at the clock */
#define AAD_LEN 16u

static const struct row {
	const char *name;
	struct accel_session spec;
	uint32_t depth, batch, ops; /* ops: depth and any number of batches */
} rows[] = {
	{"aes-128-gcm", {.service = ACCEL_AEAD, .key_len = 16, .aad_len = AAD_LEN}, 1, 1, 2048},
	{"aes-128-gcm", {.service = ACCEL_AEAD, .key_len = 16, .aad_len = AAD_LEN}, 32, 8, 16384},
	{"sha-256", {.service = ACCEL_HASH, .hash = SHA_256}, 32, 8, 8192},
	{"deflate", {.service = ACCEL_DEFLATE}, 32, 8, 4096},
};

/* One row while it runs. */
static struct run {
	struct accel *a;
	struct accel_job job[JOB_TAGS];
	uint64_t count;        /* the next IV */
	uint64_t empty, waits; /* looks that found nothing, and how often they began */
	unsigned errors;
} run;

/* An IV is used once: SP 800-38D §8. */
static void send(struct run *r, uint32_t tag)
{
	r->job[tag].iv[0] = r->count++;
	if (r->a->drv->submit_jobs(r->a, &r->job[tag], 1) != 1)
		r->errors++;
}

/* Waits for a response; false when the device is silent. */
static __attribute__((noinline)) bool wait(struct run *r)
{
	uint64_t end = now_us() + JOBS_SILENT_US;
	r->waits++;
	for (;;) {
		bool late = now_us() > end;
		for (uint32_t i = 0; i < LOOK; i++) {
			if (r->a->drv->ready(r->a))
				return true;
			r->empty++;
		}
		if (late)
			return false;
	}
}

/* Takes n results (1 or more) and, with again set, sends each tag's job again, under an IV of its own; one
 * doorbell. */
static bool turn(struct run *r, uint32_t n, bool again)
{
	struct accel_done done[JOB_TAGS];
	for (uint32_t got = 0; got < n;) {
		unsigned some = r->a->drv->poll(r->a, done, n - got);
		if (!some) {
			MARKER(MARK_WAIT);
			bool ready = wait(r);
			MARKER(MARK_GO_ON);
			if (!ready)
				return false;
			continue;
		}
		for (unsigned i = 0; i < some; i++) {
			r->errors += done[i].status != 0;
			if (again)
				send(r, done[i].tag);
		}
		got += some;
	}
	if (again)
		r->a->drv->ring(r->a);
	return true;
}

/* Keeps row->depth in flight until ops operations are through. False when the device fell silent. */
static bool loop(struct run *r, const struct row *row, uint32_t ops)
{
	for (uint32_t tag = 0; tag < row->depth; tag++)
		send(r, tag);
	r->a->drv->ring(r->a);
	for (uint32_t left = ops - row->depth; left; left -= row->batch)
		if (!turn(r, row->batch, true))
			return false;
	return turn(r, row->depth, false);
}

static uint8_t *place(const struct vf *vf, uint32_t tag, uint32_t off)
{
	return (uint8_t *)vf->buffers.va + tag * JOB_BYTES + off;
}

static enum sl_err prepare(struct vf *vf, const struct row *row, struct run *r)
{
	uint32_t id;
	enum sl_err e = vf->accel->drv->session(vf->accel, &row->spec, &id);
	*r = (struct run){.a = vf->accel, .count = 1};
	for (uint32_t tag = 0; tag < row->depth && !e; tag++) {
		uint64_t at = vf->buffers.iova.v + tag * JOB_BYTES;
		pattern_fill(place(vf, tag, JOB_SRC), BYTES, pattern_seed(0, 5, tag));
		for (uint32_t i = 0; i < BYTES; i++) /* what can be compressed */
			*place(vf, tag, JOB_SRC + i) &= 7;
		memset(place(vf, tag, JOB_AAD), 0x2a, AAD_LEN);
		r->job[tag] = (struct accel_job){.session = id,
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
	if (row->spec.service == ACCEL_DEFLATE) {
		int n = inflate(place(vf, tag, JOB_DST), r->a->drv->produced(r->a, tag), want, sizeof want);
		return n == BYTES && memcmp(want, src, BYTES) == 0;
	}
	if (row->spec.service == ACCEL_HASH) {
		sha_hash(SHA_256, src, BYTES, digest);
		return memcmp(place(vf, tag, JOB_DIGEST), digest, sha_size(SHA_256)) == 0;
	}
	if (gcm_init(&gcm, row->spec.key, row->spec.key_len))
		return false;
	gcm_encrypt(&gcm, iv, place(vf, tag, JOB_AAD), AAD_LEN, src, BYTES, want, digest);
	return memcmp(dst, want, BYTES) == 0 && memcmp(place(vf, tag, JOB_DIGEST), digest, GCM_TAG) == 0;
}

static enum sl_err run_row(struct vf *vf, const struct row *row)
{
	struct run *r = &run;
	enum sl_err e = prepare(vf, row, r);
	if (e)
		return e;
	bool done = loop(r, row, row->depth); /* once before: code and tables have been used */
	for (uint32_t tag = 0; tag < row->depth; tag++)
		memset(place(vf, tag, JOB_DST), 0x5a, JOB_AAD - JOB_DST);
	uint64_t start = now_us(), doorbells = r->a->stats.doorbells;
	r->empty = r->waits = 0;
	MARKER(MARK_BEGIN);
	done = done && loop(r, row, row->ops);
	MARKER(MARK_END);
	uint64_t us = now_us() - start;
	if (!done || r->errors || r->a->stats.bad)
		return SL_DEVICE;
	for (uint32_t tag = 0; tag < row->depth; tag++)
		if (!right(vf, row, r, tag))
			return SL_VERIFY;
	log_text("BENCH op=%s bytes=%u depth=%u batch=%u ops=%u us=%llu doorbells=%llu empty=%llu "
		 "waits=%llu\n",
		 row->name, BYTES, row->depth, row->batch, row->ops, (ull)us,
		 (ull)(r->a->stats.doorbells - doorbells), (ull)r->empty, (ull)r->waits);
	return SL_OK;
}

enum sl_err stage_accel_insn(struct machine *m)
{
	enum sl_err e = SL_OK;
	for (uint32_t pass = 0; pass < m->boot->cfg.passes; pass++)
		for (unsigned i = 0; i < ARRAY_LEN(rows) && !e; i++)
			e = run_row(&m->vf[0], &rows[i]);
	if (e)
		log_fail("insn", "run again; if it stays, the device fails under load",
			 "operations under load went wrong: %s", sl_err_text(e));
	return e;
}
