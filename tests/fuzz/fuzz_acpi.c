/* ACPI from the RSDP down: the input is what lies behind the RSDP, the XSDT first. The checksums of these two
 * are made right, so that the rest is reached. */
#include <string.h>
#include "kernel/acpi.h"
#include "kernel/madt.h"

enum { RSDP = 16, XSDT = 64 };

static uint8_t mem[8192];
static size_t mem_len;

static const uint8_t *map(uint64_t phys, size_t len)
{
	return phys < mem_len && len <= mem_len - phys ? mem + phys : NULL;
}

static void seal(size_t at, size_t len, size_t sum_at)
{
	uint8_t sum = 0;
	mem[at + sum_at] = 0;
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + mem[at + i]);
	mem[at + sum_at] = (uint8_t)-sum;
}

static void build(const uint8_t *p, size_t n)
{
	memset(mem, 0, sizeof mem);
	mem_len = XSDT + n;
	memcpy(mem + RSDP, "RSD PTR ", 8);
	mem[RSDP + 15] = 2;
	mem[RSDP + 16] = XSDT;
	mem[RSDP + 24] = XSDT;
	seal(RSDP, 20, 8);
	seal(RSDP, 36, 32);
	memcpy(mem + XSDT, p, n);
	if (n < 36)
		return;
	memcpy(mem + XSDT, n % 2 ? "XSDT" : "RSDT", 4);
	uint32_t len = span_u32((struct span){mem + XSDT, n}, 4);
	if (len >= 36 && len <= n)
		seal(XSDT, len, 9);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct acpi a;
	static struct madt m;
	struct acpi_ecam w;
	struct acpi_uart u;
	if (n > sizeof mem - XSDT)
		return 0;
	build(p, n);
	if (acpi_init(&a, RSDP, map) != SL_OK)
		a.count = 0;
	struct span s = {p, n};
	for (unsigned i = 0;; s = a.table[i++].data) {
		for (unsigned k = 0; acpi_mcfg(s, k, &w) != SL_END; k++)
			if (k > n)
				__builtin_trap();
		madt_read(s, &m);
		if (m.cpus * 8 > n || madt_enabled(&m) > m.cpus || m.ioapics * 12 > n)
			__builtin_trap();
		(void)acpi_fadt_timer(s);
		(void)acpi_hpet(s);
		if (acpi_spcr(s, &u) == SL_OK && !u.addr)
			__builtin_trap();
		if (i == a.count)
			return 0;
	}
}
