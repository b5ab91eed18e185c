/* What firmware and the processor say of the machine: features, tables and the addresses in them, Secure
 * Boot, the screen. */
#include "boot/fwtables.h"
#include "boot/loader.h"
#include "kernel/mmio.h"
#include "kernel/phys.h"
#include "kernel/str.h"

struct acpi loader_acpi;
static struct fw_tables firmware_tables;

static void cpuid(uint32_t leaf, uint32_t r[4])
{
	__asm__("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

void facts_cpu(struct boot_info *bi)
{
	uint32_t r[4];
	cpuid(0x80000001, r);
	bi->pages_1g = r[3] >> 26 & 1;
	if (!(r[3] >> 20 & 1))
		refuse("this processor has no NX (execute disable) bit, or it is off (CPUID 80000001h EDX bit 20 is 0)",
		       "enable Execute Disable in firmware setup");
	__asm__ volatile("mov %%cr4, %0" : "=r"(bi->firmware_cr4));
	bi->la57 = bi->firmware_cr4 >> 12 & 1;
	cpuid(0x80000000, r);
	bi->phys_bits = 36; /* SDM vol. 3 §4.1.4: of a processor that does not say */
	if (r[0] >= 0x80000008) {
		cpuid(0x80000008, r);
		bi->phys_bits = (r[0] & 0xff) < 52 ? r[0] & 0xff : 52;
	}
}

void facts_cpu_names(char brand[49], char vendor[13])
{
	uint32_t r[4];
	cpuid(0, r);
	memcpy(vendor, &r[1], 4);
	memcpy(vendor + 4, &r[3], 4);
	memcpy(vendor + 8, &r[2], 4);
	vendor[12] = 0;
	for (uint32_t i = 0; i < 3; i++) {
		cpuid(0x80000002 + i, r);
		memcpy(brand + 16 * i, r, 16);
	}
	brand[48] = 0;
}

/* A variable of one byte: UEFI §3.3, table 3-1. */
static EFI_STATUS read_flag(CHAR16 *name, UINT8 *value)
{
	static EFI_GUID global = EFI_GLOBAL_VARIABLE;
	UINTN size = 1;
	*value = 0;
	return loader_st->RuntimeServices->GetVariable(name, &global, NULL, &size, value);
}

static uint32_t read_secure_boot(void)
{
	UINT8 on, setup;
	EFI_STATUS s = read_flag((CHAR16[]){'S', 'e', 'c', 'u', 'r', 'e', 'B', 'o', 'o', 't', 0}, &on);
	EFI_STATUS t = read_flag((CHAR16[]){'S', 'e', 't', 'u', 'p', 'M', 'o', 'd', 'e', 0}, &setup);
	if (s == EFI_NOT_FOUND)
		return SECURE_OFF;
	if (s != EFI_SUCCESS)
		return SECURE_UNKNOWN;
	return on ? SECURE_ON : t == EFI_SUCCESS && setup ? SECURE_SETUP : SECURE_OFF;
}

/* ---- what tables of firmware name, looked at before it is touched ---- */

static const uint64_t *firmware_table(uint64_t phys)
{
	return (const uint64_t *)phys;
}

enum phys_fault facts_check(uint64_t addr, uint64_t len, enum phys_kind kind)
{
	enum phys_fault f = phys_check(addr, len, kind);
	return !f && !fw_mapped(&firmware_tables, addr, len) ? PHYS_UNMAPPED : f;
}

uint64_t facts_load(uint64_t addr, unsigned bytes)
{
	const volatile void *at = (const volatile void *)addr;
	return bytes == 1   ? mmio_rd8(at)
	       : bytes == 2 ? mmio_rd16(at)
	       : bytes == 4 ? mmio_rd32(at)
			    : mmio_rd64(at);
}

static void left_out(const char *what, uint64_t addr, enum phys_fault why)
{
	say("sluice: %s at 0x%llx is left out: %s\n", what, (ull)addr, phys_fault_text(why));
}

struct snapshot_access loader_registers = {facts_check, facts_load, left_out};

static const uint8_t *map_identity(uint64_t phys, size_t len)
{
	return facts_check(phys, len, PHYS_TABLE) ? NULL : (const uint8_t *)phys;
}

void facts_addresses(const struct boot_info *bi)
{
	uint64_t cr3;
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	firmware_tables = (struct fw_tables){cr3, bi->la57, bi->phys_bits, firmware_table};
}

static bool same_guid(const EFI_GUID *a, const EFI_GUID *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

void facts_acpi(struct boot_info *bi)
{
	static const EFI_GUID v2 = ACPI_20_TABLE_GUID, v1 = ACPI_TABLE_GUID;
	for (UINTN i = 0; i < loader_st->NumberOfTableEntries; i++) {
		const EFI_CONFIGURATION_TABLE *t = &loader_st->ConfigurationTable[i];
		if (same_guid(&t->VendorGuid, &v2))
			bi->rsdp = (uint64_t)t->VendorTable;
		else if (same_guid(&t->VendorGuid, &v1) && !bi->rsdp)
			bi->rsdp = (uint64_t)t->VendorTable;
	}
	enum sl_err e = acpi_init(&loader_acpi, bi->rsdp, map_identity);
	for (unsigned i = 0; i < loader_acpi.lost && i < ARRAY_LEN(loader_acpi.lost_at); i++)
		if (loader_acpi.lost_at[i])
			say("sluice: the ACPI table at 0x%llx is left out: %s\n", (ull)loader_acpi.lost_at[i],
			    facts_check(loader_acpi.lost_at[i], ACPI_HEADER, PHYS_TABLE)
				    ? phys_fault_text(
					      facts_check(loader_acpi.lost_at[i], ACPI_HEADER, PHYS_TABLE))
				    : "its length is invalid");
	if (e)
		refuse("the firmware provides no usable ACPI tables (no RSDP, or a wrong checksum)",
		       "update the firmware; in a virtual machine, switch ACPI on");
}

static bool screen_of(EFI_HANDLE handle, struct boot_screen *out)
{
	static EFI_GUID gop_guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop = NULL;
	if (loader_bs()->HandleProtocol(handle, &gop_guid, (void **)&gop) != EFI_SUCCESS || !gop ||
	    !gop->Mode || !gop->Mode->Info || !gop->Mode->Info->HorizontalResolution)
		return false;
	const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *info = gop->Mode->Info;
	*out = (struct boot_screen){.base = gop->Mode->FrameBufferBase,
				    .size = gop->Mode->FrameBufferSize,
				    .width = info->HorizontalResolution,
				    .height = info->VerticalResolution,
				    .stride = info->PixelsPerScanLine,
				    .format = (uint32_t)info->PixelFormat,
				    .red = info->PixelInformation.RedMask,
				    .green = info->PixelInformation.GreenMask,
				    .blue = info->PixelInformation.BlueMask,
				    .reserved = info->PixelInformation.ReservedMask};
	return true;
}

/* How well a screen serves. The firmware marks those that its console is on, EFI_CONSOLE_OUT_DEVICE_GUID;
 * where it is on several, its own handle has no framebuffer, and each screen's has. */
static unsigned rank_of(EFI_HANDLE handle, struct boot_screen *s)
{
	static EFI_GUID marked = {
		0xd3b36f2c, 0xd551, 0x11d4, {0x9a, 0x46, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}};
	void *ignored;
	s->console = handle == loader_st->ConsoleOutHandle ||
		     loader_bs()->HandleProtocol(handle, &marked, &ignored) == EFI_SUCCESS;
	return s->format == BOOT_SCREEN_BLT ? 1 : 2 + s->console;
}

/* The console's screen, or else the first that can be drawn on. */
static void find_screen(struct boot_screen *out)
{
	static EFI_GUID gop_guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	EFI_HANDLE *handle = NULL;
	UINTN n = 0;
	struct boot_screen one;
	unsigned best = 0, rank, screens = 0;
	if (loader_bs()->LocateHandleBuffer(ByProtocol, &gop_guid, NULL, &n, &handle) != EFI_SUCCESS)
		return;
	for (UINTN i = 0; i < n; i++) {
		if (!screen_of(handle[i], &one))
			continue;
		screens += handle[i] != loader_st->ConsoleOutHandle; /* which shows what others show */
		rank = rank_of(handle[i], &one);
		if (rank > best) {
			*out = one;
			best = rank;
		}
	}
	out->screens = screens;
	loader_bs()->FreePool(handle);
}

void facts_firmware(struct boot_info *bi)
{
	bi->secure_boot = read_secure_boot();
	bi->runtime = (uint64_t)loader_st->RuntimeServices;
	bi->firmware_revision = loader_st->FirmwareRevision;
	loader_ascii(bi->firmware, sizeof bi->firmware, loader_st->FirmwareVendor);
	find_screen(&bi->screen);
}
