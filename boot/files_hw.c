/* Files for drivers, from the volume that the loader was started from. */
#include "boot/loader.h"
#include "kernel/fmt.h"

EFI_FILE_HANDLE files_volume(EFI_LOADED_IMAGE *image, EFI_FILE_IO_INTERFACE **fs)
{
	static EFI_GUID fs_guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
	EFI_FILE_HANDLE root;
	if (!image->DeviceHandle ||
	    loader_bs()->HandleProtocol(image->DeviceHandle, &fs_guid, (void **)fs) != EFI_SUCCESS ||
	    (*fs)->OpenVolume(*fs, &root) != EFI_SUCCESS)
		return NULL;
	return root;
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
void files_read(struct boot_info *bi)
{
	static const char *const names[BOOT_FILES] = BOOT_FILE_NAMES;
	static EFI_GUID image_guid = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *image;
	EFI_FILE_IO_INTERFACE *fs;
	EFI_FILE_HANDLE root;
	if (!config_wants_qat(&bi->cfg) ||
	    loader_bs()->HandleProtocol(loader_image, &image_guid, (void **)&image) != EFI_SUCCESS ||
	    !(root = files_volume(image, &fs)))
		return;
	for (unsigned i = 0; i < BOOT_FILES; i++)
		bi->file[i] = read_file(root, names[i]);
	root->Close(root);
}
