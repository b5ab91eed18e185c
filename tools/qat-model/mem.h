/* Guest memory as one PCI function sees it (its requester id, through the IOMMU), and scattered buffers in it.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mem {
	void *fn;
	bool (*rw)(void *fn, uint64_t addr, void *buf, size_t len, bool write); /* false: the access was refused */
};

/* How a request went. DMA: an access was refused; nothing is answered and the ring stops. */
enum verdict { DONE, REFUSED, DMA };

#define SEGS_MAX  4096u       /* a list with more is refused, */
#define BYTES_MAX (16u << 20) /* and so is a request of more bytes */

struct seg {
	uint64_t addr;
	uint32_t len;
};

struct sgl {
	struct seg *seg; /* owned; sgl_put() frees it */
	unsigned n;
	uint64_t bytes;
};

enum verdict mem_read(const struct mem *m, uint64_t addr, void *to, size_t len);
enum verdict mem_write(const struct mem *m, uint64_t addr, const void *from, size_t len);

/* The buffer at addr: a list in guest memory, or len flat bytes. Ended by sgl_put(), also after an error. */
enum verdict sgl_get(const struct mem *m, struct sgl *s, uint64_t addr, uint32_t len, bool is_list);
void sgl_put(struct sgl *s);

/* Bytes from off on; REFUSED when they are not all inside of the buffer. */
enum verdict sgl_read(const struct mem *m, const struct sgl *s, uint64_t off, void *to, size_t len);
enum verdict sgl_write(const struct mem *m, const struct sgl *s, uint64_t off, const void *from, size_t len);
