/* MSI-X of a VF. */
#include "apps/machine.h"
#include "apps/vf/msix.h"
#include "kernel/mmio.h"

enum sl_err vf_msix_open(struct vf *vf)
{
	struct msix x;
	if (msix_read(vf->fn, &x))
		return SL_OK; /* it has none that could be used */
	const struct pci_bar *bar = &vf->fn->bar[x.table_bar];
	volatile void *regs = mmio_map(PHYS(bar->addr), bar->size);
	return regs ? msix_open(vf->fn, &x, regs, &vf->msix) : SL_NOMEM;
}

void vf_msix_close(struct vf *vf)
{
	if (vf->msix.vectors)
		msix_close(&vf->msix);
}
