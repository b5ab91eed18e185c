/* Refused requests: their sources, and their meaning for the run. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_faults(struct machine *m) MUST_CHECK; /* from now on refused requests are explained */

/* Poll points for refused requests, for one core. faults_poll() takes the units' records, with one register
 * read per unit when there are none, and returns how many; it prints only when a function is cut off.
 * faults_say() also prints. Both leave records claimed by an attack alone (iommu_fault_claim()). */
unsigned faults_poll(struct machine *m);
void faults_say(struct machine *m);
/* True when a unit has sent a fault event since the records were last all taken. Reads only memory: for loops
 * that then call faults_poll(), and also call it now and then without an event. */
static inline bool faults_waiting(const struct machine *m)
{
	return __atomic_load_n(&m->faults.events, __ATOMIC_RELAXED) != m->faults.events_seen;
}
/* From now on a refused request of this function that was not provoked breaks the proof. */
void faults_watch(struct machine *m, bdf_t fn);
/* Prints the remaining records; SL_VERIFY when there was such a request. */
enum sl_err faults_verdict(struct machine *m) MUST_CHECK;

/* The requester id that the IOMMU sees in a function's requests: behind a conventional bridge the bridge's.
 */
bdf_t function_requester(const struct machine *m, bdf_t fn);
