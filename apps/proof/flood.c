/* Stage flood: VFs make DMA writes without end to memory that is not theirs. The fault log cuts them off,
 * after which no more of their requests are seen, and all other VFs work on. Two at once where there are
 * three: a unit with one fault record then loses some faults, which must be reported. */
#include "apps/bringup/faults.h"
#include "apps/vf/stages.h"
#include "apps/vf/batch.h"
#include "apps/work/timed.h"
#include "apps/proof/stages.h"
#include "apps/proof/standin.h"
#include "apps/proof/targets.h"
#include "apps/work/pattern.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "kernel/paging.h"

#define THRESHOLD   8u /* refused requests in a second: an emulator may be slow, and keeps one record */
#define DEADLINE_US 60000000u
#define SETTLE_US   50000u          /* for what was on its way at the cut-off */
#define QUIET_US    200000u         /* in which nothing may come */
#define CHECKED     7u              /* chunk of timed_prepare() that the others read */
#define IN_FLIGHT   (DEPTH_MIN - 1) /* one tag is kept for the request after the cut-off */

/* VFs that flood: the last ones. */
static unsigned flooders(const struct machine *m)
{
	return m->vfs >= 3 ? 2 : 1;
}

static unsigned first_flooder(const struct machine *m)
{
	return m->vfs - flooders(m);
}

/* After stage isolate the VFs are there without queues. */
static enum sl_err bring_back(struct machine *m)
{
	undo_domains(m);
	enum sl_err e = stage_domains(m);
	return e ? e : timed_prepare(m);
}

/* Into memory of VF 0, of the kernel, and where there is nothing. The only VF of all does not attack itself.
 */
static uint64_t forbidden(const struct machine *m, unsigned i)
{
	switch (i % 3) {
	case 0:
		if (first_flooder(m))
			return target_phys(&m->vf[0]);
		__attribute__((fallthrough));
	case 1:
		return paging_phys(standin_data()).v;
	default:
		return window_at(m, WINDOW_HOLE).v;
	}
}

static enum sl_err start(const struct machine *m, struct vf *vf)
{
	vf->provoked = true;
	vf->batch.n = IN_FLIGHT;
	for (unsigned i = 0; i < IN_FLIGHT; i++) {
		vf->batch.req[i] = vf_request(vf, vf->data, BLOCK_READ, CHECKED, i);
		vf->batch.req[i].data = IOVA(forbidden(m, i));
	}
	return batch_start(vf);
}

/* Whatever came back goes out again. Returns how many. */
static unsigned again(struct vf *vf)
{
	struct queue_done done[IN_FLIGHT];
	const struct queue_ops *ops = vf->queue->ops;
	unsigned n = ops->poll(vf->queue, done, IN_FLIGHT), sent = 0;
	for (unsigned i = 0; i < n; i++)
		sent += vf->medium->ops->submit(vf->medium, &vf->batch.req[done[i].tag], 1);
	ops->ring(vf->queue);
	return sent;
}

/* Until all of them are cut off. SL_DEVICE when one stopped without being cut off: *stopped. */
static enum sl_err flood(struct machine *m, uint64_t *requests, struct vf **stopped)
{
	enum sl_err e = SL_OK;
	for (unsigned i = first_flooder(m); i < m->vfs && !e; i++)
		e = start(m, &m->vf[i]);
	*requests = flooders(m) * IN_FLIGHT;
	struct deadline d = deadline_in(DEADLINE_US);
	for (bool going = true; going && !e;) {
		bool late = deadline_passed(&d);
		going = false;
		for (unsigned i = first_flooder(m); i < m->vfs; i++) {
			if (m->vf[i].cut)
				continue;
			going = true;
			unsigned sent = again(&m->vf[i]);
			*requests += sent;
			if (sent || !m->vf[i].queue->ops->health(m->vf[i].queue))
				continue;
			*stopped = &m->vf[i];
			e = SL_DEVICE;
		}
		faults_say(m);
		if (going && late)
			e = SL_TIMEOUT;
	}
	return e;
}

/* Polls for a while. How many requests of the VF the units recorded meanwhile, and how many completions it
 * brought. */
static uint64_t listen(struct machine *m, struct vf *vf, uint64_t us)
{
	struct queue_done done[IN_FLIGHT];
	const struct fault_function *f = iommu_fault_count(&m->iommu, vf->fn->bdf);
	uint64_t before = f ? f->count : 0, n = 0;
	for (uint64_t end = now_us() + us; now_us() < end;) {
		faults_say(m);
		n += vf->queue->ops->poll(vf->queue, done, IN_FLIGHT);
	}
	return n + (f ? f->count - before : 0);
}

/* Rings its doorbell again. Its own queues would be out of reach with bus mastering on, too, but then its
 * attempt would be recorded. */
static bool silent(struct machine *m, struct vf *vf)
{
	struct iommu_walk w;
	(void)listen(m, vf, SETTLE_US);
	if (iommu_walk(&m->iommu, vf->fn->bdf, vf->batch.req[0].data, &w) || w.why_read != WHY_NO_DOMAIN) {
		log_fail("flood", "report this: it is a bug in Sluice", BDF_FMT " still has a context entry",
			 BDF_ARG(vf->fn->bdf));
		return false;
	}
	struct block_req r = vf_request(vf, vf->data, BLOCK_READ, CHECKED, IN_FLIGHT);
	bool told = vf->medium->ops->submit(vf->medium, &r, 1) == 1;
	vf->queue->ops->ring(vf->queue);
	uint64_t seen = listen(m, vf, QUIET_US);
	if (!told)
		log_fail("flood", "report this: it is a bug in Sluice", BDF_FMT " accepts no request: %s",
			 BDF_ARG(vf->fn->bdf), sl_err_text(vf->queue->refused));
	if (seen)
		log_fail("flood", "do not assign this machine's functions to anyone you do not trust",
			 BDF_FMT " keeps going after the cut-off: %llu fault records and completions",
			 BDF_ARG(vf->fn->bdf), (ull)seen);
	return told && !seen;
}

static bool others_work(struct machine *m)
{
	for (unsigned i = 0; i < m->vfs; i++)
		m->vf[i].batch.n = m->vf[i].batch.done = 0;
	for (unsigned i = 0; i < first_flooder(m); i++) {
		struct vf *vf = &m->vf[i];
		vf->batch.n = 1;
		vf->batch.req[0] = vf_request(vf, vf->data, BLOCK_READ, CHECKED, 0);
		pattern_fill(vf_buffer(vf, 0), CHUNK, 1);
		if (batch_start(vf))
			return false;
	}
	bool right = batch_finish(m) == SL_OK;
	for (unsigned i = 0; i < first_flooder(m); i++)
		right &= m->vf[i].batch.status[0] == 0 &&
			 pattern_check(vf_buffer(&m->vf[i], 0), CHUNK, timed_seed(&m->vf[i], CHECKED));
	return right;
}

/* A controller may stop at a request that was refused: then there is no flood, and the cut-off is not
 * tested. */
static enum sl_err not_shown(struct machine *m, const struct vf *vf, uint64_t requests)
{
	faults_say(m);
	if (!targets_whole(m)) {
		log_fail("flood", "do not assign this machine's functions to anyone you do not trust",
			 "memory of others was changed");
		return SL_VERIFY;
	}
	log_line(
		"flood",
		"could not show that a flood is cut off: " BDF_FMT
		" stopped at its refused accesses, after %llu forbidden requests in all; memory is untouched",
		BDF_ARG(vf->fn->bdf), (ull)requests);
	return SL_OK;
}

static enum sl_err run(struct machine *m)
{
	uint64_t requests;
	struct vf *stopped = NULL;
	targets_fill(m);
	log_line(
		"flood",
		"%u of %u VFs keep reading into memory of others and to unmapped addresses; here %u refused requests in a second are a flood",
		flooders(m), m->vfs, THRESHOLD);
	enum sl_err e = flood(m, &requests, &stopped);
	if (stopped)
		return not_shown(m, stopped, requests);
	if (e) {
		log_fail("flood", "run again while the machine is less busy",
			 "a VF was not cut off in %u s, after %llu forbidden requests: %s",
			 DEADLINE_US / 1000000, (ull)requests, sl_err_text(e));
		return e;
	}
	bool ok = true;
	for (unsigned i = first_flooder(m); i < m->vfs; i++)
		ok &= silent(m, &m->vf[i]);
	bool work = others_work(m);
	if (!targets_whole(m) || !work) {
		log_fail("flood", "do not assign this machine's functions to anyone you do not trust", "%s",
			 work ? "memory of others was changed" : "the other VFs do not work as before");
		ok = false;
	}
	if (!ok)
		return SL_VERIFY;
	log_line(
		"flood",
		"cut off after %llu forbidden requests: a doorbell brings neither completion nor fault record; memory is untouched, and the other VFs (%u) keep working",
		(ull)requests, first_flooder(m));
	return SL_OK;
}

enum sl_err stage_flood(struct machine *m)
{
	if (!m->vfs || !translated(m)) {
		log_line("flood", "no VF that could flood: skipped");
		return SL_OK;
	}
	if (m->kind->service != VF_STORES) {
		log_line("flood", "only VFs of NVMe controllers are made to flood: skipped");
		return SL_OK;
	}
	enum sl_err e = bring_back(m);
	if (e)
		return e;
	uint32_t usual = m->faults.log.flood;
	m->faults.log.flood = THRESHOLD;
	m->faults.log.provoked = true;
	e = run(m);
	iommu_fault_report_all(&m->iommu);
	m->faults.log.provoked = false;
	m->faults.log.flood = usual;
	for (unsigned i = 0; i < m->vfs; i++)
		m->vf[i].provoked = false;
	return e;
}
