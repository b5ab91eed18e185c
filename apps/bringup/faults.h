/* Refused requests: who made them, and what they mean for the run. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_faults(struct machine *m) MUST_CHECK; /* what is refused from now on is explained */

/* Poll points for refused requests; one core calls them. faults_poll() takes what the units recorded, with
 * one register read for each unit when that is nothing, and says how many there were; it prints nothing
 * unless a function is cut off. faults_say() prints too. Both leave alone what an attack has claimed
 * (iommu_fault_claim()). */
unsigned faults_poll(struct machine *m);
void faults_say(struct machine *m);
/* True when a unit has sent a fault event since the records were last all taken: a look at memory, for loops
 * that call faults_poll() then, and now and then without it. */
static inline bool faults_waiting(const struct machine *m)
{
	return __atomic_load_n(&m->faults.events, __ATOMIC_RELAXED) != m->faults.events_seen;
}
/* From now on a refused request of this function that was not provoked breaks the proof. */
void faults_watch(struct machine *m, bdf_t fn);
/* Prints what is left; SL_VERIFY when there was such a request. */
enum sl_err faults_verdict(struct machine *m) MUST_CHECK;

/* The requester id that the IOMMU sees in a function's requests: behind a conventional bridge the bridge's.
 */
bdf_t function_requester(const struct machine *m, bdf_t fn);
