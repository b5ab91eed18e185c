/* Stage refuse of VFs that compute: each is told to reach memory that is not its own, while the others work.
 */
#include "apps/accel.h"
#include "apps/attack.h"
#include "apps/pattern.h"
#include "kernel/log.h"
#include "kernel/x86/paging.h"

#define ATTACK_US 50000u /* for an answer that must not come */

enum where { SOURCE, DESTINATION, DIGEST, REQUEST_RING, RESPONSE_RING };

static const struct target {
	const char *name;
	enum where where;
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

/* A page behind a VF's jobs, which nobody may touch. */
static struct dma_buf target_page(const struct vf *vf)
{
	return dma_part(&vf->buffers, JOB_TAGS * JOB_BYTES, PAGE_SIZE);
}

/* Memory that no case may change. */
static uint64_t guarded_sum(const struct vf *vf, const struct vf *other)
{
	return pattern_sum(attack_kernel_data(), PAGE_SIZE) ^ pattern_sum(vf->readonly.va, PAGE_SIZE) * 3 ^
	       pattern_sum(target_page(other).va, PAGE_SIZE) * 5;
}

static uint64_t address_of(const struct machine *m, const struct vf *vf, const struct vf *other,
			   const struct target *t)
{
	switch (t->what) {
	case OTHER_VF:
		return target_page(other).phys.v;
	case KERNEL:
		return paging_phys(attack_kernel_data()).v;
	case READ_ONLY:
		return vf->readonly.iova.v;
	default:
		return window_at(m, WINDOW_HOLE).v;
	}
}

/* Gives the device the ring pair for crypto again, one of its rings somewhere else. */
static enum sl_err move_ring(struct vf *vf, bool response, uint64_t to)
{
	struct qat_vf *q = &accel_vf[vf->index].qat;
	struct qat_ring *r = &q->ring[QAT_SYM];
	uint64_t tx = vf->queues.iova.v + QAT_MEM_TX, rx = vf->queues.iova.v + QAT_MEM_RX;
	struct qat_ring_cfg cfg = {.gen = q->gen,
				   .pair = r->pair,
				   .number = QAT_SYM,
				   .regs = accel_vf[vf->index].regs,
				   .tx = r->tx,
				   .rx = r->rx,
				   .tx_iova = IOVA(response ? tx : to),
				   .rx_iova = IOVA(response ? to : rx),
				   .depth = JOB_TAGS,
				   .flight = q->flight,
				   .serial = r->serial};
	qat_ring_close(r);
	return qat_ring_open(r, &cfg);
}

/* Tells the VF to do it. SL_OK with *said 0: it claims success, which proves nothing. */
static enum sl_err strike(struct vf *vf, const struct target *t, uint64_t to, uint16_t *said)
{
	struct jobs *j = &accel_vf[vf->index].jobs;
	struct accel_session s = {.service = t->where == DESTINATION ? ACCEL_CIPHER : ACCEL_HASH,
				  .hash = SHA_256,
				  .cipher = ACCEL_AES_CTR,
				  .key_len = 16};
	struct accel_job job = {.src = IOVA(j->iova.v + JOB_SRC),
				.dst = IOVA(j->iova.v + JOB_DST),
				.digest = IOVA(j->iova.v + JOB_DIGEST),
				.len = 64};
	enum sl_err e = vf->accel->drv->session(vf->accel, &s, &job.session);
	if (!e && (t->where == REQUEST_RING || t->where == RESPONSE_RING))
		e = move_ring(vf, t->where == RESPONSE_RING, to);
	if (e)
		return e;
	if (t->where == SOURCE)
		job.src = IOVA(to);
	else if (t->where == DESTINATION)
		job.dst = IOVA(to);
	else if (t->where == DIGEST)
		job.digest = IOVA(to);
	e = accel_one(vf, &job, ATTACK_US, said);
	return e == SL_TIMEOUT ? SL_OK : e;
}

/* One case; meanwhile all others work, and every result of theirs is checked. */
static enum sl_err run_case(struct machine *m, struct vf *vf, const struct target *t, bool *refused)
{
	struct vf *other = &m->vf[(vf->index + 1) % m->vfs];
	uint64_t to = address_of(m, vf, other, t), before = guarded_sum(vf, other);
	bool write = t->where != SOURCE && t->where != REQUEST_RING;
	struct iommu_fault f = {0};
	uint16_t said = 0;
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < m->vfs && !e; i++)
		if (i != vf->index)
			e = accel_round_begin(&m->vf[i]);
	if (e)
		return e;
	vf->provoked = true;
	iommu_fault_claim(&m->iommu, vf->fn->bdf);
	e = strike(vf, t, to, &said);
	bool recorded = !e && attack_fault(m, &f);
	iommu_fault_unclaim(&m->iommu);
	for (unsigned i = 0; i < m->vfs && !e; i++)
		if (i != vf->index)
			e = accel_round_end(m, &m->vf[i]);
	bool right = recorded && bdf_eq(f.bdf, vf->fn->bdf) && f.iova.v == ALIGN_DOWN(to, PAGE_SIZE) &&
		     f.write == write;
	*refused = right && guarded_sum(vf, other) == before;
	if (!e)
		e = accel_recover(m, vf);
	vf->provoked = false;
	if (!e)
		e = accel_round_begin(vf);
	if (!e)
		e = accel_round_end(m, vf);
	if (e)
		return e;
	if (*refused)
		log_line("refuse",
			 "VF %u, %s: refused; fault: " BDF_FMT " %s 0x%llx, reason %u; works again after FLR",
			 vf->index, t->name, BDF_ARG(f.bdf), f.write ? "write" : "read", (ull)f.iova.v,
			 f.reason);
	else
		log_fail("refuse", "do not give this machine's functions to anyone you do not trust",
			 BDF_FMT " -> %s at 0x%llx: %s", BDF_ARG(vf->fn->bdf), t->name, (ull)to,
			 right      ? "memory was changed"
			 : recorded ? "the wrong fault was recorded"
				    : "nothing was recorded");
	return SL_OK;
}

enum sl_err stage_accel_refuse(struct machine *m)
{
	enum sl_err e = SL_OK;
	pattern_fill(attack_kernel_data(), PAGE_SIZE, pattern_seed(1000, 1, 1));
	for (unsigned v = 0; v < m->vfs; v++) {
		pattern_fill(m->vf[v].readonly.va, PAGE_SIZE, pattern_seed(v, 2, 2));
		pattern_fill(target_page(&m->vf[v]).va, PAGE_SIZE, pattern_seed(v, 3, 3));
	}
	for (unsigned v = 0; v < m->vfs; v++) {
		for (unsigned i = 0; i < ARRAY_LEN(targets); i++) {
			bool refused = false;
			if (targets[i].what == OTHER_VF && m->vfs == 1)
				continue;
			e = run_case(m, &m->vf[v], &targets[i], &refused);
			if (e)
				return e;
			m->cases++;
			m->refused += refused;
		}
	}
	log_line("refuse",
		 "%llu of %llu refused, recorded and without effect; all other VFs worked meanwhile",
		 (ull)m->refused, (ull)m->cases);
	return m->refused == m->cases ? SL_OK : SL_VERIFY;
}
