/* One unit: its features, and turning it on. Owned by struct iommu; life: probe,
 * init, enable. Units of one segment share a device table. */
#pragma once
#include "iommu/amdvi/entry.h"
#include "iommu/amdvi/io.h"
#include "iommu/ivrs/ivrs.h"
#include "iommu/unit_state.h"
#include "kernel/err.h"

#define AMDVI_DEADLINE_US 1000000 /* for any single step; hardware takes microseconds */
#define AMDVI_BROKEN                                                                                          \
	"restart the machine; if this persists, the unit or the hypervisor's model of it is broken" /* advice \
												     */

struct amdvi_irt;

/* Of one segment. */
struct amdvi_devtab {
	uint16_t seg;
	struct amdvi_dte *entry;      /* AMDVI_IDS of them */
	void *empty;                  /* the page table of entries that refuse everything */
	struct amdvi_irt *interrupts; /* tables of ids that have interrupts: iommu/amdvi/ir.h */
};

struct amdvi_count {
	uint64_t commands, waits;   /* put into the command buffer */
	uint64_t faults, overflows; /* events taken; times that events were lost */
};

struct amdvi_unit {
	char name[12]; /* "iommu0", in messages */
	struct ivrs_ivhd ivhd;
	struct amdvi_io io;
	uint64_t efr;
	uint64_t control_found; /* as the firmware left it */
	bool caches_empty;      /* NpCache: what is not present may be cached */
	bool emulated;          /* under a hypervisor: events may lack bus and address */

	const char *unusable;        /* why it is not driven; NULL: it is */
	enum iommu_unit_state state; /* of one that is not driven */
	char reason[96];             /* what unusable points to where it is not a literal */
	bool starting;               /* being turned on: amdvi_trouble() */
	bool on;                     /* translates, with our tables; or may, when it did not answer in time */

	struct amdvi_devtab *devtab;
	struct amdvi_cmd *queue; /* one page */
	uint32_t tail;           /* index of the next command */
	uint64_t seq;            /* of the last wait */
	uint64_t *status;        /* the unit writes seq here */
	bool dead;               /* a command was not answered: nothing can be invalidated any more */
	uint64_t *log;           /* LOG_ENTRIES of two words: iommu/amdvi/log.h */
	uint32_t log_head;       /* index of the next event */
	uint16_t told;           /* codes of events that were reported once: BIT(code) */
	struct amdvi_count count;
	bool event;  /* events are reported by our interrupt */
	bool remaps; /* interrupts: amdvi_ir_enable(), */
	bool x2apic; /* with 32-bit destinations */
};

static inline bool amdvi_driven(const struct amdvi_unit *u)
{
	return !u->unusable;
}

/* Reads features and the state the firmware left; writes nothing. u->io and u->ivhd must be set. SL_DEVICE
 * when no unit answers, SL_UNSUPPORTED when it lacks page tables; u->unusable then says so. */
enum sl_err amdvi_unit_probe(struct amdvi_unit *u) MUST_CHECK;

/* Memory for command buffer, status and log. SL_NOMEM. */
enum sl_err amdvi_unit_init(struct amdvi_unit *u) MUST_CHECK;

/* Turns translation on with our device table: whatever the firmware left running ends first, then the bases
 * are set while the unit is off, then it is turned on and everything that it may have cached of other tables
 * is invalidated. Functions must not master the bus meanwhile: the unit passes everything while it is off.
 * SL_TIMEOUT or SL_DEVICE with a logged line when a step is not answered. */
enum sl_err amdvi_unit_enable(struct amdvi_unit *u) MUST_CHECK;

#define amdvi_trouble(u, ...) iommu_trouble((u)->name, (u)->starting, __VA_ARGS__)
/* Polls a register until the bits of mask read want. SL_TIMEOUT with a logged line. */
enum sl_err amdvi_wait(struct amdvi_unit *u, uint32_t reg, uint64_t mask, uint64_t want,
		       const char *what) MUST_CHECK;
