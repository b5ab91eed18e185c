/* clang-format off */
/* DMAR: what a structure of any type and up to SIZE bytes holds
 * CHECKS: nothing outside is read; list of scopes and name lie inside the structure; a name has no NUL; a unit's window is 4 KiB to 128 MiB
 * SOURCES: iommu/dmar/dmar.c
 * UNWIND: 34
 * SEED: iommu/dmar/dmar.c | while (n < name.n && | while (n <= name.n && | the name of an ANDD is read past its end
 * SEED: iommu/dmar/dmar.c | if (e->type >= ARRAY_LEN(first) || | if (e->type > ARRAY_LEN(first) || | the type after the last one is looked up
 */
/* clang-format on */
#include "tests/prove/prove.h"
#include "iommu/dmar/dmar.h"

#define SIZE 40

int main(void)
{
	ANY_SPAN(bytes, SIZE);
	struct dmar_entry e = {
		.type = any_u16(), .len = (uint16_t)bytes.n, .off = any_size(), .bytes = bytes};
	struct dmar_drhd drhd;
	struct dmar_rmrr rmrr;
	struct dmar_atsr atsr;
	struct dmar_rhsa rhsa;
	struct dmar_andd andd;
	struct dmar_satc satc;
	struct dmar_sidp sidp;
	struct span scopes;
	uint16_t seg;
	if (dmar_drhd(&e, &drhd) == SL_OK)
		assert(drhd.off == e.off && inside(drhd.scopes, bytes) && drhd.size >= 0x1000 &&
		       drhd.size <= 0x8000000);
	if (dmar_rmrr(&e, &rmrr) == SL_OK)
		assert(inside(rmrr.scopes, bytes));
	if (dmar_atsr(&e, &atsr) == SL_OK)
		assert(inside(atsr.scopes, bytes));
	if (dmar_rhsa(&e, &rhsa) == SL_OK)
		assert(bytes.n >= 20);
	if (dmar_satc(&e, &satc) == SL_OK)
		assert(inside(satc.scopes, bytes));
	if (dmar_sidp(&e, &sidp) == SL_OK)
		assert(inside(sidp.scopes, bytes));
	if (dmar_scopes(&e, &seg, &scopes) == SL_OK)
		assert(inside(scopes, bytes));
	if (dmar_andd(&e, &andd) == SL_OK) {
		assert(inside(andd.name, bytes));
		for (size_t i = 0; i < andd.name.n; i++)
			assert(andd.name.p[i]);
	}
	return 0;
}
