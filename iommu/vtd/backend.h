/* VT-d behind iommu/backend.h, and what only a machine with VT-d has: its table, its quirks, its registers.
 */
#pragma once
#include "iommu/dmar/dmar.h"
#include "iommu/tables/facts.h"
#include "iommu/iommu.h"

struct vtd_io;
struct vtd_regs_seen;
struct vtd_unit;

/* What struct iommu keeps for it. */
struct vtd {
	struct dmar table;
	struct dmar_topo topo;
	struct vtd_unit *unit; /* unit_count of them, in the order of the table */
};

extern const struct iommu_backend vtd_backend;

/* Gives access to len bytes of registers at physical address base, uncached, until the machine ends; SL_RANGE
 * where there can be none (RAM, beyond the processor's addresses). It may be called twice for one unit, the
 * second time with a greater length. */
struct iommu_regs {
	void *ctx;
	enum sl_err (*map)(void *ctx, phys_t base, uint64_t len, struct vtd_io *out);
};

/* Reads the table and every unit; writes to none. One that cannot be used is logged and left out, and the
 * others go on: functions below it get no domain. SL_NOTFOUND when no unit can translate, SL_NOMEM; SL_TRUNC
 * or SL_BADVAL when the table is damaged. */
enum sl_err vtd_init(struct iommu *mmu, struct span dmar_table, const struct dmar_topo *topo,
		     const struct iommu_regs *regs) MUST_CHECK;

/* Before iommu_enable() and after iommu_set_groups(): gives each function that an RMRR names a domain in
 * which that memory is mapped one to one; functions of one group share it. Such a function counts as
 * attached. functions says which functions there are: where a scope names a bridge, the bridge and each
 * function below it get the memory (NULL: such a scope is logged and left out). What makes no sense (no such
 * function, no memory) is logged and skipped. */
enum sl_err vtd_map_rmrrs(struct iommu *mmu, const struct table_functions *functions) MUST_CHECK;

/* Which tables a unit reads: the option tables= */
enum vtd_want {
	VTD_WANT_AUTO, /* legacy mode, unless the unit has first-stage tables only */
	VTD_WANT_LEGACY,
	VTD_WANT_SCALABLE, /* scalable mode where the unit has it, with second-stage tables if it has them */
};

/* Right after vtd_init(), which is as VTD_WANT_AUTO: chooses the tables of all units. A unit that lacks what
 * is wanted reads what it has, or is left out where it has nothing, with a line. SL_NOTFOUND when no unit can
 * translate. */
enum sl_err vtd_choose_tables(struct iommu *mmu, enum vtd_want want) MUST_CHECK;

/* Between vtd_init() and vtd_map_rmrrs(): the units with their registers at base, or those that cover
 * graphics functions and nothing else, are left as firmware left them; one line each. Whatever is below them
 * gets no domain, and iommu_covered() says so. why: the reason, which stays in place. How many there were.
 * functions says which functions there are (display controllers have base class 03). */
unsigned vtd_skip_base(struct iommu *mmu, uint64_t base);
unsigned vtd_skip_graphics(struct iommu *mmu, const struct table_functions *functions, const char *why);

/* Also between these two, for chipsets that are not what their registers say: table changes are followed by a
 * write-buffer flush as if CAP.RWBF were set; units for graphics alone map pages of 4 KiB only. How many
 * units that changes. */
unsigned vtd_force_write_flush(struct iommu *mmu);
unsigned vtd_small_pages_graphics(struct iommu *mmu, const struct table_functions *functions);

/* Registers as they are now; reading changes none. SL_DEVICE when the unit's are not mapped. */
enum sl_err vtd_read_registers(const struct iommu *mmu, unsigned unit, struct vtd_regs_seen *out) MUST_CHECK;

/* The whole pages of an RMRR for this function. False when it describes no memory, or memory that no device
 * address can be: beyond the width of the function's unit, or in the interrupt window. */
bool rmrr_can_map(const struct iommu *mmu, bdf_t fn, const struct dmar_rmrr *r, uint64_t *base,
		  uint64_t *len);
