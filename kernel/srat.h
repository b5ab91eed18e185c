/* Which memory and which processors belong to one NUMA node: the System Resource Affinity Table, ACPI
 * §5.2.16. */
#pragma once
#include "kernel/err.h"
#include "kernel/span.h"

#define SRAT_NO_NODE UINT32_MAX

struct srat_entry {
	bool memory;   /* else a processor */
	uint32_t node; /* proximity domain */
	uint32_t apic_id;
	uint64_t base, len; /* bytes */
};

/* The next enabled processor or memory range at or after *off (start with 0); advances *off past it. SL_END
 * after the last, and at an entry with an impossible length, since the entries after it cannot be found. */
enum sl_err srat_next(struct span srat, size_t *off, struct srat_entry *out) MUST_CHECK;

/* The node of a processor; SRAT_NO_NODE when the table does not name it. */
uint32_t srat_of_processor(struct span srat, uint32_t apic_id);

/* True when enabled processors or memory ranges are in more than one node. */
bool srat_several_nodes(struct span srat);
