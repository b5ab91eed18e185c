/* The loader's volume: sluice.cfg, files for drivers, the report of keep=1. */
#include "boot/loader.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

#define bs loader_st->BootServices

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
	char *text = loader_bytes(65536);
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
		void *to = loader_bytes(size);
		if (file->Read(file, &got, to) == EFI_SUCCESS && got == size)
			out = (struct boot_file){(uint64_t)to, size};
	}
	file->Close(file);
	return out;
}

/* Only where a driver will ask for them: they are large, and sticks are slow. */
void volume_files(struct boot_info *bi)
{
	static const char *const names[BOOT_FILES] = BOOT_FILE_NAMES;
	static EFI_GUID image_guid = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *image;
	EFI_FILE_IO_INTERFACE *fs;
	EFI_FILE_HANDLE root;
	if (!config_wants_qat(&bi->cfg) ||
	    bs->HandleProtocol(loader_image, &image_guid, (void **)&image) != EFI_SUCCESS ||
	    !(root = open_volume(image, &fs)))
		return;
	for (unsigned i = 0; i < BOOT_FILES; i++)
		bi->file[i] = read_file(root, names[i]);
	root->Close(root);
}

void volume_config(struct boot_info *bi)
{
	static EFI_GUID image_guid = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *image;
	UINTN len;
	config_defaults(&bi->cfg);
	fmt_print(bi->config_from, sizeof bi->config_from, "built-in defaults");
	if (bs->HandleProtocol(loader_image, &image_guid, (void **)&image) != EFI_SUCCESS)
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
	char *line = loader_bytes(words + 1);
	loader_ascii(line, words + 1, image->LoadOptions);
	for (const char *p = line; *p; p++) /* firmware's own boot entries put other things here */
		if (*p == '=') {
			(void)config_parse(&bi->cfg, "command line", line, strlen(line), true);
			return;
		}
}

/* ---- keep=1 ---- */

#define KEEP_BUFFER 65536u

static struct {
	EFI_FILE_HANDLE file;
	char *buf;
	UINTN used;
	EFI_STATUS status; /* the first that was no success */
	bool replaces;     /* a report that was there is deleted */
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
	kept.replaces = dir->Open(dir, &old, name, mode, 0) == EFI_SUCCESS && old->Delete(old) == EFI_SUCCESS;
	s = dir->Open(dir, &kept.file, name, mode | EFI_FILE_MODE_CREATE, 0);
	dir->Close(dir);
	return s;
}

void volume_keep(struct boot_info *bi, const struct keep *k)
{
	EFI_FILE_HANDLE root;
	if (!volume)
		return;
	kept.buf = loader_bytes(KEEP_BUFFER);
	kept.status = volume->OpenVolume(volume, &root);
	if (kept.status == EFI_SUCCESS) {
		kept.status = kept_open(root);
		root->Close(root);
	}
	if (kept.status == EFI_SUCCESS) {
		bi->kept_lines = keep_report(k, kept_put, NULL, &bi->kept_crc);
		kept_flush();
		/* A part of a report is none: Delete() closes too (UEFI §13.5). */
		EFI_STATUS s = kept.status == EFI_SUCCESS ? kept.file->Close(kept.file)
							  : kept.file->Delete(kept.file);
		kept.status = kept.status == EFI_SUCCESS ? s : kept.status;
	}
	if (kept.status == EFI_SUCCESS)
		return;
	bi->kept_lines = 0;
	say("sluice: keep=1: report.txt could not be written: %s (EFI status 0x%llx)%s\n",
	    kept.status == EFI_WRITE_PROTECTED ? "the volume is write-protected"
	    : kept.status == EFI_VOLUME_FULL   ? "the volume is full"
					       : "firmware refuses",
	    (ull)kept.status, kept.replaces ? "; the one of an earlier run is deleted" : "");
}
