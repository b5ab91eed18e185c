#include "kernel/srat.h"

#define FIRST 48u /* behind the header and 12 reserved bytes */

/* ACPI §5.2.16.1 (local APIC), §5.2.16.2 (memory), §5.2.16.3 (local x2APIC). False for any other type, or
 * when it is not enabled. */
static bool parse(struct span e, struct srat_entry *out)
{
	switch (span_u8(e, 0)) {
	case 0:
		*out = (struct srat_entry){.node = span_u8(e, 2) | (span_u32(e, 8) & 0xffffff00),
					   .apic_id = span_u8(e, 3)};
		return e.n >= 16 && span_u32(e, 4) & 1;
	case 1:
		*out = (struct srat_entry){.memory = true,
					   .node = span_u32(e, 2),
					   .base = span_u64(e, 8),
					   .len = span_u64(e, 16)};
		return e.n >= 40 && span_u32(e, 28) & 1 && out->len && out->base <= UINT64_MAX - out->len;
	case 2:
		*out = (struct srat_entry){.node = span_u32(e, 4), .apic_id = span_u32(e, 8)};
		return e.n >= 24 && span_u32(e, 12) & 1;
	default:
		return false;
	}
}

enum sl_err srat_next(struct span srat, size_t *off, struct srat_entry *out)
{
	if (*off < FIRST)
		*off = FIRST;
	while (span_has(srat, *off, 2)) {
		size_t len = span_u8(srat, *off + 1);
		if (len < 2 || !span_has(srat, *off, len))
			break;
		struct span e = span_sub(srat, *off, len);
		*off += len;
		if (parse(e, out))
			return SL_OK;
	}
	return SL_END;
}

uint32_t srat_of_processor(struct span srat, uint32_t apic_id)
{
	struct srat_entry e;
	for (size_t off = 0; srat_next(srat, &off, &e) == SL_OK;)
		if (!e.memory && e.apic_id == apic_id)
			return e.node;
	return SRAT_NO_NODE;
}

bool srat_several_nodes(struct span srat)
{
	struct srat_entry e;
	uint32_t first = 0;
	bool any = false;
	for (size_t off = 0; srat_next(srat, &off, &e) == SL_OK; any = true) {
		if (any && e.node != first)
			return true;
		first = e.node;
	}
	return false;
}
