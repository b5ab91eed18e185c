/* MSI-X of a VF. */
#include "apps/machine.h"
#include "apps/vf/msix.h"
#include "kernel/mmio.h"

enum sl_err function_msix_open(const struct pci_func *fn, struct msix_table *out)
{
	struct msix x;
	if (msix_read(fn, &x))
		return SL_OK;
	const struct pci_bar *bar = &fn->bar[x.table_bar];
	volatile void *regs = mmio_map(PHYS(bar->addr), bar->size);
	return regs ? msix_open(fn, &x, regs, out) : SL_NOMEM;
}

enum sl_err vf_msix_open(struct vf *vf)
{
	return function_msix_open(vf->fn, &vf->msix);
}

void vf_msix_close(struct vf *vf)
{
	if (vf->msix.vectors)
		msix_close(&vf->msix);
}
