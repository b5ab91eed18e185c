/* The loader: collects what firmware knows, leaves it, and enters the kernel with struct boot_info
 * (UEFI 2.10). Everything that it keeps is allocated as EfiLoaderData, which the kernel never reuses. */
#include "boot/elf.h"
#include "boot/fwtables.h"
#include "boot/layout.h"
#include "boot/loader.h"
#include "boot/snapshot.h"
#include "kernel/acpi.h"
#include "kernel/fmt.h"
#include "kernel/mmio.h"
#include "kernel/inflate.h"
#include "kernel/memmap.h"
#include "kernel/panic.h"
#include "kernel/str.h"
#include "kernel/x86/cpu.h"

#define MAP_SPARE   64u /* descriptors that the memory map may grow by */
#define LEAVE_TRIES 16

uintptr_t phys_map_base; /* 0: firmware maps memory one to one */

extern const uint8_t kernel_image[], kernel_image_end[], boot_jump_end[];
extern void boot_jump(uint64_t cr3, uint64_t entry, uint64_t boot_info);

EFI_SYSTEM_TABLE *loader_st;
EFI_HANDLE loader_image;
static EFI_BOOT_SERVICES *bs;
static struct acpi acpi;
static struct fw_tables firmware_tables;

void say(const char *fmt, ...)
{
	char line[256];
	CHAR16 wide[sizeof line + 1];
	va_list ap;
	va_start(ap, fmt);
	fmt_vprint(line, sizeof line, fmt, ap);
	va_end(ap);
	size_t n = 0;
	for (const char *p = line; *p; p++) {
		if (*p == '\n')
			wide[n++] = '\r';
		wide[n++] = (CHAR16)(unsigned char)*p;
		if (n + 2 > sizeof line || !p[1]) {
			wide[n] = 0;
			loader_st->ConOut->OutputString(loader_st->ConOut, wide);
			n = 0;
		}
	}
}

_Noreturn void refuse(const char *why, const char *advice)
{
	say("\nsluice: %s\n        try: %s\n", why, advice);
	bs->Stall(5000000);
	bs->Exit(loader_image, EFI_LOAD_ERROR, 0, NULL);
	for (;;)
		__asm__ volatile("hlt");
}

void panic(const char *fmt, ...)
{
	char text[160];
	va_list ap;
	va_start(ap, fmt);
	fmt_vprint(text, sizeof text, fmt, ap);
	va_end(ap);
	refuse(text, "report this: it is a bug in the loader");
}

void *loader_pages(uint64_t n)
{
	EFI_PHYSICAL_ADDRESS at = 0;
	if (bs->AllocatePages(AllocateAnyPages, EfiLoaderData, n, &at) != EFI_SUCCESS)
		refuse("firmware has no memory left for the kernel", "give the machine at least 128 MiB");
	memset((void *)at, 0, n * PAGE_SIZE);
	return (void *)at;
}

void *loader_bytes(uint64_t n)
{
	return loader_pages((n + PAGE_SIZE - 1) / PAGE_SIZE);
}

static void cpuid(uint32_t leaf, uint32_t r[4])
{
	__asm__("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

static void check_cpu(struct boot_info *bi)
{
	uint32_t r[4];
	cpuid(0x80000001, r);
	bi->pages_1g = r[3] >> 26 & 1;
	if (!(r[3] >> 20 & 1))
		refuse("this processor has no NX (execute disable) bit, or it is off (CPUID 80000001h EDX bit 20 is 0)",
		       "switch Execute Disable on in firmware setup");
	__asm__ volatile("mov %%cr4, %0" : "=r"(bi->firmware_cr4));
	bi->la57 = bi->firmware_cr4 >> 12 & 1;
	cpuid(0x80000000, r);
	bi->phys_bits = 36; /* SDM vol. 3 §4.1.4: of a processor that does not say */
	if (r[0] >= 0x80000008) {
		cpuid(0x80000008, r);
		bi->phys_bits = (r[0] & 0xff) < 52 ? r[0] & 0xff : 52;
	}
}

void loader_ascii(char *to, size_t size, const CHAR16 *from)
{
	size_t n = 0;
	for (; from && from[n] && n + 1 < size; n++)
		to[n] = from[n] > ' ' - 1 && from[n] < 0x7f ? (char)from[n] : '?';
	to[n] = 0;
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

static enum phys_fault check(uint64_t addr, uint64_t len, enum phys_kind kind)
{
	enum phys_fault f = phys_check(addr, len, kind);
	return !f && !fw_mapped(&firmware_tables, addr, len) ? PHYS_UNMAPPED : f;
}

static uint64_t load(uint64_t addr, unsigned bytes)
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

static struct snapshot_access registers = {check, load, left_out};

static const uint8_t *map_identity(uint64_t phys, size_t len)
{
	return check(phys, len, PHYS_TABLE) ? NULL : (const uint8_t *)phys;
}

static void check_addresses(struct boot_info *bi)
{
	uint64_t cr3;
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	firmware_tables = (struct fw_tables){cr3, bi->la57, bi->phys_bits, firmware_table};
}

static bool same_guid(const EFI_GUID *a, const EFI_GUID *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static void find_acpi(struct boot_info *bi)
{
	static const EFI_GUID v2 = ACPI_20_TABLE_GUID, v1 = ACPI_TABLE_GUID;
	for (UINTN i = 0; i < loader_st->NumberOfTableEntries; i++) {
		const EFI_CONFIGURATION_TABLE *t = &loader_st->ConfigurationTable[i];
		if (same_guid(&t->VendorGuid, &v2))
			bi->rsdp = (uint64_t)t->VendorTable;
		else if (same_guid(&t->VendorGuid, &v1) && !bi->rsdp)
			bi->rsdp = (uint64_t)t->VendorTable;
	}
	enum sl_err e = acpi_init(&acpi, bi->rsdp, map_identity);
	for (unsigned i = 0; i < acpi.lost && i < ARRAY_LEN(acpi.lost_at); i++)
		if (acpi.lost_at[i])
			say("sluice: the ACPI table at 0x%llx is left out: %s\n", (ull)acpi.lost_at[i],
			    check(acpi.lost_at[i], ACPI_HEADER, PHYS_TABLE)
				    ? phys_fault_text(check(acpi.lost_at[i], ACPI_HEADER, PHYS_TABLE))
				    : "its length makes no sense");
	if (e)
		refuse("firmware gives no usable ACPI tables (no RSDP, or a wrong checksum)",
		       "update the firmware; in a virtual machine, switch ACPI on");
}

static uint32_t kept_read(const struct acpi *a, uint16_t seg, uint16_t rid, unsigned off)
{
	const struct acpi_table *mcfg = acpi_find(a, "MCFG", 0);
	struct acpi_ecam w;
	enum sl_err e;
	for (unsigned i = 0; mcfg && (e = acpi_mcfg(mcfg->data, i, &w)) != SL_END; i++) {
		uint64_t at = w.base + ((uint64_t)rid << 12);
		if (e == SL_OK && w.seg == seg && rid >> 8 >= w.start && rid >> 8 <= w.end &&
		    check(ALIGN_DOWN(at, 1u << 20), 1u << 20, PHYS_ECAM) == PHYS_OK)
			return (uint32_t)load(at + off, 4);
	}
	return UINT32_MAX;
}

static void find_framebuffer(struct boot_info *bi)
{
	static EFI_GUID gop_guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;
	if (bs->LocateProtocol(&gop_guid, NULL, (void **)&gop) != EFI_SUCCESS || !gop->Mode ||
	    !gop->Mode->Info)
		return;
	bi->fb.base = gop->Mode->FrameBufferBase;
	bi->fb.size = gop->Mode->FrameBufferSize;
	bi->fb.width = gop->Mode->Info->HorizontalResolution;
	bi->fb.height = gop->Mode->Info->VerticalResolution;
	bi->fb.stride = gop->Mode->Info->PixelsPerScanLine;
	bi->fb.format = (uint32_t)gop->Mode->Info->PixelFormat;
}

static void load_kernel(struct boot_info *bi, struct elf *elf)
{
	size_t packed = (size_t)(kernel_image_end - kernel_image);
	struct span file = {.n = gunzip_size(kernel_image, packed)};
	uint8_t *elf_file = loader_bytes(file.n + 1);
	file.p = elf_file;
	if (gunzip(kernel_image, packed, elf_file, file.n) < 0 || elf_read(file, elf))
		refuse("the kernel inside this file is damaged", "write the stick again");
	uint8_t *at = loader_bytes(elf->span);
	for (unsigned i = 0; i < elf->segments; i++) {
		uint64_t off = elf->segment[i].va - elf->base;
		memcpy(at + off, elf->segment[i].file.p, elf->segment[i].file.n);
		bi->segment[i] = (struct boot_segment){.va = elf->segment[i].va,
						       .pa = (uint64_t)at + off,
						       .len = ALIGN_UP(elf->segment[i].memsz, PAGE_SIZE),
						       .flags = elf->segment[i].flags};
	}
	bi->segment_count = elf->segments;
	bi->symtab_len = elf->symtab.n;
	bi->strtab_len = elf->strtab.n;
	bi->symtab = (uint64_t)loader_bytes(elf->symtab.n + 1);
	bi->strtab = (uint64_t)loader_bytes(elf->strtab.n + 1);
	memcpy((void *)bi->symtab, elf->symtab.p, elf->symtab.n);
	memcpy((void *)bi->strtab, elf->strtab.p, elf->strtab.n);
}

static void cpu_names(char brand[49], char vendor[13])
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

static void keep(struct boot_info *bi)
{
	char brand[49], vendor[13];
	if (!bi->cfg.keep)
		return;
	cpu_names(brand, vendor);
	const struct keep k = {brand,
			       vendor,
			       bi,
			       &acpi,
			       (const struct boot_region *)bi->regions,
			       (const struct boot_snapshot *)bi->at_entry,
			       kept_read};
	volume_keep(bi, &k);
}

/* ---- the memory map ---- */

static struct {
	void *buf;
	UINTN room, size, key, stride;
	uint32_t regions; /* that there is room for */
} map;

static EFI_STATUS ask_map(void)
{
	UINT32 version;
	map.size = map.room;
	return bs->GetMemoryMap(&map.size, map.buf, &map.key, &map.stride, &version);
}

/* The memory map as it is now. It grows by what is allocated and freed: room for it is made as often as it
 * takes, which is allowed even after a first ExitBootServices (UEFI §7.4.6). */
static EFI_STATUS get_map(struct boot_info *bi)
{
	EFI_STATUS s = ask_map();
	for (int i = 0; s == EFI_BUFFER_TOO_SMALL && map.stride && i < LEAVE_TRIES; i++) {
		EFI_PHYSICAL_ADDRESS at = 0;
		UINTN room = map.size + (MAP_SPARE << i) * map.stride;
		uint32_t regions = MEMMAP_ROOM((uint32_t)(room / map.stride));
		UINTN list = ALIGN_UP(regions * sizeof(struct boot_region), PAGE_SIZE);
		s = bs->AllocatePages(AllocateAnyPages, EfiLoaderData,
				      (list + ALIGN_UP(room, PAGE_SIZE)) / PAGE_SIZE, &at);
		if (s != EFI_SUCCESS)
			return s;
		bi->regions = at;
		map.regions = regions;
		map.buf = (void *)(at + list);
		map.room = room;
		s = ask_map();
	}
	return s;
}

static uint32_t decode_map(struct boot_info *bi)
{
	bi->region_count = memmap_decode((struct span){map.buf, map.size}, map.stride, BIT(bi->phys_bits),
					 (struct boot_region *)bi->regions, map.regions, &bi->regions_odd);
	phys_init((const struct boot_region *)bi->regions, bi->region_count, bi->phys_bits);
	return bi->region_count;
}

static void first_map(struct boot_info *bi)
{
	if (get_map(bi) != EFI_SUCCESS)
		refuse("firmware does not give a memory map", "update the firmware");
	if (!decode_map(bi))
		refuse("firmware's memory map has no descriptor that makes sense", "update the firmware");
}

static struct {
	void *at;
	uint64_t pages;
} stock; /* of page tables */

/* The map as it is now, and page tables for it. */
static EFI_STATUS take_map(struct boot_info *bi)
{
	EFI_STATUS s = get_map(bi);
	if (s != EFI_SUCCESS)
		return s;
	if (!decode_map(bi))
		refuse("firmware's memory map has no descriptor that makes sense", "update the firmware");
	const struct boot_region *regions = (const struct boot_region *)bi->regions;
	enum sl_err e = stock.pages ? layout_build(bi, regions, stock.at, stock.pages) : SL_NOMEM;
	if (e == SL_NOMEM) { /* the first time, and when the map became another */
		uint64_t need = layout_pages(bi, regions);
		stock.pages = need > 2 * stock.pages ? need : 2 * stock.pages;
		stock.at = loader_pages(stock.pages);
		return EFI_NOT_READY; /* the map has changed by it */
	}
	if (e == SL_VERIFY)
		refuse("firmware's memory map says that memory it gave to the loader is not RAM",
		       "update the firmware");
	if (e)
		refuse("the firmware's memory map cannot be mapped", "update the firmware");
	return EFI_SUCCESS;
}

/* All that may fail is done before ExitBootServices: after it there is no console. */
static void leave_firmware(struct boot_info *bi)
{
	for (int tries = 0; tries < LEAVE_TRIES; tries++)
		if (take_map(bi) == EFI_SUCCESS && bs->ExitBootServices(loader_image, map.key) == EFI_SUCCESS)
			return;
	refuse("ExitBootServices failed 16 times", "update the firmware");
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system)
{
	uint64_t start = cpu_tsc();
	loader_image = handle;
	loader_st = system;
	bs = system->BootServices;
	bs->SetWatchdogTimer(0, 0, 0, NULL);
	say("sluice: loading\n");

	struct boot_info *bi = loader_bytes(sizeof *bi);
	*bi = (struct boot_info){.magic = BOOT_INFO_MAGIC,
				 .version = BOOT_INFO_VERSION,
				 .size = sizeof *bi,
				 .tsc_start = start};
	bi->at_entry = (uint64_t)loader_bytes(sizeof(struct boot_snapshot));
	bi->at_exit = (uint64_t)loader_bytes(sizeof(struct boot_snapshot));
	check_cpu(bi);
	first_map(bi);
	check_addresses(bi);
	find_acpi(bi);
	snapshot_take(&registers, &acpi, (struct boot_snapshot *)bi->at_entry);
	volume_config(bi);
	volume_files(bi);
	bi->secure_boot = read_secure_boot();
	bi->runtime = (uint64_t)loader_st->RuntimeServices;
	bi->firmware_revision = loader_st->FirmwareRevision;
	loader_ascii(bi->firmware, sizeof bi->firmware, loader_st->FirmwareVendor);
	find_framebuffer(bi);
	struct elf elf;
	load_kernel(bi, &elf);
	bi->jump_page = ALIGN_DOWN((uint64_t)boot_jump, PAGE_SIZE);
	keep(bi);
	consoles_say(&bi->cfg, &acpi);
	say("sluice: leaving firmware\n");

	leave_firmware(bi);
	__asm__ volatile("cli");
	registers.left_out = NULL;
	snapshot_take(&registers, &acpi, (struct boot_snapshot *)bi->at_exit);
	boot_jump(bi->root_table, elf.entry, (uint64_t)bi);
	for (;;)
		__asm__ volatile("hlt");
}
