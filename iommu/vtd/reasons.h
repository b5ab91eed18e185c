/* Fault reasons of VT-d: what a unit writes into a fault record and what it means, legacy mode and scalable
 * mode (VT-d §7.1.3, table 30) and interrupt remapping (§5.1.4.1, table 15). docs/faults.md has the same
 * table; tools/check_docs.py holds them together. */
#pragma once
#include "iommu/fault.h"

/* clang-format off */
/* number, meaning (enum iommu_why), text */
#define VTD_REASONS(X) \
	/* legacy mode: LRT, LCT, LSS, LGN */ \
	X(0x01, NO_DOMAIN, "bus has no root entry") \
	X(0x02, NO_DOMAIN, "function has no context entry") \
	X(0x03, BAD_ENTRY, "context entry is programmed wrongly") \
	X(0x04, TOO_WIDE, "address is beyond the address width") \
	X(0x05, NO_WRITE, "not mapped for writing") \
	X(0x06, NO_READ, "not mapped for reading") \
	X(0x07, UNREADABLE, "a second-stage table could not be read") \
	X(0x08, UNREADABLE, "the root table could not be read") \
	X(0x09, UNREADABLE, "a context table could not be read") \
	X(0x0a, BAD_ENTRY, "reserved bits set in the root entry") \
	X(0x0b, BAD_ENTRY, "reserved bits set in the context entry") \
	X(0x0c, BAD_ENTRY, "reserved bits set in a second-stage entry") \
	X(0x0d, KIND, "context entry blocks translated and translation requests") \
	X(0x0e, INTO_INTERRUPTS, "the mapping leads into the interrupt range") \
	/* interrupt remapping */ \
	X(0x20, IRQ_REQUEST, "interrupt request has reserved bits set") \
	X(0x21, IRQ_INDEX, "interrupt index is beyond the table") \
	X(0x22, IRQ_EMPTY, "interrupt entry is not present") \
	X(0x23, IRQ_UNREADABLE, "the interrupt remapping table could not be read") \
	X(0x24, IRQ_BAD_ENTRY, "reserved bits set in the interrupt entry") \
	X(0x25, IRQ_UNREMAPPED, "compatibility format interrupt blocked") \
	X(0x26, IRQ_SOURCE, "interrupt does not come from the function that its entry names") \
	X(0x27, IRQ_POSTED, "the posted interrupt descriptor could not be accessed") \
	X(0x28, IRQ_POSTED, "reserved bits set in the posted interrupt descriptor") \
	X(0x29, IRQ_NONE, "write to the interrupt range that is no interrupt") \
	X(0x2a, IRQ_OFF, "unit wants extended interrupt mode, which is off") \
	X(0x2b, IRQ_OFF, "unit wants interrupt remapping, which is off") \
	/* root table address register: RTA */ \
	X(0x30, BAD_ENTRY, "root table address register is programmed wrongly") \
	X(0x31, KIND, "request with PASID in legacy mode") \
	X(0x32, KIND, "page request in legacy mode") \
	X(0x33, KIND, "all DMA is blocked (abort-DMA mode)") \
	X(0x34, KIND, "request for execution") \
	/* scalable mode: SRT, SCT, SPD, SPT */ \
	X(0x38, UNREADABLE, "the scalable-mode root table could not be read") \
	X(0x39, NO_DOMAIN, "bus has no scalable-mode root entry") \
	X(0x3a, BAD_ENTRY, "reserved bits set in the scalable-mode root entry") \
	X(0x40, UNREADABLE, "a scalable-mode context table could not be read") \
	X(0x41, NO_DOMAIN, "function has no scalable-mode context entry") \
	X(0x42, BAD_ENTRY, "reserved bits set in the scalable-mode context entry") \
	X(0x43, BAD_ENTRY, "scalable-mode context entry is programmed wrongly") \
	X(0x44, KIND, "device TLB is not enabled in the context entry") \
	X(0x45, KIND, "PASID is not enabled in the context entry") \
	X(0x46, KIND, "PASID is larger than the context entry allows") \
	X(0x47, KIND, "page requests are not enabled in the context entry") \
	X(0x48, KIND, "PASID is the one kept for requests without PASID") \
	X(0x49, KIND, "PASID in a translated request is not enabled in the context entry") \
	X(0x50, UNREADABLE, "the PASID directory could not be read") \
	X(0x51, NO_DOMAIN, "PASID directory entry is not present") \
	X(0x52, BAD_ENTRY, "reserved bits set in the PASID directory entry") \
	X(0x58, UNREADABLE, "a PASID table could not be read") \
	X(0x59, NO_DOMAIN, "PASID table entry is not present") \
	X(0x5a, BAD_ENTRY, "reserved bits set in the PASID table entry") \
	X(0x5b, BAD_ENTRY, "PASID table entry is programmed wrongly") \
	X(0x5c, KIND, "execution is not supported") \
	X(0x5d, KIND, "supervisor requests are not enabled in the PASID table entry") \
	X(0x60, OTHER, "translated address is beyond the host permission table") \
	/* scalable mode: SFS, SSS, SGN */ \
	X(0x70, UNREADABLE, "a first-stage table could not be read") \
	X(0x71, OTHER, "first-stage entry is not present") \
	X(0x72, BAD_ENTRY, "reserved bits set in a first-stage entry") \
	X(0x73, UNREADABLE, "the top first-stage table could not be read") \
	X(0x74, OTHER, "a first-stage table lies beyond the guest address width") \
	X(0x75, OTHER, "the second stage does not let the top first-stage table be read") \
	X(0x76, OTHER, "the second stage does not let a first-stage table be read") \
	X(0x77, OTHER, "the second stage does not let a first-stage table be written") \
	X(0x78, UNREADABLE, "a second-stage table could not be read (scalable mode)") \
	X(0x79, OTHER, "no second-stage mapping (scalable mode)") \
	X(0x7a, BAD_ENTRY, "reserved bits set in a second-stage entry (scalable mode)") \
	X(0x7b, UNREADABLE, "the top second-stage table could not be read (scalable mode)") \
	X(0x7c, OTHER, "second-stage accessed or dirty bit needs a coherent walk") \
	X(0x7d, OTHER, "second-stage accessed or dirty bit could not be set") \
	X(0x80, TOO_WIDE, "address is not canonical") \
	X(0x81, KIND, "user request for a supervisor page") \
	X(0x83, TOO_WIDE, "address is beyond the host address width") \
	X(0x84, TOO_WIDE, "address is beyond the guest address width (scalable mode)") \
	X(0x85, NO_WRITE, "no write permission (scalable mode)") \
	X(0x86, NO_READ, "no read permission (scalable mode)") \
	X(0x87, INTO_INTERRUPTS, "the mapping leads into the interrupt range (scalable mode)") \
	X(0x89, KIND, "PASID is larger than the unit supports") \
	X(0x90, OTHER, "first-stage accessed or dirty bit needs a coherent walk") \
	X(0x91, OTHER, "first-stage accessed or dirty bit could not be set") \
	/* host permission table: HPT */ \
	X(0xa0, UNREADABLE, "a host permission table could not be read") \
	X(0xa1, BAD_ENTRY, "reserved bits set in a host permission entry") \
	X(0xa2, UNREADABLE, "the top host permission table could not be read") \
	X(0xa3, OTHER, "no host permission for a read of length zero") \
	X(0xa4, OTHER, "no host permission to write") \
	X(0xa5, OTHER, "no host permission to read")
/* clang-format on */

/* What a number means; WHY_OTHER where the specification does not define it. */
enum iommu_why vtd_reason_why(uint8_t number);
/* The same for a request in that direction: where nothing is mapped (0x71, 0x79), scalable mode has one
 * number for both. */
enum iommu_why vtd_reason_why_of(uint8_t number, bool write);
/* As text; "reserved reason". */
const char *vtd_reason_text(uint8_t number);
