/* clang-format off */
/* ACPI: the checksum of any SIZE bytes or fewer
 * CHECKS: nothing outside is read; it is right where the sum of all bytes is a multiple of 256
 * SOURCES: kernel/str.c
 * UNWIND: 130
 * SEED: kernel/acpi.c | i < s.n; i++)\n\t\tsum | i < s.n; i += 2)\n\t\tsum | every other byte is not added
 * SEED: kernel/acpi.c | return sum == 0; | return sum <= 1; | a sum of 1 is taken
 */
/* clang-format on */
#include "kernel/acpi.c"
#include "tests/prove/prove.h"

#define SIZE 128

int main(void)
{
	uint8_t bytes[SIZE];
	struct span table = {bytes, any_size()};
	assume(table.n <= SIZE);
	uint32_t sum = 0;
	for (size_t i = 0; i < table.n; i++)
		sum += table.p[i];
	assert(sum_zero(table) == ((sum & 0xff) == 0));
	return 0;
}
