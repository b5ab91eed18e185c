/* Every remapping unit of the machine, and what applications do with them. Order of life: vtd_init,
 * (vtd_map_rmrrs, domains may be made and attached), iommu_enable, work. Drivers include
 * iommu/domain.h alone. The struct is the caller's; it and the DMAR table stay in place for as long as it is
 * used. Not for several cores at once. */
#pragma once
#include "iommu/domain.h"
#include "iommu/unit_state.h"
#include "iommu/fault.h"
#include "iommu/iopt.h"
#include "iommu/walk.h"

struct iommu_backend;
struct amdvi;
struct vtd;
struct vtd_regs_seen;
struct iova_range;
struct fault_log;
struct attached;
struct table_memory_map;

/* The form of page tables: what units read. A domain has the form that its functions' units can read,
 * whatever other units there are. */
struct iommu_form {
	unsigned levels;     /* 3, 4 or 5 */
	unsigned width;      /* device addresses are below 2^width */
	unsigned page_level; /* pages of the sizes of tables up to this level may be used: struct iopt */
	uint32_t domains;    /* domain ids are below this */
	const struct pt_format *format; /* of their entries */
};

/* Which functions the units cannot distinguish, or which reach each other without a unit seeing it. */
struct iommu_groups {
	void *ctx;
	unsigned (*group_of)(void *ctx, bdf_t fn); /* 0: no group is known */
	/* The requester ids that the units may see in the function's requests, the usual one first, at most
	 * max; how many. A bridge to a conventional bus substitutes its own id. NULL: every function has one
	 * id. */
	unsigned (*ids)(void *ctx, bdf_t fn, uint16_t *out, unsigned max);
};

#define IOMMU_RELEASED 16u

struct iommu {
	const struct iommu_backend *hw; /* the kind of units; NULL: there are none */
	struct vtd *vtd;                /* its own: iommu/vtd/backend.h, */
	struct amdvi *amdvi;            /* or iommu/amdvi/backend.h */
	unsigned unit_count;
	/* Of a domain whose functions are not known yet: what most units read. */
	const struct pt_format *format; /* of its page tables */
	unsigned levels;                /* of its tables */
	unsigned width;                 /* its device addresses are below 2^width */
	unsigned page_level;            /* 1: pages of 4 KiB; 2: 2 MiB as well; 3: 1 GiB as well */
	uint32_t domains_max;           /* its id is 1 to domains_max - 1 */
	struct iopt_sync sync;          /* for stores to tables */
	struct domain *domains;         /* by rising id */
	struct domain *spare;           /* destroyed ones, to be used again */
	struct iova_range *spare_iova;
	struct attached *attached; /* every function that has a domain: iommu/attached.h */
	struct attached *spare_attached;
	const struct iommu_groups *groups; /* NULL: every function is a group */
	struct fault_log *faults;          /* where iommu_fault_poll() copies to; NULL: nowhere */
	bdf_t released[IOMMU_RELEASED];    /* functions whose RMRRs do not count: iommu_rmrrs_release() */
	unsigned n_released;
	bdf_t ats_fn;      /* the function that may keep translations itself: iommu/ats.h; valid when */
	uint8_t ats_depth; /* invalidations that it takes at once; 0: there is no such function */
	bool ats_pages;    /* it may ask for pages */
	const struct table_memory_map
		*memory; /* RMRRs are not mapped over the system's memory; NULL: not known */
};

struct iommu_unit_info {
	uint16_t seg;
	uint64_t base;
	unsigned width; /* bits of a device address; 0: it has no tables for DMA */
	uint32_t ver;   /* VT-d: registers, and */
	uint64_t cap, ecap;
	const struct vtd_regs_seen *found; /* as the firmware left it; an unusable unit is not read */
	uint64_t efr, control; /* AMD-Vi: found is NULL; features, Control as the firmware left it */
	enum iommu_unit_state state;
	const char *unusable; /* why it is left out or left alone; NULL when it is driven */
	bool on;
	uint64_t descriptors, waits; /* commands to the unit; commands to VT-d's registers count as both */
	uint64_t faults, overflows;
};

/* "RMRR", "IVMD": memory that the firmware goes on sharing with functions. */
const char *iommu_memory_name(const struct iommu *mmu);

/* What the numbers mean that units of this kind record for a refusal, and where the specification has them:
 * the rest of a sentence on several lines, each but the first indented by two spaces. */
const char *iommu_reasons(const struct iommu *mmu);

/* Turns translation on in every usable unit, one line each; called again, it starts over with those that did
 * not fail. A unit that does not answer is left out (IOMMU_UNIT_FAILED) with a warning. SL_OK when at least
 * one translates: iommu_units_in(mmu, IOMMU_UNIT_ON) says how many of unit_count. Else the first error,
 * SL_TIMEOUT or SL_DEVICE. */
enum sl_err iommu_enable(struct iommu *mmu) MUST_CHECK;

/* The state of a unit. why may be NULL; *why becomes the reason for the state, or NULL for IOMMU_UNIT_ON and
 * IOMMU_UNIT_OFF. The text stays in place as long as mmu. */
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
/* Invalidations that were waited for, in all units. */
uint64_t iommu_waits(const struct iommu *mmu);

/* From now on domain_attach() keeps each group in one domain, and attaches a function's other requester ids
 * too. groups stays in place; NULL ends it. */
void iommu_set_groups(struct iommu *mmu, const struct iommu_groups *groups);

/* The domain that requests with this requester id go through: a function's, or that of functions behind a
 * bridge whose id it is. NULL when they are refused. */
struct domain *iommu_domain_of(struct iommu *mmu, bdf_t fn);

/* Device addresses that are not available for a function's buffers. */
struct iommu_reserved {
	uint64_t base, len;
	/* The interrupt window, or another range that the unit gives a meaning: cannot be mapped. Else
	 * memory that the firmware shares with the function (RMRR, IVMD): must be, one to one. */
	bool interrupts;
	bool below;   /* an RMRR that names a bridge above the function, and not the function */
	uint8_t perm; /* enum domain_perm, of such memory */
	size_t next;  /* where the walk goes on */
};
/* The next one after *at (zero it to start), memory last. SL_END after the last. An RMRR applies to the
 * functions that its scopes name and to all below a named bridge, VFs included, but not to the VFs of a named
 * PF; none to a function that was released. */
enum sl_err iommu_reserved_next(struct iommu *mmu, bdf_t fn, struct iommu_reserved *at) MUST_CHECK;

/* The firmware does not use the function any more: its driver has taken it over. The function leaves the
 * domain of its RMRRs, which ends with its last function, and can be attached to any domain from now on; a
 * line for each RMRR says so. Until the end of the run: nothing gives it back. SL_UNSUPPORTED when an RMRR
 * names a bridge above it and not the function, since what the firmware does there is not its driver's
 * business; SL_NOSPACE after IOMMU_RELEASED functions; errors of domain_detach(). Nothing has changed then.
 */
enum sl_err iommu_rmrrs_release(struct iommu *mmu, bdf_t fn) MUST_CHECK;
bool iommu_rmrrs_released(const struct iommu *mmu, bdf_t fn);

/* The next refused request recorded by any unit; SL_END after the last. */
enum sl_err iommu_fault_next(struct iommu *mmu, struct iommu_fault *out) MUST_CHECK;
/* Drops all pending records and overflows. */
void iommu_fault_clear(struct iommu *mmu);
/* For a requester that floods and cannot be stopped (hidden, or not found on the bus): its requests stay
 * refused, in every unit of its segment, and are no longer recorded, so that they cost neither time nor
 * records of others. Attaching it to a domain ends that. SL_BUSY when it is in a domain, SL_NOMEM,
 * SL_TIMEOUT, SL_DEVICE. */
enum sl_err iommu_fault_silence(struct iommu *mmu, bdf_t requester) MUST_CHECK;
/* "3b:00.1 write 0x1000 refused: not mapped for writing (reason 0x5); root ok, context ok (domain 3,
 * 4-level), L4 ok, L3[0] empty", by the present tables. */
void iommu_fault_describe(struct iommu *mmu, const struct iommu_fault *f, char *buf, size_t n);

/* Walks the tables for one address of one function. SL_NOTFOUND when no unit covers it. */
enum sl_err iommu_walk(struct iommu *mmu, bdf_t fn, iova_t iova, struct iommu_walk *out) MUST_CHECK;
/* The same for its requests with that PASID; 0: those without one. */
enum sl_err iommu_walk_pasid(struct iommu *mmu, bdf_t fn, uint32_t pasid, iova_t iova,
			     struct iommu_walk *out) MUST_CHECK;
/* The same as text: "root ok, context ok (domain 3, 4-level), L4 ok, L3[0] empty". */
void iommu_walk_text(struct iommu *mmu, bdf_t fn, iova_t iova, char *buf, size_t n);
