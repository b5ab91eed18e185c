/* keep=1: the loader's report, written to the volume that sluice.cfg was read from. */
#include "boot/keep.h"
#include "boot/loader.h"
#include "kernel/str.h"

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

static void keep_write(struct boot_info *bi, const struct keep *k)
{
	EFI_FILE_HANDLE root;
	if (!config_volume)
		return;
	kept.buf = loader_bytes(KEEP_BUFFER);
	kept.status = config_volume->OpenVolume(config_volume, &root);
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

static uint32_t kept_read(const struct acpi *a, uint16_t seg, uint16_t rid, unsigned off)
{
	const struct acpi_table *mcfg = acpi_find(a, "MCFG", 0);
	struct acpi_ecam w;
	enum sl_err e;
	for (unsigned i = 0; mcfg && (e = acpi_mcfg(mcfg->data, i, &w)) != SL_END; i++) {
		uint64_t at = w.base + ((uint64_t)rid << 12);
		if (e == SL_OK && w.seg == seg && rid >> 8 >= w.start && rid >> 8 <= w.end &&
		    facts_check(ALIGN_DOWN(at, 1u << 20), 1u << 20, PHYS_ECAM) == PHYS_OK)
			return (uint32_t)facts_load(at + off, 4);
	}
	return UINT32_MAX;
}

void keep_file(struct boot_info *bi)
{
	char brand[49], vendor[13];
	if (!bi->cfg.keep)
		return;
	facts_cpu_names(brand, vendor);
	const struct keep k = {brand,
			       vendor,
			       bi,
			       &loader_acpi,
			       (const struct boot_region *)bi->regions,
			       (const struct boot_snapshot *)bi->at_entry,
			       kept_read};
	keep_write(bi, &k);
}
