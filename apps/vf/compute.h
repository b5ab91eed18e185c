/* VFs that compute: QAT. What is theirs beside struct vf, one for each VF of the machine. */
#pragma once
#include "apps/work/jobs.h"
#include "apps/machine.h"
#include "drivers/qat/mailbox.h"
#include "drivers/qat/vf.h"

#define ACCEL_VFS 16u

/* A VF's core says that it is faulty, or done; core 0 the rest. */
enum accel_state {
	ACCEL_WORKS,
	ACCEL_FAULTY, /* its core leaves it alone; core 0 has it */
	ACCEL_DONE,
	ACCEL_LOST, /* given up: rings and bus mastering off */
};

struct accel_vf {
	struct qat_vf qat;
	struct jobs jobs;
	volatile uint8_t *regs;
	struct qat_pair pair[QAT_SERVICES]; /* gen4 */
	enum accel_state state;
	enum sl_err err;              /* of its last fault; jobs.why has the words */
	unsigned faults, recovered;   /* faults, and those of them after which it worked again */
	unsigned known;               /* known answers that it gave */
	uint32_t services;            /* of its accelerator, also when that is closed */
	uint64_t checked;             /* operations, for other cores to see */
	uint64_t ops, doorbells, bad; /* from before it was reset */
} __attribute__((aligned(64)));

extern struct accel_vf accel_vf[ACCEL_VFS];

static inline enum accel_state accel_state_of(const struct accel_vf *v)
{
	return __atomic_load_n(&v->state, __ATOMIC_ACQUIRE);
}

/* The VF's rings, sessions and job memory, in its domain. Also after accel_stop(). */
enum sl_err accel_start(struct vf *vf) MUST_CHECK;
/* Rings off. */
void accel_stop(struct vf *vf);
/* Rings off, FLR, and everything started again in the same domain. Core 0. */
enum sl_err accel_recover(struct machine *m, struct vf *vf) MUST_CHECK;
/* Core 0: the VF failed with e, its jobs.why says how. Resets it and has it give the known answers, again if
 * need be. An error when it was given up, which has been said. */
enum sl_err accel_fault(struct machine *m, struct vf *vf, enum sl_err e) MUST_CHECK;

/* A round of mixed jobs, all in flight together: begin; then until none is left, end, which checks. Core 0.
 */
enum sl_err accel_round_begin(struct vf *vf) MUST_CHECK;
enum sl_err accel_round_end(struct machine *m, struct vf *vf) MUST_CHECK;
/* One job with tag 0 that is waited for, at most us. SL_TIMEOUT: no answer, and it stays in flight. */
enum sl_err accel_one(struct vf *vf, const struct accel_job *job, uint64_t us, uint16_t *status) MUST_CHECK;

/* apps/work/compute_sums.c: what stage accel came to. Sums are of the VFs that work; one that was given up is
 * named as such and counted nowhere. accel_print_sums() adds to m->tally.verified. */
void accel_print_sums(struct machine *m);
/* Streams that were deflated last, for somebody else's inflate, and the digest of what has to come out. */
void accel_print_streams(const struct machine *m);
/* The error of the first VF that was given up; SL_OK when all of them work. */
enum sl_err accel_verdict(const struct machine *m) MUST_CHECK;

enum sl_err stage_accel_pf(struct machine *m) MUST_CHECK;       /* a QAT PF, reset */
enum sl_err stage_accel_firmware(struct machine *m) MUST_CHECK; /* its firmware runs */
enum sl_err stage_accel_sriov(struct machine *m) MUST_CHECK;    /* all of its VFs on */
enum sl_err stage_accel_domains(struct machine *m) MUST_CHECK;  /* each in its own domain, rings up */
enum sl_err stage_accel(struct machine *m) MUST_CHECK;          /* every result against the CPU */
enum sl_err stage_accel_timed(struct machine *m) MUST_CHECK;    /* speed */
enum sl_err stage_accel_refuse(struct machine *m) MUST_CHECK;   /* DMA that must not happen */
enum sl_err stage_accel_insn(struct machine *m) MUST_CHECK;     /* rows of operations, to be counted */
void undo_accel_pf(struct machine *m);
void undo_accel_firmware(struct machine *m);
/* Gen4, with firmware that stage_accel_firmware() has loaded: which bank has which service follows from what
 * was loaded. False: somebody else knows. */
bool accel_firmware_pairs(struct qat_pair pair[QAT_SERVICES]);
void undo_accel_domains(struct machine *m);
