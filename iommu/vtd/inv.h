/* Invalidation of one unit, by its queue or, where ECAP.QI is clear, through its registers (VT-d §6.5.1,
 * §11.4.6). Callers write descriptors and need not know which. */
#pragma once
#include "iommu/vtd/unit.h"

/* Before the first invalidation: clears the firmware's state. The caller then turns the queue on; with
 * registers, SL_TIMEOUT when a command of the firmware's does not end. */
enum sl_err vtd_inv_reset(struct vtd_unit *u) MUST_CHECK;

/* Runs n descriptors (where there is no queue, of types DESC_CC and DESC_IOTLB) in their order and waits:
 * SL_OK means the invalidations are complete. Errors as vtd_qi_run(). */
enum sl_err vtd_inv_run(struct vtd_unit *u, const struct vtd_desc *d, unsigned n) MUST_CHECK;

/* Everything: context cache, then in scalable mode the PASID cache, then IOTLB (VT-d §6.6). One queue keeps
 * the order of context cache and IOTLB (VT-d §6.5.2.12), and so do registers, since each command is awaited;
 * in scalable mode each step is awaited. Errors as vtd_qi_run(). */
enum sl_err vtd_inv_all(struct vtd_unit *u) MUST_CHECK;

/* Runs n descriptors, each of which is complete before the next begins. Errors as vtd_qi_run(). */
enum sl_err vtd_inv_steps(struct vtd_unit *u, const struct vtd_desc *d, unsigned n) MUST_CHECK;

static inline bool vtd_has_queue(const struct vtd_unit *u)
{
	return (u->ecap & ECAP_QI) != 0;
}
