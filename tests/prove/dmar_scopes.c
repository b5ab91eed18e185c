/* clang-format off */
/* DMAR: device scopes, every list of up to SIZE bytes, on every topology
 * CHECKS: nothing outside is read; the walk and each path end; a path is inside its scope; where it leads is a function of the segment
 * SOURCES: iommu/dmar/dmar.c
 * UNWIND: 8
 * SEED: iommu/dmar/dmar.c | len < SCOPE_PATH || |  | a scope of length 0 is accepted: the walk does not end
 * SEED: iommu/dmar/dmar.c | if (!hops)\n\t\treturn SL_NOTFOUND; |  | an empty path is followed
 */
/* clang-format on */
#include "tests/prove/prove.h"
#include "iommu/dmar/dmar.h"

#define SIZE 18

/* Firmware and hardware may say anything, and something else each time. */
static bool bridge(void *ctx, bdf_t fn, uint8_t *sec, uint8_t *sub)
{
	(void)ctx, (void)fn;
	*sec = any_u8();
	*sub = any_u8();
	return any_bool();
}

int main(void)
{
	ANY_SPAN(scopes, SIZE);
	struct dmar_topo topo = {.bridge = bridge};
	struct dmar_scope s = {0};
	uint16_t seg = any_u16();
	size_t at = 0;
	while (dmar_scope_next(scopes, &s) == SL_OK) {
		bdf_t fn;
		assert(s.off == at && s.next == at + s.len && s.next > at && s.next <= scopes.n);
		assert(inside(s.path, scopes) && s.path.n == s.len - 6u &&
		       dmar_scope_hops(&s) == s.path.n / 2);
		if (dmar_scope_resolve(&topo, seg, &s, &fn) == SL_OK)
			assert(fn.seg == seg && dmar_scope_hops(&s) > 0);
		at = s.next;
	}
	return 0;
}
