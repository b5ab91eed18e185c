/* Stage refuse of VFs that compute: each is told to reach memory that is not its own, while the others work.
 * By the rules of apps/proof/attack.h: each access is first made where it is allowed, and seen to work there.
 *
 * Data is AES-CTR with a key of zeros: what a VF read from a source is what came out, and the key stream. */
#include "apps/proof/bystanders.h"
#include "apps/proof/guard.h"
#include "apps/proof/standin.h"
#include "apps/proof/strike.h"
#include "apps/work/compute.h"
#include "apps/proof/refuse.h"
#include "apps/vf/qat.h"
#include "apps/work/pattern.h"
#include "drivers/crypto/aes.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/x86/paging.h"

#define ATTACK_US 50000u /* for an answer that must not come */
#define DATA_LEN  64u

/* Behind a VF's jobs: a page that nobody may touch, pages for the control, a place for a ring. */
#define AT_TARGET  (JOB_TAGS * JOB_BYTES)
#define AT_ALLOWED (AT_TARGET + 2 * PAGE_SIZE)
#define AT_RING    (AT_TARGET + QAT_TX_BYTES)
_Static_assert(AT_ALLOWED + ALLOWED_PAGES * PAGE_SIZE <= AT_RING && IS_ALIGNED(AT_RING, QAT_TX_BYTES) &&
		       AT_RING + QAT_TX_BYTES <= PAGE_2M - WINDOW_BUFFERS,
	       "behind the jobs");

enum part { SOURCE = ATTACK_KINDS, DESTINATION, DIGEST, REQUEST_RING, RESPONSE_RING };

static const struct target {
	const char *name;
	enum part part;
	enum { HOLE, OTHER_VF, KERNEL, READ_ONLY } what;
} targets[] = {
	{"source in an unmapped page", SOURCE, HOLE},
	{"source in memory of another VF", SOURCE, OTHER_VF},
	{"destination in an unmapped page", DESTINATION, HOLE},
	{"destination in its read-only page", DESTINATION, READ_ONLY},
	{"destination in memory of another VF", DESTINATION, OTHER_VF},
	{"destination in kernel memory", DESTINATION, KERNEL},
	{"digest in kernel memory", DIGEST, KERNEL},
	{"request ring in an unmapped page", REQUEST_RING, HOLE},
	{"response ring in an unmapped page", RESPONSE_RING, HOLE},
};

/* Others' rounds of the case that runs. */
static struct {
	bool begun;
	unsigned faults; /* m->tally.vf_faults before */
} others;

static struct dma_buf target_page(const struct vf *vf)
{
	return dma_part(&vf->buffers, AT_TARGET, PAGE_SIZE);
}

static uint64_t address_of(const struct machine *m, const struct vf *vf, const struct vf *other,
			   const struct target *t)
{
	switch (t->what) {
	case OTHER_VF:
		return target_page(other).phys.v;
	case KERNEL:
		return paging_phys(standin_data()).v;
	case READ_ONLY:
		return vf->readonly.iova.v;
	default:
		return window_at(m, WINDOW_HOLE).v;
	}
}

/* ---- how such a VF attacks ---- */

static bool compute_can(const struct attacker *by, const struct attack *a)
{
	(void)by;
	(void)a;
	return true;
}

/* Where its job leaves something. */
static uint8_t *result(const struct vf *vf, bool digest)
{
	return compute_of(vf)->jobs.va + (digest ? JOB_DIGEST : JOB_DST);
}

static enum sl_err compute_prepare(struct machine *m, struct attacker *by, const struct attack *a)
{
	const struct vf *vf = by->dev;
	(void)m;
	(void)a;
	uint64_t old[DATA_LEN / 8];
	for (unsigned i = 0; i < DATA_LEN / 8; i++)
		old[i] = strike_old(i);
	memcpy(result(vf, false), old, sizeof old);
	memcpy(result(vf, true), old, sizeof old);
	return SL_OK;
}

/* Gives the device the ring pair for crypto again, one of its rings somewhere else. Where that is our memory
 * the driver has its ring there too. */
static enum sl_err move_ring(struct vf *vf, bool response, uint64_t to)
{
	struct qat_vf *q = qat_of(vf);
	struct qat_ring *r = &q->ring[QAT_SYM];
	struct dma_buf spare = dma_part(&vf->buffers, AT_RING, QAT_TX_BYTES);
	struct dma_buf tx = dma_part(&vf->queues, QAT_MEM_TX, QAT_TX_BYTES);
	struct dma_buf rx = dma_part(&vf->queues, QAT_MEM_RX, QAT_RX_BYTES);
	struct qat_ring_cfg cfg = {.gen = q->gen,
				   .pair = r->pair,
				   .number = QAT_SYM,
				   .regs = vf->regs,
				   .tx = to == spare.iova.v && !response ? spare.va : tx.va,
				   .rx = to == spare.iova.v && response ? spare.va : rx.va,
				   .tx_iova = response ? tx.iova : IOVA(to),
				   .rx_iova = response ? IOVA(to) : rx.iova,
				   .depth = JOB_TAGS,
				   .flight = q->flight,
				   .serial = r->serial};
	qat_ring_close(r);
	return qat_ring_open(r, &cfg);
}

static enum sl_err send(struct vf *vf, const struct attack *a, uint64_t us, uint16_t *status)
{
	struct jobs *j = &compute_of(vf)->jobs;
	struct compute_session s = {.service = a->part == DIGEST ? COMPUTE_HASH : COMPUTE_CIPHER,
				    .hash = SHA_256,
				    .cipher = COMPUTE_AES_CTR,
				    .key_len = 16};
	struct compute_job job = {.src = IOVA(j->iova.v + JOB_SRC),
				  .dst = IOVA(j->iova.v + JOB_DST),
				  .digest = IOVA(j->iova.v + JOB_DIGEST),
				  .len = DATA_LEN};
	enum sl_err e = vf->compute->ops->session(vf->compute, &s, &job.session);
	if (!e && (a->part == REQUEST_RING || a->part == RESPONSE_RING))
		e = move_ring(vf, a->part == RESPONSE_RING, a->to);
	if (e)
		return e;
	if (a->part == SOURCE)
		job.src = IOVA(a->to);
	else if (a->part == DESTINATION)
		job.dst = IOVA(a->to);
	else if (a->part == DIGEST)
		job.digest = IOVA(a->to);
	return compute_one(vf, &job, us, status);
}

/* Where it is allowed an answer must come, however busy the machine is; else no answer is the usual one,
 * because the card stops what was refused. */
static enum sl_err compute_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
				  size_t n)
{
	struct vf *vf = by->dev;
	(void)m;
	(void)said; /* say() shows none of it */
	(void)n;
	uint16_t status;
	bool allowed = a->to - by->allowed.iova.v < by->allowed.len;
	if (!allowed)
		vf->provoked = true; /* until it is reset */
	enum sl_err e = send(vf, a, allowed ? JOBS_SILENT_US : ATTACK_US, &status);
	return e == SL_TIMEOUT ? SL_OK : e;
}

static uint32_t compute_leaked(struct machine *m, struct attacker *by, const struct attack *a,
			       uint64_t *words)
{
	(void)m;
	(void)a;
	static const uint8_t zeros[DATA_LEN];
	uint64_t stream[DATA_LEN / 8];
	struct aes aes;
	if (aes_init(&aes, zeros, 16))
		return 0;
	aes_ctr(&aes, zeros, zeros, DATA_LEN, (uint8_t *)stream);
	memcpy(words, result(by->dev, false), DATA_LEN);
	for (unsigned i = 0; i < DATA_LEN / 8; i++)
		if (words[i] != strike_old(i))
			words[i] ^= stream[i];
	return DATA_LEN;
}

/* A ring in a spare place of its own: the answer comes through it, and the job is done. */
static bool ring_works(struct machine *m, struct attacker *by, const struct attack *a)
{
	struct vf *vf = by->dev;
	struct attack own = *a;
	uint64_t word;
	uint16_t status;
	own.to = vf->buffers.iova.v + AT_RING;
	if (compute_prepare(m, by, a) || send(vf, &own, JOBS_SILENT_US, &status) || status)
		return false;
	memcpy(&word, result(vf, false), sizeof word);
	return word != strike_old(0);
}

/* After a reset, in the same domain. */
static bool compute_works(struct machine *m, struct attacker *by)
{
	struct vf *vf = by->dev;
	unsigned faults = m->tally.vf_faults;
	enum sl_err e = compute_recover(m, vf);
	vf->provoked = false;
	if (!e)
		e = compute_round_begin(vf);
	if (!e)
		e = compute_round_end(m, vf);
	return !e && m->tally.vf_faults == faults;
}

static void compute_begin(struct machine *m, const struct attacker *by)
{
	others.begun = true;
	others.faults = m->tally.vf_faults;
	for (unsigned i = 0; i < m->vfs; i++)
		if (&m->vf[i] != by->dev && compute_round_begin(&m->vf[i]))
			others.begun = false;
}

static bool compute_end(struct machine *m, const struct attacker *by)
{
	bool right = others.begun;
	for (unsigned i = 0; i < m->vfs; i++)
		if (&m->vf[i] != by->dev && compute_round_end(m, &m->vf[i]))
			right = false;
	return right && m->tally.vf_faults == others.faults;
}

static const struct bystanders bystanders_compute = {compute_begin, compute_end};

static const struct strike_ops strike_compute = {.how = "jobs with any address",
						 .can = compute_can,
						 .prepare = compute_prepare,
						 .strike = compute_strike,
						 .leaked = compute_leaked,
						 .healthy = compute_works,
						 .control = ring_works};

/* ---- the stage ---- */

static void guard(struct machine *m)
{
	guard_none();
	guard_add(standin_data(), PAGE_SIZE);
	for (unsigned i = 0; i < m->vfs; i++) {
		guard_add(m->vf[i].readonly.va, PAGE_SIZE);
		guard_add(target_page(&m->vf[i]).va, PAGE_SIZE);
		guard_add((uint8_t *)m->vf[i].buffers.va + AT_ALLOWED, ALLOWED_PAGES * PAGE_SIZE);
	}
	guard_tables(m);
}

static void say(struct machine *m, const struct vf *vf, const struct attack *a, const struct attack_result *r)
{
	const struct iommu_fault *f = &r->fault;
	m->tally.cases += r->outcome != ATTACK_NOT_TRIED;
	m->tally.refused += r->outcome == ATTACK_REFUSED;
	m->tally.not_tried += r->outcome == ATTACK_NOT_TRIED;
	if (r->outcome == ATTACK_REFUSED)
		log_line("refuse",
			 "VF %u, %s: refused; fault: " BDF_FMT " %s 0x%llx, reason %u; works again after FLR",
			 vf->index, a->name, BDF_ARG(f->bdf), f->write ? "write" : "read", (ull)f->iova.v,
			 f->code);
	else if (r->outcome == ATTACK_NOT_TRIED)
		log_line("refuse", "VF %u, %s: %s", vf->index, a->name, attack_outcome_text(r->outcome));
	else
		log_fail("refuse", "do not give this machine's functions to anyone you do not trust",
			 BDF_FMT " -> %s at 0x%llx: %s", BDF_ARG(vf->fn->bdf), a->name, (ull)a->to,
			 attack_outcome_text(r->outcome));
}

/* SL_DEVICE: a VF was given up, and what comes after would prove nothing. */
static enum sl_err run_vf(struct machine *m, struct vf *vf)
{
	const struct vf *other = &m->vf[(vf->index + 1) % m->vfs];
	struct attacker by = {.fn = vf->fn,
			      .dom = &vf->dom,
			      .ops = &strike_compute,
			      .dev = vf,
			      .others = &bystanders_compute,
			      .allowed = dma_part(&vf->buffers, AT_ALLOWED, ALLOWED_PAGES * PAGE_SIZE)};
	fmt_print(by.name, sizeof by.name, "VF%u", vf->index);
	for (unsigned i = 0; i < ARRAY_LEN(targets); i++) {
		const struct target *t = &targets[i];
		bool write = t->part != SOURCE && t->part != REQUEST_RING;
		uint64_t to = address_of(m, vf, other, t);
		struct attack_result r;
		if (t->what == OTHER_VF && m->vfs == 1)
			continue;
		struct attack a = {.name = t->name,
				   .part = (uint8_t)t->part,
				   .write = write,
				   .own_control = t->part == REQUEST_RING || t->part == RESPONSE_RING,
				   .to = to,
				   .len = DATA_LEN,
				   .fault_at = to,
				   .why = write ? WHY_NO_WRITE : WHY_NO_READ,
				   .secret = t->what == OTHER_VF ? target_page(other).va : NULL};
		attack_run(m, &by, &a, &r);
		say(m, vf, &a, &r);
		for (unsigned v = 0; v < m->vfs; v++)
			if (!m->vf[v].queue)
				return SL_DEVICE;
	}
	return SL_OK;
}

enum sl_err compute_refuse(struct machine *m)
{
	enum sl_err e = SL_OK;
	standin_fill();
	for (unsigned v = 0; v < m->vfs; v++) {
		pattern_fill(m->vf[v].readonly.va, PAGE_SIZE, pattern_seed(v, 2, 2));
		pattern_fill(target_page(&m->vf[v]).va, PAGE_SIZE, pattern_seed(v, 3, 3));
	}
	guard(m);
	for (unsigned v = 0; v < m->vfs && !e; v++)
		e = run_vf(m, &m->vf[v]);
	guard_free();
	if (e)
		return e;
	log_line(
		"refuse",
		"%llu of %llu refused, recorded and without effect, each after it had worked where it is allowed; all other VFs worked meanwhile",
		(ull)m->tally.refused, (ull)m->tally.cases);
	if (m->tally.not_tried)
		log_line("refuse", "%llu were not tried: they had no effect where they are allowed",
			 (ull)m->tally.not_tried);
	return m->tally.cases && m->tally.refused == m->tally.cases ? SL_OK : SL_VERIFY;
}
