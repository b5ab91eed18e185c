/* Options: built into the file, then sluice.cfg beside the loader or on the server, then the load options. */
#include "boot/load_options.h"
#include "boot/loader.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

EFI_FILE_IO_INTERFACE *config_volume;

extern const char config_built_in[], config_built_in_end[]; /* boot/kernel_image.S */

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
	*len = CONFIG_FILE_MAX + 1; /* what is longer is seen to be */
	char *text = loader_bytes(*len);
	if (file->Read(file, len, text) != EFI_SUCCESS || *len > CONFIG_FILE_MAX + 1)
		refuse("sluice.cfg cannot be read", "write the stick again");
	file->Close(file);
	root->Close(root);
	config_volume = fs;
	return text;
}

/* "sluice.cfg, command line" */
void config_took(struct boot_info *bi, const char *from)
{
	size_t used = strlen(bi->config_from);
	fmt_print(bi->config_from + used, sizeof bi->config_from - used, "%s%s", used ? ", " : "", from);
}

static void take_load_options(struct boot_info *bi, const EFI_LOADED_IMAGE *image)
{
	char *line = loader_bytes(LOAD_OPTIONS_MAX + 1);
	if (!image->LoadOptions || !image->LoadOptionsSize)
		return;
	switch (load_options_read(image->LoadOptions, image->LoadOptionsSize, line)) {
	case LOAD_OPTIONS_NONE:
		break;
	case LOAD_OPTIONS_WORDS:
		config_took(bi, "command line");
		(void)config_parse(&bi->cfg, "command line", line, strlen(line), true);
		break;
	case LOAD_OPTIONS_OTHER:
		say("sluice: load options of %u bytes are ignored: there is no key=value in them\n",
		    image->LoadOptionsSize);
		break;
	}
}

/* Mistakes are not acted on here: the kernel prints them, on every console. */
void config_read(struct boot_info *bi)
{
	static EFI_GUID image_guid = LOADED_IMAGE_PROTOCOL;
	EFI_LOADED_IMAGE *image;
	const char *from = "sluice.cfg";
	size_t built_in = (size_t)(config_built_in_end - config_built_in);
	UINTN len;
	config_defaults(&bi->cfg);
	if (built_in) {
		config_took(bi, "the EFI file");
		(void)config_parse(&bi->cfg, "the EFI file", config_built_in, built_in, false);
	}
	if (loader_bs()->HandleProtocol(loader_image, &image_guid, (void **)&image) == EFI_SUCCESS) {
		char *text = read_config(image, &len);
		if (!text)
			text = netcfg_read(image, &len, &from);
		if (text) {
			config_took(bi, from);
			(void)config_parse(&bi->cfg, "sluice.cfg", text, len, false);
		}
		take_load_options(bi, image);
	}
	if (!bi->config_from[0])
		config_took(bi, "built-in defaults");
}
