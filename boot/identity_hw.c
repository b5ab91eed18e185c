/* Which machine, when, and which Sluice: SMBIOS, firmware's clock, the version of the sources. */
#include "boot/loader.h"
#include "build_id.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

/* The entry point of SMBIOS 3, else that of SMBIOS 2: UEFI §4.6. */
static uint64_t find_entry(void)
{
	static const EFI_GUID v3 = {
		0xf2fd1544, 0x9794, 0x4a2c, {0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94}};
	static const EFI_GUID v2 = SMBIOS_TABLE_GUID;
	uint64_t at[2] = {0, 0};
	for (UINTN i = 0; i < loader_st->NumberOfTableEntries; i++) {
		const EFI_CONFIGURATION_TABLE *t = &loader_st->ConfigurationTable[i];
		if (memcmp(&t->VendorGuid, &v3, sizeof v3) == 0)
			at[0] = (uint64_t)t->VendorTable;
		else if (memcmp(&t->VendorGuid, &v2, sizeof v2) == 0)
			at[1] = (uint64_t)t->VendorTable;
	}
	return at[0] ? at[0] : at[1];
}

static void read_smbios(struct identity *id)
{
	struct smbios_table t;
	uint64_t entry = find_entry();
	if (!entry)
		return;
	enum phys_fault f = facts_check(entry, SMBIOS_ENTRY, PHYS_TABLE);
	if (!f && smbios_entry((struct span){(const uint8_t *)entry, SMBIOS_ENTRY}, &t) == SL_OK) {
		f = facts_check(t.addr, t.len, PHYS_TABLE);
		id->smbios_there = !f;
		if (!f)
			smbios_read((struct span){(const uint8_t *)t.addr, t.len}, t.count, &id->smbios);
		entry = t.addr;
	}
	if (f)
		say("sluice: the SMBIOS table at 0x%llx is left out: %s\n", (ull)entry, phys_fault_text(f));
}

static void read_clock(struct identity *id)
{
	EFI_TIME t;
	if (loader_st->RuntimeServices->GetTime(&t, NULL) != EFI_SUCCESS || t.Year < 1970 || t.Year > 9999 ||
	    t.Month - 1u > 11 || t.Day - 1u > 30 || t.Hour > 23 || t.Minute > 59 || t.Second > 59)
		return;
	id->year = t.Year;
	id->month = t.Month;
	id->day = t.Day;
	id->hour = t.Hour;
	id->minute = t.Minute;
	id->second = t.Second;
	id->zone = t.TimeZone >= -1440 && t.TimeZone <= 1440 ? t.TimeZone : IDENTITY_NO_ZONE;
}

const char *identity_build(void)
{
	return BUILD_ID;
}

void identity_read(struct boot_info *bi)
{
	struct identity *id = &bi->identity;
	fmt_print(id->build, sizeof id->build, "%s", BUILD_ID);
	fmt_print(id->built, sizeof id->built, "%s", BUILD_TIME);
	read_smbios(id);
	read_clock(id);
	id->privacy = bi->cfg.privacy;
	if (id->privacy)
		smbios_make_private(&id->smbios);
}
