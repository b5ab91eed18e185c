#include "apps/bringup/dma_window.h"
#include "apps/machine.h"
#include "iommu/ivrs/ivrs.h"
#include "kernel/acpi.h"
#include "kernel/pmm.h"
#include "pci/window.h"

#define WINDOW_TOP 38u /* bits: what the narrowest usual unit has */
#define WINDOW_LOW BIT(32)
#define UNIT_SIZE  0x80000u /* registers of an AMD unit at most */

unsigned window_width(const struct iommu *mmu)
{
	struct iommu_unit_info u;
	unsigned width = 64;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		iommu_unit_info(mmu, i, &u);
		width = !u.unusable && u.width && u.width < width ? u.width : width;
	}
	return width;
}

/* [base, base + WINDOW_SIZE) and the len bytes at at, which may end at 2^64. */
static bool meets(uint64_t base, uint64_t at, uint64_t len)
{
	return len && at < base + WINDOW_SIZE && (at >= base || base - at < len);
}

static bool meets_memory(const struct window_in *in, uint64_t base)
{
	for (uint32_t i = 0; i < in->mems; i++)
		if (meets(base, in->mem[i].base, in->mem[i].pages * PAGE_SIZE))
			return true;
	return false;
}

static bool meets_dmar(const struct window_in *in, uint64_t base)
{
	struct dmar t;
	struct dmar_entry e = {0};
	struct dmar_rmrr r;
	struct dmar_drhd d;
	if (dmar_open(in->dmar, &t) != SL_OK)
		return false;
	while (dmar_next(&t, &e) == SL_OK) {
		if (e.type == DMAR_RMRR && dmar_rmrr(&e, &r) == SL_OK && r.limit > r.base &&
		    meets(base, r.base, r.limit - r.base + 1))
			return true;
		if (e.type == DMAR_DRHD && dmar_drhd(&e, &d) == SL_OK && meets(base, d.base, d.size))
			return true;
	}
	return false;
}

static bool meets_ivrs(const struct window_in *in, uint64_t base)
{
	struct ivrs t;
	struct ivrs_block b = {0};
	struct ivrs_ivmd m;
	struct ivrs_ivhd unit;
	uint64_t from, len;
	if (ivrs_open(in->ivrs, &t) != SL_OK)
		return false;
	while (ivrs_next(&t, &b) == SL_OK) {
		if (ivrs_is_ivmd(b.type) && ivrs_ivmd(&b, &m) == SL_OK && ivrs_ivmd_pages(&m, &from, &len) &&
		    meets(base, from, len))
			return true;
		if (ivrs_is_ivhd(b.type) && ivrs_ivhd(&b, &unit) == SL_OK &&
		    meets(base, unit.base, UNIT_SIZE))
			return true;
	}
	return false;
}

static bool meets_ecam(const struct window_in *in, uint64_t base)
{
	struct acpi_ecam w;
	enum sl_err e;
	for (unsigned i = 0; (e = acpi_mcfg(in->mcfg, i, &w)) != SL_END; i++)
		if (!e && meets(base, w.base + ((uint64_t)w.start << 20), (w.end - w.start + 1ull) << 20))
			return true;
	return false;
}

static bool is_clear(const struct window_in *in, uint64_t base, bool of_memory)
{
	if (pci_range_used(in->pci, base, WINDOW_SIZE) || meets_dmar(in, base) || meets_ivrs(in, base) ||
	    meets_ecam(in, base))
		return false;
	return of_memory ? pmm_is_free(PHYS(base), WINDOW_SIZE / PAGE_SIZE) : !meets_memory(in, base);
}

static bool search(const struct window_in *in, bool of_memory, uint64_t *base)
{
	uint64_t top = BIT(in->width < WINDOW_TOP ? in->width : WINDOW_TOP), middle = BIT(WINDOW_TOP - 1);
	for (uint64_t at = middle; at < top; at += PAGE_1G)
		if (is_clear(in, at, of_memory)) {
			*base = at;
			return true;
		}
	for (uint64_t at = top < middle ? top : middle; at > WINDOW_LOW;) {
		at -= PAGE_1G;
		if (is_clear(in, at, of_memory)) {
			*base = at;
			return true;
		}
	}
	return false;
}

enum sl_err window_choose_low(const struct pci *pci, uint64_t *base)
{
	for (uint64_t at = WINDOW_LOW - WINDOW_SIZE; at; at -= WINDOW_SIZE)
		if (pmm_is_free(PHYS(at), WINDOW_SIZE / PAGE_SIZE) && !pci_range_used(pci, at, WINDOW_SIZE)) {
			*base = at;
			return SL_OK;
		}
	return SL_NOSPACE;
}

enum sl_err window_choose(const struct window_in *in, uint64_t *base)
{
	return search(in, false, base) || search(in, true, base) ? SL_OK : SL_NOSPACE;
}
