/* A unit's registers as read at some point: by the loader, by the unit's driver, or from a recorded report.
 * VT-d §11.4 */
#pragma once
#include "iommu/vtd/io.h"
#include "kernel/jsonl.h"

#define VTD_FRCDS_SEEN 8u

struct vtd_frcd { /* fault recording register: VT-d §11.4.7.6 */
	uint64_t lo, hi;
};

struct vtd_regs_seen {
	bool read; /* false: nothing was read, and the rest is 0 */
	uint32_t ver, gsts, fsts, pmen, plmbase, plmlimit;
	uint64_t cap, ecap, rtaddr, irta, phmbase, phmlimit; /* 0 where the unit has no such register */
	uint32_t frcds;                                      /* records that were read */
	struct vtd_frcd frcd[VTD_FRCDS_SEEN];
};

/* Reads them; changes none. size: bytes of readable registers, at least VTD_FIXED_END; fault records beyond
 * it are left out. */
void vtd_regs_read(const struct vtd_io *io, uint64_t size, struct vtd_regs_seen *out);

/* A "unit" line of a report: docs/audit.md. i: its number in the DMAR table. */
void vtd_regs_line(struct jsonl *j, unsigned i, uint64_t base, uint16_t seg, const char *phase,
		   const struct vtd_regs_seen *r);
