/* clang-format off */
/* IVRS: device entries, every list of up to SIZE bytes
 * CHECKS: nothing outside is read; the walk ends; an entry lies inside the list, behind the one before it; so does its UID
 * SOURCES: iommu/ivrs/ivrs.c
 * UNWIND: 9
 * SEED: iommu/ivrs/ivrs.c | if (!len)\n\t\treturn SL_BADVAL; |  | an entry of unknown length is accepted: the walk does not end
 * SEED: iommu/ivrs/ivrs.c | if (!span_has(entries, off, len))\n\t\treturn SL_TRUNC; |  | an entry may end behind the list
 */
/* clang-format on */
#include "tests/prove/prove.h"
#include "iommu/ivrs/ivrs.h"

#define SIZE 26

int main(void)
{
	ANY_SPAN(entries, SIZE);
	struct ivrs_entry e = {0};
	size_t at = 0;
	while (ivrs_entry_next(entries, &e) == SL_OK) {
		assert(e.off == at && e.next > at && e.next <= entries.n && e.bytes.n == e.next - at);
		if (e.type == IVRS_HID)
			assert(inside(ivrs_hid_uid(&e), e.bytes) && e.bytes.n >= 22);
		at = e.next;
	}
	return 0;
}
