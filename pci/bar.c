#include "pci/priv.h"
#include "pci/quirk.h"
#include "pci/regs.h"

/* Writes ones, reads back, and restores the old value: PCIe §7.5.1.2.1. 0 with read-only access. */
static uint32_t probe(const struct pci_func *f, unsigned off, uint64_t ones)
{
	if (f->cfg->read_only)
		return 0;
	uint32_t old = fn_rd32(f, off);
	fn_wr32(f, off, ones);
	uint32_t got = fn_rd32(f, off);
	fn_wr32(f, off, old);
	return got;
}

/* The lowest bit that can be written is the size. This does not ask for the bits above it to be writable,
 * because I/O BARs may leave out the upper 16 and 64-bit ones some of the top. */
static uint64_t size_of(uint64_t mask)
{
	return mask & (0 - mask);
}

/* Reads the BAR at off, with decoding off: nothing may be logged here, the function could be the console.
 * Returns how many registers it takes. A BAR of an impossible type is ignored. */
static unsigned bar_read(const struct pci_func *f, unsigned off, unsigned registers_left, struct pci_bar *bar)
{
	uint32_t lo = fn_rd32(f, off);
	*bar = (struct pci_bar){0};
	if (lo == UINT32_MAX)
		return 1; /* the function is gone */
	if (lo & BAR_IO) {
		bar->io = true;
		bar->addr = lo & BAR_IO_ADDR;
		bar->size = size_of(probe(f, off, UINT32_MAX) & BAR_IO_ADDR);
		return 1;
	}
	bar->mem64 = FGET(lo, BAR_TYPE) == BAR_TYPE_64;
	bar->prefetch = (lo & BAR_PREF) != 0;
	if (FGET(lo, BAR_TYPE) == BAR_TYPE_RSV || (bar->mem64 && registers_left < 2))
		return 1;
	uint64_t mask = probe(f, off, UINT32_MAX) & BAR_MEM_ADDR;
	bar->addr = lo & BAR_MEM_ADDR;
	if (bar->mem64) {
		mask |= (uint64_t)probe(f, off + 4, UINT32_MAX) << 32;
		bar->addr |= (uint64_t)fn_rd32(f, off + 4) << 32;
	}
	bar->size = size_of(mask);
	return bar->mem64 ? 2 : 1;
}

/* A host bridge may not have its decoding switched off, not even for a moment: memory is behind it. */
void bars_read(struct pci_func *f)
{
	unsigned n = f->hdr_type == 0 ? PCI_BARS : f->hdr_type < 3 ? 3u - f->hdr_type : 0;
	if (n == 0 || f->class >> 8 == PCI_CLASS_HOST_BRIDGE || pci_quirk_find(f, QUIRK_NO_BARS))
		return;
	uint16_t cmd = fn_rd16(f, CFG_CMD);
	fn_wr16(f, CFG_CMD, cmd & ~(CMD_IOSE | CMD_MSE));
	for (unsigned i = 0; i < n;)
		i += bar_read(f, CFG_BAR + 4 * i, n - i, &f->bar[i]);
	unsigned rom = f->is_bridge ? CFG_ROM1 : CFG_ROM0;
	if (f->hdr_type < 2) { /* a CardBus bridge has none */
		f->rom.addr = fn_rd32(f, rom) & ROM_ADDR;
		f->rom.size = size_of(probe(f, rom, ROM_ADDR) & ROM_ADDR);
	}
	fn_wr16(f, CFG_CMD, cmd);
}

/* PCIe §9.3.3.14: as the BARs of a type 0 header, but never I/O. */
void vf_bars_read(struct pci_func *f)
{
	unsigned ctl_off = f->cap_sriov + SRIOV_CTL, bars = f->cap_sriov + SRIOV_BAR;
	uint16_t ctl = fn_rd16(f, ctl_off);
	fn_wr16(f, ctl_off, ctl & ~SRIOV_CTL_MSE);
	for (unsigned i = 0; i < PCI_BARS;) {
		struct pci_bar *bar = &f->vf_bar[i];
		i += bar_read(f, bars + 4 * i, PCI_BARS - i, bar);
		if (bar->io)
			*bar = (struct pci_bar){0};
	}
	fn_wr16(f, ctl_off, ctl);
}
