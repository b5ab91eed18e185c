/* A run of untrusted bytes: firmware tables, configuration files. Reads are bounded and byte by byte, so that
 * no length, alignment or cast has to be trusted. A read outside returns 0; the caller checks span_has()
 * first. */
#pragma once
#include "kernel/bits.h"

struct span {
	const uint8_t *p;
	size_t n;
};

static inline bool span_has(struct span s, size_t off, size_t len)
{
	return off <= s.n && len <= s.n - off;
}

/* The part from off on, at most len bytes; shorter where s ends first. */
static inline struct span span_sub(struct span s, size_t off, size_t len)
{
	if (off > s.n)
		off = s.n;
	if (len > s.n - off)
		len = s.n - off;
	return (struct span){s.p + off, len};
}

static inline uint64_t span_le(struct span s, size_t off, size_t bytes)
{
	uint64_t v = 0;
	if (span_has(s, off, bytes))
		for (size_t i = 0; i < bytes; i++)
			v |= (uint64_t)s.p[off + i] << (8 * i);
	return v;
}

static inline uint8_t span_u8(struct span s, size_t off)
{
	return (uint8_t)span_le(s, off, 1);
}

static inline uint16_t span_u16(struct span s, size_t off)
{
	return (uint16_t)span_le(s, off, 2);
}

static inline uint32_t span_u32(struct span s, size_t off)
{
	return (uint32_t)span_le(s, off, 4);
}

static inline uint64_t span_u64(struct span s, size_t off)
{
	return span_le(s, off, 8);
}
