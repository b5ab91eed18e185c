#include "apps/bringup/amd_unit.h"
#include "kernel/mmio.h"

/* AMD IOMMU specification: capability block and registers. */
#define CAP_ID_SECURE  0x0f
#define CAP_TYPE       BITS(18, 16)
#define CAP_TYPE_IOMMU 3
#define CAP_BASE_LOW   0x04
#define CAP_BASE_HIGH  0x08
#define CAP_BASE       BITS(63, 14)
#define REGISTERS      0x4000
#define CONTROL        0x18
#define EFR            0x30

static struct seen {
	bdf_t unit;
	bool answers;
	struct ivrs_live live;
} seen[IVRS_UNITS];
static unsigned count;

static bool take(const struct pci_func *f, const struct ivrs_ivhd *unit, struct ivrs_live *out)
{
	if (unit->cap < 0x40 || unit->cap > 0xf4 || unit->cap % 4)
		return false;
	uint32_t head = fn_rd32(f, unit->cap);
	if ((head & 0xff) != CAP_ID_SECURE || FGET(head, CAP_TYPE) != CAP_TYPE_IOMMU)
		return false;
	*out = (struct ivrs_live){.cap_base = fn_rd32(f, unit->cap + CAP_BASE_LOW) |
					      (uint64_t)fn_rd32(f, unit->cap + CAP_BASE_HIGH) << 32};
	if ((out->cap_base & CAP_BASE) != unit->base)
		return true; /* that much is known; nothing is read there */
	const volatile uint8_t *regs = mmio_claim("an AMD IOMMU", PHYS(unit->base), REGISTERS, PHYS_UNIT);
	if (!regs)
		return false;
	out->control = mmio_rd64(regs + CONTROL);
	out->efr = mmio_rd64(regs + EFR);
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
