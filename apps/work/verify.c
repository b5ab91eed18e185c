/* Stage verify: every operation that the VFs offer, on all VFs at once, each result checked against the CPU
 * by the core that works the VF. A step is one request for each of SPAN chunks; the next step checks on what
 * the last one did. */
#include "apps/vf/workers.h"
#include "apps/vf/batch.h"
#include "apps/vf/overwrite.h"
#include "apps/report/pace.h"
#include "apps/work/stages.h"
#include "apps/work/pattern.h"
#include "drivers/crc16.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define SPAN       DEPTH_MIN /* chunks that a round works on */
#define WANT       12000u    /* operations, over all VFs */
#define ROUNDS_MAX 64u
#define LIMIT_US   1800000000ull /* every batch has its own, far shorter limit */
#define BUDGET_US  60000000u     /* a slow medium: no round is begun after this time, but for the first */

enum outcome { DONE, MISCOMPARE, PI_ERROR };

struct ctx {
	struct vf *vf;
	uint32_t round;
	unsigned i; /* chunk of the round; its tag and its buffer too */
};

struct step {
	const char *name;
	enum block_op op;
	enum outcome want;
	bool on_pi;
	uint8_t pi;
	void (*prepare)(const struct ctx *c); /* fills the buffer */
	bool (*check)(const struct ctx *c);   /* looks at it; NULL: the status says it all */
};

static uint64_t seed(const struct ctx *c)
{
	return pattern_seed(c->vf->index, c->round, c->i);
}

/* So that data of an earlier step never passes for an answer. */
static void poison(const struct ctx *c)
{
	pattern_fill(vf_buffer(c->vf, c->i), CHUNK, ~seed(c));
	memset(vf_meta(c->vf, c->i), 0xa5, META_SLOT);
}

static void pattern(const struct ctx *c)
{
	pattern_fill(vf_buffer(c->vf, c->i), CHUNK, seed(c));
}

/* One byte off, somewhere else each time. */
static void altered(const struct ctx *c)
{
	pattern(c);
	vf_buffer(c->vf, c->i)[(c->i * 131 + c->round * 17) % CHUNK] ^= 0x40;
}

static bool is_zero(const struct ctx *c)
{
	return pattern_is_zero(vf_buffer(c->vf, c->i), CHUNK);
}

static bool is_pattern(const struct ctx *c)
{
	return pattern_check(vf_buffer(c->vf, c->i), CHUNK, seed(c));
}

/* T10 protection information type 1: guard, application tag, reference tag, big-endian. NVM command set §5.2
 */
static bool is_pattern_with_pi(const struct ctx *c)
{
	const struct block_store *s = c->vf->pi;
	const struct block_req *r = &c->vf->batch.req[c->i];
	if (!is_pattern(c))
		return false;
	for (uint32_t b = 0; b < r->blocks; b++) {
		const uint8_t *pi = vf_meta(c->vf, c->i) + b * s->meta;
		uint16_t guard = crc16_t10dif(0, vf_buffer(c->vf, c->i) + b * s->block, s->block);
		uint32_t ref = (uint32_t)pi[4] << 24 | (uint32_t)pi[5] << 16 | (uint32_t)pi[6] << 8 | pi[7];
		if ((pi[0] << 8 | pi[1]) != guard || ref != (uint32_t)(r->lba + b))
			return false;
	}
	return true;
}

/* Other data with a guard that is wrong for it: the VF must notice, and must not write it. */
static void wrong_guard(const struct ctx *c)
{
	const struct block_store *s = c->vf->pi;
	const struct block_req *r = &c->vf->batch.req[c->i];
	pattern_fill(vf_buffer(c->vf, c->i), CHUNK, ~seed(c));
	for (uint32_t b = 0; b < r->blocks; b++) {
		uint8_t *pi = vf_meta(c->vf, c->i) + b * s->meta;
		uint16_t guard = crc16_t10dif(0, vf_buffer(c->vf, c->i) + b * s->block, s->block);
		uint32_t ref = (uint32_t)(r->lba + b);
		guard ^= (uint16_t)(1u << (c->i % 16));
		uint8_t tuple[8] = {
			(uint8_t)(guard >> 8), (uint8_t)guard,      0,           0, (uint8_t)(ref >> 24),
			(uint8_t)(ref >> 16),  (uint8_t)(ref >> 8), (uint8_t)ref};
		memcpy(pi, tuple, sizeof tuple);
	}
}

static const struct step steps[] = {
	{"fill", BLOCK_FILL, DONE, false, 0, poison, NULL},
	{"read zeros back", BLOCK_READ, DONE, false, 0, poison, is_zero},
	{"write", BLOCK_WRITE, DONE, false, 0, pattern, NULL},
	{"read back", BLOCK_READ, DONE, false, 0, poison, is_pattern},
	{"compare", BLOCK_COMPARE, DONE, false, 0, pattern, NULL},
	{"compare with one byte off", BLOCK_COMPARE, MISCOMPARE, false, 0, altered, NULL},
	{"copy", BLOCK_COPY, DONE, false, 0, poison, NULL},
	{"read the copy back", BLOCK_READ, DONE, false, 0, poison, is_pattern},
	{"verify", BLOCK_VERIFY, DONE, false, 0, poison, NULL},
	{"write with guard made by the VF", BLOCK_WRITE, DONE, true, BLOCK_PI_INSERT, pattern, NULL},
	{"read back with guard", BLOCK_READ, DONE, true, BLOCK_PI_CHECK, poison, is_pattern_with_pi},
	{"write with a wrong guard", BLOCK_WRITE, PI_ERROR, true, BLOCK_PI_CHECK, wrong_guard, NULL},
	{"read back with guard, unchanged", BLOCK_READ, DONE, true, BLOCK_PI_CHECK, poison,
	 is_pattern_with_pi},
};

/* Copies go from the first half of the store to the second, and what was copied is read there. */
static uint64_t chunk_of(const struct step *st, const struct block_store *s, const struct ctx *c, bool source)
{
	uint64_t half = store_chunks(s) / 2, chunk = ((uint64_t)c->round * SPAN + c->i) % half;
	if (st->on_pi) /* QEMU 10.0 finds a wrong guard on LBA 0 and writes all the same */
		return chunk + half;
	bool copied =
		st->op == BLOCK_COPY || st->op == BLOCK_VERIFY || (st > steps && st[-1].op == BLOCK_COPY);
	return copied && !source ? half + chunk : chunk;
}

static const struct block_store *store_of(const struct step *st, const struct vf *vf)
{
	return st->on_pi ? vf->pi : vf->data;
}

static bool offered(const struct step *st, const struct vf *vf)
{
	bool after_copy = st > steps && st[-1].op == BLOCK_COPY;
	bool after_fill = st > steps && st[-1].op == BLOCK_FILL;
	return store_of(st, vf) && (vf->medium->can & BIT(st->op)) &&
	       (!after_copy || (vf->medium->can & BIT(BLOCK_COPY))) &&
	       (!after_fill || (vf->medium->can & BIT(BLOCK_FILL)));
}

static enum sl_err start_step(const struct step *st, struct vf *vf, uint32_t round)
{
	const struct block_store *s = store_of(st, vf);
	vf->batch.n = SPAN;
	for (unsigned i = 0; i < SPAN; i++) {
		struct ctx c = {vf, round, i};
		struct block_req *r = &vf->batch.req[i];
		*r = vf_request(vf, s, st->op, chunk_of(st, s, &c, false), i);
		if (st->op == BLOCK_COPY)
			r->src_lba = vf_request(vf, s, st->op, chunk_of(st, s, &c, true), i).lba;
		r->pi = st->pi;
		st->prepare(&c);
	}
	return batch_start(vf);
}

static bool status_right(const struct step *st, const struct vf *vf, uint16_t status)
{
	switch (st->want) {
	case MISCOMPARE:
		return vf->medium->ops->is_miscompare(status);
	case PI_ERROR:
		return vf->medium->ops->is_pi_error(status);
	default:
		return status == 0;
	}
}

static const char *advice(bool right, uint16_t status)
{
	return right    ? "run again; if this persists, the device or the path to memory damages data"
	       : status ? BATCH_ADVICE
			: "run again; if this persists, the device does not check what it claims to check";
}

static enum sl_err check_step(const struct step *st, struct vf *vf, uint32_t round)
{
	char text[64];
	for (unsigned i = 0; i < vf->batch.n; i++) {
		struct ctx c = {vf, round, i};
		uint16_t status = vf->batch.status[i];
		bool right = status_right(st, vf, status);
		if (right && (!st->check || st->check(&c)))
			continue;
		log_fail("verify", advice(right, status),
			 BDF_FMT " %s, round %u, LBA 0x%llx: %s (status: %s)", BDF_ARG(vf->fn->bdf), st->name,
			 round, (ull)vf->batch.req[i].lba,
			 right ? "data is not what the CPU computed" : "wrong outcome",
			 status ? vf->queue->ops->status_text(status, text, sizeof text) : "success");
		return !right && status ? SL_DEVICE : SL_VERIFY;
	}
	return SL_OK;
}

/* One step on all VFs of a core at once. */
static enum sl_err run_step(struct worker *w, const struct step *st)
{
	struct vf *vf = &w->m->vf[w->first];
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < w->n && !e; i++) {
		vf[i].batch.n = vf[i].batch.done = 0;
		if (offered(st, &vf[i]))
			e = start_step(st, &vf[i], w->rounds);
	}
	if (!e)
		e = batch_finish_some(w->m, w->first, w->n);
	for (unsigned i = 0; i < w->n && !e; i++) {
		e = check_step(st, &vf[i], w->rounds);
		w->ops += vf[i].batch.n;
	}
	core_progress();
	return e;
}

static uint64_t ops_of_all(void)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < core_count(); i++)
		n += __atomic_load_n(&worker_of(i)->ops, __ATOMIC_RELAXED);
	return n;
}

static void print_pace(struct pace *p)
{
	uint64_t now = now_us(), done = ops_of_all();
	if (done && pace_due(p, now))
		log_line("verify", "%llu of %u operations after %llu s, about %llu s left", (ull)done, WANT,
			 (ull)pace_seconds(p, now), (ull)pace_left(p, now, done, WANT));
}

/* On each core: its part of WANT, or what the medium can do in BUDGET_US. */
static void verify_worker(void *arg)
{
	struct worker *w = arg;
	struct pace pace;
	pace_start(&pace, now_us(), 0);
	while (w->ops * w->m->vfs < WANT * w->n && w->rounds < ROUNDS_MAX && !w->err &&
	       (!w->rounds || now_us() - pace.start < BUDGET_US)) {
		for (unsigned s = 0; s < ARRAY_LEN(steps) && !w->err; s++) {
			w->err = run_step(w, &steps[s]);
			if (w->core == 0)
				print_pace(&pace);
		}
		w->rounds++;
	}
}

static enum sl_err check_room(const struct vf *vf)
{
	const struct block_store *s[] = {vf->data, vf->pi};
	for (unsigned i = 0; i < ARRAY_LEN(s); i++) {
		if (!s[i] || store_chunks(s[i]) >= CHUNKS_LEAST)
			continue;
		log_fail("verify", "give it a larger namespace",
			 BDF_FMT " has %llu KiB in a namespace%s; at least %llu are needed",
			 BDF_ARG(vf->fn->bdf), (ull)(store_chunks(s[i]) * CHUNK / 1024),
			 i ? " with protection information" : "", (ull)(CHUNKS_LEAST * CHUNK / 1024));
		return SL_NOSPACE;
	}
	return SL_OK;
}

enum sl_err stage_verify(struct machine *m)
{
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < m->vfs && !e; i++)
		e = check_room(&m->vf[i]);
	if (!e)
		e = overwrite_check(m);
	if (!e)
		e = workers_run(m, verify_worker, LIMIT_US);
	if (e)
		return e;
	uint32_t rounds = 0;
	unsigned cores = 0;
	for (unsigned i = 0; i < core_count(); i++) {
		const struct worker *w = worker_of(i);
		m->tally.verified += w->ops;
		rounds = w->rounds > rounds ? w->rounds : rounds;
		cores += w->n > 0;
	}
	if (m->tally.verified < WANT && rounds < ROUNDS_MAX)
		log_line("verify", "the medium is slow: no round was begun after %u s, so these are fewer",
			 BUDGET_US / 1000000);
	for (unsigned s = 0; s < ARRAY_LEN(steps); s++)
		log_line("verify", "%s: %s", steps[s].name,
			 offered(&steps[s], &m->vf[0]) ? "every result right"
						       : "not offered by this controller");
	log_line(
		"verify",
		"%llu operations in %u rounds on %u VFs and %u cores at once, every result as the CPU computed it",
		(ull)m->tally.verified, rounds, m->vfs, cores);
	return SL_OK;
}
