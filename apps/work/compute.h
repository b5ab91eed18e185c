/* VFs that compute: their workloads' state beside struct vf. */
#pragma once
#include "apps/machine.h"
#include "apps/work/jobs.h"

/* A VF's core sets faulty or done; core 0 sets the other states. */
enum compute_state {
	COMPUTE_WORKS,
	COMPUTE_FAULTY, /* its core has left it to core 0 */
	COMPUTE_DONE,
	COMPUTE_LOST, /* given up: rings and bus mastering off */
};

struct compute_vf {
	struct jobs jobs;
	enum compute_state state;
	enum sl_err err;              /* of its last fault; jobs.why has the words */
	unsigned faults, recovered;   /* faults, and those of them after which it worked again */
	unsigned known;               /* known answers that it returned */
	uint32_t services;            /* of its accelerator, also when that is closed */
	uint64_t checked;             /* operations, for other cores to see */
	uint64_t ops, doorbells, bad; /* from before it was reset */
} __attribute__((aligned(64)));

/* Of a VF whose jobs were opened once: stage_compute(). */
static inline struct compute_vf *compute_of(const struct vf *vf)
{
	return vf->work;
}

static inline enum compute_state compute_state_of(const struct compute_vf *v)
{
	return __atomic_load_n(&v->state, __ATOMIC_ACQUIRE);
}

/* Stage accel: every result against the CPU. */
enum sl_err stage_compute(struct machine *m) MUST_CHECK;

/* Stage timed of such VFs: apps/work/compute_timed.c. */
enum sl_err compute_timed(struct machine *m) MUST_CHECK;

/* Its function reset, its queue and sessions opened again in the same domain. Core 0. */
enum sl_err compute_recover(struct machine *m, struct vf *vf) MUST_CHECK;
/* On core 0, after the VF failed with e (details in its jobs.why): resets it and checks the known answers,
 * repeatedly if necessary. An error when the VF was given up, which has been printed. */
enum sl_err compute_fault(struct machine *m, struct vf *vf, enum sl_err e) MUST_CHECK;

/* A round of mixed jobs, all in flight together: begin; then until none is left, end, which checks. Core 0.
 */
enum sl_err compute_round_begin(struct vf *vf) MUST_CHECK;
enum sl_err compute_round_end(struct machine *m, struct vf *vf) MUST_CHECK;
/* One job with tag 0 that is waited for, at most us. SL_TIMEOUT: no answer, and it stays in flight. */
enum sl_err compute_one(struct vf *vf, const struct compute_job *job, uint64_t us,
			uint16_t *status) MUST_CHECK;

/* apps/work/compute_sums.c: the results of stage accel. Sums cover the working VFs; one that was given up is
 * named as such and not counted. compute_print_sums() adds to m->tally.verified. */
void compute_print_sums(struct machine *m);
/* The streams deflated last, for another program's inflate, and the digest of the expected output. */
void compute_print_streams(const struct machine *m);
/* The error of the first VF that was given up; SL_OK when all of them work. */
enum sl_err compute_verdict(const struct machine *m) MUST_CHECK;
