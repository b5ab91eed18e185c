/* Every remapping unit of the machine; the applications' interface. Order of life: iommu_init,
 * (iommu_map_rmrrs, domains may be made and attached), iommu_enable, work. Drivers include only
 * iommu/domain.h. The caller owns the struct; it and the DMAR table stay in place while it is in use. Not for
 * several cores at once. */
#pragma once
#include "iommu/dmar/dmar.h"
#include "iommu/domain.h"
#include "iommu/unit_state.h"
#include "iommu/fault.h"
#include "iommu/iopt.h"
#include "iommu/walk.h"

struct vtd_io;
struct vtd_regs_seen;
struct vtd_unit;
struct iova_range;
struct fault_log;
struct attached;
struct dmar_memory_map;

/* Which functions the units cannot distinguish, or which reach each other without a unit seeing it. */
struct iommu_groups {
	void *ctx;
	unsigned (*group_of)(void *ctx, bdf_t fn); /* 0: no group is known */
	/* The requester ids that the units may see in the function's requests, the usual one first, at most
	 * max; how many. A bridge to a conventional bus substitutes its own id. NULL: every function has one
	 * id. */
	unsigned (*ids)(void *ctx, bdf_t fn, uint16_t *out, unsigned max);
};

struct iommu {
	struct dmar table;
	struct dmar_topo topo;
	struct vtd_unit *unit; /* unit_count of them, in the order of the table */
	unsigned unit_count;
	/* For a domain whose functions are not known yet: the form that most units support,
	 * iommu/vtd/format.h. */
	unsigned levels;        /* of its tables */
	unsigned width;         /* its device addresses are below 2^width */
	unsigned page_level;    /* 1: pages of 4 KiB; 2: 2 MiB as well; 3: 1 GiB as well */
	uint32_t domains_max;   /* its id is 1 to domains_max - 1 */
	struct iopt_sync sync;  /* for stores to tables */
	struct domain *domains; /* by rising id */
	struct domain *spare;   /* destroyed ones, to be used again */
	struct iova_range *spare_iova;
	struct attached *attached; /* every function that has a domain: iommu/attached.h */
	struct attached *spare_attached;
	const struct iommu_groups *groups; /* NULL: every function is a group */
	struct fault_log *faults;          /* where iommu_fault_poll() copies to; NULL: nowhere */
	const struct dmar_memory_map
		*memory; /* RMRRs are not mapped over the system's memory; NULL: not known */
};

/* Maps len bytes of registers at physical address base, uncached, for the rest of the run; SL_RANGE where
 * there cannot be registers (RAM, beyond the processor's addresses). May be called twice for one unit, the
 * second time with a greater length. */
struct iommu_regs {
	void *ctx;
	enum sl_err (*map)(void *ctx, phys_t base, uint64_t len, struct vtd_io *out);
};

struct iommu_unit_info {
	uint16_t seg;
	uint64_t base;
	uint32_t ver;
	uint64_t cap, ecap;
	enum iommu_unit_state state;
	const char *unusable; /* why it is left out or left alone; NULL when it is driven */
	bool on;
	const struct vtd_regs_seen *found; /* as the firmware left it; an unusable unit is not read */
	uint64_t descriptors, waits;       /* invalidation queue; commands to registers count as both */
	uint64_t faults, overflows;
};

/* Reads the table and every unit; writes to none. An unusable unit is logged and left out, and functions
 * below it get no domain. SL_NOTFOUND when no unit can translate, SL_NOMEM; SL_TRUNC or SL_BADVAL when the
 * table is damaged. */
enum sl_err iommu_init(struct iommu *mmu, struct span dmar_table, const struct dmar_topo *topo,
		       const struct iommu_regs *regs) MUST_CHECK;

/* Before iommu_enable() and after iommu_set_groups(): gives each function that an RMRR names a domain in
 * which that memory is mapped one to one; functions of one group share it. Such a function counts as
 * attached. functions lists the machine's functions: where a scope names a bridge, the bridge and each
 * function below it get the memory (NULL: such a scope is logged and left out). Invalid entries (no such
 * function, no memory) are logged and skipped. */
enum sl_err iommu_map_rmrrs(struct iommu *mmu, const struct dmar_functions *functions) MUST_CHECK;

/* Between iommu_init() and iommu_map_rmrrs(): the units with their registers at base, or those that cover
 * only graphics functions, stay as the firmware left them; one line each. Functions below them get no domain,
 * and iommu_covered() says so. why: the reason, which stays in place. Returns how many. functions lists the
 * machine's functions (display controllers have base class 03). */
unsigned iommu_skip_base(struct iommu *mmu, uint64_t base);
unsigned iommu_skip_graphics(struct iommu *mmu, const struct dmar_functions *functions, const char *why);

/* Also between these two, for chipsets whose registers are wrong: flush the write buffer after table changes
 * as if CAP.RWBF were set; use only 4 KiB pages in units for graphics only. Returns how many units that
 * changes. */
unsigned iommu_force_write_flush(struct iommu *mmu);
unsigned iommu_small_pages_graphics(struct iommu *mmu, const struct dmar_functions *functions);

/* Turns translation on in every usable unit, one line each; called again, it starts over with those that did
 * not fail. A unit that does not answer is left out (IOMMU_UNIT_FAILED) with a warning. SL_OK when at least
 * one translates: iommu_units_in(mmu, IOMMU_UNIT_ON) says how many of unit_count. Else the first error,
 * SL_TIMEOUT or SL_DEVICE. */
enum sl_err iommu_enable(struct iommu *mmu) MUST_CHECK;

/* The state of a unit. *why (may be NULL) is the reason for every state but IOMMU_UNIT_ON and IOMMU_UNIT_OFF,
 * and NULL for those. The text stays in place as long as mmu. */
enum iommu_unit_state iommu_unit_state(const struct iommu *mmu, unsigned unit, const char **why);
/* How many units are in that state. */
unsigned iommu_units_in(const struct iommu *mmu, enum iommu_unit_state state);

/* True when a function's untranslated requests go through a unit that translates by our tables: it reaches
 * only what its domain maps, and nothing without a domain. Else only its own Bus Master Enable stops it, and
 * *why (may be NULL) is the reason: no unit, or one that is left out, left alone or off. Valid also for VFs
 * and for functions that were not found. */
bool iommu_covered(const struct iommu *mmu, bdf_t fn, const char **why);

/* The number of the usable unit that a function's requests go through (VT-d §8.3), on or off; SL_NOTFOUND
 * when there is none. */
enum sl_err iommu_unit_of(const struct iommu *mmu, bdf_t fn, unsigned *unit) MUST_CHECK;
/* The same, for any unit, driven or not: an index for iommu_unit_state(). */
enum sl_err iommu_unit_listed(const struct iommu *mmu, bdf_t fn, unsigned *unit) MUST_CHECK;
void iommu_unit_info(const struct iommu *mmu, unsigned unit, struct iommu_unit_info *out);

/* The present register values; reading changes none. SL_DEVICE when the unit's registers are not mapped. */
enum sl_err iommu_unit_read(const struct iommu *mmu, unsigned unit, struct vtd_regs_seen *out) MUST_CHECK;

/* From now on domain_attach() keeps each group in one domain, and attaches a function's other requester ids
 * too. groups stays in place; NULL ends it. */
void iommu_set_groups(struct iommu *mmu, const struct iommu_groups *groups);

/* The domain that requests with this requester id go through: a function's, or that of functions behind a
 * bridge whose id it is. NULL when they are refused. */
struct domain *iommu_domain_of(struct iommu *mmu, bdf_t fn);

/* Device addresses that are not available for a function's buffers. */
struct iommu_reserved {
	uint64_t base, len;
	bool interrupts; /* the interrupt window: cannot be mapped. Else an RMRR: must be, one to one */
	size_t next;     /* where the walk goes on */
};
/* The next one after *at (zero it to start). SL_END after the last. An RMRR applies to the functions that its
 * scopes name and to all below a named bridge, VFs included, but not to the VFs of a named PF. */
enum sl_err iommu_reserved_next(struct iommu *mmu, bdf_t fn, struct iommu_reserved *at) MUST_CHECK;

/* The next refused request recorded by any unit; SL_END after the last. */
enum sl_err iommu_fault_next(struct iommu *mmu, struct iommu_fault *out) MUST_CHECK;
/* Drops all pending records and overflows. */
void iommu_fault_clear(struct iommu *mmu);
/* For a requester that floods and cannot be stopped (hidden, or not found on the bus): its requests stay
 * refused, in every unit of its segment, and are no longer recorded, so that they cost neither time nor
 * records of others. Attaching it to a domain ends that. SL_BUSY when it is in a domain, SL_NOMEM,
 * SL_TIMEOUT, SL_DEVICE. */
enum sl_err iommu_fault_silence(struct iommu *mmu, bdf_t requester) MUST_CHECK;
/* "3b:00.1 write 0x1000 refused: no mapping that may be written (reason 0x5); root ok, context ok (domain 3,
 * 4-level), L4 ok, L3[0] empty", by the present tables. */
void iommu_fault_describe(struct iommu *mmu, const struct iommu_fault *f, char *buf, size_t n);

/* Walks the tables for one address of one function. SL_NOTFOUND when no unit covers it. */
enum sl_err iommu_walk(struct iommu *mmu, bdf_t fn, iova_t iova, struct iommu_walk *out) MUST_CHECK;
/* The same as text: "root ok, context ok (domain 3, 4-level), L4 ok, L3[0] empty". */
void iommu_walk_text(struct iommu *mmu, bdf_t fn, iova_t iova, char *buf, size_t n);
