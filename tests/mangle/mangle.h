/* A firmware that lies, for tests: it stands as EFI/BOOT/BOOTX64.EFI, does what the lines of \mangle.txt say,
 * and starts EFI/BOOT/SLUICE.EFI. README.md has the lines. */
#pragma once
#include <efi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernel/bits.h"

extern EFI_SYSTEM_TABLE *efi_st;
#define efi_bs efi_st->BootServices

#define EFI_PAGE 4096u

void say(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Zeroed pages below 4 GiB of a type (EFI_MEMORY_TYPE); NULL with a line when there are none. */
void *mangle_pages(uint64_t n, uint32_t type);
/* A file of the volume in such pages; NULL with a line when it cannot be read. name: with / or \. */
uint8_t *mangle_file(const char *name, uint64_t *size);

/* The rest of a line: words between spaces. */
struct words {
	const char *at;
};
/* The next word into to, cut to size; false when there is none. */
bool word_text(struct words *w, char *to, size_t size);
/* The next word as a number, decimal or 0x...; 0 when there is none. */
uint64_t word_number(struct words *w);

/* One line for each part; false when the command is not of that part. */
bool acpi_command(const char *command, struct words *w);
bool memory_command(const char *command, struct words *w);
bool device_command(const char *command, struct words *w);

void acpi_read(void);  /* the root table as firmware has it */
void acpi_write(void); /* a new RSDP, XSDT and RSDT of what is left */
