/* Load in the background: random 4 KiB reads on every queue pair of every VF (apps/work/timed.h), by other
 * cores, until it is stopped. Core 0 is free meanwhile. The VFs are up (stage_domains) and timed_prepare()
 * has written their media. */
#pragma once
#include "apps/machine.h"

/* here: core 0 takes its share, so load_turn() is called all the time; with a single core it always does. The
 * cores that were started are stopped again when one cannot be: SL_BUSY, or what a VF's queue says. */
enum sl_err load_start(struct machine *m, bool here) MUST_CHECK;
bool load_running(void);
/* Core 0's share of the work, once round: a few operations of each of its VFs. To be called as often as
 * possible; does nothing where other cores have all VFs. */
void load_turn(void);
/* So far: operations of all VFs, and time. */
uint64_t load_ops(const struct machine *m);
uint64_t load_us(void);
/* Ends it: queues emptied; the VFs' ops, latency and timed are those of the load, m->tally.timed_ops and
 * timed_us their sum and the time. What was read last is compared with what was written. SL_DEVICE when
 * requests failed or a VF was cut off, SL_TIMEOUT, SL_VERIFY. */
enum sl_err load_stop(struct machine *m) MUST_CHECK;
