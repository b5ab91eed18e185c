/* Root and context tables of one unit, legacy mode (VT-d §9.1, §9.3). A function without a present entry
 * cannot do DMA. */
#pragma once
#include "iommu/vtd/unit.h"

/* The domain id in the function's entry; false when the entry is not present. */
bool vtd_ctx_find(const struct vtd_unit *u, uint16_t rid, uint16_t *did);

/* Fills the function's entry, which must not be present. SL_NOMEM. When the unit is on, the change
 * is visible to it on return. */
enum sl_err vtd_ctx_attach(struct vtd_unit *u, uint16_t rid, struct vtd_ctx made) MUST_CHECK;

/* Clears the entry, invalidates context and IOTLB by the domain id that it held, waits. SL_NOTFOUND when it
 * is not present; on SL_TIMEOUT or SL_DEVICE the unit may still use the domain's tables. */
enum sl_err vtd_ctx_detach(struct vtd_unit *u, uint16_t rid) MUST_CHECK;

/* From now on requests of a function that has no entry stay refused and are not recorded: FPD applies whether
 * or not the entry is present (VT-d §9.3). Until vtd_ctx_attach() or vtd_ctx_detach(). SL_BUSY when it has an
 * entry, SL_NOMEM; errors as vtd_inv_run(). */
enum sl_err vtd_ctx_silence(struct vtd_unit *u, uint16_t rid) MUST_CHECK;
