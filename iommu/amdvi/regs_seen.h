/* A unit's registers as read at some point: by the loader, by the unit's driver, or from a recorded report.
 */
#pragma once
#include "iommu/amdvi/io.h"
#include "kernel/bdf.h"
#include "kernel/jsonl.h"

/* X(name, offset): each is 64 bits wide. A unit reads 0 where it has no such register. */
#define AMDVI_REGS_SEEN(X)                                                                                   \
	X(efr, AMDVI_EFR)                                                                                    \
	X(efr2, AMDVI_EFR2)                                                                                  \
	X(control, AMDVI_CONTROL)                                                                            \
	X(status, AMDVI_STATUS)                                                                              \
	X(devtab, AMDVI_DEVTAB)                                                                              \
	X(cmdbuf, AMDVI_CMDBUF)                                                                              \
	X(evtlog, AMDVI_LOGBUF)                                                                              \
	X(excl_base, AMDVI_EXCL_BASE)                                                                        \
	X(excl_limit, AMDVI_EXCL_LIMIT)

struct amdvi_regs_seen {
	bool read;         /* false: nothing was read, and the rest is 0 */
	uint64_t cap_base; /* what the unit's own function says of its registers: base, and Enable in bit 0.
			      Where that is not the table's base, no register was read. */
#define AMDVI_MEMBER(name, offset) uint64_t name;
	AMDVI_REGS_SEEN(AMDVI_MEMBER)
#undef AMDVI_MEMBER
};

/* The capability block of a unit begins with these 4 bytes: AMD IOMMU, IOMMU Capability Block. cap: where the
 * table says that it is. */
bool amdvi_is_capability(uint16_t cap, uint32_t head);
#define AMDVI_CAP_BASE_LOW 4u           /* behind its begin: Base Address, low and high half */
#define AMDVI_CAP_BASE     BITS(63, 14) /* of both halves */
#define AMDVI_CAP_NP_CACHE BIT(26)      /* of the head: what is not present may be cached */

/* Reads the registers, and changes none. cap_base stays 0. */
void amdvi_regs_read(const struct amdvi_io *io, struct amdvi_regs_seen *out);

/* An "amd" line of a report: docs/audit.md. i: the unit's number among those of the table. */
void amdvi_regs_line(struct jsonl *j, unsigned i, uint64_t base, bdf_t unit, const char *phase,
		     const struct amdvi_regs_seen *r);
