/* Access to a unit's registers, so that the same code drives hardware and the model in tests/model/. */
#pragma once
#include "iommu/amdvi/regs.h"
#include "kernel/time.h"

struct amdvi_io {
	void *ctx;
	/* Exactly one access of 64 bits. Stores to memory are visible to the unit before a write is. */
	uint64_t (*rd)(void *ctx, uint32_t off);
	void (*wr)(void *ctx, uint32_t off, uint64_t v);
	uint64_t (*now_us)(void *ctx);
};

static inline uint64_t amdvi_rd(const struct amdvi_io *io, uint32_t off)
{
	return io->rd(io->ctx, off);
}

static inline void amdvi_wr(const struct amdvi_io *io, uint32_t off, uint64_t v)
{
	io->wr(io->ctx, off, v);
}

/* Deadlines by the clock of the registers: kernel/time.h */
static inline struct deadline amdvi_deadline(const struct amdvi_io *io, uint64_t us)
{
	return deadline_at(io->now_us(io->ctx), us);
}

static inline bool amdvi_look(const struct amdvi_io *io, struct deadline *d)
{
	return !d->late && deadline_look_at(d, io->now_us(io->ctx));
}
