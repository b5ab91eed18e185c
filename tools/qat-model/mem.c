// Guest memory and scattered buffers.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include "fw.h"
#include "mem.h"

enum verdict mem_read(const struct mem *m, uint64_t addr, void *to, size_t len)
{
	return m->rw(m->fn, addr, to, len, false) ? DONE : DMA;
}

enum verdict mem_write(const struct mem *m, uint64_t addr, const void *from, size_t len)
{
	return m->rw(m->fn, addr, (void *)(uintptr_t)from, len, true) ? DONE : DMA;
}

// A list: 16 bytes of header with the count at 8, then 16 bytes each: length, reserved, address.
enum verdict sgl_get(const struct mem *m, struct sgl *s, uint64_t addr, uint32_t len, bool is_list)
{
	*s = (struct sgl){0};
	unsigned n = 1;
	if (is_list) {
		uint8_t head[16];
		if (mem_read(m, addr, head, sizeof head) != DONE)
			return DMA;
		n = get32(head + 8);
		if (n > SEGS_MAX)
			return REFUSED;
	}
	s->seg = calloc(n + 1, sizeof *s->seg);
	if (!s->seg)
		return REFUSED;
	s->n = n;
	if (!is_list)
		s->seg[0] = (struct seg){addr, len};
	for (unsigned i = 0; i < n; i++) {
		uint8_t entry[16];
		if (is_list) {
			if (mem_read(m, addr + 16 + 16 * (uint64_t)i, entry, sizeof entry) != DONE)
				return DMA;
			s->seg[i] = (struct seg){get64(entry + 8), get32(entry)};
		}
		s->bytes += s->seg[i].len;
	}
	return DONE;
}

void sgl_put(struct sgl *s)
{
	free(s->seg);
	*s = (struct sgl){0};
}

static enum verdict sgl_rw(const struct mem *m, const struct sgl *s, uint64_t off, uint8_t *buf, size_t len,
			   bool write)
{
	if (off > s->bytes || len > s->bytes - off)
		return REFUSED;
	for (unsigned i = 0; i < s->n && len; i++) {
		if (off >= s->seg[i].len) {
			off -= s->seg[i].len;
			continue;
		}
		size_t part = s->seg[i].len - off;
		if (part > len)
			part = len;
		if (!m->rw(m->fn, s->seg[i].addr + off, buf, part, write))
			return DMA;
		buf += part;
		len -= part;
		off = 0;
	}
	return DONE;
}

enum verdict sgl_read(const struct mem *m, const struct sgl *s, uint64_t off, void *to, size_t len)
{
	return sgl_rw(m, s, off, to, len, false);
}

enum verdict sgl_write(const struct mem *m, const struct sgl *s, uint64_t off, const void *from, size_t len)
{
	return sgl_rw(m, s, off, (uint8_t *)(uintptr_t)from, len, true);
}
