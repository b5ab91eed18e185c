#include <string.h>
#include "kernel/log.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

struct machine mach;
struct boot_info boot;
struct pci_func vf_fn[STAGES_VFS];
_Alignas(PAGE_SIZE) uint8_t block[STAGES_VFS][PAGE_2M], readonly[STAGES_VFS][PAGE_SIZE];
unsigned stages_calls, stages_fail_at;

/* What it is for has to be known, and nothing else. */
static const struct vf_kind stores = {.name = "stores", .service = VF_STORES};

enum sl_err stages_call(void)
{
	return ++stages_calls == stages_fail_at ? SL_DEVICE : SL_OK;
}

void stages_start(unsigned vfs, struct domain *dom)
{
	assert_true(vfs <= STAGES_VFS);
	memset(&mach, 0, sizeof mach);
	mach.boot = &boot;
	mach.cfg = &boot.cfg;
	boot.cfg.iommu = CONFIG_IOMMU_ON;
	mach.kind = &stores;
	mach.window = IOVA(WINDOW);
	mach.vfs = vfs;
	for (unsigned v = 0; v < vfs; v++) {
		struct vf *vf = &mach.vf[v];
		vf_fn[v].bdf = (bdf_t){0, (uint16_t)(STAGES_FIRST + v)};
		vf->index = v;
		vf->fn = &vf_fn[v];
		vf->dom = dom;
		vf->block = (struct dma_buf){block[v], IOVA(WINDOW), PHYS(BLOCK_PHYS + v * PAGE_2M), PAGE_2M,
					     dom};
		vf->queues = dma_part(&vf->block, WINDOW_QUEUES, WINDOW_BUFFERS);
		vf->buffers = dma_part(&vf->block, WINDOW_BUFFERS, PAGE_2M - WINDOW_BUFFERS);
		vf->readonly = (struct dma_buf){readonly[v], IOVA(WINDOW + WINDOW_READONLY), PHYS(0x9000000),
						PAGE_SIZE, dom};
	}
	stages_calls = stages_fail_at = 0;
	said_start();
}
