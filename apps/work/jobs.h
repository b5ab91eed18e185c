/* Mixed jobs for an accelerator (drivers/compute.h), each with its input and expected output, checked against
 * the CPU. Depends only on the accelerator interface, not on a device. */
#pragma once
#include "drivers/compute.h"

/* Memory of one job. */
#define JOB_SRC    0x0000u
#define JOB_DST    0x2000u
#define JOB_AAD    0x5000u
#define JOB_DIGEST 0x5100u
#define JOB_BYTES  0x6000u
#define JOB_MAX    4096u /* bytes of data */
#define JOB_TAGS   32u   /* jobs in flight */
#define JOB_KINDS  24u

#define JOBS_SILENT_US 2000000u /* a device silent for this long will not answer */

struct job_state {
	uint8_t kind;
	bool spoilt;     /* its digest was altered on purpose: a mismatch is the right answer */
	uint32_t len;    /* of the data; of an inflate job: of what has to come out */
	uint32_t stream; /* bytes that a deflate job left at JOB_DST, for inflate; 0: none */
	uint64_t seed;
};

struct jobs {
	struct compute *a;
	uint8_t *va; /* JOB_TAGS * JOB_BYTES */
	iova_t iova;
	unsigned owner; /* owner: keys and data depend on it */
	uint32_t session[JOB_KINDS];
	bool has[JOB_KINDS];
	struct compute_session spec[JOB_KINDS];
	struct job_state state[JOB_TAGS];
	uint64_t done[COMPUTE_SERVICES]; /* checked and right */
	uint64_t noticed;                /* digests spoilt on purpose that the device noticed, of those */
	uint32_t round;                  /* how many were begun */
	unsigned left;                   /* of this round, in flight */
	uint64_t looked, silent_us;      /* how long nothing came while a core polled */
	_Alignas(8) uint8_t want[JOB_MAX];
	char why[192]; /* of the last error */
};

/* Makes a session for every kind of job that the device offers; owner, a, va, iova are set by the caller, the
 * rest is zero. Also when the device was opened again: what was in flight then is forgotten, and counted on
 * is from where it was. Errors of session(). */
enum sl_err jobs_open(struct jobs *j) MUST_CHECK;

/* Prepares the job of a tag in a round, and what lies in its memory. Rounds count up from 0. */
void jobs_prepare(struct jobs *j, uint32_t round, uint32_t tag, struct compute_job *out);

/* Checks its result: SL_DEVICE, and why, for an error status; SL_VERIFY when the device reports success but
 * the result differs from what the CPU computes. */
enum sl_err jobs_check(struct jobs *j, uint32_t tag, uint16_t status) MUST_CHECK;

/* A round: JOB_TAGS jobs in flight together. SL_BADVAL, and why: the device's driver did not take one. */
enum sl_err jobs_begin(struct jobs *j, uint64_t now_us) MUST_CHECK;
/* Takes and checks completed jobs; the round is over when left is 0. Never waits. Errors, with why: those of
 * jobs_check(); SL_DEVICE also for an impossible response; SL_TIMEOUT when nothing has come for two seconds.
 * After one the round is lost. */
enum sl_err jobs_turn(struct jobs *j, uint64_t now_us) MUST_CHECK;

/* A stream that was deflated, checked, and still lies there; and what went in. */
struct jobs_stream {
	const char *kind;
	const uint8_t *stream, *text; /* text is in the struct jobs, until the next call */
	uint32_t len, text_len;
};
/* False when the last job of the tag left none. */
bool jobs_stream(struct jobs *j, uint32_t tag, struct jobs_stream *out);

/* The fewest that were done of any service that the device has. */
uint64_t jobs_least(const struct jobs *j);

/* The known answers of kat.h one after another, forth and, where there is a way, back. run() carries out one
 * job with tag 0 and gives its status. n counts them. Errors as of jobs_check(), and those of run(). */
enum sl_err jobs_known(struct jobs *j,
		       enum sl_err (*run)(void *ctx, const struct compute_job *job, uint16_t *status),
		       void *ctx, unsigned *n) MUST_CHECK;
