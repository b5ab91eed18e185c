/* Explains one interrupt: what a unit would do with a function's message, step by step, and why. Written only
 * from VT-d §5.1, §9.9 and §11.4.10; it shares no code with the builder of the table, so that each can be
 * checked against the other. Caches are not considered. */
#pragma once
#include "iommu/vtd/walk.h"

struct vtd_irwalk_unit {
	uint32_t gsts; /* its registers */
	uint64_t irta, cap;
};

enum vtd_irwalk_stop {
	IRWALK_DELIVERED,  /* remapped: vector, dest and the rest are valid */
	IRWALK_PASSED,     /* as the device wrote it: remapping is off, or compatibility format passes */
	IRWALK_NO_MESSAGE, /* the address is not an interrupt's */
	IRWALK_COMPAT,     /* compatibility format, refused */
	IRWALK_REQUEST,    /* reserved bits in the message */
	IRWALK_INDEX,      /* beyond the table */
	IRWALK_READ,       /* the table could not be read */
	IRWALK_EMPTY,
	IRWALK_BAD,    /* reserved bits in the entry */
	IRWALK_SOURCE, /* the entry is for another function */
	IRWALK_POSTED, /* a posted interrupt: continues in a descriptor in memory, which is not followed */
};

struct vtd_irwalk {
	uint16_t rid;
	bool has_index;
	uint32_t index; /* may be above 65535: handle and subhandle are added */
	uint32_t entries;
	uint64_t lo, hi; /* the entry as read; 0 when the walk did not get there */
	enum vtd_irwalk_stop stop;
	uint8_t reason; /* the fault reason that the unit would record; 0: none */
	bool quiet;     /* refused, but the entry says that it is not recorded (FPD) */
	uint8_t vector, delivery;
	bool level, logical;
	uint32_t dest; /* APIC id, or logical id */
};

/* A message of a function: data written to addr. */
void vtd_irwalk(const struct vtd_irwalk_unit *unit, const struct vtd_walk_mem *mem, uint16_t rid,
		uint64_t addr, uint32_t data, struct vtd_irwalk *out);
/* The same for an interrupt of which only the index is known, as in a fault record. */
void vtd_irwalk_index(const struct vtd_irwalk_unit *unit, const struct vtd_walk_mem *mem, uint16_t rid,
		      uint32_t index, struct vtd_irwalk *out);

/* "entry 5 ok, vector 0x41 to APIC 0", "entry 5 is for 01:00.2 alone (vector 0x41 to APIC 0)" */
void vtd_irwalk_text(const struct vtd_irwalk *w, char *buf, size_t n);
