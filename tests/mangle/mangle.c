#include <stdarg.h>
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "tests/mangle/mangle.h"

EFI_SYSTEM_TABLE *efi_st;
static EFI_FILE_HANDLE root;
static CHAR16 options[512];
static UINTN option_bytes;

void say(const char *fmt, ...)
{
	char line[200];
	CHAR16 wide[2 * sizeof line];
	size_t n = 0;
	va_list ap;
	va_start(ap, fmt);
	fmt_vprint(line, sizeof line, fmt, ap);
	va_end(ap);
	for (const char *p = line; *p; p++) {
		if (*p == '\n')
			wide[n++] = '\r';
		wide[n++] = (CHAR16)(unsigned char)*p;
	}
	wide[n] = 0;
	efi_st->ConOut->OutputString(efi_st->ConOut, wide);
}

void *mangle_pages(uint64_t n, uint32_t type)
{
	EFI_PHYSICAL_ADDRESS at = UINT32_MAX;
	if (efi_bs->AllocatePages(AllocateMaxAddress, (EFI_MEMORY_TYPE)type, n, &at)) {
		say("mangle: no memory for %llu pages\n", (ull)n);
		return NULL;
	}
	memset((void *)at, 0, n * EFI_PAGE);
	return (void *)at;
}

uint8_t *mangle_file(const char *name, uint64_t *size)
{
	CHAR16 path[80];
	EFI_FILE_HANDLE file;
	size_t n = 0;
	for (; name[n] && n + 1 < ARRAY_LEN(path); n++)
		path[n] = name[n] == '/' ? '\\' : (CHAR16)(unsigned char)name[n];
	path[n] = 0;
	*size = 0;
	if (root->Open(root, &file, path, EFI_FILE_MODE_READ, 0)) {
		say("mangle: there is no %s\n", name);
		return NULL;
	}
	file->SetPosition(file, UINT64_MAX); /* the end: UEFI §13.5.11 */
	file->GetPosition(file, size);
	file->SetPosition(file, 0);
	UINTN got = *size;
	uint8_t *to = mangle_pages(*size / EFI_PAGE + 1, EfiACPIReclaimMemory);
	if (to && file->Read(file, &got, to)) {
		say("mangle: %s cannot be read\n", name);
		to = NULL;
	}
	file->Close(file);
	return to;
}

bool word_text(struct words *w, char *to, size_t size)
{
	size_t n = 0;
	while (*w->at == ' ')
		w->at++;
	for (; *w->at && *w->at != ' '; w->at++)
		if (n + 1 < size)
			to[n++] = *w->at;
	to[n] = 0;
	return n;
}

static unsigned digit(char c)
{
	return c >= '0' && c <= '9'   ? (unsigned)(c - '0')
	       : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
				      : 99;
}

uint64_t word_number(struct words *w)
{
	char text[24];
	uint64_t v = 0;
	if (!word_text(w, text, sizeof text))
		return 0;
	bool hex = text[0] == '0' && text[1] == 'x';
	for (const char *p = hex ? text + 2 : text; digit(*p) < (hex ? 16u : 10u); p++)
		v = v * (hex ? 16 : 10) + digit(*p);
	return v;
}

/* options TEXT: what the boot entry would hand to Sluice. */
static bool options_command(const char *command, struct words *w)
{
	if (strcmp(command, "options"))
		return false;
	size_t n = 0;
	while (*w->at == ' ')
		w->at++;
	for (; w->at[n] && n + 1 < ARRAY_LEN(options); n++)
		options[n] = (CHAR16)(unsigned char)w->at[n];
	option_bytes = 2 * (n + 1);
	return true;
}

/* loadfile2 FILE: Sluice comes from a device that is no volume, as \\boot\\x64.efi, and has FILE as
 * sluice.cfg beside it: UEFI §13.2. */
static EFI_HANDLE file_device;
static uint8_t *device_file;
static uint64_t device_file_size;
static const CHAR16 boot_file[] = u"\\boot\\x64.efi", config_file[] = u"\\boot\\sluice.cfg";
static uint8_t file_path[4 + sizeof boot_file + 4];

static EFI_STATUS EFIAPI load_file(EFI_LOAD_FILE_PROTOCOL *this, EFI_DEVICE_PATH *path, BOOLEAN boot_policy,
				   UINTN *size, VOID *to)
{
	const uint8_t *node = (const uint8_t *)path;
	UINTN room = *size;
	(void)this;
	if (boot_policy)
		return EFI_UNSUPPORTED;
	if (node[0] != 4 || node[1] != 4 || node[2] != 4 + sizeof config_file || node[3] ||
	    memcmp(node + 4, config_file, sizeof config_file) || node[node[2]] != 0x7f)
		return EFI_NOT_FOUND;
	*size = device_file_size;
	if (!to || room < device_file_size)
		return EFI_BUFFER_TOO_SMALL;
	memcpy(to, device_file, device_file_size);
	return EFI_SUCCESS;
}

static bool file_command(const char *command, struct words *w)
{
	static EFI_GUID guid = {0x4006c0c1, 0xfcb3, 0x403e, {0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d}};
	static EFI_LOAD_FILE_PROTOCOL protocol = {load_file};
	char name[80];
	if (strcmp(command, "loadfile2") || !word_text(w, name, sizeof name))
		return false;
	device_file = mangle_file(name, &device_file_size);
	memcpy(file_path, (const uint8_t[]){4, 4, 4 + sizeof boot_file, 0}, 4);
	memcpy(file_path + 4, boot_file, sizeof boot_file);
	memcpy(file_path + 4 + sizeof boot_file, (const uint8_t[]){0x7f, 0xff, 4, 0}, 4);
	if (!device_file ||
	    efi_bs->InstallProtocolInterface(&file_device, &guid, EFI_NATIVE_INTERFACE, &protocol))
		say("mangle: there is no Load File 2\n");
	return true;
}

static void do_line(char *line)
{
	struct words w = {line};
	char command[24];
	if (!word_text(&w, command, sizeof command) || command[0] == '#')
		return;
	if (!acpi_command(command, &w) && !memory_command(command, &w) && !device_command(command, &w) &&
	    !options_command(command, &w) && !file_command(command, &w))
		say("mangle: what is %s?\n", command);
}

static void do_file(void)
{
	char line[256];
	uint64_t size;
	const uint8_t *text = mangle_file("mangle.txt", &size);
	size_t n = 0;
	for (uint64_t i = 0; text && i <= size; i++) {
		if (i < size && text[i] != '\n') {
			if (n + 1 < sizeof line && text[i] != '\r')
				line[n++] = (char)text[i];
			continue;
		}
		line[n] = 0;
		do_line(line);
		n = 0;
	}
}

static EFI_STATUS start(EFI_HANDLE self, EFI_HANDLE device)
{
	static EFI_GUID image_guid = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *image;
	EFI_HANDLE child;
	uint64_t size;
	uint8_t *file = mangle_file("EFI/BOOT/SLUICE.EFI", &size);
	if (!file)
		return EFI_NOT_FOUND;
	EFI_STATUS s = efi_bs->LoadImage(FALSE, self, NULL, file, size, &child);
	if (!s)
		s = efi_bs->HandleProtocol(child, &image_guid, (void **)&image);
	if (s) {
		say("mangle: SLUICE.EFI cannot be loaded (EFI status 0x%llx)\n", (ull)s);
		return s;
	}
	image->DeviceHandle = device;
	if (file_device) {
		image->DeviceHandle = file_device;
		image->FilePath = (EFI_DEVICE_PATH *)file_path;
	}
	if (option_bytes) {
		image->LoadOptions = options;
		image->LoadOptionsSize = (UINT32)option_bytes;
	}
	s = efi_bs->StartImage(child, NULL, NULL);
	say("mangle: Sluice came back (EFI status 0x%llx)\n", (ull)s);
	return s;
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *system)
{
	static EFI_GUID image_guid = LOADED_IMAGE_PROTOCOL, fs_guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
	EFI_LOADED_IMAGE *image;
	EFI_FILE_IO_INTERFACE *fs;
	efi_st = system;
	EFI_STATUS s = efi_bs->HandleProtocol(self, &image_guid, (void **)&image);
	if (!s)
		s = efi_bs->HandleProtocol(image->DeviceHandle, &fs_guid, (void **)&fs);
	if (!s)
		s = fs->OpenVolume(fs, &root);
	if (s)
		return s;
	acpi_read();
	do_file();
	acpi_write();
	return start(self, image->DeviceHandle);
}
