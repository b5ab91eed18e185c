/* VFs that compute (QAT) as attackers: jobs and rings at any address. apps/proof/strike_compute.c */
#pragma once
#include "apps/proof/bystanders.h"
#include "apps/proof/strike.h"
#include "apps/vf/qat.h"
#include "apps/work/compute.h"

#define COMPUTE_LEN 64u /* bytes of a job's data */

/* Behind a VF's jobs: a page that no device may touch, pages for the control, a place for a ring. */
#define COMPUTE_TARGET  (JOB_TAGS * JOB_BYTES)
#define COMPUTE_ALLOWED (COMPUTE_TARGET + 2 * PAGE_SIZE)
#define COMPUTE_RING    (COMPUTE_TARGET + QAT_TX_BYTES)
_Static_assert(COMPUTE_ALLOWED + ALLOWED_PAGES * PAGE_SIZE <= COMPUTE_RING &&
		       IS_ALIGNED(COMPUTE_RING, QAT_TX_BYTES) &&
		       COMPUTE_RING + QAT_TX_BYTES <= PAGE_2M - WINDOW_BUFFERS,
	       "behind the jobs");

/* struct attack.part: what of a job is at the address in question. A ring has a control of its own. */
enum compute_part {
	COMPUTE_SOURCE = ATTACK_KINDS,
	COMPUTE_DESTINATION,
	COMPUTE_DIGEST,
	COMPUTE_REQUEST_RING,
	COMPUTE_RESPONSE_RING
};

extern const struct strike_ops strike_compute; /* .dev: struct vf */
/* Rounds of mixed jobs, all of which are checked. */
extern const struct bystanders bystanders_compute;
