/* Root, context and PASID tables of one unit in scalable mode (VT-d §3.4.3, §9.2, §9.4 to §9.6).
 *
 *	root table: a half for      context table          PASID directory       PASID table
 *	16 devices of a bus         +-------------+        +-------+             +---------+
 *	+--------+--------+         | directory   |------->| table |------------>| PASID 0 |--> page tables
 *	|  low   |  high  |-------->|     ...     |        |  ...  |             |   ...   |
 *	+--------+--------+         +-------------+        +-------+             +---------+
 *
 * A function's requests without PASID use PASID 0, whose entry is there as long as the context entry is. No
 * entry is changed while it is present: a unit may read it in several pieces. It is filled from the end, and
 * the quadword with the present bit comes last, by one store. It is taken away by one store that clears this
 * whole quadword, then the unit forgets it, then the rest is cleared. */
#pragma once
#include "iommu/vtd/unit.h"

/* The domain id in the entry of this PASID; false when it is not present. */
bool vtd_pasid_find(const struct vtd_unit *u, uint16_t rid, uint32_t pasid, uint16_t *did);

/* Fills the entry of a PASID, which must not be present. PASID 0: makes the function's context entry, too,
 * with allowed of vtd_sctx_make(); any other: SL_NOTFOUND when there is none, SL_RANGE from PASIDS_MAX on.
 * SL_NOMEM. When the unit is on, the change is visible to it on return. */
enum sl_err vtd_pasid_attach(struct vtd_unit *u, uint16_t rid, uint32_t pasid, struct vtd_pasid made,
			     uint64_t allowed) MUST_CHECK;

/* Takes the entry away, while the device may be working; PASID 0: the context entry as well, whose other
 * PASIDs must be gone. Forgets what is cached by it, waits. SL_NOTFOUND when it is not present; on SL_TIMEOUT
 * or SL_DEVICE the unit may still use the domain's tables. */
enum sl_err vtd_pasid_detach(struct vtd_unit *u, uint16_t rid, uint32_t pasid) MUST_CHECK;

/* As vtd_ctx_silence(). */
enum sl_err vtd_pasid_silence(struct vtd_unit *u, uint16_t rid) MUST_CHECK;
