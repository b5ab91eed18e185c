/* One remapping unit: its capabilities, and turning it on and off. Owned by struct iommu; life: probe, init,
 * (context entries), enable, disable. */
#pragma once
#include "iommu/unit_state.h"
#include "iommu/vtd/backend.h"
#include "iommu/vtd/entry.h"
#include "iommu/vtd/regs_seen.h"
#include "kernel/err.h"

#define VTD_DEADLINE_US 1000000 /* for any single command; hardware takes microseconds */
#define VTD_BROKEN                                                                                            \
	"restart the machine; if this persists, the unit or the hypervisor's model of it is broken" /* advice \
												     */

struct vtd_count {
	uint64_t descriptors,
		waits;              /* put into the invalidation queue; commands to registers count as both */
	uint64_t faults, overflows; /* records read; times that records were lost */
};

struct vtd_ir;

/* What a unit reads: the choice is made before it is turned on. */
enum vtd_tables {
	VTD_LEGACY, /* context entries with second-stage tables */
	VTD_SECOND, /* scalable mode: PASID entries with second-stage tables, */
	VTD_FIRST,  /* with first-stage tables */
};

struct vtd_unit {
	char name[12]; /* "iommu0", in messages */
	uint16_t seg;
	uint64_t base;   /* of the registers */
	size_t dmar_off; /* of its DRHD */
	struct vtd_io io;

	uint32_t ver;
	uint64_t cap, ecap;
	const char *unusable;        /* why it is not driven; NULL: it is */
	enum iommu_unit_state state; /* of one that is not driven */
	char reason[96];             /* what unusable points to where it is not a literal */
	enum vtd_tables tables;
	uint64_t drain; /* vtd_drain() */
	int select; /* greatest mask of a page-selective invalidation by domain id alone; -1: it has none */
	bool irq_only;              /* driven only for interrupts: it has no tables of the wanted kind */
	bool starting;              /* being turned on: vtd_trouble() */
	struct vtd_regs_seen found; /* as the firmware left it: vtd_unit_probe() */
	bool on;                    /* translates, with our tables; or may, when it did not answer in time */

	struct vtd_root *root;  /* one page */
	struct vtd_desc *queue; /* one page */
	uint32_t tail;          /* index of the next descriptor, counted in those of 128 bits */
	uint32_t step;          /* its size: 1; 2 in scalable mode, where the upper 128 bits stay 0 */
	uint32_t batch;         /* descriptors that fit, with those that wait for them */
	uint32_t seq;           /* of the last wait descriptor */
	uint32_t *status; /* [0] hardware writes seq here, [1] here for descriptors that do not matter */
	bool dead;        /* an invalidation was not answered: nothing can be invalidated any more */
	struct vtd_page_request *page_requests; /* one page, PQA; NULL: the unit takes none */
	uint32_t pq_head;                       /* index of the oldest that was not taken */
	struct vtd_count count;
	bool event;        /* faults are reported by our interrupt: vtd_fault_event() */
	struct vtd_ir *ir; /* interrupt remapping: iommu/vtd/ir.h; NULL: was never on */
};

/* It is driven, and has tables for DMA. */
static inline bool vtd_translates(const struct vtd_unit *u)
{
	return !u->unusable && !u->irq_only;
}

static inline unsigned vtd_mgaw(const struct vtd_unit *u)
{
	return (unsigned)FGET(u->cap, CAP_MGAW) + 1;
}

static inline unsigned vtd_fault_records(const struct vtd_unit *u)
{
	return (unsigned)FGET(u->cap, CAP_NFR) + 1;
}

static inline uint32_t vtd_fault_offset(const struct vtd_unit *u)
{
	return (uint32_t)FGET(u->cap, CAP_FRO) * 16;
}

/* The most levels of second-stage tables that the unit supports: 3, 4 or 5. */
static inline unsigned vtd_max_levels(const struct vtd_unit *u)
{
	return u->cap & FPUT(CAP_SAGAW, 8) ? 5 : u->cap & FPUT(CAP_SAGAW, 4) ? 4 : 3;
}

/* Walks of a domain's page tables snoop the processor's caches: VT-d §11.4.3, C and SMPWCS */
static inline bool vtd_pages_snooped(const struct vtd_unit *u)
{
	return (u->ecap & (u->tables == VTD_LEGACY ? ECAP_C : ECAP_SMPWCS)) != 0;
}

/* The number of domain ids, 0 included. Encoding 7 is reserved and taken as 6. */
static inline uint32_t vtd_domains(const struct vtd_unit *u)
{
	unsigned nd = (unsigned)FGET(u->cap, CAP_ND);
	return 1u << (4 + 2 * (nd > 6 ? 6 : nd));
}

/* DR and DW of an invalidation, as far as the unit supports draining. VT-d §6.5.4 */
static inline uint64_t vtd_drain(const struct vtd_unit *u)
{
	return u->drain;
}

/* Does the unit have scalable mode, with tables for DMA? VT-d §11.4.3, SMTS, SSTS, FSTS; its invalidations
 * need the queue. */
bool vtd_unit_scalable(const struct vtd_unit *u);
/* Decides which tables a unit that is off will read, and whether it has any: u->tables, u->irq_only.
 * SL_UNSUPPORTED when it can neither translate nor remap interrupts; u->unusable then says why. */
enum sl_err vtd_unit_choose(struct vtd_unit *u, enum vtd_want want) MUST_CHECK;

/* Reads VER, CAP, ECAP and the state the firmware left; writes nothing. The tables are chosen as with
 * VTD_WANT_AUTO. u->io must be set. SL_DEVICE when no
 * unit answers at the address, SL_UNSUPPORTED when it lacks a required feature; u->unusable then names it. */
enum sl_err vtd_unit_probe(struct vtd_unit *u) MUST_CHECK;

/* Bytes of registers from the base on, for fault records and IOTLB registers wherever they are; a multiple of
 * 4 KiB. */
uint64_t vtd_unit_window(const struct vtd_unit *u);

/* Memory for root table, queue and status. SL_NOMEM. */
enum sl_err vtd_unit_init(struct vtd_unit *u) MUST_CHECK;

/* Turns translation on with our root table, in the order of VT-d §6.6 and §11.4.4: the firmware's interrupt
 * remapping and queue off, its translation only where it is in another table mode, root pointer, invalidation
 * queue where there is one (from version 6 on always: VT-d §6.5.1), global invalidation, fault records,
 * translation, protected memory regions off. SL_TIMEOUT with a logged line when a step is not answered. */
enum sl_err vtd_unit_enable(struct vtd_unit *u) MUST_CHECK;

/* Flushes n bytes of a table from the CPU's caches when the unit does not snoop them. VT-d §11.4.3, C */
static inline void vtd_table_flush(const struct vtd_unit *u, const void *p, size_t n)
{
	if (!(u->ecap & ECAP_C))
		u->io.flush(u->io.ctx, p, n);
}
