/* AMD-Vi behind iommu/backend.h, and what only a machine with AMD's units has: its table, its registers. */
#pragma once
#include "iommu/iommu.h"
#include "iommu/ivrs/ivrs.h"
#include "iommu/tables/facts.h"

struct amdvi_devtab;
struct amdvi_io;
struct amdvi_regs_seen;
struct amdvi_unit;

/* What struct iommu keeps for it. */
struct amdvi {
	struct ivrs table;
	struct ivrs_ivhd *ivhd;  /* of the units, in the same order */
	struct amdvi_unit *unit; /* unit_count of them, in the order of the table */
	struct amdvi_devtab *devtab;
	unsigned devtabs; /* segments with a unit */
	const struct amdvi_regs *regs;
};

extern const struct iommu_backend amdvi_backend;

/* What the machine has of a unit; it stays in place with struct iommu. */
struct amdvi_regs {
	void *ctx;
	bool emulated; /* there is a hypervisor: its units may leave out what events have to say */
	/* Gives access to the unit's registers, uncached, until the machine ends; *caches_empty: NpCache of
	 * its capability. SL_RANGE where there can be no registers, SL_NOTFOUND when the unit's own function
	 * says that they are elsewhere. */
	enum sl_err (*open)(void *ctx, const struct ivrs_ivhd *unit, struct amdvi_io *out,
			    bool *caches_empty);
	/* Has the unit's own function send this message for events. SL_UNSUPPORTED when it cannot. */
	enum sl_err (*interrupt)(void *ctx, const struct ivrs_ivhd *unit, uint64_t addr, uint32_t data);
};

/* Reads the table and every unit; writes to none. One that cannot be used is logged and left out, and the
 * others go on: functions below it get no domain. SL_NOTFOUND when no unit can translate, SL_NOMEM; SL_TRUNC
 * or SL_BADVAL when the table is damaged. */
enum sl_err amdvi_init(struct iommu *mmu, struct span ivrs_table, const struct amdvi_regs *regs) MUST_CHECK;

/* Before iommu_enable() and after iommu_set_groups(): gives each function that an IVMD is for a domain in
 * which that memory is mapped one to one, an exclusion range too: Sluice uses no exclusion registers, of
 * which there is only one pair. What makes no sense is logged and skipped. */
enum sl_err amdvi_map_ivmds(struct iommu *mmu, const struct table_functions *functions) MUST_CHECK;

/* Between amdvi_init() and amdvi_map_ivmds(): the unit with its registers at base is left as the firmware
 * left it. How many there were. */
unsigned amdvi_skip_base(struct iommu *mmu, uint64_t base);

/* The unit's registers as they are now, driven or not; reads only. SL_NOTFOUND when they cannot be reached.
 */
enum sl_err amdvi_read_registers(const struct iommu *mmu, unsigned unit,
				 struct amdvi_regs_seen *out) MUST_CHECK;
