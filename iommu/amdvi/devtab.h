/* Device table entries of functions. Each requester id of a segment has one, which refuses everything while
 * the function has no domain. */
#pragma once
#include "iommu/amdvi/unit.h"
#include "iommu/backend.h"

/* A table in which every entry refuses everything. SL_NOMEM. */
enum sl_err amdvi_devtab_make(struct amdvi_devtab *t, uint16_t seg) MUST_CHECK;
/* Interrupts that are no messages (NMI, INIT, LINT, ExtInt) and system management writes pass for this id as
 * the firmware says: for the I/O APIC's, which forwards the platform's. data: of the IVHD entry. */
void amdvi_devtab_pass(struct amdvi_devtab *t, uint16_t rid, uint8_t data);

/* The id's domain; false when it has none. */
bool amdvi_dte_find(const struct amdvi_devtab *t, uint16_t rid, uint16_t *did);
/* These three invalidate and wait while the unit is on; errors as amdvi_cmd_run(). Interrupts of the id do
 * not change. */
enum sl_err amdvi_dte_attach(struct amdvi_unit *u, uint16_t rid, const struct iommu_root *root) MUST_CHECK;
/* SL_NOTFOUND when it has no domain. */
enum sl_err amdvi_dte_detach(struct amdvi_unit *u, uint16_t rid) MUST_CHECK;
/* It stays refused, and is not recorded any more. SL_BUSY when it has a domain. */
enum sl_err amdvi_dte_silence(struct amdvi_unit *u, uint16_t rid) MUST_CHECK;
