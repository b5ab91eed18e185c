#include "drivers/dma.h"
#include "kernel/pmm.h"

enum sl_err dma_get(struct domain *dom, iova_t iova, uint64_t len, unsigned perm, struct dma_buf *out)
{
	uint64_t page = len >= PAGE_2M ? PAGE_2M : PAGE_SIZE;
	len = ALIGN_UP(len, page);
	phys_t phys;
	enum sl_err e = pmm_alloc(len / PAGE_SIZE, page, &phys);
	if (e)
		return e;
	if (dom && domain_passes(dom))
		dom = NULL;
	if (!dom)
		iova = IOVA(phys.v);
	else
		e = domain_map(dom, iova, phys, len, perm);
	if (e) {
		if (e != SL_TIMEOUT && e != SL_DEVICE) /* then a device may still reach it: domain_map() */
			pmm_free(phys, len / PAGE_SIZE);
		return e;
	}
	*out = (struct dma_buf){phys_va(phys), iova, phys, len, dom};
	return SL_OK;
}

enum sl_err dma_put(struct dma_buf *buf)
{
	if (!buf->va)
		return SL_OK;
	enum sl_err e = buf->dom ? domain_unmap(buf->dom, buf->iova, buf->len) : SL_OK;
	if (e)
		return e;
	pmm_free(buf->phys, buf->len / PAGE_SIZE);
	*buf = (struct dma_buf){0};
	return SL_OK;
}

enum sl_err dma_again(const struct dma_buf *buf, iova_t iova, unsigned perm, struct dma_buf *out)
{
	enum sl_err e = buf->dom ? domain_map(buf->dom, iova, buf->phys, buf->len, perm) : SL_OK;
	if (!e)
		*out = (struct dma_buf){buf->va, buf->dom ? iova : buf->iova, buf->phys, buf->len, buf->dom};
	return e;
}

enum sl_err dma_again_end(struct dma_buf *again)
{
	enum sl_err e = again->va && again->dom ? domain_unmap(again->dom, again->iova, again->len) : SL_OK;
	if (!e)
		*again = (struct dma_buf){0};
	return e;
}
