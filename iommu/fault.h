/* Refused requests, independent of the kind of unit. */
#pragma once
#include "kernel/addr.h"
#include "kernel/bdf.h"
#include "kernel/err.h"

/* Why a request was refused. Compare these; the unit's own numbers are only for printing. */
enum iommu_why {
	WHY_ALLOWED,   /* of a walk: not refused */
	WHY_NO_DOMAIN, /* the function is not attached */
	WHY_NO_WRITE,  /* no writable mapping */
	WHY_NO_READ,
	WHY_TOO_WIDE,        /* the address is beyond the width of the tables or of the unit */
	WHY_INTO_INTERRUPTS, /* the mapping leads into the interrupt window */
	WHY_BAD_ENTRY,       /* an entry or a register is programmed wrongly */
	WHY_UNREADABLE,      /* a table could not be read */
	WHY_KIND,            /* a request type that the tables do not allow for this function */
	WHY_OTHER,
	/* Interrupts. These name an entry of the table: */
	WHY_IRQ_REQUEST,    /* reserved bits in the message */
	WHY_IRQ_INDEX,      /* beyond the table */
	WHY_IRQ_EMPTY,      /* the entry is not present */
	WHY_IRQ_BAD_ENTRY,  /* reserved bits in the entry */
	WHY_IRQ_UNREADABLE, /* the table could not be read */
	WHY_IRQ_SOURCE,     /* the entry is for another function */
	WHY_IRQ_POSTED,     /* the descriptor of a posted interrupt could not be used */
	/* and these do not: */
	WHY_IRQ_UNREMAPPED, /* a message that names no entry (VT-d: compatibility format) */
	WHY_IRQ_NONE,       /* a write into the interrupt window that is no message */
	WHY_IRQ_OFF,        /* of a form that needs remapping, or x2APIC mode, to be on */
	WHY_IRQ_REFUSED,    /* the record says no more than that */
	WHY_COUNT
};

static inline bool iommu_why_is_interrupt(enum iommu_why why)
{
	return why >= WHY_IRQ_REQUEST;
}

/* Does the record name an entry of the interrupt table? */
static inline bool iommu_why_has_index(enum iommu_why why)
{
	return why >= WHY_IRQ_REQUEST && why <= WHY_IRQ_POSTED;
}

/* Is a recorded reason the expected one, as far as the unit's records go? */
static inline bool iommu_why_fits(enum iommu_why recorded, enum iommu_why want)
{
	return recorded == want || (recorded == WHY_IRQ_REFUSED && iommu_why_is_interrupt(want));
}

struct iommu_fault {
	unsigned unit; /* iommu0, iommu1, ...; set by iommu_fault_next() */
	bdf_t bdf;     /* requester id */
	iova_t iova;   /* page of the request; for an interrupt the record's field in its place */
	/* The request's PASID; 0: it had none, or that of requests without one. Many units name none unless
	 * the fault is in the page tables. */
	uint32_t pasid;
	uint16_t index; /* of an interrupt: its entry, where iommu_why_has_index() */
	bool write;     /* an AtomicOp counts as a write */
	/* The record has neither the bus (bdf then has the only attached function with that number on its
	 * bus, or bus 0) nor the address: QEMU's AMD unit. */
	bool vague;
	bool page_request; /* neither read nor write: a device with a translation cache asked for a page */
	enum iommu_why why;
	uint8_t code;     /* the unit's own number for that, and */
	const char *text; /* its meaning, as text; stays in place */
};

/* May the record be of that function? */
static inline bool iommu_fault_is_of(const struct iommu_fault *f, bdf_t fn)
{
	return bdf_eq(f->bdf, fn) || (f->vague && f->bdf.seg == fn.seg && bdf_devfn(f->bdf) == bdf_devfn(fn));
}

/* "write", "read", "page request". */
static inline const char *iommu_fault_kind(const struct iommu_fault *f)
{
	return f->page_request ? "page request" : f->write ? "write" : "read";
}
