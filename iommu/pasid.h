/* Several address spaces of one function: a domain each, for the requests with a PASID of their own. What
 * iommu/domain.h says of domains holds for these, except that they are attached and detached by the calls
 * below. */
#pragma once
#include "iommu/domain.h"

/* Gives requests of an attached function that carry a PASID of their own an address space of their own: this
 * domain, which is attached to nothing else. *pasid becomes the PASID, which no other domain of the machine
 * has; it is from 1 to limit - 1 (limit: how many the function can send, 2^width of its PASID capability).
 * What the function sends without PASID goes on through the domain of domain_attach(). The function alone
 * says which PASID a request has: a tenant who works with one of its queues must not be able to choose.
 * SL_NOTFOUND when the function itself is not attached, SL_BUSY when the domain is in use. SL_UNSUPPORTED
 * (logged) when its unit keeps no PASIDs apart, the function shares its requester id, another function of its
 * group is attached, the domain is a pass-through one, or as domain_attach(). SL_NOSPACE when no PASID is
 * left, SL_NOMEM. SL_TIMEOUT, SL_DEVICE: attached, and the unit did not answer. */
enum sl_err domain_attach_pasid(struct domain *dom, bdf_t fn, uint32_t limit, uint32_t *pasid) MUST_CHECK;
/* Takes it back, also while the device goes on working: when it returns SL_OK no request reaches the domain's
 * memory any more, and the PASID may be given out again. On any other error it stays attached for good.
 * SL_NOTFOUND when the domain is attached under no PASID. */
enum sl_err domain_detach_pasid(struct domain *dom) MUST_CHECK;
/* The PASID under which it is attached; 0: none. */
uint32_t domain_pasid(const struct domain *dom);

/* How many PASIDs the unit of a function keeps apart, 0 included; 0: none, or the function has no unit that
 * translates. domain_attach_pasid() gives them out. */
uint32_t iommu_pasids(const struct iommu *mmu, bdf_t fn);
