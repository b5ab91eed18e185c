/* Options: sluice.cfg beside the loader, then the load options. */
#include "boot/loader.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

EFI_FILE_IO_INTERFACE *config_volume;

/* sluice.cfg of that volume; NULL when there is none. */
static char *read_config(EFI_LOADED_IMAGE *image, UINTN *len)
{
	EFI_FILE_IO_INTERFACE *fs;
	EFI_FILE_HANDLE root = files_volume(image, &fs), file;
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
		refuse("sluice.cfg cannot be read", "write the stick again");
	file->Close(file);
	root->Close(root);
	config_volume = fs;
	return text;
}

void config_read(struct boot_info *bi)
{
	static EFI_GUID image_guid = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *image;
	UINTN len;
	config_defaults(&bi->cfg);
	fmt_print(bi->config_from, sizeof bi->config_from, "built-in defaults");
	if (loader_bs()->HandleProtocol(loader_image, &image_guid, (void **)&image) != EFI_SUCCESS)
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
	for (const char *p = line; *p; p++) /* the firmware's own boot entries put other data here */
		if (*p == '=') {
			(void)config_parse(&bi->cfg, "command line", line, strlen(line), true);
			return;
		}
}
