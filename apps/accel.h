/* VFs that compute: QAT. What is theirs beside struct vf, one for each VF of the machine. */
#pragma once
#include "apps/jobs.h"
#include "apps/machine.h"
#include "drivers/qat/mailbox.h"
#include "drivers/qat/vf.h"

#define ACCEL_VFS 16u

struct accel_vf {
	struct qat_vf qat;
	struct jobs jobs;
	volatile uint8_t *regs;
	struct qat_pair pair[QAT_SERVICES]; /* gen4 */
	uint32_t round;
} __attribute__((aligned(64)));

extern struct accel_vf accel_vf[ACCEL_VFS];

/* The VF's rings, sessions and job memory, in its domain. Also after accel_stop(). */
enum sl_err accel_start(struct vf *vf) MUST_CHECK;
/* Rings off. */
void accel_stop(struct vf *vf);
/* Stops a VF that was refused something: rings off, FLR, and everything started again. */
enum sl_err accel_recover(struct machine *m, struct vf *vf) MUST_CHECK;

/* A round of mixed jobs, all in flight together: begin; then until none is left, end, which checks. */
enum sl_err accel_round_begin(struct vf *vf) MUST_CHECK;
enum sl_err accel_round_end(struct vf *vf) MUST_CHECK;
/* One job with tag 0 that is waited for, at most us. SL_TIMEOUT: no answer, and it stays in flight. */
enum sl_err accel_one(struct vf *vf, const struct accel_job *job, uint64_t us, uint16_t *status) MUST_CHECK;

enum sl_err stage_accel_pf(struct machine *m) MUST_CHECK;      /* a QAT PF, reset */
enum sl_err stage_accel_sriov(struct machine *m) MUST_CHECK;   /* all of its VFs on */
enum sl_err stage_accel_domains(struct machine *m) MUST_CHECK; /* each in its own domain, rings up */
enum sl_err stage_accel(struct machine *m) MUST_CHECK;         /* every result against the CPU */
enum sl_err stage_accel_refuse(struct machine *m) MUST_CHECK;  /* DMA that must not happen */
void undo_accel_pf(struct machine *m);
void undo_accel_domains(struct machine *m);
