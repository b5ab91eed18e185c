/* What is known of a machine besides the firmware's table of its IOMMU: functions, memory, I/O APICs. The
 * rules about tables (iommu/dmar/lint.h, iommu/ivrs/lint.h) and the ledgers of shared memory ask it. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/bdf.h"
#include "kernel/span.h"

struct dmar_topo;

/* The functions that the scan found. */
struct table_functions {
	void *ctx;
	/* The function with number i, from 0 and in any order; false after the last. class is its class code:
	 * base class, sub-class and interface in bits 23:0. */
	bool (*get)(void *ctx, unsigned i, bdf_t *fn, uint32_t *class);
};

#define TABLE_MEM_HOLE UINT32_MAX /* an address outside the memory map */

struct table_memory_map {
	const struct boot_region *region; /* sorted by base */
	uint32_t count;
};

/* Each may be left 0: rules that need it are silent then. */
struct table_facts {
	bool ioapics_known;
	bool ioapic[256];             /* by id, from the MADT: table_facts_madt() */
	const struct dmar_topo *topo; /* for the paths of a DMAR table */
	const struct table_functions *functions;
	uint8_t phys_bits; /* of the processor (CPUID 80000008h) */
	/* Type (enum boot_mem) of memory at addr, TABLE_MEM_HOLE when there is none; *last is then the last
	 * address with the same type. table_memory_at() for a struct table_memory_map. */
	uint32_t (*memory)(void *ctx, uint64_t addr, uint64_t *last);
	void *memory_ctx;
};

/* Kinds of memory in a range. */
struct table_memory_kinds {
	uint32_t first;         /* type of its first byte */
	bool mixed, ram, other; /* other types follow; some of it is the system's; some is not reserved */
};

/* Enters the I/O APICs of a MADT (ACPI §5.2.12.3). */
void table_facts_madt(struct table_facts *known, struct span madt);
/* True when fn is among them; *class (may be NULL) is then its class code. */
bool table_functions_find(const struct table_functions *fns, bdf_t fn, uint32_t *class);

/* For table_facts.memory; ctx is a struct table_memory_map. */
uint32_t table_memory_at(void *ctx, uint64_t addr, uint64_t *last);
/* Of [base, limit], by known->memory, which must be there. */
struct table_memory_kinds table_memory_kinds(const struct table_facts *known, uint64_t base, uint64_t limit);
/* "reserved", "ACPI NVS", "no memory" for TABLE_MEM_HOLE. */
const char *table_memory_name(uint32_t type);
/* True for memory that the system uses as its own RAM. */
bool table_memory_is_ram(uint32_t type);
/* Keeps whole pages that a device may write to at any time out of the page allocator, before that has any.
 * Memory that contains the system itself is left out, and what would take more than half of all: it is never
 * mapped. Adds the pages lost that way to *sum. */
void table_memory_keep(const struct table_memory_map *map, uint64_t base, uint64_t len, uint64_t *sum);
/* The reason why such pages may not be mapped for a function: the system owns some of them. NULL when they
 * may. */
const char *table_memory_taken(const struct table_memory_map *map, uint64_t base, uint64_t len);
/* True for memory that the system leaves to the firmware, by Linux's rule for RMRRs. */
bool table_memory_is_reserved(uint32_t type);
