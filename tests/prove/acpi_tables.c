/* clang-format off */
/* ACPI: MCFG, FADT, HPET and SPCR of any SIZE bytes or fewer
 * CHECKS: nothing outside is read; a window of configuration space is aligned, its buses are in order; a UART has an address
 * SOURCES: kernel/acpi.c kernel/str.c
 * UNWIND: 9
 * SEED: kernel/acpi.c | if (!span_has(mcfg, off, 16)) | if (!span_has(mcfg, off, 8)) | half a window at the end of the MCFG is taken
 * SEED: kernel/acpi.c | out->start > out->end) | out->start > out->end + 1) | a window that ends before it begins is taken
 */
/* clang-format on */
#include "tests/prove/prove.h"
#include "kernel/acpi.h"

#define SIZE 256

int main(void)
{
	ANY_SPAN(table, SIZE);
	struct acpi_ecam ecam;
	struct acpi_uart uart;
	unsigned i = any_u32();
	if (acpi_mcfg(table, i, &ecam) == SL_OK) {
		assert(44 + 16 * ((uint64_t)i + 1) <= table.n);
		assert(ecam.base && ecam.base % 0x100000 == 0 && ecam.base < 1ull << 52 &&
		       ecam.start <= ecam.end);
	}
	struct acpi_timer timer = acpi_fadt_timer(table);
	assert(!timer.addr || table.n >= 80);
	assert(!acpi_hpet(table) || table.n >= 52);
	if (acpi_spcr(table, &uart) == SL_OK)
		assert(table.n >= 52 && uart.addr && (uart.stride == 1 || uart.stride == 4));
	return 0;
}
