/* clang-format off */
/* IVRS: the walk over the blocks of every table of up to SIZE bytes
 * CHECKS: nothing outside is read; it ends; each block lies inside the table, behind the one before it
 * SOURCES: iommu/ivrs/ivrs.c
 * UNWIND: 9
 * SEED: iommu/ivrs/ivrs.c | len < BLOCK_HEADER) | len > 0xfff0) | a block of length 0 is accepted: the walk does not end
 * SEED: iommu/ivrs/ivrs.c | if (len > table.n)\n\t\treturn SL_TRUNC; |  | the table's length is believed
 */
/* clang-format on */
#include "tests/prove/prove.h"
#include "iommu/ivrs/ivrs.h"

#define SIZE 64

int main(void)
{
	ANY_SPAN(table, SIZE);
	struct ivrs t;
	struct ivrs_block b = {0};
	if (ivrs_open(table, &t))
		return 0;
	assert(t.bytes.p == table.p && t.bytes.n == span_u32(table, 4) && t.bytes.n <= table.n &&
	       t.bytes.n >= 48);
	size_t at = 48;
	while (ivrs_next(&t, &b) == SL_OK) {
		assert(b.off == at && b.next == at + b.len && b.next > at && b.next <= t.bytes.n);
		assert(b.bytes.n == b.len);
		at = b.next;
	}
	return 0;
}
