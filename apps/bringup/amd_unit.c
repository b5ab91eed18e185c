#include "apps/bringup/amd_unit.h"
#include "iommu/amdvi/io_hw.h"
#include "iommu/amdvi/regs_seen.h"
#include "kernel/cpu.h"
#include "kernel/mmio.h"
#include "pci/regs.h"

static struct seen {
	bdf_t unit;
	bool answers;
	struct ivrs_live live;
} seen[IVRS_UNITS];
static unsigned count;

/* The capability that the table names; false when it is not a unit's. */
static bool capability(const struct pci_func *f, const struct ivrs_ivhd *unit, uint32_t *head, uint64_t *base)
{
	*head = fn_rd32(f, unit->cap & 0xfcu);
	if (!amdvi_is_capability(unit->cap, *head))
		return false;
	unsigned at = unit->cap + AMDVI_CAP_BASE_LOW;
	*base = fn_rd32(f, at) | (uint64_t)fn_rd32(f, at + 4) << 32;
	return true;
}

static volatile void *registers(const struct ivrs_ivhd *unit)
{
	return mmio_claim("an AMD IOMMU", PHYS(unit->base), AMDVI_REGS, PHYS_UNIT);
}

static bool take(const struct pci_func *f, const struct ivrs_ivhd *unit, struct ivrs_live *out)
{
	uint32_t head;
	*out = (struct ivrs_live){0};
	if (!capability(f, unit, &head, &out->cap_base))
		return false;
	if ((out->cap_base & AMDVI_CAP_BASE) != unit->base)
		return true; /* that much is known; nothing is read there */
	const volatile uint8_t *regs = registers(unit);
	if (!regs)
		return false;
	out->control = mmio_rd64(regs + AMDVI_CONTROL);
	out->efr = mmio_rd64(regs + AMDVI_EFR);
	return out->control != UINT64_MAX;
}

bool amd_unit_read(void *ctx, const struct ivrs_ivhd *unit, struct ivrs_live *out)
{
	const struct pci *pci = ctx;
	const struct pci_func *f = pci_find(pci, unit->unit);
	unsigned i = 0;
	while (i < count && !bdf_eq(seen[i].unit, unit->unit))
		i++;
	if (!f || i == IVRS_UNITS)
		return false;
	if (i == count) {
		seen[count++].unit = unit->unit;
		seen[i].answers = take(f, unit, &seen[i].live);
	}
	*out = seen[i].live;
	return seen[i].answers;
}

/* A function that the scan did not find says nothing: the worst is assumed. */
static enum sl_err open_unit(void *ctx, const struct ivrs_ivhd *unit, struct amdvi_io *out,
			     bool *caches_empty)
{
	const struct pci_func *f = pci_find(ctx, unit->unit);
	uint32_t head;
	uint64_t base = 0;
	*caches_empty = true;
	if (f && capability(f, unit, &head, &base)) {
		*caches_empty = (head & AMDVI_CAP_NP_CACHE) != 0;
		if (base & AMDVI_CAP_BASE && (base & AMDVI_CAP_BASE) != unit->base)
			return SL_NOTFOUND;
	}
	volatile void *regs = registers(unit);
	if (!regs)
		return SL_RANGE;
	*out = amdvi_io_hw(regs);
	return SL_OK;
}

/* PCIe §7.7.1; one message. */
static enum sl_err set_interrupt(void *ctx, const struct ivrs_ivhd *unit, uint64_t addr, uint32_t data)
{
	struct pci_func *f = pci_find(ctx, unit->unit);
	if (!f || !f->cap_msi)
		return SL_UNSUPPORTED;
	uint16_t control = fn_rd16(f, f->cap_msi + MSI_CTL);
	bool wide = (control & MSI_CTL_64) != 0;
	fn_wr16(f, f->cap_msi + MSI_CTL, control & (uint16_t) ~(MSI_CTL_EN | MSI_CTL_MME));
	fn_wr32(f, f->cap_msi + MSI_ADDR, addr);
	if (wide)
		fn_wr32(f, f->cap_msi + MSI_ADDR_HI, addr >> 32);
	fn_wr16(f, f->cap_msi + (wide ? (unsigned)MSI_DATA_64 : MSI_DATA_32), data);
	pci_bus_master(f, true);
	fn_wr16(f, f->cap_msi + MSI_CTL, (control & (uint16_t)~MSI_CTL_MME) | MSI_CTL_EN);
	return SL_OK;
}

const struct amdvi_regs *amd_unit_regs(struct pci *pci)
{
	static struct amdvi_regs regs;
	regs = (struct amdvi_regs){.ctx = pci,
				   .emulated = cpu_info()->hypervisor,
				   .open = open_unit,
				   .interrupt = set_interrupt};
	return &regs;
}
