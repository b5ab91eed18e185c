#include "pci/msix.h"
#include "pci/regs.h"

static bool fits(const struct pci_func *fn, unsigned bar, uint64_t off, uint64_t len)
{
	return bar < PCI_BARS && !fn->bar[bar].io && off + len <= fn->bar[bar].size;
}

enum sl_err msix_read(const struct pci_func *fn, struct msix *out)
{
	if (!fn->cap_msix)
		return SL_NOTFOUND;
	uint32_t table = fn_rd32(fn, fn->cap_msix + MSIX_TABLE), pba = fn_rd32(fn, fn->cap_msix + MSIX_PBA);
	*out = (struct msix){
		.vectors = (uint16_t)(FGET(fn_rd16(fn, fn->cap_msix + MSIX_CTL), MSIX_CTL_SIZE) + 1),
		.table_bar = (uint8_t)FGET(table, MSIX_BIR),
		.pba_bar = (uint8_t)FGET(pba, MSIX_BIR),
		.table_off = (uint32_t)(table & MSIX_OFFSET),
		.pba_off = (uint32_t)(pba & MSIX_OFFSET),
	};
	/* An entry is 16 bytes; the array has one bit a vector in whole 64-bit words. */
	if (!fits(fn, out->table_bar, out->table_off, 16ull * out->vectors) ||
	    !fits(fn, out->pba_bar, out->pba_off, ALIGN_UP(out->vectors, 64) / 8))
		return SL_BADVAL;
	return SL_OK;
}
