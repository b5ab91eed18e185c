/* Finds errors and oddities in a DMAR table. dmar_lint() walks a table and calls back for each finding. A
 * finding gives the place; its rule gives the meaning, how an operating system reacts, and what to report to
 * the firmware's vendor. docs/dmar.md has a paragraph for each rule. Pure: needs only the table's bytes;
 * further facts from the caller make more rules apply. */
#pragma once
#include "boot/boot_info.h"
#include "iommu/dmar/dmar.h"

enum dmar_severity {
	DMAR_BUG,    /* firmware bug: only newer firmware fixes it */
	DMAR_CHOICE, /* chosen in firmware setup, or by the maker */
	DMAR_NOTE,   /* allowed, or harmless, and worth knowing */
};

/* What follows the name in a rule's key. */
enum dmar_key {
	DMAR_KEY_NAME,     /* header: only the name */
	DMAR_KEY_OFF,      /* "@0x78" */
	DMAR_KEY_OFF_HEX,  /* "@0x78:0x0", value */
	DMAR_KEY_OFF_DEC,  /* "@0x78:2", value */
	DMAR_KEY_TYPE_LEN, /* "@0x68:type17217:len18768", value and value2 */
	DMAR_KEY_SEGMENT,  /* ":segment0", value */
	DMAR_KEY_DEC,      /* ":2", value */
};

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

struct dmar_rule_text {
	const char *what; /* one line */
	const char *os;   /* how an operating system reacts */
	const char *ask;  /* a sentence for the firmware's vendor, or the setting to choose in its setup */
};

struct dmar_finding {
	enum dmar_rule rule;
	size_t off;             /* of the structure or scope in the table; 0: the header */
	struct span bytes;      /* of that structure or scope, cut at the table's end */
	uint64_t value, value2; /* shown in the key */
	bool has_fn;
	bdf_t fn; /* the function that a scope leads to */
};

#define DMAR_MEM_HOLE UINT32_MAX /* an address outside the memory map */

/* Further facts from the caller; each may be left 0. */
struct dmar_lint_context {
	bool ioapics_known;
	bool ioapic[256]; /* by id, from the MADT: dmar_lint_madt() */
	const struct dmar_topo *topo;
	const struct dmar_functions *functions; /* with topo: scopes are looked up */
	uint8_t phys_bits;                      /* of the processor (CPUID 80000008h) */
	/* Type (enum boot_mem) of memory at addr, DMAR_MEM_HOLE when there is none; *last is then the last
	 * address with the same type. dmar_lint_memory() for a struct dmar_memory_map. */
	uint32_t (*memory)(void *ctx, uint64_t addr, uint64_t *last);
	void *memory_ctx;
};

struct dmar_memory_map {
	const struct boot_region *region; /* sorted by base */
	uint32_t count;
};

typedef void dmar_finding_fn(void *ctx, const struct dmar_finding *f);

/* Walks all of table (header included, at most 64 KiB) and calls each (may be NULL) once for every finding;
 * returns how many there are. ctx goes to each. Bytes behind damage are not examined, and rules that need the
 * whole table do not apply then. */
unsigned dmar_lint(struct span table, const struct dmar_lint_context *known, dmar_finding_fn *each,
		   void *ctx);

/* Enters the I/O APICs of a MADT (ACPI §5.2.12.3). */
void dmar_lint_madt(struct dmar_lint_context *known, struct span madt);
/* For dmar_lint_context.memory; ctx is a struct dmar_memory_map. */
uint32_t dmar_lint_memory(void *ctx, uint64_t addr, uint64_t *last);
/* "reserved", "ACPI NVS", "no memory" for DMAR_MEM_HOLE. */
const char *dmar_memory_name(uint32_t type);
/* True for memory that the system uses as its own RAM. */
bool dmar_memory_is_ram(uint32_t type);
/* True for memory that the system leaves to the firmware, by Linux's rule for RMRRs. */
bool dmar_memory_is_reserved(uint32_t type);

/* "rmrr-zero". */
const char *dmar_rule_name(enum dmar_rule rule);
enum dmar_severity dmar_rule_severity(enum dmar_rule rule);
const struct dmar_rule_text *dmar_rule_text(enum dmar_rule rule);
/* "firmware bug". */
const char *dmar_severity_name(enum dmar_severity s);
/* "rmrr-limit-unaligned@0x78:0x0": stable, for programs. As snprintf, and so are the next two. */
int dmar_finding_key(const struct dmar_finding *f, char *buf, size_t n);
/* "firmware bug rmrr-zero@0x78: an RMRR from 0 to 0 (0000:00:1d.0)". */
int dmar_finding_text(const struct dmar_finding *f, char *buf, size_t n);
/* For a report to the vendor: the table's OEM names, the place, its first bytes and the expected content. */
int dmar_finding_report(struct span table, const struct dmar_finding *f, char *buf, size_t n);
