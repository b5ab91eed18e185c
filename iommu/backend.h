/* The neutral part of iommu/ calls a kind of IOMMU through this. The function that opens the units
 * (vtd_init(), amdvi_init()) puts its table of functions into struct iommu; a machine has one kind. unit is a
 * number below unit_count. None of these is called for a single page that is mapped or unmapped in a batch;
 * everything that waits has a deadline. */
#pragma once
#include "iommu/ats.h"
#include "iommu/iommu.h"
#include "iommu/irq.h"

/* Where a function's requests are to go: its domain. */
struct iommu_root {
	phys_t top;      /* page table, */
	unsigned levels; /* of so many levels; */
	bool pass;       /* or none: everything passes untranslated */
	uint16_t did;
	uint32_t pasid;  /* of which requests; 0: those without one */
	bool ats, pages; /* the function may send translated requests and ask for translations; for pages */
};

struct iommu_backend {
	/* How the firmware's table calls memory that functions must keep access to, and the first word of
	 * such domains' names. */
	const char *memory, *domain;
	/* iommu_reasons() */
	const char *reasons;

	/* ---- units ---- */
	enum sl_err (*enable)(struct iommu *mmu);
	enum iommu_unit_state (*state)(const struct iommu *mmu, unsigned unit, const char **why);
	void (*info)(const struct iommu *mmu, unsigned unit, struct iommu_unit_info *out);
	/* The unit of a function, driven or not. */
	enum sl_err (*unit_listed)(const struct iommu *mmu, bdf_t fn, unsigned *unit);
	/* It is driven and has tables for DMA, on or off. */
	bool (*translates)(const struct iommu *mmu, unsigned unit);
	uint64_t (*now_us)(const struct iommu *mmu); /* 0 when no unit is driven */

	/* ---- a domain's tables and functions ---- */
	/* What a unit reads: tables of levels levels where it has them, else of as many as it has. */
	struct iommu_form (*form)(const struct iommu *mmu, unsigned unit, unsigned levels);
	/* PASIDs that it keeps apart, 0 included; 0: it knows none. */
	uint32_t (*pasids)(const struct iommu *mmu, unsigned unit);
	bool (*can_pass)(const struct iommu *mmu, unsigned unit);
	/* Puts the requester's entry in place, which must not be there; visible to the unit on return.
	 * SL_NOMEM: it is not. PASIDs other than 0 below pasids(), of a requester that has an entry. */
	enum sl_err (*attach)(struct iommu *mmu, unsigned unit, uint16_t rid, const struct iommu_root *root);
	/* Takes it away, forgets what is cached by it, waits. SL_NOTFOUND when there is none. PASID 0: those
	 * of other PASIDs are gone. */
	enum sl_err (*detach)(struct iommu *mmu, unsigned unit, uint16_t rid, uint32_t pasid);
	bool (*find)(const struct iommu *mmu, unsigned unit, uint16_t rid, uint16_t *did);
	/* Addresses that a function's domain cannot use freely: iommu_reserved_next(). */
	enum sl_err (*reserved_next)(struct iommu *mmu, bdf_t fn, struct iommu_reserved *at);

	/* ---- caches ---- */
	/* Forgets what was gathered of a domain, which is attached under that PASID, and waits; nothing while
	 * the unit is off. */
	enum sl_err (*invalidate)(struct iommu *mmu, unsigned unit, uint16_t did, uint32_t pasid,
				  const struct iommu_gather *g);
	/* Does it need an invalidation for new mappings, and: do that. */
	bool (*wants_announce)(const struct iommu *mmu, unsigned unit);
	enum sl_err (*announce)(struct iommu *mmu, unsigned unit, uint16_t did, uint32_t pasid,
				const struct iommu_gather *g);

	/* ---- device TLBs, where a kind of unit has them; NULL: it has not ---- */
	/* Can it take requests for translations, and for pages; from now on it does. SL_UNSUPPORTED,
	 * SL_NOMEM. */
	enum sl_err (*ats_allow)(struct iommu *mmu, unsigned unit, bool pages);
	/* Empties that of mmu->ats_fn of what was gathered of one PASID's domain, and waits. */
	enum sl_err (*ats_forget)(struct iommu *mmu, unsigned unit, uint16_t rid, uint32_t pasid,
				  const struct iommu_gather *g);
	enum sl_err (*page_request_next)(struct iommu *mmu, unsigned unit, struct iommu_page_request *out);
	enum sl_err (*page_request_answer)(struct iommu *mmu, const struct iommu_page_request *r,
					   unsigned code);

	/* ---- faults ---- */
	enum sl_err (*fault_next)(struct iommu *mmu, unsigned unit, struct iommu_fault *out);
	void (*fault_clear)(struct iommu *mmu, unsigned unit);
	void (*fault_event)(struct iommu *mmu, unsigned unit, uint8_t vector, uint32_t apic);
	enum sl_err (*fault_silence)(struct iommu *mmu, unsigned unit, bdf_t requester);
	uint64_t (*fault_overflows)(const struct iommu *mmu); /* times that some unit had no record free */
	void (*walk)(const struct iommu *mmu, unsigned unit, bdf_t fn, uint32_t pasid, iova_t iova,
		     struct iommu_walk *out);
	void (*walk_text)(const struct iommu *mmu, unsigned unit, bdf_t fn, uint32_t pasid, iova_t iova,
			  char *buf, size_t n);
	/* The entry of an interrupt; false when nothing remaps. */
	bool (*interrupt_text)(const struct iommu *mmu, unsigned unit, bdf_t fn, unsigned index, char *buf,
			       size_t n);

	/* ---- interrupts ---- */
	/* Why not x2APIC, as far as the firmware's table has an answer; NULL. */
	const char *(*irq_opt_out)(const struct iommu *mmu);
	const char *(*irq_lacks)(const struct iommu *mmu, unsigned unit, bool x2apic);
	enum sl_err (*irq_enable)(struct iommu *mmu, unsigned unit, unsigned entries, bool x2apic);
	void (*irq_info)(const struct iommu *mmu, unsigned unit, struct iommu_irq_info *out);
	uint32_t (*irq_apics)(const struct iommu *mmu,
			      unsigned unit); /* ids are below that; 0: it does not remap */
	/* irq has everything but the index. */
	enum sl_err (*irq_take)(struct iommu *mmu, const struct iommu_irq *irq, uint16_t *index);
	void (*irq_give)(struct iommu *mmu, const struct iommu_irq *irq);
	enum sl_err (*irq_set)(struct iommu *mmu, const struct iommu_irq *irq, unsigned i, uint8_t vector,
			       uint32_t apic);
	enum sl_err (*irq_clear)(struct iommu *mmu, const struct iommu_irq *irq);
	struct iommu_msi (*irq_message)(const struct iommu_irq *irq, unsigned i);
};
