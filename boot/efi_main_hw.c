/* The loader, in order: collects what firmware knows, leaves it, and enters the kernel with struct boot_info
 * (UEFI 2.10). Everything that it keeps is allocated as EfiLoaderData, which the kernel never reuses. */
#include "boot/loader.h"
#include "kernel/cpu.h"

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system)
{
	uint64_t start = cpu_tsc();
	loader_image = handle;
	loader_st = system;
	loader_bs()->SetWatchdogTimer(0, 0, 0, NULL);
	say("sluice: loading\n");

	struct boot_info *bi = loader_bytes(sizeof *bi);
	*bi = (struct boot_info){.magic = BOOT_INFO_MAGIC,
				 .version = BOOT_INFO_VERSION,
				 .size = sizeof *bi,
				 .tsc_start = start};
	loader_info = bi;
	bi->at_entry = (uint64_t)loader_bytes(sizeof(struct boot_snapshot));
	bi->at_exit = (uint64_t)loader_bytes(sizeof(struct boot_snapshot));
	facts_cpu(bi);
	handover_map(bi);
	facts_addresses(bi);
	before_find(bi);
	facts_acpi(bi);
	snapshot_take(&loader_registers, &loader_acpi, (struct boot_snapshot *)bi->at_entry);
	config_read(bi);
	nvme_read(bi);
	menu_run(bi);
	before_keep(bi);
	files_read(bi);
	facts_firmware(bi);
	identity_read(bi);
	uint64_t entry = handover_kernel(bi);
	keep_file(bi);
	consoles_say(&bi->cfg, &loader_acpi, &bi->screen);
	before_begin(bi);
	say("sluice: leaving firmware\n");

	handover_leave(bi);
	__asm__ volatile("cli");
	loader_registers.left_out = NULL;
	snapshot_take(&loader_registers, &loader_acpi, (struct boot_snapshot *)bi->at_exit);
	handover_enter(bi, entry);
}
