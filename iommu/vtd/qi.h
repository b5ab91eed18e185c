/* Queued invalidation of one unit (VT-d §6.5.2). Every call waits until the invalidation is complete. */
#pragma once
#include "iommu/vtd/unit.h"

/* Puts the empty queue's address into the unit, which has QIE off, and clears old queue errors. */
void vtd_qi_reset(struct vtd_unit *u);

/* Turns the queue off if it is on, also the firmware's: clears old errors, gives the unit 100 ms to drain it
 * and then disables it in any case, as Linux does (a queue that the firmware left on an error never drains).
 * SL_TIMEOUT when QIES stays set. */
enum sl_err vtd_qi_end(struct vtd_unit *u) MUST_CHECK;

/* Runs n descriptors and waits for them. SL_DEVICE when the unit rejected one (logged; the queue keeps
 * working), SL_TIMEOUT when it does not answer; on either result nothing counts as invalidated. After a
 * timeout every further call gives SL_DEVICE. */
enum sl_err vtd_qi_run(struct vtd_unit *u, const struct vtd_desc *d, unsigned n) MUST_CHECK;
