/* Stage accel: VFs that compute. Mixed jobs on all of them at once, each result checked against the CPU.
 *
 * A VF whose device fails (an error status, silence, responses that cannot be) loses what it had in flight.
 * Its core leaves it and continues with its other VFs; core 0, which does all set-up, resets it, checks the
 * known answers, and returns it. */
#include "apps/work/compute.h"
#include "apps/vf/stages.h"
#include "apps/vf/workers.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/cpu.h"

#define LIMIT_US   900000000u
#define FAULTS_MAX 8u /* a VF that fails more often is given up */

_Static_assert(WINDOW_BUFFERS + JOB_TAGS * JOB_BYTES <= PAGE_2M, "buffers");

static struct compute_vf state[VFS_COMPUTING];

/* Its sessions, in a device that was opened. What was counted stays. */
static enum sl_err open_jobs(struct vf *vf)
{
	struct jobs *j = &compute_of(vf)->jobs;
	j->a = vf->compute;
	j->va = vf->buffers.va;
	j->iova = vf->buffers.iova;
	j->owner = vf->index;
	memset(j->state, 0, sizeof j->state);
	return jobs_open(j);
}

enum sl_err compute_recover(struct machine *m, struct vf *vf)
{
	enum sl_err e = vf_reset(m, vf);
	return e ? e : open_jobs(vf);
}

static void set_state(struct compute_vf *v, enum compute_state s)
{
	__atomic_store_n(&v->state, s, __ATOMIC_RELEASE);
}

static enum sl_err say_refused(const struct vf *vf)
{
	log_fail("accel", "report this: it is a bug in Sluice", BDF_FMT " does not accept a request: %s",
		 BDF_ARG(vf->fn->bdf), sl_err_text(vf->queue->refused));
	return vf->queue->refused;
}

enum sl_err compute_one(struct vf *vf, const struct compute_job *job, uint64_t us, uint16_t *status)
{
	struct compute *a = vf->compute;
	struct queue_done done;
	if (a->ops->submit(a, job, 1) != 1)
		return say_refused(vf);
	a->q.ops->ring(&a->q);
	struct deadline d = deadline_in(us);
	while (deadline_look(&d))
		if (a->q.ops->poll(&a->q, &done, 1)) {
			*status = done.status;
			return SL_OK;
		}
	return SL_TIMEOUT;
}

/* --- known answers, faults, recovery */

static enum sl_err run_known(void *ctx, const struct compute_job *job, uint16_t *status)
{
	struct vf *vf = ctx;
	struct jobs *j = &compute_of(vf)->jobs;
	enum sl_err e = compute_one(vf, job, JOBS_SILENT_US, status);
	if (e != SL_TIMEOUT && !vf->queue->stats.bad)
		return e;
	(void)vf->queue->ops->explain(vf->queue, j->why, sizeof j->why);
	return e ? e : SL_DEVICE;
}

static enum sl_err know(struct vf *vf)
{
	struct compute_vf *v = compute_of(vf);
	v->services = vf->compute->services;
	return jobs_known(&v->jobs, run_known, vf, &v->known);
}

/* What the VF's counters came to before it is opened anew. */
static void keep_stats(const struct vf *vf)
{
	struct compute_vf *v = compute_of(vf);
	if (!vf->queue)
		return;
	v->doorbells += vf->queue->stats.doorbells;
	v->ops += vf->queue->stats.ops;
	v->bad += vf->queue->stats.bad;
}

static uint64_t checked_by_others(const struct machine *m, const struct vf *vf)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < m->vfs; i++)
		if (i != vf->index)
			n += __atomic_load_n(&compute_of(&m->vf[i])->checked, __ATOMIC_RELAXED);
	return n;
}

/* Nothing of it reaches memory any more. */
static void give_up(struct machine *m, struct vf *vf)
{
	struct compute_vf *v = compute_of(vf);
	if (v->err == SL_VERIFY)
		log_fail("accel",
			 "run again; if this persists, the device or the path to memory damages data",
			 BDF_FMT " %s", BDF_ARG(vf->fn->bdf), v->jobs.why);
	keep_stats(vf);
	(void)m->kind->vf_close(m, vf); /* bus mastering goes off either way */
	pci_bus_master(vf->fn, false);
	log_fail("accel", "see the lines above; if this persists, power the machine off and on",
		 "VF %u " BDF_FMT " is abandoned after %u faults: rings and bus mastering off, %s", vf->index,
		 BDF_ARG(vf->fn->bdf), v->faults, sl_err_text(v->err));
	set_state(v, COMPUTE_LOST);
}

/* Core 0, with v->err set: until the VF works again or is given up. Wrong data is not tolerated. */
static void recover(struct machine *m, struct vf *vf)
{
	struct compute_vf *v = compute_of(vf);
	uint64_t begin = now_us(), others = checked_by_others(m, vf);
	m->tally.vf_faults++;
	while (v->err) {
		core_progress();
		if ((v->err != SL_DEVICE && v->err != SL_TIMEOUT) || !vf->queue || v->faults > FAULTS_MAX) {
			give_up(m, vf);
			return;
		}
		log_warn("accel",
			 "VF %u " BDF_FMT ": %s. Its requests in flight (%u) are dropped, and it is reset",
			 vf->index, BDF_ARG(vf->fn->bdf), v->jobs.why, v->jobs.left);
		keep_stats(vf);
		v->err = compute_recover(m, vf);
		if (!v->err) {
			v->err = know(vf);
			v->faults += v->err != SL_OK;
			m->tally.vf_faults += v->err != SL_OK;
		}
	}
	m->tally.vf_recovered += v->faults - v->recovered;
	v->recovered = v->faults;
	others = checked_by_others(m, vf) - others;
	char meanwhile[64] = "";
	if (others)
		fmt_print(meanwhile, sizeof meanwhile, "; the others did %llu operations meanwhile",
			  (ull)others);
	log_line("accel",
		 "VF %u " BDF_FMT
		 " is back after %llu ms: function level reset, same domain, new rings, %u known answers%s",
		 vf->index, BDF_ARG(vf->fn->bdf), (ull)((now_us() - begin) / 1000), v->known, meanwhile);
	set_state(v, COMPUTE_WORKS);
}

enum sl_err compute_fault(struct machine *m, struct vf *vf, enum sl_err e)
{
	struct compute_vf *v = compute_of(vf);
	v->err = e;
	v->faults++;
	recover(m, vf);
	return compute_state_of(v) == COMPUTE_LOST ? v->err : SL_OK;
}

/* --- rounds */

enum sl_err compute_round_begin(struct vf *vf)
{
	struct jobs *j = &compute_of(vf)->jobs;
	return jobs_begin(j, now_us()) ? say_refused(vf) : SL_OK;
}

enum sl_err compute_round_end(struct machine *m, struct vf *vf)
{
	struct jobs *j = &compute_of(vf)->jobs;
	while (j->left) {
		enum sl_err e = jobs_turn(j, now_us());
		if (e)
			return compute_fault(m, vf, e);
		cpu_pause();
	}
	return SL_OK;
}

/* On the VF's core: what has come, and the next round when that was the last of one. True when there was any.
 */
static bool work(struct machine *m, struct vf *vf)
{
	struct compute_vf *v = compute_of(vf);
	unsigned before = v->jobs.left;
	enum sl_err e = v->jobs.left ? jobs_turn(&v->jobs, now_us()) : SL_OK;
	if (!e && !v->jobs.left) {
		uint64_t n = 0;
		for (unsigned s = 0; s < COMPUTE_SERVICES; s++)
			n += v->jobs.done[s];
		__atomic_store_n(&v->checked, n, __ATOMIC_RELAXED);
		if (jobs_least(&v->jobs) >= m->cfg->ops) {
			set_state(v, COMPUTE_DONE);
			return true;
		}
		e = jobs_begin(&v->jobs, now_us()) ? say_refused(vf) : SL_OK;
	}
	if (e) {
		v->err = e;
		v->faults++;
		set_state(v, COMPUTE_FAULTY);
	}
	return v->jobs.left != before;
}

/* On core 0: VFs that failed on any core. True while one is not finished. */
static bool look_after(struct machine *m)
{
	bool more = false;
	for (unsigned i = 0; i < m->vfs; i++) {
		if (compute_state_of(compute_of(&m->vf[i])) == COMPUTE_FAULTY)
			recover(m, &m->vf[i]);
		more |= compute_state_of(compute_of(&m->vf[i])) < COMPUTE_DONE;
	}
	return more;
}

static void compute_worker(void *arg)
{
	struct worker *w = arg;
	for (bool more = true; more; w->rounds++) {
		bool any = false;
		more = w->core == 0 && look_after(w->m);
		for (unsigned i = w->first; i < w->first + w->n; i++) {
			if (compute_state_of(compute_of(&w->m->vf[i])) == COMPUTE_WORKS)
				any |= work(w->m, &w->m->vf[i]);
			more |= compute_state_of(compute_of(&w->m->vf[i])) < COMPUTE_DONE;
		}
		core_progress();
		if (!any)
			cpu_pause();
	}
}

enum sl_err stage_compute(struct machine *m)
{
	bool said = false;
	memset(state, 0, m->vfs * sizeof state[0]);
	for (unsigned i = 0; i < m->vfs;
	     i++) /* of all: one that fails looks at what the others did meanwhile */
		m->vf[i].work = &state[i];
	for (unsigned i = 0; i < m->vfs; i++) {
		struct vf *vf = &m->vf[i];
		struct compute_vf *v = compute_of(vf);
		enum sl_err mine = open_jobs(vf);
		if (mine)
			return mine;
		mine = know(vf);
		if (mine)
			mine = compute_fault(m, vf, mine);
		if (!mine && !said)
			log_line(
				"accel",
				"%u known answers of FIPS 180, SP 800-38A, D and E, RFC 2202, 4231 and 1951 on each VF first",
				v->known);
		said |= !mine;
	}
	uint64_t begin = now_us();
	enum sl_err e = workers_run(m, compute_worker, LIMIT_US);
	if (e)
		return e;
	log_line("accel", "%llu ms with all checks", (ull)((now_us() - begin) / 1000));
	compute_print_sums(m);
	if (m->cfg->json)
		compute_print_streams(m);
	return compute_verdict(m);
}
