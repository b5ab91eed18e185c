/* A buffer that the devices of exactly one domain can reach. No naked addresses in descriptors: every address
 * in one comes from a dma_buf. */
#pragma once
#include "iommu/domain.h"

struct dma_buf {
	void *va;
	iova_t iova;
	phys_t phys;
	uint64_t len;
	struct domain *dom;
};

/* Without a domain (dom NULL: translation is off), and in a pass-through domain, the device reaches the
 * memory at its physical address, which is then out->iova; iova and perm are ignored. Physically contiguous
 * zeroed memory of len bytes (rounded up to PAGE_SIZE; from PAGE_2M up, to whole and aligned 2 MiB blocks),
 * mapped at iova with perm. The caller owns it and ends it with dma_put(). */
enum sl_err dma_get(struct domain *dom, iova_t iova, uint64_t len, unsigned perm,
		    struct dma_buf *out) MUST_CHECK;

/* A part of a buffer; off and len lie inside it. Only the whole buffer is passed to dma_put(). */
static inline struct dma_buf dma_part(const struct dma_buf *b, uint64_t off, uint64_t len)
{
	return (struct dma_buf){(uint8_t *)b->va + off, IOVA(b->iova.v + off), PHYS(b->phys.v + off), len,
				b->dom};
}

/* The same memory at a second address of the same domain, with a permission of its own: what the device may
 * only write at one address it may only read at the other. Ended by dma_again_end() before the buffer's
 * dma_put(). */
enum sl_err dma_again(const struct dma_buf *buf, iova_t iova, unsigned perm, struct dma_buf *out) MUST_CHECK;
enum sl_err dma_again_end(struct dma_buf *again) MUST_CHECK;

/* Unmap, invalidate, wait, and only then free. When the unmap fails the memory is leaked on purpose and the
 * error returned. */
enum sl_err dma_put(struct dma_buf *buf) MUST_CHECK;
