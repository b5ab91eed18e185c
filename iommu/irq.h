/* Interrupts that functions may send, in remappable format (VT-d §5.1): each names an entry of
 * its unit's table, which has vector and processor and is tied to one requester id. Order of life:
 * iommu_enable, iommu_irq_enable, alloc, message into the device, (move), free. Calls are for set-up and
 * tear-down; not for several cores at once. */
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

/* What a device writes, and where. */
struct iommu_msi {
	uint64_t addr;
	uint32_t data;
};

/* How it stands with one unit. */
struct iommu_irq_info {
	const char *lacks; /* why it remaps no interrupts; NULL when it does, and then: */
	unsigned entries, used;
	bool x2apic;          /* 32-bit destinations (EIM) */
	bool compat_blocked;  /* compatibility format is refused, by what the unit's registers say */
	bool firmware_had_on; /* firmware left it remapping, with a table of its own */
};

/* Why processors should not be in x2APIC mode while interrupts are remapped: firmware asks for that
 * (DMAR x2APIC opt-out, VT-d §8.1), or a unit lacks it. NULL when nothing speaks against it. */
const char *iommu_irq_x2apic_objection(const struct iommu *mmu);

/* Turns remapping on in every usable unit that has it, with room for entries interrupts each; x2apic: the
 * processors are in x2APIC mode. After iommu_enable(), which turns it on again by itself when it starts over.
 * What was allocated stays. SL_OK when at least one unit does; one that does not
 * answer is logged, and the others go on. SL_UNSUPPORTED when no unit has it, or firmware says that the
 * platform does not (DMAR flag INTR_REMAP); SL_TIMEOUT, SL_DEVICE when none came on, SL_NOMEM. Functions
 * below a unit without it cannot be given interrupts. */
enum sl_err iommu_irq_enable(struct iommu *mmu, unsigned entries, bool x2apic) MUST_CHECK;
void iommu_irq_info(const struct iommu *mmu, unsigned unit, struct iommu_irq_info *out);

/* count interrupts (a power of two up to 32) of a function: vector, vector + 1, ... to the processor with
 * that APIC id, edge triggered. They pass only when they carry its requester id: behind a conventional
 * bridge the bridge's (iommu_set_groups()), where that may be one or another of several buses any on these,
 * as Linux has it. SL_NOTFOUND when no unit covers it, SL_UNSUPPORTED when its unit does not remap, SL_RANGE
 * for vectors outside 32 to 254 or an id that the format has no room for, SL_NOSPACE, SL_BADVAL for the
 * count. */
enum sl_err iommu_irq_alloc(struct iommu *mmu, bdf_t fn, unsigned count, uint8_t vector, uint32_t apic,
			    struct iommu_irq *out) MUST_CHECK;

/* Interrupt i of it goes elsewhere; the device's message stays as it is. */
enum sl_err iommu_irq_move(struct iommu *mmu, const struct iommu_irq *irq, unsigned i, uint8_t vector,
			   uint32_t apic) MUST_CHECK;

/* Refuses its interrupts from now on and gives the entries back. On any result but SL_OK they are not given
 * out again. */
enum sl_err iommu_irq_free(struct iommu *mmu, struct iommu_irq *irq) MUST_CHECK;

/* The message for interrupt i: for an MSI-X entry, or MSI with one message. */
struct iommu_msi iommu_irq_message(const struct iommu_irq *irq, unsigned i);

/* Every usable unit sends this vector to that processor when it has recorded a fault; then call
 * iommu_fault_poll() until it finds none. */
void iommu_fault_event(struct iommu *mmu, uint8_t vector, uint32_t apic);
