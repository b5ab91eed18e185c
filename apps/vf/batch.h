/* Batches of requests with a common wait, for the phases that check results and are not timed. */
#pragma once
#include "apps/machine.h"

/* Submits vf->batch.req[0..n), tags 0..n-1, and rings once. */
enum sl_err batch_start(struct vf *vf) MUST_CHECK;
/* Takes completed requests without waiting; true when there were any. */
bool batch_poll(struct vf *vf);
/* Waits until all that batch_start() began on any VF is back; SL_TIMEOUT when nothing moves for 10 s. */
enum sl_err batch_finish(struct machine *m) MUST_CHECK;
/* The same for n VFs from first on: those of one core. A device that answers, but slowly, is reported once.
 */
enum sl_err batch_finish_some(struct machine *m, unsigned first, unsigned n) MUST_CHECK;

/* What to try where a device ended a request with an error status. */
#define BATCH_ADVICE                                                                                         \
	"the device refused or failed this request, and no data was damaged: the status says why; a worn-out or read-only medium does this"
/* SL_DEVICE when a request of the batch ended with an error status: a FAIL line has VF, LBA and status of the
 * first. */
enum sl_err batch_status(const struct vf *vf) MUST_CHECK;
