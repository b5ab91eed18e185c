#include "pci/quirk.h"
#include "pci/regs.h"

#define INTEL      PCI_VENDOR_INTEL
#define MARVELL    PCI_VENDOR_MARVELL
#define ALL_REVS   0, 0xff
#define DISPLAY    0x03
#define PERIPHERAL 0x08 /* base class: generic system peripherals */
#define SIGNALS    0x11 /* base class: signal processing, which is where performance counters are */

#define HSE43   "Intel Xeon E5 v3 Specification Update, HSE43; Linux: pci_invalid_bar"
#define BDF2    "Intel Xeon E5 v4 Specification Update, BDF2; Linux: pci_invalid_bar"
#define MROM    "Intel C620 MROM functions; Linux: pci_invalid_bar"
#define UNCORE  "Intel's uncore buses: registers of the processor, which Sluice does not drive"
#define SPT_100 "Intel 100 Series Specification Update, erratum 23; Linux: pci_quirk_intel_spt_pch_acs"
#define SPT_200 "Intel 200 Series Specification Update, erratum 22; Linux: pci_quirk_intel_spt_pch_acs"
#define PCH_ACS "Linux: pci_quirk_intel_pch_acs"
#define FUNC1   "kernel.org bugzilla 42679; Linux: quirk_dma_func1_alias"
#define VMD_IDS "Linux: vmd_ids"
#define TYLERSBURG                                                                                           \
	"Intel 5500, 5520, X58 Specification Updates, errata 47, 53, 62, 69; Linux: intel_remapping_check"
#define RWBF     "Linux: quirk_iommu_rwbf"
#define IGFX     "Linux: quirk_iommu_igfx"
#define CALPELLA "no shadow GTT (GGC); Linux: quirk_calpella_no_shadow_gtt"
#define GEMINI   "a patch by Intel for Linux, iommu/vt-d: Disable superpage for Geminilake igfx (July 2021)"

#define GGC    0x52 /* graphics control of the host bridge */
#define GGC_VT 0x0800

#define ROW(vendor, first, last, effect, who)                                                                \
	{                                                                                                    \
		vendor, first, last, effect, ALL_REVS, 0, 0, 0, who                                          \
	}

static const struct pci_quirk rows[] = {
	ROW(INTEL, 0x2fc0, 0x2fc0, QUIRK_NO_BARS, HSE43),
	ROW(INTEL, 0x6f60, 0x6f60, QUIRK_NO_BARS, BDF2),
	ROW(INTEL, 0x6fa0, 0x6fa0, QUIRK_NO_BARS, BDF2),
	ROW(INTEL, 0x6fc0, 0x6fc0, QUIRK_NO_BARS, BDF2),
	ROW(INTEL, 0xa1ec, 0xa1ed, QUIRK_NO_BARS, MROM),
	ROW(INTEL, 0xa26c, 0xa26d, QUIRK_NO_BARS, MROM),
	{INTEL, 0, 0xffff, QUIRK_NO_BARS, ALL_REVS, PERIPHERAL, 0, 0, UNCORE},
	{INTEL, 0, 0xffff, QUIRK_NO_BARS, ALL_REVS, SIGNALS, 0, 0, UNCORE},

	ROW(INTEL, 0xa110, 0xa11f, QUIRK_ACS_WIDE, SPT_100),
	ROW(INTEL, 0xa167, 0xa16a, QUIRK_ACS_WIDE, SPT_100),
	ROW(INTEL, 0x9d10, 0x9d1b, QUIRK_ACS_WIDE, SPT_100),
	ROW(INTEL, 0xa290, 0xa29f, QUIRK_ACS_WIDE, SPT_200),
	ROW(INTEL, 0xa2e7, 0xa2ee, QUIRK_ACS_WIDE, SPT_200),

	ROW(INTEL, 0x3b42, 0x3b51, QUIRK_ACS_HIDDEN, PCH_ACS),
	ROW(INTEL, 0x1c10, 0x1c1f, QUIRK_ACS_HIDDEN, PCH_ACS),
	ROW(INTEL, 0x1d10, 0x1d1f, QUIRK_ACS_HIDDEN, PCH_ACS),
	ROW(INTEL, 0x1e10, 0x1e1f, QUIRK_ACS_HIDDEN, PCH_ACS),
	ROW(INTEL, 0x8c10, 0x8c1f, QUIRK_ACS_HIDDEN, PCH_ACS),
	ROW(INTEL, 0x9c10, 0x9c1f, QUIRK_ACS_HIDDEN, PCH_ACS),
	ROW(INTEL, 0x8c90, 0x8c9f, QUIRK_ACS_HIDDEN, PCH_ACS),
	ROW(INTEL, 0x8d10, 0x8d1f, QUIRK_ACS_HIDDEN, PCH_ACS),
	ROW(INTEL, 0x9c90, 0x9c9f, QUIRK_ACS_HIDDEN, PCH_ACS),

	ROW(MARVELL, 0x9120, 0x9120, QUIRK_ALIAS_1, FUNC1),
	ROW(MARVELL, 0x9123, 0x9123, QUIRK_ALIAS_1, FUNC1),
	ROW(MARVELL, 0x9128, 0x9128, QUIRK_ALIAS_1, FUNC1),
	ROW(MARVELL, 0x9130, 0x9130, QUIRK_ALIAS_1, FUNC1),
	ROW(MARVELL, 0x9172, 0x9172, QUIRK_ALIAS_1, FUNC1),
	ROW(MARVELL, 0x917a, 0x917a, QUIRK_ALIAS_1, FUNC1),
	ROW(MARVELL, 0x9182, 0x9182, QUIRK_ALIAS_1, FUNC1),
	ROW(MARVELL, 0x91a0, 0x91a0, QUIRK_ALIAS_1, FUNC1),
	ROW(MARVELL, 0x9215, 0x9215, QUIRK_ALIAS_1, FUNC1),
	ROW(MARVELL, 0x9220, 0x9220, QUIRK_ALIAS_1, FUNC1),
	ROW(MARVELL, 0x9230, 0x9230, QUIRK_ALIAS_1, FUNC1),
	ROW(MARVELL, 0x9235, 0x9235, QUIRK_ALIAS_1, FUNC1),

	ROW(INTEL, 0x201d, 0x201d, QUIRK_VMD, VMD_IDS),
	ROW(INTEL, 0x28c0, 0x28c0, QUIRK_VMD, VMD_IDS),
	ROW(INTEL, 0x467f, 0x467f, QUIRK_VMD, VMD_IDS),
	ROW(INTEL, 0x4c3d, 0x4c3d, QUIRK_VMD, VMD_IDS),
	ROW(INTEL, 0x7d0b, 0x7d0b, QUIRK_VMD, VMD_IDS),
	ROW(INTEL, 0x9a0b, 0x9a0b, QUIRK_VMD, VMD_IDS),
	ROW(INTEL, 0xa77f, 0xa77f, QUIRK_VMD, VMD_IDS),
	ROW(INTEL, 0xad0b, 0xad0b, QUIRK_VMD, VMD_IDS),
	ROW(INTEL, 0xb06f, 0xb06f, QUIRK_VMD, VMD_IDS),
	ROW(INTEL, 0xb60b, 0xb60b, QUIRK_VMD, VMD_IDS),

	{INTEL, 0x3403, 0x3403, QUIRK_NO_REMAPPING, 0, 0x13, 0, 0, 0, TYLERSBURG},
	{INTEL, 0x3405, 0x3406, QUIRK_NO_REMAPPING, 0, 0x13, 0, 0, 0, TYLERSBURG},
	{INTEL, 0x3405, 0x3405, QUIRK_NO_REMAPPING, 0x22, 0x22, 0, 0, 0, TYLERSBURG},

	ROW(INTEL, 0x2a40, 0x2a40, QUIRK_WRITE_BUFFER, RWBF),
	ROW(INTEL, 0x2e00, 0x2e00, QUIRK_WRITE_BUFFER, RWBF),
	ROW(INTEL, 0x2e10, 0x2e10, QUIRK_WRITE_BUFFER, RWBF),
	ROW(INTEL, 0x2e20, 0x2e20, QUIRK_WRITE_BUFFER, RWBF),
	ROW(INTEL, 0x2e30, 0x2e30, QUIRK_WRITE_BUFFER, RWBF),
	ROW(INTEL, 0x2e40, 0x2e40, QUIRK_WRITE_BUFFER, RWBF),
	ROW(INTEL, 0x2e90, 0x2e90, QUIRK_WRITE_BUFFER, RWBF),

	ROW(INTEL, 0x2a40, 0x2a40, QUIRK_GRAPHICS_OFF, IGFX),
	ROW(INTEL, 0x2e00, 0x2e00, QUIRK_GRAPHICS_OFF, IGFX),
	ROW(INTEL, 0x2e10, 0x2e10, QUIRK_GRAPHICS_OFF, IGFX),
	ROW(INTEL, 0x2e20, 0x2e20, QUIRK_GRAPHICS_OFF, IGFX),
	ROW(INTEL, 0x2e30, 0x2e30, QUIRK_GRAPHICS_OFF, IGFX),
	ROW(INTEL, 0x2e40, 0x2e40, QUIRK_GRAPHICS_OFF, IGFX),
	ROW(INTEL, 0x2e90, 0x2e90, QUIRK_GRAPHICS_OFF, IGFX),
	ROW(INTEL, 0x0044, 0x0044, QUIRK_GRAPHICS_OFF, IGFX),
	{INTEL, 0x1602, 0x163e, QUIRK_GRAPHICS_OFF, ALL_REVS, DISPLAY, 0, 0, IGFX}, /* Broadwell */
	{INTEL, 0x0040, 0x0040, QUIRK_GRAPHICS_OFF, ALL_REVS, 0, GGC, GGC_VT, CALPELLA},
	{INTEL, 0x0062, 0x0062, QUIRK_GRAPHICS_OFF, ALL_REVS, 0, GGC, GGC_VT, CALPELLA},
	{INTEL, 0x006a, 0x006a, QUIRK_GRAPHICS_OFF, ALL_REVS, 0, GGC, GGC_VT, CALPELLA},

	ROW(INTEL, 0x3184, 0x3185, QUIRK_GRAPHICS_4K, GEMINI),
};

/* A whole class is meant only where it is the processor's own: on a root bus beyond the first, and with
 * nothing that a driver would need. Accelerators that stand there too have interrupts. */
static bool is_uncore(const struct pci_func *f)
{
	return !f->parent && bdf_bus(f->bdf) && !f->cap_msi && !f->cap_msix && !f->cap_sriov;
}

static bool has_ids(const struct pci_func *f, const struct pci_quirk *q)
{
	return f->vendor == q->vendor && f->device >= q->first && f->device <= q->last &&
	       f->revision >= q->rev_first && f->revision <= q->rev_last &&
	       (!q->class || f->class >> 16 == q->class);
}

static bool fits(const struct pci_func *f, const struct pci_quirk *q)
{
	if (!has_ids(f, q))
		return false;
	if (q->clear && fn_rd16(f, q->reg) & q->clear)
		return false;
	switch (q->effect) {
	case QUIRK_NO_BARS:
		return !q->class || is_uncore(f);
	case QUIRK_ACS_WIDE:
		return f->port_type == PCI_PORT_ROOT;
	case QUIRK_ACS_HIDDEN:
		return f->port_type == PCI_PORT_ROOT && !f->cap_acs;
	default:
		return true;
	}
}

void pci_quirk_note(struct pci_func *fn)
{
	fn->quirkless = (uint16_t)BITS(QUIRK_EFFECTS - 1, 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (has_ids(fn, &rows[i]))
			fn->quirkless &= (uint16_t)~BIT(rows[i].effect);
}

const struct pci_quirk *pci_quirk_find(const struct pci_func *fn, enum pci_quirk_effect effect)
{
	if (fn->quirkless & BIT(effect))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].effect == effect && fits(fn, &rows[i]))
			return &rows[i];
	return NULL;
}

const struct pci_quirk *pci_quirk_row(unsigned i)
{
	return i < ARRAY_LEN(rows) ? &rows[i] : NULL;
}

const char *pci_quirk_text(enum pci_quirk_effect effect)
{
	static const char *const texts[QUIRK_EFFECTS] = {
		[QUIRK_NO_BARS] = "its Base Address Registers are not sized: they may be other registers",
		[QUIRK_ACS_WIDE] = "its ACS registers are used in their 32-bit form",
		[QUIRK_ACS_HIDDEN] = "it isolates by chipset registers that Sluice does not set",
		[QUIRK_ALIAS_1] = "requests as function 1 count as its own",
		[QUIRK_VMD] = "what is behind it is not examined",
		[QUIRK_NO_REMAPPING] = "interrupts are not remapped, because this chipset loses them",
		[QUIRK_WRITE_BUFFER] = "write buffers are flushed although CAP.RWBF is 0",
		[QUIRK_GRAPHICS_OFF] = "the unit that covers only graphics stays as the firmware left it",
		[QUIRK_GRAPHICS_4K] =
			"the unit that covers only graphics gets pages of 4 KiB and no larger ones",
	};
	return (unsigned)effect < QUIRK_EFFECTS ? texts[effect] : "?";
}
