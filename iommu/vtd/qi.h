/* Queued invalidation of one unit (VT-d §6.5.2). Every call waits: when it returns, the unit has forgotten.
 */
#pragma once
#include "iommu/vtd/unit.h"

/* Puts the empty queue's address into the unit, which has QIE off, and clears old queue errors. */
void vtd_qi_reset(struct vtd_unit *u);

/* Turns the queue off if it is on, whoever made it: old errors are cleared, the unit gets 100 ms to take what
 * is in it, and then it ends with or without that, as in Linux (a queue that firmware left on an error never
 * gets empty). SL_TIMEOUT when QIES stays set. */
enum sl_err vtd_qi_end(struct vtd_unit *u) MUST_CHECK;

/* Runs n descriptors and waits for them. SL_DEVICE when the unit rejected one (logged, the queue goes on
 * working), SL_TIMEOUT when it does not answer; on either result nothing may be taken as invalidated. After a
 * timeout every further call gives SL_DEVICE. */
enum sl_err vtd_qi_run(struct vtd_unit *u, const struct vtd_desc *d, unsigned n) MUST_CHECK;
