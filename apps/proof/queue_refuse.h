/* The matrix of a device's queues as tenants (apps/work/queues.h): what each must not reach. */
#pragma once
#include "apps/work/queues.h"

struct tally;

/* Makes every queue attempt each forbidden access, each after the same access has worked where it is allowed;
 * prints the matrix and counts cases and refused. The verdict is memory, the completion record, the fault
 * record with the PASID, and a walk of the tables. The domain of a tenant is taken away and given back in it.
 * SL_VERIFY: one was not refused. SL_NOMEM. */
enum sl_err queue_matrix(struct queues *q, struct iommu *mmu, struct tally *tally) MUST_CHECK;

/* Stage refuse of device=dsa. Without PASIDs no queue has anything of its own, and nothing is tried. */
enum sl_err stage_queue_refuse(struct machine *m) MUST_CHECK;
