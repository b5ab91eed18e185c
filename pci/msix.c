#include "pci/msix.h"
#include "kernel/mmio.h"
#include "pci/regs.h"

#define CAP_AREA_END 0x100u

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
	if (!fits(fn, out->table_bar, out->table_off, (uint64_t)MSIX_ENTRY * out->vectors) ||
	    !fits(fn, out->pba_bar, out->pba_off, ALIGN_UP(out->vectors, 64) / 8))
		return SL_BADVAL;
	return SL_OK;
}

/* Enable and Function Mask; the rest of the register is read-only. */
static void control(const struct pci_func *fn, uint64_t bits)
{
	uint64_t keep = fn_rd16(fn, fn->cap_msix + MSIX_CTL) & ~(MSIX_CTL_EN | MSIX_CTL_FM);
	fn_wr16(fn, fn->cap_msix + MSIX_CTL, keep | bits);
}

static volatile uint8_t *field(const struct msix_table *t, unsigned vector, unsigned off)
{
	return t->entry + MSIX_ENTRY * vector + off;
}

/* Reserved bits of Vector Control are kept: PCIe §7.7.2.8. The read makes sure that the function has it. */
static void set_mask(const struct msix_table *t, unsigned vector, bool masked)
{
	volatile uint8_t *r = field(t, vector, MSIX_ENTRY_CTL);
	uint32_t v = mmio_rd32(r) & (uint32_t)~MSIX_ENTRY_MASK;
	mmio_wr32(r, masked ? v | (uint32_t)MSIX_ENTRY_MASK : v);
	(void)mmio_rd32(r);
}

static void mask_all(const struct msix_table *t)
{
	for (unsigned i = 0; i < t->vectors; i++)
		set_mask(t, i, true);
}

enum sl_err msix_open(const struct pci_func *fn, const struct msix *x, volatile void *bar,
		      struct msix_table *out)
{
	*out = (struct msix_table){fn, (volatile uint8_t *)bar + x->table_off, x->vectors};
	control(fn, MSIX_CTL_EN | MSIX_CTL_FM); /* some functions answer in their table only while it is on */
	mask_all(out);
	control(fn, MSIX_CTL_EN);
	if ((fn_rd16(fn, fn->cap_msix + MSIX_CTL) & (MSIX_CTL_EN | MSIX_CTL_FM)) == MSIX_CTL_EN &&
	    mmio_rd32(field(out, 0, MSIX_ENTRY_CTL)) & MSIX_ENTRY_MASK)
		return SL_OK;
	control(fn, 0);
	return SL_DEVICE;
}

enum sl_err msix_mask(const struct msix_table *t, unsigned vector, bool masked)
{
	if (vector >= t->vectors)
		return SL_RANGE;
	set_mask(t, vector, masked);
	return SL_OK;
}

enum sl_err msix_set(const struct msix_table *t, unsigned vector, uint64_t addr, uint32_t data)
{
	if (vector >= t->vectors || !IS_ALIGNED(addr, 4))
		return SL_RANGE;
	set_mask(t, vector, true);
	mmio_wr32(field(t, vector, MSIX_ENTRY_ADDR), (uint32_t)addr);
	mmio_wr32(field(t, vector, MSIX_ENTRY_ADDR_HI), (uint32_t)(addr >> 32));
	mmio_wr32(field(t, vector, MSIX_ENTRY_DATA), data);
	set_mask(t, vector, false);
	return SL_OK;
}

struct msix_vector msix_vector(const struct msix_table *t, unsigned vector)
{
	volatile uint8_t *r = field(t, vector, MSIX_ENTRY_CTL);
	return (struct msix_vector){r, mmio_rd32(r) & (uint32_t)~MSIX_ENTRY_MASK};
}

void msix_vector_mask(const struct msix_vector *v, bool masked)
{
	mmio_wr32(v->ctl, masked ? v->rest | (uint32_t)MSIX_ENTRY_MASK : v->rest);
}

void msix_close(struct msix_table *t)
{
	control(t->fn, MSIX_CTL_EN | MSIX_CTL_FM);
	mask_all(t);
	control(t->fn, 0);
	t->vectors = 0;
}

enum sl_err msi_read(const struct pci_func *fn, struct msi *out)
{
	if (!fn->cap_msi)
		return SL_NOTFOUND;
	uint16_t ctl = fn_rd16(fn, fn->cap_msi + MSI_CTL);
	unsigned power = (unsigned)FGET(ctl, MSI_CTL_MMC);
	*out = (struct msi){
		.messages = 1u << power, .wide = (ctl & MSI_CTL_64) != 0, .masks = (ctl & MSI_CTL_PVM) != 0};
	unsigned len = out->wide ? MSI_DATA_64 + 2 : MSI_DATA_32 + 2;
	if (out->masks)
		len = out->wide ? MSI_MASK_64 + 4 : MSI_MASK_32 + 4;
	return power > 5 || fn->cap_msi + len > CAP_AREA_END ? SL_BADVAL : SL_OK;
}

enum sl_err msi_open(const struct pci_func *fn, unsigned count, uint64_t addr, uint32_t data)
{
	struct msi x;
	unsigned power = 0, cap = fn->cap_msi;
	enum sl_err e = msi_read(fn, &x);
	if (e)
		return e;
	while (1u << power < x.messages && 1u << power < count)
		power++;
	if (count != 1u << power || !IS_ALIGNED(addr, 4) || (!x.wide && addr >> 32) || data & (count - 1) ||
	    data >> 16)
		return SL_RANGE;
	if (fn->cap_msix && fn_rd16(fn, fn->cap_msix + MSIX_CTL) & MSIX_CTL_EN) /* never both: §6.1.4 */
		return SL_BUSY;
	msi_close(fn);
	fn_wr32(fn, cap + MSI_ADDR, addr);
	if (x.wide)
		fn_wr32(fn, cap + MSI_ADDR_HI, addr >> 32);
	fn_wr16(fn, cap + (x.wide ? MSI_DATA_64 : MSI_DATA_32), data);
	if (x.masks)
		fn_wr32(fn, cap + (x.wide ? MSI_MASK_64 : MSI_MASK_32), 0);
	uint64_t ctl = fn_rd16(fn, cap + MSI_CTL) & ~MSI_CTL_MME;
	fn_wr16(fn, cap + MSI_CTL, ctl | MSI_CTL_EN | FPUT(MSI_CTL_MME, power));
	ctl = fn_rd16(fn, cap + MSI_CTL);
	if (ctl & MSI_CTL_EN && FGET(ctl, MSI_CTL_MME) == power)
		return SL_OK;
	msi_close(fn);
	return SL_DEVICE;
}

void msi_close(const struct pci_func *fn)
{
	if (!fn->cap_msi)
		return;
	fn_wr16(fn, fn->cap_msi + MSI_CTL, fn_rd16(fn, fn->cap_msi + MSI_CTL) & ~MSI_CTL_EN);
}
