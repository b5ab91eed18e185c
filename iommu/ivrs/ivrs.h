/* The IVRS table: AMD's IOMMU units, the functions that each of them covers, and memory that functions must
 * keep access to (AMD IOMMU specification, IVRS). Untrusted firmware data: every length is checked and a walk
 * always makes progress. Nothing is copied: all structs point into the table, which must stay readable.
 * Depends only on span, bits, bdf and err. */
#pragma once
#include "kernel/bdf.h"
#include "kernel/err.h"
#include "kernel/span.h"

enum ivrs_type { /* of a block; a unit may have one of each IVHD type, the highest says most */
		 IVRS_IVHD_10 = 0x10,
		 IVRS_IVHD_11 = 0x11, /* with the extended feature register */
		 IVRS_IVHD_40 = 0x40, /* and with devices that only ACPI names */
		 IVRS_IVMD_ALL = 0x20,
		 IVRS_IVMD_ONE = 0x21,
		 IVRS_IVMD_RANGE = 0x22,
		 IVRS_IVMD_UNIT = 0x23, /* all functions of one unit */
};

enum ivrs_entry_type {
	IVRS_PAD4 = 0x00,
	IVRS_ALL = 0x01,
	IVRS_SELECT = 0x02,
	IVRS_RANGE = 0x03, /* first id of a range, whose last is in an entry of type IVRS_RANGE_END */
	IVRS_RANGE_END = 0x04,
	IVRS_PAD8 = 0x40,
	IVRS_ALIAS_SELECT = 0x42,
	IVRS_ALIAS_RANGE = 0x43,
	IVRS_EXT_SELECT = 0x46,
	IVRS_EXT_RANGE = 0x47,
	IVRS_SPECIAL = 0x48, /* an I/O APIC or a HPET */
	IVRS_HID = 0xf0,     /* a device that only ACPI names */
};

enum ivrs_variety { IVRS_IOAPIC = 1, IVRS_HPET = 2 };

#define IVRS_EFR_VALID   BIT(0) /* IVinfo: the table's images of the feature register count */
#define IVRS_DMA_REMAP   BIT(1) /* the firmware used the units to keep DMA off (pre-boot protection) */
#define IVRS_PA_SIZE     BITS(14, 8)
#define IVRS_HAT_DIS     BIT(0) /* attributes: host translation (v1 tables) is not available */
#define IVRS_EFR_HATS    BITS(11, 10)
#define IVRS_10H_HATS    BITS(31, 30)
#define IVRS_HATS_NONE   3
#define IVRS_EFR2_HT_IGN BIT(11) /* the HyperTransport range is ordinary */
#define IVRS_ATS_DIS     BIT(31) /* of an extended entry */
#define IVRS_UNITY       BIT(0)  /* IVMD: mapped one to one */
#define IVRS_READ        BIT(1)
#define IVRS_WRITE       BIT(2)
#define IVRS_EXCLUSION   BIT(3) /* IVMD: not translated at all */

/* Device addresses that no unit translates, unless EFR2 says so. */
#define IVRS_HT_BASE 0xfd00000000ull
#define IVRS_HT_END  0x10000000000ull

#define IVRS_UNITS 64u /* further ones of a table are left out */

struct ivrs {
	struct span bytes; /* exactly the table, header included */
	uint32_t info;     /* IVinfo */
};

struct ivrs_block {
	uint8_t type, flags;
	uint16_t len;
	uint16_t device;   /* IVHD: the unit's own function; IVMD: the function, or the first of a range */
	size_t off;        /* of its first byte in the table */
	struct span bytes; /* all len bytes of it */
	size_t next;       /* where the walk goes on; 0 starts it */
};

struct ivrs_ivhd {
	size_t off; /* of its block in the table */
	uint8_t type, flags;
	bdf_t unit;        /* the unit's own function: its identity */
	uint16_t cap;      /* of the unit's capability in its configuration space */
	uint64_t base;     /* of the registers */
	uint16_t info;     /* MSI number in bits 4:0, UnitID in bits 12:8 */
	uint32_t features; /* 10h: feature bits; 11h and 40h: attributes */
	bool has_efr;      /* 11h and 40h: */
	uint64_t efr, efr2;
	struct span entries;
	size_t entries_off; /* of their first byte in the table */
};

struct ivrs_entry {
	uint8_t type, data; /* data: interrupts that pass, system management */
	uint16_t id;        /* requester id */
	size_t off;         /* of its first byte in the list */
	struct span bytes;
	size_t next;             /* where the walk goes on; 0 starts it */
	uint16_t source;         /* alias and special: the id that requests have */
	uint32_t ext;            /* extended: IVRS_ATS_DIS */
	uint8_t handle, variety; /* special: number of the I/O APIC or HPET; enum ivrs_variety */
};

#define IVRS_HID_NAME   4  /* of an entry of type IVRS_HID: hardware id, 8 bytes */
#define IVRS_HID_FORMAT 20 /* of the UID: 0: none; 1: a number; 2: text */

struct ivrs_ivmd {
	size_t off;
	uint8_t type, flags;
	uint16_t seg, first, last; /* requester ids; of IVRS_IVMD_UNIT that of the unit */
	uint64_t start, len;       /* in bytes, as the firmware wrote them */
};

/* How a unit covers a requester id: the higher the better. */
enum ivrs_fit {
	IVRS_FIT_NONE,
	IVRS_FIT_ALL,   /* it covers every id */
	IVRS_FIT_ALIAS, /* only by an alias entry: firmware names a bus that way that may not exist */
	IVRS_FIT_RANGE,
	IVRS_FIT_SELECT,
};

struct ivrs_cover {
	enum ivrs_fit fit;
	bool aliased; /* requests arrive as source, whose device table entry counts: */
	uint16_t source;
	bool no_ats;
};

/* Checks the header. Only the length stated in the header is used of table. SL_BADVAL when it is not an IVRS
 * table, SL_TRUNC when table is shorter than that length. The checksum is left to the code that finds tables.
 */
enum sl_err ivrs_open(struct span table, struct ivrs *out) MUST_CHECK;

/* The next block after *b (zero it to start). SL_END after the last; SL_TRUNC or SL_BADVAL at an impossible
 * length, which ends the walk. Unknown types are returned like the others. */
enum sl_err ivrs_next(const struct ivrs *t, struct ivrs_block *b) MUST_CHECK;
bool ivrs_is_ivhd(uint8_t type);
bool ivrs_is_ivmd(uint8_t type);

/* Decode b, which must be of such a type; SL_TRUNC when it is too short for it. */
enum sl_err ivrs_ivhd(const struct ivrs_block *b, struct ivrs_ivhd *out) MUST_CHECK;
enum sl_err ivrs_ivmd(const struct ivrs_block *b, struct ivrs_ivmd *out) MUST_CHECK;

/* The next entry of a unit's list after *e (zero it to start). SL_END after the last; SL_TRUNC when it runs
 * out of the list, SL_BADVAL when its type does not say how long it is; both end the walk. */
enum sl_err ivrs_entry_next(struct span entries, struct ivrs_entry *e) MUST_CHECK;

/* True for the entries that start a range. */
bool ivrs_is_range(uint8_t type);
/* The UID of an entry of type IVRS_HID. */
struct span ivrs_hid_uid(const struct ivrs_entry *e);

/* The units: of each the block of the highest type that can be read, in the order in which the table first
 * names them. Fills at most max (IVRS_UNITS is meant) and returns how many that are. */
unsigned ivrs_units(const struct ivrs *t, struct ivrs_ivhd *out, unsigned max);
/* How a unit covers a requester id of its segment. A range counts when it has an end. */
struct ivrs_cover ivrs_cover(const struct ivrs_ivhd *unit, uint16_t rid);
/* The unit that a function's requests go through: an index of units; by a select, else by a range, an alias
 * entry, an entry for all; of equal ones the first. SL_NOTFOUND when none covers it: it cannot be isolated. A
 * VF counts by its own id. */
enum sl_err ivrs_unit_of(const struct ivrs_ivhd *units, unsigned n, bdf_t fn, unsigned *unit,
			 struct ivrs_cover *cover) MUST_CHECK;

/* The requester id that the function's requests arrive with by an alias entry of its unit; false when there
 * is none. */
bool ivrs_alias(const struct ivrs_ivhd *units, unsigned n, bdf_t fn, uint16_t *source);

/* The whole pages of an IVMD. False when it describes no memory, or says neither unity nor exclusion. */
bool ivrs_ivmd_pages(const struct ivrs_ivmd *m, uint64_t *base, uint64_t *len);
/* True when the IVMD is about the function. */
bool ivrs_ivmd_is_for(const struct ivrs_ivmd *m, const struct ivrs_ivhd *units, unsigned n, bdf_t fn);

/* The type of IVHD that Linux uses, of the whole table: that of the last block up to type 40h whose DeviceID
 * is that of the first (get_highest_supported_ivhd_type()); it is no IVHD when an IVMD is that block. */
uint8_t ivrs_linux_type(const struct ivrs *t);

/* "IVHD type 11h: unit 0000:00:00.2 at 0xfd300000 ...": one line, as snprintf. */
int ivrs_block_text(const struct ivrs_block *b, char *buf, size_t n);
/* "range from 00:01.0", "I/O APIC 33 as 00:14.0". */
int ivrs_entry_text(const struct ivrs_entry *e, char *buf, size_t n);
