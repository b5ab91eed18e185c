#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/acpi.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

/* Memory that the tables lie in; what is outside cannot be read. */
static uint8_t mem[65536];

static const uint8_t *map(uint64_t phys, size_t len)
{
	return phys < sizeof mem && len <= sizeof mem - phys ? mem + phys : NULL;
}

static void put(uint64_t at, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		mem[at + i] = (uint8_t)(v >> 8 * i);
}

static void seal(uint64_t at, size_t len, size_t sum_at)
{
	uint8_t sum = 0;
	mem[at + sum_at] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + mem[at + i]);
	mem[at + sum_at] = (uint8_t)-sum;
}

static void table(uint64_t at, const char *sig, uint32_t len)
{
	memcpy(mem + at, sig, 4);
	put(at + 4, len, 4);
	seal(at, len, 9);
}

enum { RSDP = 0x100, XSDT = 0x200, RSDT = 0x300, T1 = 0x400, T2 = 0x500 };

static void build(void)
{
	memset(mem, 0, sizeof mem);
	memcpy(mem + RSDP, "RSD PTR ", 8);
	mem[RSDP + 15] = 2;
	put(RSDP + 16, RSDT, 4);
	put(RSDP + 20, 36, 4);
	put(RSDP + 24, XSDT, 8);
	seal(RSDP, 20, 8);
	seal(RSDP, 36, 32);
	put(XSDT + 36, T1, 8);
	put(XSDT + 44, T2, 8);
	table(XSDT, "XSDT", 52);
	put(RSDT + 36, T1, 4);
	table(RSDT, "RSDT", 40);
	table(T1, "AAAA", 64);
	table(T2, "BBBB", 64);
}

static void test_root(void **state)
{
	(void)state;
	struct acpi a;
	build();
	assert_int_equal(acpi_init(&a, RSDP, map), SL_OK);
	assert_true(a.xsdt);
	assert_int_equal(a.count, 2);
	assert_true(acpi_find(&a, "BBBB", 0) && acpi_find(&a, "BBBB", 0)->phys == T2);
	assert_null(acpi_find(&a, "BBBB", 1));
	assert_null(acpi_find(&a, "CCCC", 0));

	mem[T2 + 50] ^= 1; /* a table with a wrong checksum is kept and marked */
	assert_int_equal(acpi_init(&a, RSDP, map), SL_OK);
	assert_false(acpi_find(&a, "BBBB", 0)->sum_ok);
	assert_true(acpi_find(&a, "AAAA", 0)->sum_ok);

	mem[XSDT + 40] ^= 1; /* a damaged XSDT: the RSDT serves */
	assert_int_equal(acpi_init(&a, RSDP, map), SL_OK);
	assert_false(a.xsdt);
	assert_int_equal(a.count, 1);

	build();
	mem[RSDP + 15] = 0; /* ACPI 1.0 */
	seal(RSDP, 20, 8);
	assert_int_equal(acpi_init(&a, RSDP, map), SL_OK);
	assert_false(a.xsdt);
}

static void test_bad_root(void **state)
{
	(void)state;
	struct acpi a;
	build();
	assert_int_equal(acpi_init(&a, 0, map), SL_BADVAL);
	assert_int_equal(acpi_init(&a, sizeof mem - 4, map), SL_BADVAL);
	mem[RSDP + 9] ^= 1;
	assert_int_equal(acpi_init(&a, RSDP, map), SL_CHECKSUM);
	build();
	put(T1 + 4, 0xffffffff,
	    4); /* tables that run out of memory, or are no tables, are counted and left out */
	put(XSDT + 44, sizeof mem - 8, 8);
	table(XSDT, "XSDT", 52);
	put(RSDT + 36, 0, 4);
	table(RSDT, "RSDT", 40);
	assert_int_equal(acpi_init(&a, RSDP, map), SL_NOTFOUND);
	assert_int_equal(a.count, 0);
}

/* Of more tables than there is room for, those that are used stay, wherever they stand. */
static void test_many(void **state)
{
	(void)state;
	enum { TABLES = 240, USED_AT = 230, AT = 0x1000 };
	static const char *const used[] = {"APIC", "MCFG", "DMAR", "FACP", "HPET", "SPCR", "SRAT", "IVRS"};
	struct acpi a;
	build();
	for (unsigned i = 0; i < TABLES; i++) {
		bool is_used = i >= USED_AT && i < USED_AT + ARRAY_LEN(used);
		put(XSDT + 0x7000 + 36 + 8 * i, i == 5 ? 0x9000000 : AT + 64 * i, 8);
		table(AT + 64 * i, is_used ? used[i - USED_AT] : "SSDT", 64);
	}
	table(XSDT + 0x7000, "XSDT", 36 + 8 * TABLES);
	put(RSDP + 24, XSDT + 0x7000, 8);
	seal(RSDP, 36, 32);
	assert_int_equal(acpi_init(&a, RSDP, map), SL_OK);
	assert_int_equal(a.count, ACPI_MAX_TABLES);
	assert_int_equal(a.lost, 1);
	assert_int_equal(a.lost_at[0], 0x9000000);
	assert_int_equal(a.dropped, TABLES - 1 - ACPI_MAX_TABLES);
	for (unsigned i = 0; i < ARRAY_LEN(used); i++) {
		const struct acpi_table *t = acpi_find(&a, used[i], 0);
		assert_true(t && t->phys == AT + 64 * (USED_AT + i));
	}
	for (unsigned i = 0; i < TABLES; i++) /* nothing but tables that are used */
		table(AT + 64 * i, used[i % ARRAY_LEN(used)], 64);
	assert_int_equal(acpi_init(&a, RSDP, map), SL_OK);
	assert_int_equal(a.count, ACPI_MAX_TABLES);
	assert_int_equal(acpi_find(&a, "APIC", 0)->phys, AT);
}

/* Every cut and every flipped byte: no read outside, no endless walk (ASan and the test's end say so). */
static void test_hostile(void **state)
{
	(void)state;
	struct acpi a;
	for (unsigned at = RSDP; at < T2 + 64; at++)
		for (unsigned flip = 1; flip < 256; flip <<= 1) {
			build();
			mem[at] ^= (uint8_t)flip;
			if (acpi_init(&a, RSDP, map) == SL_OK)
				for (unsigned i = 0; i < a.count; i++)
					assert_true(a.table[i].data.n >= 36);
		}
}

static void test_mcfg(void **state)
{
	(void)state;
	uint8_t t[36 + 8 + 3 * 16] = {0};
	struct span s = {t, sizeof t};
	struct acpi_ecam w;
	t[44 + 3] = 0xb0; /* base 0xb0000000, segment 0, buses 0-255 */
	t[44 + 11] = 0xff;
	t[60 + 2] = 0x01; /* base not on a bus */
	t[76 + 3] = 0xc0; /* segment 1, buses 32-16 */
	t[76 + 8] = 1;
	t[76 + 10] = 32;
	t[76 + 11] = 16;
	assert_int_equal(acpi_mcfg(s, 0, &w), SL_OK);
	assert_true(w.base == 0xb0000000 && w.seg == 0 && w.start == 0 && w.end == 255);
	assert_int_equal(acpi_mcfg(s, 1, &w), SL_BADVAL);
	assert_int_equal(acpi_mcfg(s, 2, &w), SL_BADVAL);
	assert_int_equal(acpi_mcfg(s, 3, &w), SL_END);
	t[76 + 10] = 0;
	assert_int_equal(acpi_mcfg(s, 2, &w), SL_OK);
	assert_int_equal(w.seg, 1);
	assert_int_equal(acpi_mcfg((struct span){t, sizeof t - 1}, 2, &w), SL_END);
}

/* ACPI 6.5 §5.2.9.3: bit 1 of IAPC_BOOT_ARCH, which tables before revision 3 do not have. */
static void test_keyboard_controller(void **state)
{
	(void)state;
	uint8_t t[244] = {0};
	struct span s = {t, sizeof t};
	t[8] = 2;
	assert_true(acpi_fadt_i8042(s));
	t[8] = 3;
	assert_false(acpi_fadt_i8042(s));
	t[109] = 1 << 1;
	assert_true(acpi_fadt_i8042(s));
	t[109] = 0xfd;
	assert_false(acpi_fadt_i8042(s));
}

static void test_devices(void **state)
{
	(void)state;
	uint8_t t[244] = {0};
	struct span s = {t, sizeof t};
	t[76] = 0x08, t[77] = 0x06; /* PM_TMR_BLK 0x608 */
	assert_int_equal(acpi_fadt_timer(s).addr, 0x608);
	assert_false(acpi_fadt_timer(s).wide);
	t[113] = 1; /* TMR_VAL_EXT */
	assert_true(acpi_fadt_timer(s).wide);
	t[208] = 0, t[212] = 0x10, t[215] = 0xfe; /* X_PM_TMR_BLK in memory */
	assert_true(acpi_fadt_timer(s).mmio && acpi_fadt_timer(s).addr == 0xfe000010);
	assert_int_equal(acpi_fadt_timer((struct span){t, 80}).addr, 0x608);

	assert_int_equal(acpi_fadt_reset(s).port, 0);
	t[113] |= 4; /* RESET_REG_SUP */
	t[116] = 1, t[117] = 8, t[120] = 0xf9, t[121] = 0x0c, t[128] = 6;
	assert_true(acpi_fadt_reset(s).port == 0xcf9 && acpi_fadt_reset(s).value == 6);
	t[122] = 1; /* no port has that number */
	assert_int_equal(acpi_fadt_reset(s).port, 0);
	t[122] = 0, t[117] = 16;
	assert_int_equal(acpi_fadt_reset(s).port, 0);
	t[117] = 8, t[116] = 2; /* in configuration space */
	assert_int_equal(acpi_fadt_reset(s).port, 0);
	t[116] = 1;
	assert_int_equal(acpi_fadt_reset((struct span){t, 116}).port, 0);
	t[113] &= (uint8_t)~4;
	assert_int_equal(acpi_fadt_reset(s).port, 0);

	uint8_t spcr[88] = {0};
	struct acpi_uart u;
	spcr[40] = 1, spcr[41] = 8, spcr[44] = 0xf8, spcr[45] = 3;
	assert_int_equal(acpi_spcr((struct span){spcr, 80}, &u), SL_OK);
	assert_true(u.addr == 0x3f8 && !u.mmio && u.stride == 1);
	spcr[36] = 0x12, spcr[40] = 0, spcr[41] = 32, spcr[43] = 3, spcr[47] = 0xfe;
	assert_int_equal(acpi_spcr((struct span){spcr, 80}, &u), SL_OK);
	assert_true(u.mmio && u.stride == 4);
	assert_true(u.baud == 0 && u.clock == 0); /* as it is; revision 0 has no clock */
	spcr[58] = 3;
	assert_int_equal(acpi_spcr((struct span){spcr, 80}, &u), SL_OK);
	assert_int_equal(u.baud, 9600);
	spcr[58] = 5; /* not defined */
	assert_int_equal(acpi_spcr((struct span){spcr, 80}, &u), SL_OK);
	assert_int_equal(u.baud, 0);
	spcr[58] = 6, spcr[8] = 4, spcr[76] = 0, spcr[77] = 0x6c, spcr[78] = 0xdc, spcr[79] = 2;
	spcr[81] = 0xe1; /* precise rate 57600 */
	assert_int_equal(acpi_spcr((struct span){spcr, 88}, &u), SL_OK);
	assert_true(u.clock == 48000000 && u.baud == 57600);
	assert_int_equal(acpi_spcr((struct span){spcr, 82}, &u), SL_OK); /* cut: the code counts */
	assert_true(u.clock == 48000000 && u.baud == 57600);
	spcr[36] = 3; /* ARM PL011 */
	assert_int_equal(acpi_spcr((struct span){spcr, 80}, &u), SL_NOTFOUND);
	assert_int_equal(acpi_spcr((struct span){spcr, 40}, &u), SL_NOTFOUND);
}

/* Real machines' tables, where they are at hand: windows come out sensible. */
static void test_real(void **state)
{
	(void)state;
	const char *dir = support_data("acpi");
	static uint8_t buf[1 << 20];
	unsigned mcfgs = 0;
	char path[512];
	for (const char *name; (name = support_next(dir));) {
		snprintf(path, sizeof path, "%s/%s", dir, name);
		FILE *f = fopen(path, "rb");
		struct span s = {buf, f ? fread(buf, 1, sizeof buf, f) : 0};
		if (f)
			fclose(f);
		if (support_ends(name, ".MCFG.dat")) {
			struct acpi_ecam w;
			assert_int_equal(acpi_mcfg(s, 0, &w), SL_OK);
			mcfgs++;
		}
	}
	assert_true(mcfgs > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_root),
					   cmocka_unit_test(test_bad_root),
					   cmocka_unit_test(test_many),
					   cmocka_unit_test(test_hostile),
					   cmocka_unit_test(test_mcfg),
					   cmocka_unit_test(test_devices),
					   cmocka_unit_test(test_keyboard_controller),
					   cmocka_unit_test(test_real)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
