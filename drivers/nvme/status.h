/* Status of a command as text. A status is bits 31:17 of a completion entry: SC 7:0, SCT 10:8, CRD, M, DNR
 * (NVMe §3.3.3.2.1). */
#pragma once
#include "kernel/bits.h"

#define NVME_STATUS(sct, sc) ((uint16_t)((sct) << 8 | (sc)))
#define NVME_STATUS_CODE     BITS(10, 0) /* without CRD, M and DNR */

#define NVME_STATUS_CRD BITS(12, 11) /* index of the CRDT to wait before a retry; 0: none */
#define NVME_STATUS_DNR BIT(14)      /* do not retry */

#define NVME_GUARD_ERROR       NVME_STATUS(2, 0x82)
#define NVME_APP_TAG_ERROR     NVME_STATUS(2, 0x83)
#define NVME_REF_TAG_ERROR     NVME_STATUS(2, 0x84)
#define NVME_COMPARE_FAILURE   NVME_STATUS(2, 0x85)
#define NVME_STORAGE_TAG_ERROR NVME_STATUS(2, 0x88)

/* True for a status after which the same command may succeed a little later: NVMe §3.3.3.2.1. */
bool nvme_status_transient(uint16_t status);

/* "Compare Failure (2/85h)" in buf; returns buf. A code without a name gives its type: "Vendor specific
 * (7/01h)". */
const char *nvme_status_text(uint16_t status, char *buf, size_t n);
