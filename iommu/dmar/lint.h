/* Finds errors and oddities in a DMAR table. dmar_lint() walks a table and calls back for each finding.
 * docs/dmar.md has a paragraph for each rule. Pure: needs only the table's bytes;
 * further facts from the caller make more rules apply. */
#pragma once
#include "iommu/dmar/dmar.h"
#include "iommu/tables/facts.h"
#include "iommu/tables/finding.h"

/* X(name, "key", severity, kind of key) */
#define DMAR_RULES(X)                                                                                        \
	X(TABLE_HEADER, "table-header", BUG, NAME)                                                           \
	X(LENGTH_MISMATCH, "length-mismatch", BUG, DEC)                                                      \
	X(TABLE_HUGE, "table-huge", BUG, DEC)                                                                \
	X(CHECKSUM_BAD, "checksum-bad", BUG, NAME)                                                           \
	X(HAW_INVALID, "haw-invalid", BUG, DEC)                                                              \
	X(HAW_OVER_PHYS, "haw-over-phys", NOTE, DEC)                                                         \
	X(FLAGS_RESERVED, "flags-reserved", NOTE, DEC)                                                       \
	X(HEADER_RESERVED, "header-reserved", NOTE, NAME)                                                    \
	X(X2APIC_WITHOUT_IR, "x2apic-opt-out-without-intr-remap", BUG, NAME)                                 \
	X(X2APIC_OPT_OUT, "x2apic-opt-out", CHOICE, NAME)                                                    \
	X(INTR_REMAP_OFF, "intr-remap-off", CHOICE, NAME)                                                    \
	X(STRUCT_LENGTH, "struct-length", BUG, TYPE_LEN)                                                     \
	X(STRUCT_SHORT, "struct-short", BUG, TYPE_LEN)                                                       \
	X(STRUCT_ORDER, "struct-order", BUG, OFF_DEC)                                                        \
	X(STRUCT_UNKNOWN, "struct-unknown", NOTE, TYPE_LEN)                                                  \
	X(SEGMENT_WITHOUT_DRHD, "segment-without-drhd", BUG, OFF_DEC)                                        \
	X(NO_DRHD, "no-drhd", BUG, NAME)                                                                     \
	X(DRHD_BASE_INVALID, "drhd-base-invalid", BUG, OFF_HEX)                                              \
	X(DRHD_BASE_UNALIGNED, "drhd-base-unaligned", BUG, OFF_HEX)                                          \
	X(DRHD_BASE_BEYOND, "drhd-base-beyond-haw", BUG, OFF_HEX)                                            \
	X(DRHD_TWICE, "drhd-listed-twice", BUG, OFF_HEX)                                                     \
	X(DRHD_OVERLAP, "drhd-overlap", BUG, OFF_HEX)                                                        \
	X(DRHD_IN_RAM, "drhd-in-ram", BUG, OFF_HEX)                                                          \
	X(DRHD_RESERVED, "drhd-reserved", NOTE, OFF_HEX)                                                     \
	X(DRHD_NO_SCOPE, "drhd-no-scope", NOTE, OFF)                                                         \
	X(NO_INCLUDE_ALL, "no-include-all", BUG, SEGMENT)                                                    \
	X(INCLUDE_ALL_TWICE, "include-all-twice", BUG, OFF)                                                  \
	X(INCLUDE_ALL_NOT_LAST, "include-all-not-last", BUG, OFF_DEC)                                        \
	X(INCLUDE_ALL_SCOPE, "include-all-with-scope", NOTE, OFF)                                            \
	X(SCOPE_LENGTH, "scope-length", BUG, OFF_DEC)                                                        \
	X(SCOPE_TYPE, "scope-type-unknown", NOTE, OFF_DEC)                                                   \
	X(SCOPE_MISPLACED, "scope-misplaced", BUG, OFF_DEC)                                                  \
	X(SCOPE_RESERVED, "scope-reserved-nonzero", NOTE, OFF)                                               \
	X(SCOPE_PATH, "scope-path-invalid", BUG, OFF)                                                        \
	X(SCOPE_DUPLICATE, "scope-duplicate", BUG, OFF)                                                      \
	X(SCOPE_NO_BRIDGE, "scope-path-no-bridge", NOTE, OFF)                                                \
	X(SCOPE_ABSENT, "scope-absent", NOTE, OFF)                                                           \
	X(SCOPE_KIND, "scope-kind-mismatch", BUG, OFF_DEC)                                                   \
	X(IOAPIC_WITHOUT_SCOPE, "ioapic-without-dmar-scope", BUG, DEC)                                       \
	X(SCOPE_WITHOUT_IOAPIC, "scope-without-ioapic", NOTE, OFF_DEC)                                       \
	X(RMRR_ZERO, "rmrr-zero", BUG, OFF)                                                                  \
	X(RMRR_REVERSED, "rmrr-reversed", BUG, OFF_HEX)                                                      \
	X(RMRR_BASE_UNALIGNED, "rmrr-base-unaligned", BUG, OFF_HEX)                                          \
	X(RMRR_LIMIT_UNALIGNED, "rmrr-limit-unaligned", BUG, OFF_HEX)                                        \
	X(RMRR_HUGE, "rmrr-huge", NOTE, OFF_HEX)                                                             \
	X(RMRR_BEYOND, "rmrr-beyond-haw", BUG, OFF_HEX)                                                      \
	X(RMRR_MSI, "rmrr-in-interrupt-window", BUG, OFF_HEX)                                                \
	X(RMRR_OVERLAP, "rmrr-overlap", NOTE, OFF_HEX)                                                       \
	X(RMRR_NO_SCOPE, "rmrr-no-scope", BUG, OFF)                                                          \
	X(RMRR_IN_RAM, "rmrr-in-ram", BUG, OFF_HEX)                                                          \
	X(RMRR_NOT_RESERVED, "rmrr-not-reserved", BUG, OFF_HEX)                                              \
	X(ATSR_ALL_SCOPE, "atsr-all-ports-with-scope", NOTE, OFF)                                            \
	X(RHSA_NO_DRHD, "rhsa-no-such-drhd", BUG, OFF_HEX)                                                   \
	X(RHSA_TWICE, "rhsa-twice", BUG, OFF_HEX)                                                            \
	X(ANDD_NAME, "andd-name", BUG, OFF)                                                                  \
	X(ANDD_NO_SCOPE, "andd-no-scope", BUG, OFF_DEC)                                                      \
	X(SCOPE_NO_ANDD, "scope-without-andd", BUG, OFF_DEC)

#define DMAR_RULE_ENUM(name, key, severity, kind) DMAR_RULE_##name,
enum dmar_rule { DMAR_RULES(DMAR_RULE_ENUM) DMAR_RULE_COUNT };

extern const struct table_rules dmar_rules;

/* Checks a table of at most 64 KiB that begins with its header. Calls each(), unless it is NULL, with ctx for
 * every finding. Returns the number of findings. Where the table is damaged, the bytes behind the
 * damage are not examined, and rules that need the whole table do not apply. */
unsigned dmar_lint(struct span table, const struct table_facts *known, table_finding_fn *each, void *ctx);
