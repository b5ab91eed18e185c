/* Queued invalidation of one unit (VT-d §6.5.2). Every call waits: when it returns, the unit has forgotten.
 */
#pragma once
#include "iommu/vtd_unit.h"

/* Puts the empty queue's address into the unit, which has QIE off, and clears old queue errors. */
void vtd_qi_reset(struct vtd_unit *u);

/* Waits until the unit has taken every descriptor, whosever they are: before QIE may be cleared. SL_TIMEOUT.
 */
enum sl_err vtd_qi_drain(struct vtd_unit *u) MUST_CHECK;

/* Runs n descriptors and waits for them. SL_DEVICE when the unit rejected one (logged, the queue goes on
 * working), SL_TIMEOUT when it does not answer; on either result nothing may be taken as invalidated. After a
 * timeout every further call gives SL_DEVICE. */
enum sl_err vtd_qi_run(struct vtd_unit *u, const struct vtd_desc *d, unsigned n) MUST_CHECK;
