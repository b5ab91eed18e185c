/* Who made the machine: SMBIOS (DSP0134), structures 0 (BIOS), 1 (system), 2 (board) and 3 (chassis). Pure;
 * every byte is the firmware's and is not trusted. */
#pragma once
#include "kernel/err.h"
#include "kernel/span.h"

#define SMBIOS_TEXT  48u       /* of a string, with its NUL; what is longer is cut */
#define SMBIOS_ENTRY 31u       /* bytes of the longer entry point */
#define SMBIOS_MOST  0x100000u /* bytes of a table that are read at most */

/* X(enumerator, key in a report, type of the structure, offset of the string's number, private) */
/* clang-format off */
#define SMBIOS_FIELDS(X) \
	X(SMBIOS_MAKER, "maker", 1, 0x04, 0) \
	X(SMBIOS_PRODUCT, "product", 1, 0x05, 0) \
	X(SMBIOS_VERSION, "version", 1, 0x06, 0) \
	X(SMBIOS_SERIAL, "serial", 1, 0x07, 1) \
	X(SMBIOS_BOARD_MAKER, "board_maker", 2, 0x04, 0) \
	X(SMBIOS_BOARD, "board", 2, 0x05, 0) \
	X(SMBIOS_BOARD_VERSION, "board_version", 2, 0x06, 0) \
	X(SMBIOS_BOARD_SERIAL, "board_serial", 2, 0x07, 1) \
	X(SMBIOS_CHASSIS_SERIAL, "chassis_serial", 3, 0x07, 1) \
	X(SMBIOS_BIOS_VENDOR, "bios_vendor", 0, 0x04, 0) \
	X(SMBIOS_BIOS_VERSION, "bios_version", 0, 0x05, 0) \
	X(SMBIOS_BIOS_DATE, "bios_date", 0, 0x08, 0)
/* clang-format on */

#define SMBIOS_ENUM(name, key, type, at, priv) name,
enum smbios_field { SMBIOS_FIELDS(SMBIOS_ENUM) SMBIOS_FIELD_COUNT };

struct smbios {
	char text[SMBIOS_FIELD_COUNT][SMBIOS_TEXT]; /* printable ASCII without blanks around it; "": none */
	char uuid[37];                              /* "00112233-4455-..."; "": none */
};

struct smbios_table {
	uint64_t addr;
	uint32_t len;   /* bytes, at most SMBIOS_MOST */
	uint32_t count; /* structures; UINT32_MAX: not told */
};

/* Key of a field; NULL behind the last. */
const char *smbios_key(unsigned field);

/* Reads an entry point, "_SM3_" (DSP0134 §5.2.2) or "_SM_" (§5.2.1). SL_BADVAL: it is neither; SL_CHECKSUM;
 * SL_NOTFOUND: it names no table. */
enum sl_err smbios_entry(struct span entry, struct smbios_table *out) MUST_CHECK;

/* Reads the structures, count of them at most, up to the first that is not whole. The first of a type
 * counts. What is missing stays "". */
void smbios_read(struct span table, uint32_t count, struct smbios *out);

/* Removes what names this one machine: serial numbers and the UUID. */
void smbios_make_private(struct smbios *s);
