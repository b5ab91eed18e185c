/* Random 4 KiB reads at a fixed depth, one VF's side of it: what stage timed and the console's load share.
 * The core that works a VF calls poller_start(), poller_turn() again and again, poller_stop(); core 0 before
 * that timed_prepare(), and after it timed_sample(). */
#pragma once
#include "apps/vf/workers.h"

/* The timed phase's data: what chunk of a VF's data store holds after timed_prepare() has written it. */
#define TIMED_CHUNKS 1024u
uint64_t timed_seed(const struct vf *vf, uint64_t chunk);
enum sl_err timed_prepare(struct machine *m) MUST_CHECK;

/* Touched by the VF's core alone. */
struct poller {
	struct vf *vf;
	uint64_t random, chunks;
	uint64_t started[BUFFER_SLOTS]; /* TSC by tag */
	uint32_t chunk[BUFFER_SLOTS];   /* what is being read into the tag's buffer */
} __attribute__((aligned(64)));

extern struct poller poller[VFS_MAX];

/* VF v's queue filled for the first time, qd requests; its counters and latencies begin anew. */
enum sl_err poller_start(struct worker *w, unsigned v, uint32_t qd) MUST_CHECK;
/* Takes what came back and, with again set, sends as many: one doorbell for all of them. Returns how many
 * came back; adds errors to *errors. */
unsigned poller_turn(struct poller *p, bool again, unsigned *errors);
/* The clock has stopped: what the VF's counters grew by, and its queue emptied. SL_TIMEOUT when it is not
 * empty by deadline (now_us()). */
enum sl_err poller_stop(struct poller *p, uint32_t qd, uint64_t deadline, unsigned *errors) MUST_CHECK;

/* Every buffer holds what its last read under load brought; else SL_VERIFY. */
enum sl_err timed_sample(struct machine *m, uint32_t qd) MUST_CHECK;
