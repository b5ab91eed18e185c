/* Access to registers off the data path, so that a host test can be the device. */
#pragma once
#include "kernel/bits.h"
#include "kernel/mmio.h"

struct igb_io {
	uint32_t (*rd)(void *ctx, uint32_t off);
	void (*wr)(void *ctx, uint32_t off, uint32_t v);
	void *ctx;
};

static inline uint32_t igb_rd(const struct igb_io *io, uint32_t off)
{
	return io->rd(io->ctx, off);
}

static inline void igb_wr(const struct igb_io *io, uint32_t off, uint64_t v)
{
	io->wr(io->ctx, off, (uint32_t)v);
}

/* The registers themselves, mapped uncached. */
struct igb_io igb_mmio(volatile void *regs);
