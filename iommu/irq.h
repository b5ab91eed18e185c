/* Interrupts that functions may send, in remappable format (VT-d §5.1): each names an entry of its unit's
 * table, which holds vector and processor and is tied to one requester id. Order of life: iommu_enable,
 * iommu_irq_enable, alloc, message into the device, (move), free. Calls are for set-up and tear-down; not for
 * several cores at once. */
#pragma once
#include "kernel/bdf.h"
#include "kernel/err.h"

struct iommu;
struct iommu_backend;

struct iommu_irq {
	const struct iommu_backend *hw; /* how its message looks */
	unsigned unit;
	bdf_t from;          /* requester id that its entries are tied to; or, where these are not both 0, */
	uint8_t first, last; /* all on these buses */
	uint16_t index, count; /* entries; count 0: none */
};

/* The message that a device writes. */
struct iommu_msi {
	uint64_t addr;
	uint32_t data;
};

/* The state of one unit. */
struct iommu_irq_info {
	const char *lacks; /* why it does not remap interrupts; NULL when it does, and then: */
	unsigned entries, used;
	bool x2apic;          /* 32-bit destinations (EIM) */
	bool compat_blocked;  /* compatibility format is refused, according to the unit's registers */
	bool firmware_had_on; /* the firmware left it remapping, with the firmware's table */
};

/* Why processors should not be in x2APIC mode while interrupts are remapped: the firmware asks for that (DMAR
 * x2APIC opt-out, VT-d §8.1), or a unit lacks it. NULL: no objection. */
const char *iommu_irq_x2apic_objection(const struct iommu *mmu);

/* Turns remapping on in every usable unit that has it, with room for entries interrupts each; x2apic: the
 * processors are in x2APIC mode. After iommu_enable(), which turns it on again when it starts over. Allocated
 * entries stay. SL_OK when at least one unit remaps; one that does not answer is logged and left out.
 * SL_UNSUPPORTED when no unit has it, or the firmware denies it (DMAR flag INTR_REMAP); SL_TIMEOUT, SL_DEVICE
 * when none came on, SL_NOMEM. Functions below a unit without it cannot have interrupts. */
enum sl_err iommu_irq_enable(struct iommu *mmu, unsigned entries, bool x2apic) MUST_CHECK;
void iommu_irq_info(const struct iommu *mmu, unsigned unit, struct iommu_irq_info *out);

/* count interrupts (a power of two up to 32) of a function: vector, vector + 1, ... to the processor with
 * that APIC id, edge triggered. They pass only with its requester id: behind a conventional bridge the
 * bridge's (iommu_set_groups()), or any on the bridge's buses where the id may be on several, as in Linux.
 * SL_NOTFOUND when no unit covers it, SL_UNSUPPORTED when its unit does not remap, SL_RANGE for vectors
 * outside 32 to 254 or an id too large for the format, SL_NOSPACE, SL_BADVAL for the count. */
enum sl_err iommu_irq_alloc(struct iommu *mmu, bdf_t fn, unsigned count, uint8_t vector, uint32_t apic,
			    struct iommu_irq *out) MUST_CHECK;

/* Redirects interrupt i; the device's message does not change. */
enum sl_err iommu_irq_move(struct iommu *mmu, const struct iommu_irq *irq, unsigned i, uint8_t vector,
			   uint32_t apic) MUST_CHECK;

/* Refuses its interrupts from now on and frees the entries. On any result but SL_OK they are not reused. */
enum sl_err iommu_irq_free(struct iommu *mmu, struct iommu_irq *irq) MUST_CHECK;

/* The message for interrupt i: for an MSI-X entry, or MSI with one message. */
struct iommu_msi iommu_irq_message(const struct iommu_irq *irq, unsigned i);

/* Makes every usable unit send this vector to that processor when it has recorded a fault; then call
 * iommu_fault_poll() until it finds none. */
void iommu_fault_event(struct iommu *mmu, uint8_t vector, uint32_t apic);
