/* ACPI tables as the firmware left them (ACPI 6.5 §5.2). Nothing in them is trusted: every length is checked;
 * a wrong checksum is recorded in table.sum_ok for the caller to report. */
#pragma once
#include "kernel/addr.h"
#include "kernel/err.h"
#include "kernel/span.h"

#define ACPI_MAX_TABLES 96
#define ACPI_HEADER     36u /* bytes of the header of every table: ACPI §5.2.6 */

struct acpi_table {
	char sig[5];
	bool sum_ok;
	uint64_t phys;
	struct span data; /* the whole table, header included */
};

struct acpi {
	struct acpi_table table[ACPI_MAX_TABLES];
	unsigned count;
	unsigned lost;       /* pointers that do not lead to a table */
	unsigned dropped;    /* unused tables for which there was no room */
	uint64_t lost_at[8]; /* the first of the lost */
	uint8_t revision;    /* of the RSDP: 0 is ACPI 1.0 */
	bool xsdt;
};

/* Maps len bytes of physical memory for reading; NULL when they cannot be read. */
typedef const uint8_t *acpi_map_fn(uint64_t phys, size_t len);

/* Finds all tables from the RSDP: the XSDT of revision 2 and up when it is sound, else the RSDT. SL_BADVAL
 * when rsdp is not an RSDP, SL_CHECKSUM when its checksum is wrong, SL_NOTFOUND when there is no table behind
 * it. */
enum sl_err acpi_init(struct acpi *acpi, uint64_t rsdp, acpi_map_fn *map) MUST_CHECK;

/* The nth table (from 0) with a signature; NULL when there is none. */
const struct acpi_table *acpi_find(const struct acpi *acpi, const char *sig, unsigned nth);

struct acpi_ecam {     /* MCFG, PCI Firmware 3.3 §4.1.2 */
	uint64_t base; /* of bus 0, even where start is not 0 */
	uint16_t seg;
	uint8_t start, end;
};
/* The ith window; SL_END after the last, SL_BADVAL for an invalid one (continue with i + 1). */
enum sl_err acpi_mcfg(struct span mcfg, unsigned i, struct acpi_ecam *out);

struct acpi_timer {
	uint64_t addr;   /* 0: none */
	bool mmio, wide; /* wide: 32 bits, else 24 */
};
/* The power management timer of the FADT (ACPI §5.2.9, §4.8.3.3), 3.579545 MHz. */
struct acpi_timer acpi_fadt_timer(struct span fadt);

/* Port and value that reset the machine: ACPI §4.8.3.6. port is 0 where the FADT names no reset register
 * (RESET_REG_SUP), or one that is not an 8-bit I/O port. */
struct acpi_reset {
	uint16_t port;
	uint8_t value;
};
struct acpi_reset acpi_fadt_reset(struct span fadt);

/* False when the FADT says that there is no i8042 keyboard controller: bit 1 of IAPC_BOOT_ARCH (ACPI
 * §5.2.9.3), which tables before revision 3 do not have. */
bool acpi_fadt_i8042(struct span fadt);

/* Address of the HPET's registers; 0 when there is none. */
uint64_t acpi_hpet(struct span hpet);

struct acpi_uart {
	uint64_t addr;
	bool mmio;
	uint8_t stride; /* bytes between registers */
	uint32_t clock; /* Hz; 0: not named */
	uint32_t baud;  /* 0: as the firmware has set it */
};
/* The console UART of the SPCR, when it is a 16550 variant; its clock (from revision 3) and its rate, as a
 * code or (from revision 4) in baud (Microsoft, Serial Port Console Redirection Table). */
enum sl_err acpi_spcr(struct span spcr, struct acpi_uart *out) MUST_CHECK;
