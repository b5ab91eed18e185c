/* clang-format off */
/* DMAR: the walk over the structures of every table of up to SIZE bytes
 * CHECKS: nothing outside is read; it ends; each structure lies inside the table, behind the one before it
 * SOURCES: iommu/dmar/dmar.c
 * UNWIND: 6
 * SEED: iommu/dmar/dmar.c | len < ENTRY_HEADER) | len > 0xfff0) | a structure of length 0 is accepted: the walk does not end
 * SEED: iommu/dmar/dmar.c | if (len > table.n)\n\t\treturn SL_TRUNC; |  | the table's length is believed
 */
/* clang-format on */
#include "tests/prove/prove.h"
#include "iommu/dmar/dmar.h"

#define SIZE 64

int main(void)
{
	ANY_SPAN(table, SIZE);
	struct dmar t;
	struct dmar_entry e = {0};
	if (dmar_open(table, &t))
		return 0;
	assert(t.bytes.p == table.p && t.bytes.n == span_u32(table, 4) && t.bytes.n <= table.n &&
	       t.bytes.n >= 48);
	size_t at = 48;
	while (dmar_next(&t, &e) == SL_OK) {
		assert(e.off == at && e.next == at + e.len && e.next > at && e.next <= t.bytes.n);
		assert(e.bytes.n == e.len);
		at = e.next;
	}
	return 0;
}
