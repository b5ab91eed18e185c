/* Data is AES-CTR with a key of zeros: what a VF read from a source is what came out, and the key stream. */
#include "apps/proof/strike_compute.h"
#include "drivers/crypto/aes.h"
#include "kernel/str.h"

#define ATTACK_US 50000u /* for an answer that must not come */

/* Others' rounds of the case that runs. */
static struct {
	bool begun;
	unsigned faults; /* m->tally.vf_faults before */
} others;

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
	uint64_t old[COMPUTE_LEN / 8];
	for (unsigned i = 0; i < COMPUTE_LEN / 8; i++)
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
	struct dma_buf spare = dma_part(&vf->buffers, COMPUTE_RING, QAT_TX_BYTES);
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

static enum sl_err send_job(struct vf *vf, const struct attack *a, uint64_t us, uint16_t *status)
{
	struct jobs *j = &compute_of(vf)->jobs;
	struct compute_session s = {.service = a->part == COMPUTE_DIGEST ? COMPUTE_HASH : COMPUTE_CIPHER,
				    .hash = SHA_256,
				    .cipher = COMPUTE_AES_CTR,
				    .key_len = 16};
	struct compute_job job = {.src = IOVA(j->iova.v + JOB_SRC),
				  .dst = IOVA(j->iova.v + JOB_DST),
				  .digest = IOVA(j->iova.v + JOB_DIGEST),
				  .len = COMPUTE_LEN};
	enum sl_err e = vf->compute->ops->session(vf->compute, &s, &job.session);
	if (!e && (a->part == COMPUTE_REQUEST_RING || a->part == COMPUTE_RESPONSE_RING))
		e = move_ring(vf, a->part == COMPUTE_RESPONSE_RING, a->to);
	if (e)
		return e;
	if (a->part == COMPUTE_SOURCE)
		job.src = IOVA(a->to);
	else if (a->part == COMPUTE_DESTINATION)
		job.dst = IOVA(a->to);
	else if (a->part == COMPUTE_DIGEST)
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
	(void)said; /* apps/proof/compute_refuse.c shows none of it */
	(void)n;
	uint16_t status;
	bool allowed = a->to - by->allowed.iova.v < by->allowed.len;
	if (!allowed)
		vf->provoked = true; /* until it is reset */
	enum sl_err e = send_job(vf, a, allowed ? JOBS_SILENT_US : ATTACK_US, &status);
	return e == SL_TIMEOUT ? SL_OK : e;
}

static uint32_t compute_leaked(struct machine *m, struct attacker *by, const struct attack *a,
			       uint64_t *words)
{
	(void)m;
	(void)a;
	static const uint8_t zeros[COMPUTE_LEN];
	uint64_t stream[COMPUTE_LEN / 8];
	struct aes aes;
	if (aes_init(&aes, zeros, 16))
		return 0;
	aes_ctr(&aes, zeros, zeros, COMPUTE_LEN, (uint8_t *)stream);
	memcpy(words, result(by->dev, false), COMPUTE_LEN);
	for (unsigned i = 0; i < COMPUTE_LEN / 8; i++)
		if (words[i] != strike_old(i))
			words[i] ^= stream[i];
	return COMPUTE_LEN;
}

/* A ring in a spare place of its own: the answer comes through it, and the job is done. */
static bool ring_works(struct machine *m, struct attacker *by, const struct attack *a)
{
	struct vf *vf = by->dev;
	struct attack own = *a;
	uint64_t word;
	uint16_t status;
	own.to = vf->buffers.iova.v + COMPUTE_RING;
	if (compute_prepare(m, by, a) || send_job(vf, &own, JOBS_SILENT_US, &status) || status)
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

const struct bystanders bystanders_compute = {compute_begin, compute_end};

const struct strike_ops strike_compute = {.how = "jobs with any address",
					  .can = compute_can,
					  .prepare = compute_prepare,
					  .strike = compute_strike,
					  .leaked = compute_leaked,
					  .healthy = compute_works,
					  .control = ring_works};
