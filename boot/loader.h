/* Shared by the parts of the loader. */
#pragma once
#include <efi.h>
#include "boot/boot_info.h"
#include "boot/snapshot.h"
#include "kernel/acpi.h"
#include "kernel/kept_log.h"

/* ---- boot/efi_hw.c ---- */

extern EFI_SYSTEM_TABLE *loader_st;
extern EFI_HANDLE loader_image;
extern struct boot_info *loader_info; /* NULL: there is none yet */

static inline EFI_BOOT_SERVICES *loader_bs(void)
{
	return loader_st->BootServices;
}

/* Prints text on the firmware's console. */
void say(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Says why Sluice does not start, prints RESULT, and ends as end= says; without it the machine returns to the
 * firmware. */
_Noreturn void refuse(const char *why, const char *advice);

/* Zeroed memory of type EfiLoaderData; refuses to start when there is none. */
void *loader_pages(uint64_t pages);
void *loader_bytes(uint64_t bytes);

/* UCS-2 as ASCII, size bytes at most; other characters become '?'. */
void loader_ascii(char *to, size_t size, const CHAR16 *from);

/* ---- boot/facts_hw.c ---- */

extern struct acpi loader_acpi;
/* Register accesses with a check first: facts_addresses(). */
extern struct snapshot_access loader_registers;

/* Features of the processor. Refuses to start on one that cannot run the kernel. */
void facts_cpu(struct boot_info *bi);
/* Brand string, and the vendor of CPUID 0. */
void facts_cpu_names(char brand[49], char vendor[13]);
/* From now on addresses can be checked; after handover_map(). */
void facts_addresses(const struct boot_info *bi);
/* Finds the ACPI tables and reads them into loader_acpi, or refuses to start. */
void facts_acpi(struct boot_info *bi);
/* Secure Boot, run-time services, vendor and revision, screen. */
void facts_firmware(struct boot_info *bi);
/* Can the range be accessed as that kind? By the memory map and by the firmware's page tables. */
enum phys_fault facts_check(uint64_t addr, uint64_t len, enum phys_kind kind);
/* One load of 1, 2, 4 or 8 bytes, where facts_check() said PHYS_OK. */
uint64_t facts_load(uint64_t addr, unsigned bytes);

/* ---- boot/identity_hw.c ---- */

/* Which machine, when, and which Sluice; after config_read(). */
void identity_read(struct boot_info *bi);
/* The build id. */
const char *identity_build(void);

/* ---- boot/config_hw.c, boot/netcfg_hw.c, boot/nvme_hw.c, boot/menu_hw.c, boot/files_hw.c, boot/keep_hw.c
 * ---- */

/* The volume that sluice.cfg was read from; NULL: there was none. */
extern EFI_FILE_IO_INTERFACE *config_volume;
/* Options: built into the file, then sluice.cfg beside the loader or on the server, then the load options. */
void config_read(struct boot_info *bi);
/* sluice.cfg of the server that the image was fetched from, zero to CONFIG_FILE_MAX + 1 bytes of it, and how
 * it was read. NULL: there is none, or the image is not from a server. */
char *netcfg_read(const EFI_LOADED_IMAGE *image, UINTN *len, const char **from);
/* Asks the firmware for the serial numbers of the NVMe controllers that it drives; none with privacy=1. */
void nvme_read(struct boot_info *bi);
/* menu=: lets a person choose, on the firmware's console. */
void menu_run(struct boot_info *bi);
/* Notes where options came from, for the log. */
void config_took(struct boot_info *bi, const char *from);
/* The volume that the loader was started from; NULL when the firmware cannot read it. */
EFI_FILE_HANDLE files_volume(EFI_LOADED_IMAGE *image, EFI_FILE_IO_INTERFACE **fs);
/* Reads the files that the drivers named by the options will need. */
void files_read(struct boot_info *bi);
/* keep=1: writes the report. */
void keep_file(struct boot_info *bi);
/* keep=1: writes the log of the run before to log-N.txt, and says so in bi->before. */
void keep_log(struct boot_info *bi, struct span memory, const struct kept_found *f);

/* ---- boot/before_hw.c ---- */

/* Looks for what the run before left, in the UEFI variable and in memory; after facts_addresses(), before
 * much is allocated. */
void before_find(struct boot_info *bi);
/* Saves its log if keep=1 asks for it, and takes memory for this run's; after config_read(). */
void before_keep(struct boot_info *bi);
/* Notes in the variable that this run begins: the last thing before firmware is left. */
void before_begin(struct boot_info *bi);

/* ---- boot/handover_hw.c ---- */

/* The present memory map. Refuses to start when there is none. */
void handover_map(struct boot_info *bi);
/* Copies the kernel to where it will run; its entry. */
uint64_t handover_kernel(struct boot_info *bi);
/* Builds page tables and exits boot services, or refuses to start. */
void handover_leave(struct boot_info *bi);
/* Enters the kernel. Interrupts are off. */
_Noreturn void handover_enter(const struct boot_info *bi, uint64_t entry);

/* Prints on the firmware's console which UARTs the kernel will use. */
void consoles_say(const struct config *cfg, const struct acpi *acpi, const struct boot_screen *fb);
