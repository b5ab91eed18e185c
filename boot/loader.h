/* What the parts of the loader share: firmware's services, its console, and memory that stays. */
#pragma once
#include <efi.h>
#include "boot/boot_info.h"
#include "boot/keep.h"

extern EFI_SYSTEM_TABLE *loader_st;
extern EFI_HANDLE loader_image;

/* A text on firmware's console. */
void say(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Says why Sluice does not start and gives the machine back to firmware. */
_Noreturn void refuse(const char *why, const char *advice);

/* Zeroed memory of type EfiLoaderData; refuses to start when there is none. */
void *loader_pages(uint64_t pages);
void *loader_bytes(uint64_t bytes);

/* UCS-2 as ASCII, size bytes at most; what is not printable becomes '?'. */
void loader_ascii(char *to, size_t size, const CHAR16 *from);

/* Options: sluice.cfg beside the loader, then the load options. */
void volume_config(struct boot_info *bi);
/* The files that drivers will ask for, where the options name such a driver. */
void volume_files(struct boot_info *bi);
/* keep=1: writes the report to the volume that sluice.cfg was read from, if it is there. */
void volume_keep(struct boot_info *bi, const struct keep *k);

/* Says on firmware's console which UARTs the kernel will use. */
void consoles_say(const struct config *cfg, const struct acpi *acpi);
