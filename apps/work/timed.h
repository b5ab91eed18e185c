/* Random 4 KiB reads at a fixed depth, one VF's side of it: what stage timed and the console's load share.
 * The core that works a VF calls poller_start(), poller_turn() again and again, poller_stop(); core 0 before
 * that timed_prepare(), and after it timed_sample(). */
#pragma once
#include "apps/vf/workers.h"

/* The timed phase's data: what chunk of a VF's data store holds after timed_prepare() has written it. */
#define TIMED_CHUNKS 1024u
uint64_t timed_seed(const struct vf *vf, uint64_t chunk);
enum sl_err timed_prepare(struct machine *m) MUST_CHECK;

/* Accessed only by the VF's core. */
struct poller {
	struct vf *vf;
	uint64_t random, chunks;
	uint64_t started[BUFFER_SLOTS]; /* TSC by tag */
	uint32_t chunk[BUFFER_SLOTS];   /* what is being read into the tag's buffer */
} __attribute__((aligned(64)));

extern struct poller poller[VFS_MAX];

/* Fills VF v's queue for the first time, with qd requests; resets its counters and latencies. */
enum sl_err poller_start(struct worker *w, unsigned v, uint32_t qd) MUST_CHECK;
/* Takes completed requests and, with again set, sends as many, with one doorbell. Returns how many completed;
 * adds errors to *errors. */
unsigned poller_turn(struct poller *p, bool again, unsigned *errors);
/* The clock has stopped: what the VF's counters grew by, and its queue emptied. SL_TIMEOUT when it is not
 * empty by deadline (now_us()). */
enum sl_err poller_stop(struct poller *p, uint32_t qd, uint64_t deadline, unsigned *errors) MUST_CHECK;

/* Verifies that every buffer holds the data of its last read under load; SL_VERIFY. */
enum sl_err timed_sample(struct machine *m, uint32_t qd) MUST_CHECK;
