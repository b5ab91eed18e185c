/* Addresses that firmware's tables name, before they are touched: by the memory map, the processor's width,
 * what is claimed already, and firmware's page tables; and the snapshot that reads through them. */
#include <stdlib.h>
#include <string.h>
#include "boot/fwtables.h"
#include "boot/snapshot.h"
#include "kernel/phys.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

static const struct boot_region map[] = {
	{.base = 0x1000, .pages = 0x9f, .type = MEM_FREE},
	{.base = 0x100000, .pages = 0x3ff00, .type = MEM_BOOT_DATA},
	{.base = 0x40000000, .pages = 0x10, .type = MEM_RESERVED},
	{.base = 0xfec00000, .pages = 1, .type = MEM_MMIO},
};

static int setup(void **state)
{
	(void)state;
	phys_init(map, ARRAY_LEN(map), 40);
	return 0;
}

static void test_check(void **state)
{
	(void)state;
	assert_int_equal(phys_check(0xfed90000, 0x1000, PHYS_UNIT), PHYS_OK);
	assert_int_equal(phys_check(0, 0x1000, PHYS_UNIT), PHYS_ZERO);
	assert_int_equal(phys_check(0xfed90000, 0, PHYS_UNIT), PHYS_ZERO);
	assert_int_equal(phys_check(0xfed90800, 0x1000, PHYS_UNIT), PHYS_ALIGN);
	assert_int_equal(phys_check(BIT(40), 0x1000, PHYS_UNIT), PHYS_WIDE);
	assert_int_equal(phys_check(0xff00000000008000, 0x1000, PHYS_UNIT), PHYS_WIDE);
	assert_int_equal(phys_check(UINT64_MAX, 36, PHYS_TABLE), PHYS_WIDE);
	assert_int_equal(phys_check(UINT64_MAX - 0xfff, 0x2000, PHYS_UNIT), PHYS_WIDE); /* wraps */
	assert_int_equal(phys_check(BIT(40) - 0x1000, 0x2000, PHYS_UNIT), PHYS_WIDE);   /* runs out */
	assert_int_equal(phys_check(BIT(40) - 0x1000, 0x1000, PHYS_UNIT), PHYS_OK);
	assert_int_equal(phys_check(0x20000000, 1ull << 28, PHYS_ECAM), PHYS_RAM);
	assert_int_equal(phys_check(0x3ff00000, 1u << 20, PHYS_ECAM), PHYS_RAM);
	assert_int_equal(phys_check(0x40000000, 1u << 20, PHYS_ECAM), PHYS_OK); /* reserved, as on many */
	assert_int_equal(phys_check(0x3fffffff, 2, PHYS_UART), PHYS_RAM);
	assert_int_equal(phys_check(0x20000000, 0x100, PHYS_TABLE), PHYS_OK);
	assert_int_equal(phys_check(0x20000010, 0x20, PHYS_IOAPIC), PHYS_RAM);
	assert_int_equal(phys_check(0x20000000, 0x4000, PHYS_BAR), PHYS_RAM);
	assert_int_equal(phys_check(0xfed00000, 0x400, PHYS_HPET), PHYS_OK);
	for (enum phys_fault f = PHYS_OK; f < PHYS_FAULT_COUNT; f++)
		assert_true(strlen(phys_fault_text(f)) > 5);
}

static void test_claim(void **state)
{
	(void)state;
	assert_int_equal(phys_claim(0xe0000000, 1ull << 28, PHYS_ECAM), PHYS_OK);
	assert_int_equal(phys_check(0xe8000000, 0x1000, PHYS_UNIT), PHYS_TAKEN);
	assert_int_equal(phys_check(0xe8000000, 0x4000, PHYS_BAR), PHYS_TAKEN);
	assert_int_equal(phys_claim(0xfed90000, 0x1000, PHYS_UNIT), PHYS_OK);
	assert_int_equal(phys_claim(0xfed90000, 0x2000, PHYS_UNIT), PHYS_OK); /* its size is known now */
	assert_int_equal(phys_check(0xfed91000, 0x400, PHYS_HPET), PHYS_TAKEN);
	assert_int_equal(phys_check(0xfed91000, 0x1000, PHYS_UNIT), PHYS_OK); /* inside: the same thing */
	assert_int_equal(phys_check(0xfed91000, 0x2000, PHYS_UNIT), PHYS_TAKEN);
	assert_int_equal(phys_check(0xfee00000, 0x1000, PHYS_UNIT), PHYS_TAKEN); /* interrupts */
	assert_int_equal(phys_claim(0xfee00000, 0x1000, PHYS_APIC), PHYS_OK);
	for (unsigned i = 0; i < 253; i++)
		assert_int_equal(phys_claim(0x100000000 + i * 0x1000, 0x1000, PHYS_UNIT), PHYS_OK);
	assert_int_equal(phys_claim(0x200000000, 0x1000, PHYS_UNIT), PHYS_MANY);
	phys_init(map, ARRAY_LEN(map), 64); /* no processor has more than 52 */
	assert_int_equal(phys_check(BIT(52), 0x1000, PHYS_UNIT), PHYS_WIDE);
	assert_int_equal(phys_check(BIT(52) - 0x1000, 0x1000, PHYS_UNIT), PHYS_OK);
}

/* ---- firmware's page tables: six of them, at "addresses" 1000h, 2000h, ... ---- */

static uint64_t tables[6][512];
static unsigned reads;

static const uint64_t *table(uint64_t phys)
{
	reads++;
	assert_true(reads < 100000);
	return phys >= 0x1000 && phys < 0x7000 ? tables[phys / 0x1000 - 1] : NULL;
}

/* 1000h the root (PML5 or PML4), 2000h PDPT, 3000h PD, 4000h PT, 5000h PML4 of 5 levels. */
static struct fw_tables firmware(bool la57)
{
	memset(tables, 0, sizeof tables);
	uint64_t *pml4 = tables[la57 ? 4 : 0];
	if (la57)
		tables[0][0] = 0x5003;
	pml4[0] = 0x2003;
	tables[1][0] = 0x3003;
	tables[1][1] = 0x40000000 | 0x83;   /* 1 GiB */
	tables[1][2] = 0x80000000 | 0x1083; /* the same with PAT */
	tables[1][3] = 0x83;                /* mapped, but not one to one */
	tables[1][4] = 0x9000003;           /* a table that cannot be read */
	tables[2][0] = 0x4003;
	tables[2][1] = 0x200000 | 0x83; /* 2 MiB */
	tables[2][3] = 0x600000 | 0x82; /* not present */
	for (unsigned i = 1; i < 512; i++)
		tables[3][i] = i * PAGE_SIZE | 3 | BIT(63);
	reads = 0;
	return (struct fw_tables){0x1000 | 0x18, la57, 40, table};
}

static void test_firmware_tables(void **state)
{
	(void)state;
	for (int la57 = 0; la57 < 2; la57++) {
		struct fw_tables t = firmware(la57);
		assert_false(fw_mapped(&t, 0, 1));
		assert_true(fw_mapped(&t, 0x1000, 1));
		assert_true(fw_mapped(&t, 0x1fffff, 1));
		assert_true(fw_mapped(&t, 0x1ff000, 0x201000)); /* 4 KiB and 2 MiB pages */
		assert_false(fw_mapped(&t, 0x3ff000, 0x1001));  /* its last byte is not mapped */
		assert_false(fw_mapped(&t, 0x600000, 1));
		assert_true(fw_mapped(&t, 0x40000000, PAGE_1G + 1));
		assert_true(fw_mapped(&t, 0x80000000, PAGE_1G));
		assert_false(fw_mapped(&t, 0xc0000000, 1));
		assert_false(fw_mapped(&t, 0x100000000, 1));
		assert_false(fw_mapped(&t, 0x140000000, 1));
		assert_false(fw_mapped(&t, BIT(47) - 1, 2));
		assert_false(fw_mapped(&t, 0xff00000000008000, 36)); /* not canonical: #GP */
		assert_false(fw_mapped(&t, UINT64_MAX, 1));
		assert_false(fw_mapped(&t, 0x1000, 0));
	}
	struct fw_tables t = firmware(true);
	tables[0][1] = 0x5003; /* an address that only 5 levels have */
	assert_false(fw_mapped(&t, BIT(48) + 0x1000, 1));
	tables[0][0] |= 0x80; /* no page is that large */
	assert_false(fw_mapped(&t, 0x1000, 1));
}

/* ---- the snapshot: never a load where check() did not say so ---- */

static unsigned outside, told;
static enum phys_fault last_told;

static enum phys_fault check(uint64_t addr, uint64_t len, enum phys_kind kind)
{
	enum phys_fault f = phys_check(addr, len, kind);
	return !f && addr >= 0x8000000000 ? PHYS_UNMAPPED : f;
}

/* Functions of bus 0 that answer. Beside function 0 only where it says that there are others. */
static const struct {
	uint8_t rid, header;
	bool found;
} answers[] = {{0x08, 0x00, true}, {0x09, 0, false},   {0x10, 0x01, true}, {0x11, 0, false},
	       {0x19, 0, false},   {0x20, 0x80, true}, {0x22, 0, true},    {0x27, 0, true}};

static uint64_t rd(uint64_t addr, unsigned bytes)
{
	bool unit = addr >= 0xfed90000 && addr + bytes <= 0xfed91000;
	bool ecam = addr >= 0xe0000000 && addr + bytes <= 0xe0200000;
	outside += !unit && !ecam;
	assert_true((bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8) && addr % bytes == 0);
	if (unit)
		return addr == 0xfed90008 ? 0x3ff000000 | 0xff0000000000 : 0; /* FRO and NFR: all ones */
	uint64_t fn = addr >> 12 & 0xff, reg = addr & 0xfff;
	for (unsigned i = 0; i < ARRAY_LEN(answers); i++)
		if (fn == answers[i].rid && addr < 0xe0100000)
			return reg == 4     ? 0x400 + fn
			       : reg == 0   ? 0x12348086
			       : reg == 0xe ? answers[i].header
					    : 0;
	return UINT64_MAX;
}

static void left_out(const char *what, uint64_t addr, enum phys_fault why)
{
	(void)what, (void)addr;
	told++;
	last_told = why;
}

static void put(uint8_t *p, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void drhd(uint8_t *p, uint64_t base)
{
	put(p, 0, 2);
	put(p + 2, 16, 2);
	put(p + 8, base, 8);
}

static void window(uint8_t *p, uint64_t base, unsigned last)
{
	put(p, base, 8);
	p[11] = (uint8_t)last;
}

static void test_snapshot(void **state)
{
	(void)state;
	static struct boot_snapshot s;
	static const uint64_t bad[] = {0xff00000000008000, 0x20000000000, 0x8000000000, 0x20000000, 0,
				       0xfed90800,         0xfee00000};
	uint8_t dmar[48 + 16 * (ARRAY_LEN(bad) + 1)] = "DMAR", mcfg[44 + 16 * 4] = "MCFG";
	put(dmar + 4, sizeof dmar, 4);
	dmar[36] = 38;
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
		drhd(dmar + 48 + 16 * i, bad[i]);
	drhd(dmar + 48 + 16 * ARRAY_LEN(bad), 0xfed90000);
	window(mcfg + 44, 0x20000000, 0xff);    /* in RAM */
	window(mcfg + 60, 0x10000000000, 0xff); /* beyond 40 bits */
	window(mcfg + 76, 0xfff8000000, 0xff);  /* runs past them */
	window(mcfg + 92, 0xe0000000, 1);
	static struct acpi a;
	a.table[0] = (struct acpi_table){.sig = "DMAR", .data = {dmar, sizeof dmar}};
	a.table[1] = (struct acpi_table){.sig = "MCFG", .data = {mcfg, sizeof mcfg}};
	a.count = 2;
	const struct snapshot_access to = {check, rd, left_out};
	snapshot_take(&to, &a, &s);
	assert_int_equal(outside, 0);
	assert_int_equal(told, ARRAY_LEN(bad) + 3);
	assert_int_equal(last_told, PHYS_WIDE);
	assert_int_equal(s.units, 1);
	assert_true(s.unit[0].base == 0xfed90000 &&
		    s.unit[0].regs.frcds == 0); /* records outside the window */
	unsigned n = 0;
	for (unsigned i = 0; i < ARRAY_LEN(answers); i++)
		if (answers[i].found) {
			assert_int_equal(s.func[n].rid, answers[i].rid);
			assert_int_equal(s.func[n++].command, 0x400 + answers[i].rid);
		}
	assert_int_equal(s.funcs, n);
}

/* Every function answers. */
static uint64_t rd_all(uint64_t addr, unsigned bytes)
{
	if (addr >= 0xfed90000)
		return rd(addr, bytes);
	return (addr & 0xfff) == 0 ? 0x12348086 : (addr & 0xfff) == 0xe ? 0x80 : 7;
}

/* What has no room in the record is counted. */
static void test_snapshot_is_full(void **state)
{
	(void)state;
	static struct boot_snapshot s;
	static struct acpi a;
	static uint8_t dmar[48 + 16 * (BOOT_MAX_UNITS + 3)] = "DMAR", mcfg[44 + 16] = "MCFG";
	put(dmar + 4, sizeof dmar, 4);
	dmar[36] = 38;
	for (unsigned i = 0; i < BOOT_MAX_UNITS + 3; i++)
		drhd(dmar + 48 + 16 * i, 0xfed90000);
	window(mcfg + 44, 0xe0000000, 255);
	a.table[0] = (struct acpi_table){.sig = "DMAR", .data = {dmar, sizeof dmar}};
	a.table[1] = (struct acpi_table){.sig = "MCFG", .data = {mcfg, sizeof mcfg}};
	a.count = 2;
	const struct snapshot_access to = {check, rd_all, left_out};
	snapshot_take(&to, &a, &s);
	assert_true(s.units == BOOT_MAX_UNITS && s.units_lost == 3);
	assert_true(s.funcs == BOOT_MAX_FUNCS && s.funcs_lost == 65536 - BOOT_MAX_FUNCS);
}

/* ---- AMD's units ---- */

/* Three units: whose capability says where the table has it; which says something else; which is not one. A
 * fourth is in no window. Registers are told by their offset. */
#define AMD_AT 0xfd300000

static uint64_t rd_amd(uint64_t addr, unsigned bytes)
{
	static const uint32_t base[] = {AMD_AT | 1, 0xfd500001, AMD_AT};
	if (addr >= AMD_AT && addr < AMD_AT + 0x4000) {
		assert_int_equal(bytes, 8);
		return addr - AMD_AT + 0x1000;
	}
	outside += addr < 0xe0000000 || addr >= 0xe0100000;
	assert_true(bytes == 1 || bytes == 2 || bytes == 4);
	uint64_t fn = addr >> 12 & 0xff, reg = addr & 0xfff;
	if (fn != 0 && (fn < 2 || fn > 4))
		return UINT64_MAX;
	return reg == 0            ? 0x14811022
	       : reg == 0xe        ? 0x80
	       : fn && reg == 0x40 ? (fn == 4 ? 0x00030009u : 0x0003000fu)
	       : fn && reg == 0x44 ? base[fn - 2]
	       : fn && reg == 0x48 ? (fn == 3 ? 1u : 0)
				   : 0;
}

static size_t ivhd(uint8_t *p, uint16_t unit, uint64_t base)
{
	p[0] = 0x11;
	put(p + 2, 40, 2);
	put(p + 4, unit, 2);
	put(p + 6, 0x40, 2);
	put(p + 8, base, 8);
	return 40;
}

static void test_amd_snapshot(void **state)
{
	(void)state;
	static struct boot_snapshot s;
	static struct acpi a;
	static uint8_t ivrs[48 + 40 * 4] = "IVRS", mcfg[44 + 32] = "MCFG";
	size_t at = 48;
	at += ivhd(ivrs + at, 2, AMD_AT);
	at += ivhd(ivrs + at, 3, AMD_AT);
	at += ivhd(ivrs + at, 4, AMD_AT);
	at += ivhd(ivrs + at, 0x4002, AMD_AT);
	put(ivrs + 4, at, 4);
	window(mcfg + 44, 0x10000000000, 0xff); /* beyond 40 bits */
	window(mcfg + 60, 0xe0000000, 0);
	a.table[0] = (struct acpi_table){.sig = "IVRS", .data = {ivrs, sizeof ivrs}};
	a.table[1] = (struct acpi_table){.sig = "MCFG", .data = {mcfg, sizeof mcfg}};
	a.count = 2;
	const struct snapshot_access to = {check, rd_amd, left_out};
	told = 0;
	snapshot_take(&to, &a, &s);
	assert_true(outside == 0 && told == 1); /* each window is reported once */
	assert_int_equal(s.amds, 2);
	const struct boot_amd *u = s.amd;
	assert_true(u[0].base == AMD_AT && u[0].seg == 0 && u[0].rid == 2 && u[0].regs.read);
	assert_true(u[0].regs.cap_base == (AMD_AT | 1) && u[0].regs.efr == 0x1030 &&
		    u[0].regs.efr2 == 0x11a0);
	assert_true(u[0].regs.control == 0x1018 && u[0].regs.status == 0x3020 && u[0].regs.devtab == 0x1000);
	assert_true(u[0].regs.cmdbuf == 0x1008 && u[0].regs.evtlog == 0x1010);
	assert_true(u[0].regs.excl_base == 0x1020 && u[0].regs.excl_limit == 0x1028);
	assert_true(u[1].number == 1 && u[1].rid == 3 && u[1].regs.read && u[1].regs.cap_base == 0x1fd500001);
	assert_true(!u[1].regs.efr && !u[1].regs.control); /* nothing is read there */
	put(ivrs + 48 + 8, 0x20000000, 8);                 /* in RAM */
	snapshot_take(&to, &a, &s);
	assert_true(s.amds == 2 && !s.amd[0].regs.efr && outside == 0);
	a.table[2] = (struct acpi_table){.sig = "DMAR", .data = {ivrs, 8}};
	a.count = 3;
	s.amds = 0;
	snapshot_take(&to, &a, &s);
	assert_int_equal(s.amds, 0);
	a.table[0].sig[0] = 'X';
	a.count = 2;
	snapshot_take(&to, &a, &s);
	assert_int_equal(s.amds, 0);
}

static uint8_t line[JSONL_LINE];
static size_t line_n;

static void take_line(void *ctx, const char *text, size_t n)
{
	(void)ctx;
	memcpy(line, text, n);
	line_n = n;
}

static void test_amd_line(void **state)
{
	(void)state;
	static const char want[] =
		"{\"t\":\"amd\",\"i\":3,\"base\":\"0xfd300000\",\"bdf\":\"0001:00:00.2\",\"phase\":\"left\","
		"\"cap_base\":\"0x1\",\"efr\":\"0x2\",\"efr2\":\"0x3\",\"control\":\"0x4\",\"status\":\"0x5\","
		"\"devtab\":\"0x6\",\"cmdbuf\":\"0x7\",\"evtlog\":\"0x8\",\"excl_base\":\"0x9\",\"excl_limit\":\"0xa\"}";
	static struct jsonl j;
	j = (struct jsonl){.put = take_line};
	const struct amdvi_regs_seen r = {true, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
	amdvi_regs_line(&j, 3, AMD_AT, (bdf_t){1, 2}, "left", &r);
	assert_true(line_n >= sizeof want - 1 && !memcmp(line, want, sizeof want - 1));
}

static void test_amd_capability(void **state)
{
	(void)state;
	assert_true(amdvi_is_capability(0x40, 0x1f03000f) && amdvi_is_capability(0xf4, 0x0003000f));
	assert_false(amdvi_is_capability(0x3c, 0x0003000f));
	assert_false(amdvi_is_capability(0xf8, 0x0003000f));
	assert_false(amdvi_is_capability(0x42, 0x0003000f));
	assert_false(amdvi_is_capability(0x40, 0x0003000e));
	assert_false(amdvi_is_capability(0x40, 0x0002000f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_check, setup),
		cmocka_unit_test_setup(test_claim, setup),
		cmocka_unit_test(test_firmware_tables),
		cmocka_unit_test_setup(test_snapshot, setup),
		cmocka_unit_test_setup(test_snapshot_is_full, setup),
		cmocka_unit_test_setup(test_amd_snapshot, setup),
		cmocka_unit_test(test_amd_line),
		cmocka_unit_test(test_amd_capability),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
