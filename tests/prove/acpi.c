/* clang-format off */
/* ACPI: from the RSDP to all tables, in root tables of up to SIZE bytes, with something else in memory at each look
 * CHECKS: nothing outside is read; the walk ends; tables are kept as far as there is room, those that are read here first; each has a whole header
 * SOURCES: kernel/acpi.c
 * UNWIND: 10
 * EDIT: kernel/acpi.h | ACPI_MAX_TABLES 96 | ACPI_MAX_TABLES 2 | room for two tables, so that a third finds none
 * EDIT: kernel/acpi.h | lost_at[8] | lost_at[2] | likewise
 * EDIT: kernel/acpi.c | \t\t\tacpi->lost_at[acpi->lost] = at; | {\n\t\t\t__CPROVER_assert(acpi->lost < ARRAY_LEN(acpi->lost_at), "room");\n\t\t\tacpi->lost_at[acpi->lost] = at;\n\t\t} | CBMC sees the end of the struct alone
 * EDIT: kernel/acpi.c | static bool sum_zero( | bool sum_of_anything(struct span s);\n#define sum_zero sum_of_anything\nstatic inline bool sum_by_itself( | the sum may be anything: acpi_sum proves it
 * SEED: kernel/acpi.c | len < ACPI_HEADER || | len < 4 || | a table shorter than a header is accepted
 * SEED: kernel/acpi.c | span_has(root.data, off, width) | span_has(root.data, off, 1) | half a pointer at the end of the root table is followed
 * SEED: kernel/acpi.c | if (at >= ACPI_MAX_TABLES)\n\t\t\treturn; |  | a table is written in front of the list when all that it has are read here
 * SEED: kernel/acpi.c | if (acpi->lost < ARRAY_LEN(acpi->lost_at)) | if (acpi->lost <= ARRAY_LEN(acpi->lost_at)) | one lost address more is kept than there is room for
 */
/* clang-format on */
#include "kernel/acpi.h"
#include "tests/prove/prove.h"

#define SIZE 67

bool sum_of_anything(struct span s)
{
	assert(s.n == 0 || __CPROVER_r_ok(s.p, s.n));
	return any_bool();
}

/* Memory may hold anything, and something else at each look; what is longer than SIZE cannot be mapped. Its
 * last byte is the last of what is looked at. */
static const uint8_t *map(uint64_t phys, size_t len)
{
	assert(phys && len);
	if (len > SIZE || any_bool())
		return NULL;
	uint8_t *bytes = __CPROVER_allocate(SIZE, 0);
	return bytes + SIZE - len;
}

int main(void)
{
	static struct acpi acpi;
	unsigned i = any_u32();
	enum sl_err e = acpi_init(&acpi, any_u64(), map);
	assert(acpi.count <= ACPI_MAX_TABLES && (e != SL_OK || acpi.count > 0));
	assert(acpi.count + acpi.lost + acpi.dropped <= (SIZE - 36) / (acpi.xsdt ? 8 : 4));
	if (i < acpi.count) {
		const struct acpi_table *t = &acpi.table[i];
		assert(t->phys && t->data.n >= 36 && t->data.n <= SIZE && t->sig[4] == 0);
		assert(__CPROVER_r_ok(t->data.p, t->data.n));
	}
	return 0;
}
