/* ACPI tables: what the root table lists, and what is in them. */
#include "kernel/str.h"
#include "tests/mangle/mangle.h"

#define ENTRIES 512u
#define HEADER  36u

static uint64_t entry[ENTRIES]; /* physical addresses of tables, right or wrong */
static unsigned entries;

/* How the new root pointer and tables are spoiled. */
static struct {
	unsigned revision;
	bool no_xsdt, no_rsdt, bad_xsdt, bad_rsdp;
} rsdp = {.revision = 2};

static void put(uint8_t *p, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get(const uint8_t *p, size_t bytes)
{
	uint64_t v = 0;
	for (size_t i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

static void seal(uint8_t *p, size_t n, size_t sum_at)
{
	uint8_t sum = 0;
	p[sum_at] = 0;
	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + p[i]);
	p[sum_at] = (uint8_t)-sum;
}

/* Only firmware's own tables and those that were made here are looked into. */
static uint64_t sound[ENTRIES];
static unsigned sounds;

static bool is_sound(uint64_t at)
{
	for (unsigned i = 0; i < sounds; i++)
		if (sound[i] == at)
			return true;
	return false;
}

static void add(uint64_t at, bool looks_like_one)
{
	if (entries == ENTRIES || sounds == ENTRIES) {
		say("mangle: more than %u tables\n", ENTRIES);
		return;
	}
	entry[entries++] = at;
	if (looks_like_one)
		sound[sounds++] = at;
}

static bool has_sig(uint64_t at, const char *sig)
{
	return is_sound(at) && memcmp((const void *)at, sig, 4) == 0;
}

void acpi_read(void)
{
	static const EFI_GUID v2 = ACPI_20_TABLE_GUID;
	for (UINTN i = 0; i < efi_st->NumberOfTableEntries; i++) {
		const EFI_CONFIGURATION_TABLE *t = &efi_st->ConfigurationTable[i];
		if (memcmp(&t->VendorGuid, &v2, sizeof v2))
			continue;
		const uint8_t *xsdt = (const uint8_t *)get((const uint8_t *)t->VendorTable + 24, 8);
		for (uint64_t off = HEADER; off + 8 <= get(xsdt + 4, 4); off += 8)
			add(get(xsdt + off, 8), true);
	}
}

static uint8_t *root_table(uint8_t *at, const char *sig, size_t width)
{
	size_t len = HEADER + width * entries;
	memcpy(at, sig, 4);
	put(at + 4, len, 4);
	at[8] = 1;
	memcpy(at + 10, "MANGLEMANGLED ", 14);
	for (unsigned i = 0; i < entries; i++)
		put(at + HEADER + width * i, entry[i], width);
	seal(at, len, 9);
	return at;
}

void acpi_write(void)
{
	static EFI_GUID v2 = ACPI_20_TABLE_GUID, v1 = ACPI_TABLE_GUID;
	uint8_t *m = mangle_pages(8, EfiACPIReclaimMemory);
	if (!m)
		return;
	uint8_t *xsdt = root_table(m + EFI_PAGE, "XSDT", 8), *rsdt = root_table(m + 5 * EFI_PAGE, "RSDT", 4);
	xsdt[9] = (uint8_t)(xsdt[9] + rsdp.bad_xsdt);
	memcpy(m, "RSD PTR ", 8);
	memcpy(m + 9, "MANGLE", 6);
	m[15] = (uint8_t)rsdp.revision;
	put(m + 16, rsdp.no_rsdt ? 0 : (uint64_t)rsdt, 4);
	put(m + 20, 36, 4);
	put(m + 24, rsdp.no_xsdt || rsdp.revision < 2 ? 0 : (uint64_t)xsdt, 8);
	seal(m, 20, 8);
	m[8] = (uint8_t)(m[8] + rsdp.bad_rsdp);
	seal(m, 36, 32);
	efi_bs->InstallConfigurationTable(&v2, rsdp.revision < 2 ? NULL : m);
	efi_bs->InstallConfigurationTable(&v1, m);
}

/* drop SIG */
static void drop(const char *sig)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < entries; i++)
		if (!has_sig(entry[i], sig))
			entry[kept++] = entry[i];
	if (kept == entries)
		say("mangle: there is no %s to drop\n", sig);
	entries = kept;
}

/* table FILE: in the place of the first table with its signature, else at the end */
static void replace(const char *name)
{
	uint64_t size;
	uint8_t *t = mangle_file(name, &size);
	char sig[5] = {0};
	if (!t)
		return;
	memcpy(sig, t, 4);
	for (unsigned i = 0; i < entries && sounds < ENTRIES; i++)
		if (has_sig(entry[i], sig)) {
			entry[i] = sound[sounds++] = (uint64_t)t;
			return;
		}
	add((uint64_t)t, true);
}

/* patch SIG OFFSET VALUE BYTES: in a copy of each such table, with its checksum put right */
static void patch(const char *sig, struct words *w)
{
	uint64_t off = word_number(w), v = word_number(w), bytes = word_number(w);
	unsigned done = 0;
	for (unsigned i = 0; i < entries; i++) {
		if (!has_sig(entry[i], sig))
			continue;
		const uint8_t *t = (const uint8_t *)entry[i];
		uint64_t len = get(t + 4, 4);
		uint8_t *copy = mangle_pages(len / EFI_PAGE + 1, EfiACPIReclaimMemory);
		if (!copy || sounds == ENTRIES || bytes > 8 || off + bytes > len)
			break;
		memcpy(copy, t, len);
		put(copy + off, v, bytes);
		seal(copy, len, 9);
		entry[i] = sound[sounds++] = (uint64_t)copy;
		done++;
	}
	if (!done)
		say("mangle: %s is not there, or too short to be patched\n", sig);
}

/* badsum SIG */
static void spoil_sum(const char *sig)
{
	for (unsigned i = 0; i < entries; i++)
		if (has_sig(entry[i], sig))
			((uint8_t *)entry[i])[9]++;
}

/* fill N: so many tables before all others */
static void fill(uint64_t n)
{
	uint64_t room = ENTRIES - entries;
	n = n < room ? n : room;
	uint8_t *m = mangle_pages(n * 64 / EFI_PAGE + 1, EfiACPIReclaimMemory);
	if (!m)
		return;
	for (unsigned i = entries; i-- > 0;)
		entry[i + n] = entry[i];
	for (uint64_t i = 0; i < n; i++, m += 64) {
		memcpy(m, "SSDT", 4);
		put(m + 4, HEADER, 4);
		seal(m, HEADER, 9);
		entry[i] = (uint64_t)m;
	}
	entries += (unsigned)n;
}

bool acpi_command(const char *command, struct words *w)
{
	char text[80];
	struct words after = *w;
	(void)word_text(&after, text, sizeof text);
	if (strcmp(command, "add") == 0)
		add(word_number(w), false);
	else if (strcmp(command, "table") == 0)
		replace(text);
	else if (strcmp(command, "drop") == 0)
		drop(text);
	else if (strcmp(command, "patch") == 0)
		patch(text, &after);
	else if (strcmp(command, "badsum") == 0)
		spoil_sum(text);
	else if (strcmp(command, "fill") == 0)
		fill(word_number(w));
	else if (strcmp(command, "rsdp") == 0)
		rsdp.revision = (unsigned)word_number(w);
	else if (strcmp(command, "noxsdt") == 0)
		rsdp.no_xsdt = true;
	else if (strcmp(command, "norsdt") == 0)
		rsdp.no_rsdt = true;
	else if (strcmp(command, "badxsdt") == 0)
		rsdp.bad_xsdt = true;
	else if (strcmp(command, "badrsdp") == 0)
		rsdp.bad_rsdp = true;
	else
		return false;
	return true;
}
