/* Random 4 KiB reads at a fixed depth, one VF's side of it: what stage timed and the console's load share.
 * The core that works a VF calls timed_start(), timed_turn() again and again, timed_stop(); core 0 before
 * that timed_prepare(), and after it timed_sample(). */
#pragma once
#include "apps/work/flow.h"

/* The timed phase's data: what chunk of a VF's data store holds after timed_prepare() has written it. */
#define TIMED_CHUNKS 1024u
uint64_t timed_seed(const struct vf *vf, uint64_t chunk);
/* An error status is a FAIL line and SL_DEVICE. */
enum sl_err timed_prepare(struct machine *m) MUST_CHECK;
/* After requests failed under load, where no status is kept: reads the VFs' chunks once more, until one has
 * an error status, which is then a FAIL line. */
void timed_find_bad(struct machine *m);

extern struct flow timed_flow[VFS_MAX];

/* Fills VF v's queue for the first time, with qd= requests; resets its counters and latencies. Core: w's. */
enum sl_err timed_start(struct worker *w, unsigned v) MUST_CHECK;
/* Takes completed requests and sends as many, with one doorbell. Returns how many completed. */
unsigned timed_turn(struct flow *f);
/* The clock has stopped: flow_end(). */
enum sl_err timed_stop(unsigned v, uint64_t deadline) MUST_CHECK;

/* A line when a key ended the timed phase. */
void timed_say_stopped(const struct machine *m);

/* Verifies that every buffer holds the data of its last read under load; SL_VERIFY. */
enum sl_err timed_sample(struct machine *m, uint32_t qd) MUST_CHECK;
