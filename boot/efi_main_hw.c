/* The loader: collects what firmware knows, leaves it, and enters the kernel with struct boot_info
 * (UEFI 2.10). Everything that it keeps is allocated as EfiLoaderData, which the kernel never reuses. */
#include <efi.h>
#include "boot/boot_info.h"
#include "boot/elf.h"
#include "boot/keep.h"
#include "kernel/memmap.h"
#include "boot/snapshot.h"
#include "kernel/acpi.h"
#include "kernel/fmt.h"
#include "kernel/mmio.h"
#include "kernel/inflate.h"
#include "kernel/panic.h"
#include "kernel/str.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/pt.h"

#define MAP_BASE    0xffff800000000000ull /* direct map of RAM */
#define MAP_LIMIT   BIT(46)               /* bytes it has room for */
#define MAX_REGIONS 1024u

uintptr_t phys_map_base; /* 0: firmware maps memory one to one */

extern const uint8_t kernel_image[], kernel_image_end[], boot_jump_end[];
extern void boot_jump(uint64_t cr3, uint64_t entry, uint64_t boot_info);

static EFI_SYSTEM_TABLE *st;
static EFI_BOOT_SERVICES *bs;
static struct acpi acpi;
static EFI_HANDLE self;

static void say(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void say(const char *fmt, ...)
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
			st->ConOut->OutputString(st->ConOut, wide);
			n = 0;
		}
	}
}

/* Says why Sluice does not start and gives the machine back to firmware. */
static _Noreturn void refuse(const char *why, const char *advice)
{
	say("\nsluice: %s\n        try: %s\n", why, advice);
	bs->Stall(5000000);
	bs->Exit(self, EFI_LOAD_ERROR, 0, NULL);
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

/* Zeroed pages that stay. */
static void *pages(uint64_t n)
{
	EFI_PHYSICAL_ADDRESS at = 0;
	if (bs->AllocatePages(AllocateAnyPages, EfiLoaderData, n, &at) != EFI_SUCCESS)
		refuse("firmware has no memory left for the kernel", "give the machine at least 128 MiB");
	memset((void *)at, 0, n * PAGE_SIZE);
	return (void *)at;
}

static void *bytes(uint64_t n)
{
	return pages((n + PAGE_SIZE - 1) / PAGE_SIZE);
}

/* Page tables come from a stock laid in before ExitBootServices. */
static uint8_t *table_stock, *table_stock_end;

static void *table_page(void)
{
	if (table_stock == table_stock_end)
		return NULL;
	void *p = table_stock;
	table_stock += PAGE_SIZE;
	return p;
}

static void cpuid(uint32_t leaf, uint32_t r[4])
{
	__asm__("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

static void check_cpu(struct boot_info *bi)
{
	uint32_t r[4];
	uint64_t cr4;
	cpuid(0x80000001, r);
	bi->pages_1g = r[3] >> 26 & 1;
	if (!(r[3] >> 20 & 1))
		refuse("this processor has no NX (execute disable) bit, or it is off (CPUID 80000001h EDX "
		       "bit 20 is 0)",
		       "switch Execute Disable on in firmware setup");
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	bi->la57 = cr4 >> 12 & 1;
}

static void ascii(char *to, size_t size, const CHAR16 *from)
{
	size_t n = 0;
	for (; from && from[n] && n + 1 < size; n++)
		to[n] = from[n] > ' ' - 1 && from[n] < 0x7f ? (char)from[n] : '?';
	to[n] = 0;
}

static EFI_FILE_IO_INTERFACE *volume; /* that sluice.cfg was read from; NULL: there was none */

/* The volume that the loader was started from; NULL when firmware can not read it. */
static EFI_FILE_HANDLE open_volume(EFI_LOADED_IMAGE *image, EFI_FILE_IO_INTERFACE **fs)
{
	static EFI_GUID fs_guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
	EFI_FILE_HANDLE root;
	if (!image->DeviceHandle ||
	    bs->HandleProtocol(image->DeviceHandle, &fs_guid, (void **)fs) != EFI_SUCCESS ||
	    (*fs)->OpenVolume(*fs, &root) != EFI_SUCCESS)
		return NULL;
	return root;
}

/* sluice.cfg of that volume; NULL when there is none. */
static char *read_config(EFI_LOADED_IMAGE *image, UINTN *len)
{
	EFI_FILE_IO_INTERFACE *fs;
	EFI_FILE_HANDLE root = open_volume(image, &fs), file;
	if (!root)
		return NULL;
	if (root->Open(root, &file, (CHAR16[]){'\\', 's', 'l', 'u', 'i', 'c', 'e', '.', 'c', 'f', 'g', 0},
		       EFI_FILE_MODE_READ, 0) != EFI_SUCCESS) {
		root->Close(root);
		return NULL;
	}
	char *text = bytes(65536);
	*len = 65536;
	if (file->Read(file, len, text) != EFI_SUCCESS)
		refuse("sluice.cfg can not be read", "write the stick again");
	file->Close(file);
	root->Close(root);
	volume = fs;
	return text;
}

static struct boot_file read_file(EFI_FILE_HANDLE root, const char *name)
{
	struct boot_file out = {0};
	EFI_FILE_HANDLE file;
	CHAR16 path[64];
	char text[ARRAY_LEN(path)];
	UINT64 size = 0;
	fmt_print(text, sizeof text, BOOT_FILES_FOLDER "/%s", name);
	size_t n = 0;
	do
		path[n] = text[n] == '/' ? '\\' : (CHAR16)(unsigned char)text[n];
	while (text[n++]);
	if (root->Open(root, &file, path, EFI_FILE_MODE_READ, 0) != EFI_SUCCESS)
		return out;
	/* The position after the last byte, then back: UEFI §13.5.11. */
	if (file->SetPosition(file, UINT64_MAX) == EFI_SUCCESS &&
	    file->GetPosition(file, &size) == EFI_SUCCESS && size && size <= BOOT_FILE_MAX &&
	    file->SetPosition(file, 0) == EFI_SUCCESS) {
		UINTN got = size;
		void *to = bytes(size);
		if (file->Read(file, &got, to) == EFI_SUCCESS && got == size)
			out = (struct boot_file){(uint64_t)to, size};
	}
	file->Close(file);
	return out;
}

/* Only where a driver will ask for them: they are large, and sticks are slow. */
static void read_files(struct boot_info *bi)
{
	static const char *const names[BOOT_FILES] = BOOT_FILE_NAMES;
	static EFI_GUID image_guid = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *image;
	EFI_FILE_IO_INTERFACE *fs;
	EFI_FILE_HANDLE root;
	if (!config_wants_qat(&bi->cfg) ||
	    bs->HandleProtocol(self, &image_guid, (void **)&image) != EFI_SUCCESS ||
	    !(root = open_volume(image, &fs)))
		return;
	for (unsigned i = 0; i < BOOT_FILES; i++)
		bi->file[i] = read_file(root, names[i]);
	root->Close(root);
}

static void load_config(struct boot_info *bi)
{
	static EFI_GUID image_guid = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *image;
	UINTN len;
	config_defaults(&bi->cfg);
	fmt_print(bi->config_from, sizeof bi->config_from, "built-in defaults");
	if (bs->HandleProtocol(self, &image_guid, (void **)&image) != EFI_SUCCESS)
		return;
	char *text = read_config(image, &len);
	if (text) {
		fmt_print(bi->config_from, sizeof bi->config_from, "sluice.cfg");
		if (config_parse(&bi->cfg, "sluice.cfg", text, len, false))
			return; /* the kernel prints what is wrong, on every console */
	}
	UINTN words = image->LoadOptionsSize / 2;
	if (!image->LoadOptions || !words || words > 4096)
		return;
	char *line = bytes(words + 1);
	ascii(line, words + 1, image->LoadOptions);
	for (const char *p = line; *p; p++) /* firmware's own boot entries put other things here */
		if (*p == '=') {
			(void)config_parse(&bi->cfg, "command line", line, strlen(line), true);
			return;
		}
}

/* A variable of one byte: UEFI §3.3, table 3-1. */
static EFI_STATUS read_flag(CHAR16 *name, UINT8 *value)
{
	static EFI_GUID global = EFI_GLOBAL_VARIABLE;
	UINTN size = 1;
	*value = 0;
	return st->RuntimeServices->GetVariable(name, &global, NULL, &size, value);
}

static uint32_t read_secure_boot(void)
{
	UINT8 on, setup;
	EFI_STATUS s = read_flag((CHAR16[]){'S', 'e', 'c', 'u', 'r', 'e', 'B', 'o', 'o', 't', 0}, &on);
	EFI_STATUS t = read_flag((CHAR16[]){'S', 'e', 't', 'u', 'p', 'M', 'o', 'd', 'e', 0}, &setup);
	if (s == EFI_NOT_FOUND)
		return BOOT_NO;
	if (s != EFI_SUCCESS)
		return BOOT_UNKNOWN;
	return on ? BOOT_YES : t == EFI_SUCCESS && setup ? BOOT_SETUP : BOOT_NO;
}

static const uint8_t *map_identity(uint64_t phys, size_t len)
{
	return phys < BIT(52) - len ? (const uint8_t *)phys : NULL;
}

static bool same_guid(const EFI_GUID *a, const EFI_GUID *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static void find_acpi(struct boot_info *bi)
{
	static const EFI_GUID v2 = ACPI_20_TABLE_GUID, v1 = ACPI_TABLE_GUID;
	for (UINTN i = 0; i < st->NumberOfTableEntries; i++) {
		const EFI_CONFIGURATION_TABLE *t = &st->ConfigurationTable[i];
		if (same_guid(&t->VendorGuid, &v2))
			bi->rsdp = (uint64_t)t->VendorTable;
		else if (same_guid(&t->VendorGuid, &v1) && !bi->rsdp)
			bi->rsdp = (uint64_t)t->VendorTable;
	}
	if (acpi_init(&acpi, bi->rsdp, map_identity))
		refuse("firmware gives no usable ACPI tables (no RSDP, or a wrong checksum)",
		       "update the firmware; in a virtual machine, switch ACPI on");
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
	uint8_t *elf_file = bytes(file.n + 1);
	file.p = elf_file;
	if (gunzip(kernel_image, packed, elf_file, file.n) < 0 || elf_read(file, elf))
		refuse("the kernel inside this file is damaged", "write the stick again");
	uint8_t *at = bytes(elf->span);
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
	bi->symtab = (uint64_t)bytes(elf->symtab.n + 1);
	bi->strtab = (uint64_t)bytes(elf->strtab.n + 1);
	memcpy((void *)bi->symtab, elf->symtab.p, elf->symtab.n);
	memcpy((void *)bi->strtab, elf->strtab.p, elf->strtab.n);
}

/* ---- keep=1 ---- */

#define KEEP_BUFFER 65536u

static struct {
	EFI_FILE_HANDLE file;
	char *buf;
	UINTN used;
	EFI_STATUS status; /* the first that was no success */
} kept;

static void kept_flush(void)
{
	UINTN n = kept.used;
	if (kept.status == EFI_SUCCESS && n)
		kept.status = kept.file->Write(kept.file, &n, kept.buf);
	if (kept.status == EFI_SUCCESS && n != kept.used)
		kept.status = EFI_VOLUME_FULL;
	kept.used = 0;
}

static void kept_put(void *ctx, const char *line, size_t n)
{
	(void)ctx;
	if (kept.used + n > KEEP_BUFFER)
		kept_flush();
	memcpy(kept.buf + kept.used, line, n);
	kept.used += n;
}

static uint32_t kept_read(const struct acpi *a, uint16_t seg, uint16_t rid, unsigned off)
{
	const struct acpi_table *mcfg = acpi_find(a, "MCFG", 0);
	struct acpi_ecam w;
	enum sl_err e;
	for (unsigned i = 0; mcfg && (e = acpi_mcfg(mcfg->data, i, &w)) != SL_END; i++)
		if (e == SL_OK && w.seg == seg && rid >> 8 >= w.start && rid >> 8 <= w.end)
			return mmio_rd32((const volatile uint8_t *)(w.base + ((uint64_t)rid << 12) + off));
	return UINT32_MAX;
}

/* \EFI\sluice\report.txt, a new one each time. */
static EFI_STATUS kept_open(EFI_FILE_HANDLE root)
{
	static CHAR16 folder[] = {'\\', 'E', 'F', 'I', '\\', 's', 'l', 'u', 'i', 'c', 'e', 0};
	static CHAR16 name[] = {'r', 'e', 'p', 'o', 'r', 't', '.', 't', 'x', 't', 0};
	UINT64 mode = EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE;
	EFI_FILE_HANDLE dir, old;
	EFI_STATUS s = root->Open(root, &dir, folder, mode | EFI_FILE_MODE_CREATE, EFI_FILE_DIRECTORY);
	if (s != EFI_SUCCESS)
		return s;
	if (dir->Open(dir, &old, name, mode, 0) == EFI_SUCCESS)
		old->Delete(old);
	s = dir->Open(dir, &kept.file, name, mode | EFI_FILE_MODE_CREATE, 0);
	dir->Close(dir);
	return s;
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

/* Only what the volume of sluice.cfg itself asks for, and before firmware is left. */
static void keep(struct boot_info *bi)
{
	EFI_FILE_HANDLE root;
	char brand[49], vendor[13];
	if (!bi->cfg.keep || !volume)
		return;
	cpu_names(brand, vendor);
	const struct keep k = {brand,
			       vendor,
			       bi,
			       &acpi,
			       (const struct boot_region *)bi->regions,
			       (const struct boot_snapshot *)bi->at_entry,
			       kept_read};
	kept.buf = bytes(KEEP_BUFFER);
	kept.status = volume->OpenVolume(volume, &root);
	if (kept.status == EFI_SUCCESS) {
		kept.status = kept_open(root);
		root->Close(root);
	}
	if (kept.status == EFI_SUCCESS) {
		bi->kept_lines = keep_report(&k, kept_put, NULL, &bi->kept_crc);
		kept_flush();
		EFI_STATUS s = kept.file->Close(kept.file);
		kept.status = kept.status == EFI_SUCCESS ? s : kept.status;
	}
	if (kept.status == EFI_SUCCESS)
		return;
	bi->kept_lines = 0;
	say("sluice: keep=1: report.txt could not be written (EFI status 0x%llx)\n", (ull)kept.status);
}

static struct {
	void *buf;
	UINTN room, size, key, stride;
} map;

static EFI_STATUS get_map(void)
{
	UINT32 version;
	map.size = map.room;
	return bs->GetMemoryMap(&map.size, map.buf, &map.key, &map.stride, &version);
}

static uint32_t decode_map(struct boot_info *bi)
{
	bi->region_count = memmap_decode((struct span){map.buf, map.size}, map.stride,
					 (struct boot_region *)bi->regions, MAX_REGIONS);
	return bi->region_count;
}

/* Room for the memory map with some to spare, and for the page tables of all RAM that it shows. */
static void lay_in_stock(struct boot_info *bi)
{
	bi->regions = (uint64_t)bytes(MAX_REGIONS * sizeof(struct boot_region));
	if (get_map() != EFI_BUFFER_TOO_SMALL)
		refuse("firmware does not give a memory map", "update the firmware");
	map.room = map.size + 64 * map.stride;
	map.buf = bytes(map.room);
	if (get_map() != EFI_SUCCESS || !decode_map(bi))
		refuse("firmware's memory map makes no sense", "update the firmware");
	uint64_t need = 64, base, len;
	for (uint32_t i = 0;
	     memmap_next_ram((struct boot_region *)bi->regions, bi->region_count, &i, &base, &len);)
		need += 8 + (bi->pages_1g ? 0 : len / PAGE_1G);
	table_stock = pages(need);
	table_stock_end = table_stock + need * PAGE_SIZE;
}

static void leave_firmware(void)
{
	for (int tries = 0; tries < 8; tries++)
		if (get_map() == EFI_SUCCESS && bs->ExitBootServices(self, map.key) == EFI_SUCCESS)
			return;
	refuse("ExitBootServices failed 8 times", "update the firmware");
}

/* W^X from here on: kernel segments with the permissions of their ELF headers, RAM writable and not
 * executable, one page of the loader executable. */
static enum sl_err build_tables(struct boot_info *bi)
{
	struct pt pt = {.pml4 = table_page(), .page = table_page, .pages_1g = bi->pages_1g};
	enum sl_err e = SL_OK;
	for (uint32_t i = 0; i < bi->segment_count && !e; i++) {
		const struct boot_segment *s = &bi->segment[i];
		e = pt_map(&pt, s->va, PHYS(s->pa), s->len,
			   (s->flags & 2 ? PT_W : 0u) | (s->flags & 1 ? PT_X : 0u));
	}
	uint64_t base, len;
	for (uint32_t i = 0;
	     !e && memmap_next_ram((struct boot_region *)bi->regions, bi->region_count, &i, &base, &len);)
		if (base < MAP_LIMIT)
			e = pt_map(&pt, MAP_BASE + base, PHYS(base),
				   len < MAP_LIMIT - base ? len : MAP_LIMIT - base, PT_W);
	bi->jump_page = ALIGN_DOWN((uint64_t)boot_jump, PAGE_SIZE);
	if (!e)
		e = pt_map(&pt, bi->jump_page, PHYS(bi->jump_page), PAGE_SIZE, PT_X);
	bi->root_table = (uint64_t)pt.pml4;
	uint64_t *top = bi->la57 ? table_page() : NULL;
	if (top) { /* firmware runs with 5 levels: both halves of the address space through one PML4 */
		top[0] = top[511] = bi->root_table | 3;
		bi->root_table = (uint64_t)top;
	}
	bi->map_base = MAP_BASE;
	return e;
}

EFI_STATUS efi_main(EFI_HANDLE handle, EFI_SYSTEM_TABLE *system)
{
	uint64_t start = cpu_tsc();
	self = handle;
	st = system;
	bs = system->BootServices;
	bs->SetWatchdogTimer(0, 0, 0, NULL);
	say("sluice: loading\n");

	struct boot_info *bi = bytes(sizeof *bi);
	*bi = (struct boot_info){.magic = BOOT_INFO_MAGIC,
				 .version = BOOT_INFO_VERSION,
				 .size = sizeof *bi,
				 .tsc_start = start};
	bi->at_entry = (uint64_t)bytes(sizeof(struct boot_snapshot));
	bi->at_exit = (uint64_t)bytes(sizeof(struct boot_snapshot));
	check_cpu(bi);
	find_acpi(bi);
	snapshot_take(&acpi, (struct boot_snapshot *)bi->at_entry);
	load_config(bi);
	read_files(bi);
	bi->secure_boot = read_secure_boot();
	bi->runtime = (uint64_t)st->RuntimeServices;
	bi->firmware_revision = st->FirmwareRevision;
	ascii(bi->firmware, sizeof bi->firmware, st->FirmwareVendor);
	find_framebuffer(bi);
	struct elf elf;
	load_kernel(bi, &elf);
	lay_in_stock(bi);
	keep(bi);
	if (build_tables(bi))
		refuse("the firmware's memory map can not be mapped", "update the firmware");
	say("sluice: leaving firmware\n");

	leave_firmware();
	__asm__ volatile("cli");
	snapshot_take(&acpi, (struct boot_snapshot *)bi->at_exit);
	if (decode_map(bi)) /* it decoded before; types have changed since, RAM has not */
		boot_jump(bi->root_table, elf.entry, (uint64_t)bi);
	st->RuntimeServices->ResetSystem(EfiResetCold, EFI_LOAD_ERROR, 0, NULL);
	for (;;)
		__asm__ volatile("hlt");
}
