/* Finds errors and oddities in an IVRS table. ivrs_lint() walks a table and calls back for each finding.
 * docs/amd.md has a paragraph for each rule. Pure: needs only the table's bytes; further facts from the
 * caller make more rules apply. */
#pragma once
#include "iommu/ivrs/ivrs.h"
#include "iommu/tables/facts.h"
#include "iommu/tables/finding.h"

/* X(name, "key", severity, kind of key) */
#define IVRS_RULES(X)                                                                                        \
	X(TABLE_HEADER, "table-header", BUG, NAME)                                                           \
	X(LENGTH_MISMATCH, "length-mismatch", BUG, DEC)                                                      \
	X(TABLE_HUGE, "table-huge", BUG, DEC)                                                                \
	X(CHECKSUM_BAD, "checksum-bad", BUG, NAME)                                                           \
	X(PA_SIZE, "pa-size-invalid", BUG, DEC)                                                              \
	X(BLOCK_LENGTH, "block-length", BUG, TYPE_LEN)                                                       \
	X(BLOCK_SHORT, "block-short", BUG, TYPE_LEN)                                                         \
	X(BLOCK_UNKNOWN, "block-unknown", NOTE, TYPE_LEN)                                                    \
	X(NO_UNIT, "no-unit", BUG, NAME)                                                                     \
	X(BASE_INVALID, "base-invalid", BUG, OFF_HEX)                                                        \
	X(BASE_UNALIGNED, "base-unaligned", BUG, OFF_HEX)                                                    \
	X(BASE_IN_RAM, "base-in-ram", BUG, OFF_HEX)                                                          \
	X(UNIT_OVERLAP, "unit-overlap", BUG, OFF_HEX)                                                        \
	X(UNIT_TWICE, "unit-twice", BUG, OFF)                                                                \
	X(UNIT_DIFFERS, "unit-differs", BUG, OFF_HEX)                                                        \
	X(UNIT_ABSENT, "unit-absent", BUG, OFF)                                                              \
	X(LINUX_NO_TYPE, "linux-no-type", BUG, DEC)                                                          \
	X(LINUX_LOSES_UNIT, "linux-loses-unit", BUG, OFF_DEC)                                                \
	X(EFR_DIFFERS, "efr-differs", BUG, OFF_HEX)                                                          \
	X(EFR_OF_UNITS, "efr-of-units-differs", NOTE, OFF_HEX)                                               \
	X(HATS_INVALID, "hats-invalid", BUG, OFF_DEC)                                                        \
	X(HAT_DISABLED, "host-translation-disabled", CHOICE, OFF)                                            \
	X(ENTRY_LENGTH, "entry-length", BUG, OFF_HEX)                                                        \
	X(ENTRY_UNKNOWN, "entry-unknown", NOTE, OFF_HEX)                                                     \
	X(RANGE_NO_END, "range-no-end", BUG, OFF)                                                            \
	X(RANGE_NO_START, "range-no-start", BUG, OFF)                                                        \
	X(RANGE_REVERSED, "range-reversed", BUG, OFF)                                                        \
	X(HID_MISPLACED, "hid-misplaced", BUG, OFF)                                                          \
	X(HID_INVALID, "hid-invalid", BUG, OFF)                                                              \
	X(ALIAS_SOURCE, "alias-source-uncovered", BUG, OFF)                                                  \
	X(SPECIAL_SOURCE, "special-source-is-unit", BUG, OFF_DEC)                                            \
	X(SPECIAL_TWICE, "special-twice", BUG, OFF_DEC)                                                      \
	X(NO_IOAPIC, "no-ioapic", BUG, NAME)                                                                 \
	X(IOAPIC_MISSING, "ioapic-without-entry", BUG, DEC)                                                  \
	X(ENTRY_WITHOUT_IOAPIC, "entry-without-ioapic", NOTE, OFF_DEC)                                       \
	X(NO_SOUTHBRIDGE, "no-southbridge-ioapic", BUG, NAME)                                                \
	X(FUNCTION_UNCOVERED, "function-uncovered", BUG, FUNCTION)                                           \
	X(FUNCTION_TWICE, "function-in-two-units", BUG, FUNCTION)                                            \
	X(IVMD_EMPTY, "ivmd-empty", BUG, OFF)                                                                \
	X(IVMD_FLAGS, "ivmd-flags", BUG, OFF_HEX)                                                            \
	X(IVMD_BEYOND, "ivmd-beyond", BUG, OFF_HEX)                                                          \
	X(IVMD_UNALIGNED, "ivmd-unaligned", NOTE, OFF_HEX)                                                   \
	X(IVMD_INTERRUPTS, "ivmd-in-interrupt-window", BUG, OFF_HEX)                                         \
	X(IVMD_HT, "ivmd-in-hypertransport-range", BUG, OFF_HEX)                                             \
	X(IVMD_IN_RAM, "ivmd-in-ram", BUG, OFF_HEX)                                                          \
	X(IVMD_NOT_RESERVED, "ivmd-not-reserved", BUG, OFF_HEX)                                              \
	X(IVMD_REVERSED, "ivmd-range-reversed", BUG, OFF)                                                    \
	X(IVMD_UNCOVERED, "ivmd-uncovered", BUG, OFF)                                                        \
	X(PREBOOT_OFF, "preboot-protection-off", BUG, OFF_HEX)                                               \
	X(BASE_LIVE, "base-not-the-units", BUG, OFF_HEX)                                                     \
	X(EFR_LIVE, "efr-not-the-units", NOTE, OFF_HEX)                                                      \
	X(HATS_LIVE, "hats-of-the-unit-invalid", BUG, OFF_HEX)

#define IVRS_RULE_ENUM(name, key, severity, kind) IVRS_RULE_##name,
enum ivrs_rule { IVRS_RULES(IVRS_RULE_ENUM) IVRS_RULE_COUNT };

extern const struct table_rules ivrs_rules;

/* What a unit says of itself. */
struct ivrs_live {
	uint64_t cap_base; /* capability: register base, and Enable in bit 0 */
	uint64_t control, efr;
};
#define IVRS_CONTROL_IOMMU_EN BIT(0)

/* Reads a unit; false when it cannot be read. */
struct ivrs_live_source {
	void *ctx;
	bool (*read)(void *ctx, const struct ivrs_ivhd *unit, struct ivrs_live *out);
};

/* Checks a table of at most 64 KiB that begins with its header. Calls each(), unless it is NULL, with ctx for
 * every finding. live may be NULL. Returns the number of findings. Where the table is damaged, the bytes
 * behind the damage are not examined, and rules that need the whole table do not apply. One core at a time.
 */
unsigned ivrs_lint(struct span table, const struct table_facts *known, const struct ivrs_live_source *live,
		   table_finding_fn *each, void *ctx);
