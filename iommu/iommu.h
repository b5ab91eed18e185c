/* Every remapping unit of the machine, and what applications do with them. Order of life: iommu_init,
 * (iommu_map_rmrrs, domains may be made and attached), iommu_enable, work. Drivers include
 * iommu/domain.h alone. The struct is the caller's; it and the DMAR table stay in place for as long as it is
 * used. Not for several cores at once. */
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

/* Which functions cannot be told apart, or reach each other without a unit seeing it. */
struct iommu_groups {
	void *ctx;
	unsigned (*group_of)(void *ctx, bdf_t fn); /* 0: no group is known */
	/* The requester ids that the units may see in the function's requests, the usual one first, at most
	 * max; how many. A bridge to a conventional bus puts in its own. NULL: every function has one id. */
	unsigned (*ids)(void *ctx, bdf_t fn, uint16_t *out, unsigned max);
};

struct iommu {
	struct dmar table;
	struct dmar_topo topo;
	struct vtd_unit *unit; /* unit_count of them, in the order of the table */
	unsigned unit_count;
	/* Of a domain whose functions are not known yet: what most units read, iommu/vtd/format.h. */
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
	const struct iommu_groups *groups; /* NULL: every function is taken as a group of its own */
	struct fault_log *faults;          /* where iommu_fault_poll() copies to; NULL: nowhere */
	const struct dmar_memory_map
		*memory; /* RMRRs are not mapped where the system lies; NULL: not known */
};

/* Gives access to len bytes of registers at physical address base, uncached, until the machine ends; SL_RANGE
 * where there can be none (RAM, beyond the processor's addresses). It may be called twice for one unit, the
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
	const struct vtd_regs_seen *found; /* as firmware left it; nothing is read of one that is unusable */
	uint64_t descriptors, waits;       /* invalidation queue; commands to registers count as both */
	uint64_t faults, overflows;
};

/* Reads the table and every unit; writes to none. One that cannot be used is logged and left out, and the
 * others go on: functions below it get no domain. SL_NOTFOUND when no unit can translate, SL_NOMEM; SL_TRUNC
 * or SL_BADVAL when the table is damaged. */
enum sl_err iommu_init(struct iommu *mmu, struct span dmar_table, const struct dmar_topo *topo,
		       const struct iommu_regs *regs) MUST_CHECK;

/* Before iommu_enable() and after iommu_set_groups(): gives each function that an RMRR names a domain in
 * which that memory is mapped one to one; functions of one group share it. Such a function counts as
 * attached. functions says which functions there are: where a scope names a bridge, the bridge and each
 * function below it get the memory (NULL: such a scope is logged and left out). What makes no sense (no such
 * function, no memory) is logged and skipped. */
enum sl_err iommu_map_rmrrs(struct iommu *mmu, const struct dmar_functions *functions) MUST_CHECK;

/* Between iommu_init() and iommu_map_rmrrs(): the units with their registers at base, or those that cover
 * graphics functions and nothing else, are left as firmware left them; one line each. Whatever is below them
 * gets no domain, and iommu_covered() says so. why: the reason, which stays in place. How many there were.
 * functions says which functions there are (display controllers have base class 03). */
unsigned iommu_skip_base(struct iommu *mmu, uint64_t base);
unsigned iommu_skip_graphics(struct iommu *mmu, const struct dmar_functions *functions, const char *why);

/* Also between these two, for chipsets that are not what their registers say: table changes are followed by a
 * write-buffer flush as if CAP.RWBF were set; units for graphics alone map pages of 4 KiB only. How many
 * units that changes. */
unsigned iommu_force_write_flush(struct iommu *mmu);
unsigned iommu_small_pages_graphics(struct iommu *mmu, const struct dmar_functions *functions);

/* Turns translation on in every usable unit, one line each; called again, it starts over with those that did
 * not fail. A unit that does not answer is left out (IOMMU_UNIT_FAILED) with a warning, and the others go on.
 * SL_OK when at least one translates: iommu_units_in(mmu, IOMMU_UNIT_ON) says how many of unit_count. Else
 * the first error, SL_TIMEOUT or SL_DEVICE. */
enum sl_err iommu_enable(struct iommu *mmu) MUST_CHECK;

/* What has become of a unit. *why (may be NULL) is the reason for every state but IOMMU_UNIT_ON and
 * IOMMU_UNIT_OFF, and NULL for those. The text stays in place as long as mmu. */
enum iommu_unit_state iommu_unit_state(const struct iommu *mmu, unsigned unit, const char **why);
/* How many units are in that state. */
unsigned iommu_units_in(const struct iommu *mmu, enum iommu_unit_state state);

/* True when a function's untranslated requests go through a unit that translates by our tables: it reaches
 * what its domain maps, and nothing without a domain. Else nothing but its own Bus Master Enable holds it,
 * and *why (may be NULL) says which of the reasons it is: no unit, or one that is left out, left alone or
 * off. Valid for VFs and for functions that were not found as well. */
bool iommu_covered(const struct iommu *mmu, bdf_t fn, const char **why);

/* The number of the usable unit that a function's requests go through (VT-d §8.3), on or off; SL_NOTFOUND
 * when there is none. */
enum sl_err iommu_unit_of(const struct iommu *mmu, bdf_t fn, unsigned *unit) MUST_CHECK;
/* The same, and whether it is driven or not: an index that iommu_unit_state() takes. */
enum sl_err iommu_unit_listed(const struct iommu *mmu, bdf_t fn, unsigned *unit) MUST_CHECK;
void iommu_unit_info(const struct iommu *mmu, unsigned unit, struct iommu_unit_info *out);

/* Registers as they are now; reading changes none. SL_DEVICE when the unit's are not mapped. */
enum sl_err iommu_unit_read(const struct iommu *mmu, unsigned unit, struct vtd_regs_seen *out) MUST_CHECK;

/* From now on domain_attach() keeps each group in one domain, and puts a function's other requester ids into
 * it too. groups stays in place; NULL ends it. */
void iommu_set_groups(struct iommu *mmu, const struct iommu_groups *groups);

/* The domain that requests with this requester id go through: a function's, or that of functions behind a
 * bridge whose id it is. NULL when they are refused. */
struct domain *iommu_domain_of(struct iommu *mmu, bdf_t fn);

/* Device addresses that are not free for a function's buffers. */
struct iommu_reserved {
	uint64_t base, len;
	bool interrupts; /* the interrupt window: cannot be mapped. Else an RMRR: must be, one to one */
	size_t next;     /* where the walk goes on */
};
/* The next one after *at (zero it to start). SL_END after the last. An RMRR is for the functions that its
 * scopes name and, where that is a bridge, for all below it, VFs included; not for the VFs of a physical
 * function that is named. */
enum sl_err iommu_reserved_next(struct iommu *mmu, bdf_t fn, struct iommu_reserved *at) MUST_CHECK;

/* The next refused request that any unit has recorded; SL_END when there is none left. */
enum sl_err iommu_fault_next(struct iommu *mmu, struct iommu_fault *out) MUST_CHECK;
/* Drops all pending records and overflows. */
void iommu_fault_clear(struct iommu *mmu);
/* For a requester that floods and cannot be stopped (hidden, or not found on the bus): its requests stay
 * refused, in every unit of its segment, and are not recorded any more, so that they take neither time nor
 * records of others. Attaching it to a domain ends that. SL_BUSY when it is in a domain, SL_NOMEM,
 * SL_TIMEOUT, SL_DEVICE. */
enum sl_err iommu_fault_silence(struct iommu *mmu, bdf_t requester) MUST_CHECK;
/* "3b:00.1 write 0x1000 refused: no mapping that may be written (reason 0x5); root ok, context ok (domain 3,
 * 4-level), L4 ok, L3[0] empty", the table as it is now. */
void iommu_fault_describe(struct iommu *mmu, const struct iommu_fault *f, char *buf, size_t n);

/* Explains what the tables say about one address of one function. SL_NOTFOUND when no unit covers it. */
enum sl_err iommu_walk(struct iommu *mmu, bdf_t fn, iova_t iova, struct iommu_walk *out) MUST_CHECK;
/* The same in words: "root ok, context ok (domain 3, 4-level), L4 ok, L3[0] empty". */
void iommu_walk_text(struct iommu *mmu, bdf_t fn, iova_t iova, char *buf, size_t n);
