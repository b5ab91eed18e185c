/* Scalable mode of the unit's model: context entries, PASID directory and table, the PASID cache, and the
 * invalidations by PASID. Written from VT-d §3.4.3, §6.2, §6.5.2 and §9. */
#pragma once
#include "tests/model/vtd_model.h"

/* By RTADDR as SRTP latched it. */
bool model_scalable(const struct model_unit *m);

/* 8 bytes as a walk sees them that snoops the processor's caches or does not. */
bool model_fetch_as(const struct model_unit *m, uint64_t phys, bool snoop, uint64_t *v);

/* The function's context entry: a fault reason, or 0. */
uint8_t model_scalable_context(const struct model_unit *m, uint16_t rid, struct model_context *c);

/* The entry of a PASID of that function, cached or read; fresh is where one that is not cached lies. */
struct model_context *model_pasid_get(struct model_unit *m, uint16_t rid, uint32_t pasid,
				      const struct model_context *ctx, struct model_pasid *fresh);

/* Descriptors of types 7 and 6: VT-d §6.5.2.2, §6.5.2.4. False: invalid. */
bool model_run_pasid(struct model_unit *m, uint64_t lo, uint64_t hi);
bool model_run_piotlb(struct model_unit *m, uint64_t lo, uint64_t hi);
