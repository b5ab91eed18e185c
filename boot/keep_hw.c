/* keep=1: the loader's report and the log of the run before, written to the volume that sluice.cfg was read
 * from. */
#include "boot/keep.h"
#include "boot/loader.h"
#include "kernel/crc32.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

#define KEEP_BUFFER 65536u
#define LOGS        99u
#define MODE_WRITE  (EFI_FILE_MODE_READ | EFI_FILE_MODE_WRITE)

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

/* \EFI\sluice on the volume of sluice.cfg; created if need be. */
static EFI_STATUS open_folder(EFI_FILE_HANDLE *dir)
{
	static CHAR16 folder[] = {'\\', 'E', 'F', 'I', '\\', 's', 'l', 'u', 'i', 'c', 'e', 0};
	EFI_FILE_HANDLE root;
	EFI_STATUS s = config_volume->OpenVolume(config_volume, &root);
	if (s != EFI_SUCCESS)
		return s;
	s = root->Open(root, dir, folder, MODE_WRITE | EFI_FILE_MODE_CREATE, EFI_FILE_DIRECTORY);
	root->Close(root);
	return s;
}

static void create(EFI_FILE_HANDLE dir, CHAR16 *name)
{
	if (!kept.buf)
		kept.buf = loader_bytes(KEEP_BUFFER);
	kept.used = 0;
	kept.status = dir->Open(dir, &kept.file, name, MODE_WRITE | EFI_FILE_MODE_CREATE, 0);
}

/* A part of a file is none: Delete() closes too (UEFI §13.5). */
static void complete(void)
{
	kept_flush();
	EFI_STATUS s =
		kept.status == EFI_SUCCESS ? kept.file->Close(kept.file) : kept.file->Delete(kept.file);
	kept.status = kept.status == EFI_SUCCESS ? s : kept.status;
}

static const char *status_words(void)
{
	return kept.status == EFI_WRITE_PROTECTED ? "the volume is write-protected"
	       : kept.status == EFI_VOLUME_FULL   ? "the volume is full"
						  : "firmware refuses";
}

/* report.txt, a new one each time. */
static void keep_write(struct boot_info *bi, const struct keep *k)
{
	static CHAR16 name[] = {'r', 'e', 'p', 'o', 'r', 't', '.', 't', 'x', 't', 0};
	EFI_FILE_HANDLE dir, old;
	bool replaces = false;
	if (!config_volume)
		return;
	kept.status = open_folder(&dir);
	if (kept.status == EFI_SUCCESS) {
		replaces = dir->Open(dir, &old, name, MODE_WRITE, 0) == EFI_SUCCESS &&
			   old->Delete(old) == EFI_SUCCESS;
		create(dir, name);
		dir->Close(dir);
	}
	if (kept.status == EFI_SUCCESS) {
		bi->kept_lines = keep_report(k, kept_put, NULL, &bi->kept_crc);
		complete();
	}
	if (kept.status == EFI_SUCCESS)
		return;
	bi->kept_lines = 0;
	say("sluice: keep=1: report.txt could not be written: %s (EFI status 0x%llx)%s\n", status_words(),
	    (ull)kept.status, replaces ? "; the one of an earlier run is deleted" : "");
}

/* ---- the log of the run before ---- */

/* The next number that no file has: log-N.txt. 0: there is none, or kept.status says why. */
static unsigned create_log(EFI_FILE_HANDLE dir)
{
	CHAR16 name[16];
	char text[ARRAY_LEN(name)];
	EFI_FILE_HANDLE old;
	for (unsigned i = 1; i <= LOGS; i++) {
		size_t n = 0;
		fmt_print(text, sizeof text, "log-%u.txt", i);
		do
			name[n] = (CHAR16)(unsigned char)text[n];
		while (text[n++]);
		kept.status = dir->Open(dir, &old, name, EFI_FILE_MODE_READ, 0);
		if (kept.status == EFI_SUCCESS) {
			old->Close(old);
			continue;
		}
		create(dir, name);
		return kept.status == EFI_SUCCESS ? i : 0;
	}
	return 0;
}

static void put_piece(struct boot_before *b, const void *p, size_t n)
{
	kept_put(NULL, p, n);
	b->crc = crc32(b->crc, p, n);
	b->bytes += n;
}

static void put_missing(struct boot_before *b, const char *what, uint64_t bytes)
{
	char line[80];
	int n = fmt_print(line, sizeof line, "\n[%s of this log is lost: %llu bytes]\n", what, (ull)bytes);
	put_piece(b, line, (size_t)n);
}

static void write_log(struct span memory, const struct kept_found *f, struct boot_before *b)
{
	b->crc = 0;
	b->bytes = 0;
	if (f->lost)
		put_missing(b, "the beginning", f->lost);
	for (uint64_t i = f->first; i <= f->newest; i++) {
		struct span text = kept_text(memory, f, i);
		if (text.n)
			put_piece(b, text.p, text.n);
		else
			put_missing(b, "a part", KEPT_TEXT);
	}
}

void keep_log(struct boot_info *bi, struct span memory, const struct kept_found *f)
{
	EFI_FILE_HANDLE dir;
	unsigned number = 0;
	if (!bi->cfg.keep || !config_volume)
		return;
	kept.status = open_folder(&dir);
	if (kept.status == EFI_SUCCESS) {
		number = create_log(dir);
		dir->Close(dir);
	}
	if (number) {
		write_log(memory, f, &bi->before);
		complete();
	}
	if (number && kept.status == EFI_SUCCESS) {
		bi->before.saved = number;
		return;
	}
	bi->before.unsaved = 1;
	if (kept.status == EFI_SUCCESS)
		say("sluice: keep=1: the log of the run before is not saved: log-1.txt to log-%u.txt are there already\n",
		    LOGS);
	else
		say("sluice: keep=1: the log of the run before could not be written: %s (EFI status 0x%llx)\n",
		    status_words(), (ull)kept.status);
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
