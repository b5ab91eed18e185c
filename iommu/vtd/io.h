/* Access to a unit's registers, so that the same code drives hardware and the model in tests/model/. */
#pragma once
#include "iommu/vtd/regs.h"
#include "kernel/time.h"

struct vtd_io {
	void *ctx;
	/* Exactly one access of exactly that width. */
	uint32_t (*rd32)(void *ctx, uint32_t off);
	uint64_t (*rd64)(void *ctx, uint32_t off);
	void (*wr32)(void *ctx, uint32_t off, uint32_t v);
	void (*wr64)(void *ctx, uint32_t off, uint64_t v);
	/* Makes n bytes at p visible to a unit that does not snoop (ECAP.C clear), and orders what follows
	 * behind it. */
	void (*flush)(void *ctx, const void *p, size_t n);
	uint64_t (*now_us)(void *ctx);
};

static inline uint32_t vtd_rd32(const struct vtd_io *io, reg32_t r)
{
	return io->rd32(io->ctx, r.off);
}

static inline uint64_t vtd_rd64(const struct vtd_io *io, reg64_t r)
{
	return io->rd64(io->ctx, r.off);
}

static inline void vtd_wr32(const struct vtd_io *io, reg32_t r, uint32_t v)
{
	io->wr32(io->ctx, r.off, v);
}

static inline void vtd_wr64(const struct vtd_io *io, reg64_t r, uint64_t v)
{
	io->wr64(io->ctx, r.off, v);
}

static inline uint32_t vtd_w1c_rd(const struct vtd_io *io, w1c32_t r)
{
	return io->rd32(io->ctx, r.off);
}

/* Clears the bits given and no others. */
static inline void vtd_w1c_ack(const struct vtd_io *io, w1c32_t r, uint64_t bits)
{
	io->wr32(io->ctx, r.off, (uint32_t)bits);
}

/* Deadlines by the clock of the registers: kernel/time.h */
static inline struct deadline vtd_deadline(const struct vtd_io *io, uint64_t us)
{
	return deadline_at(io->now_us(io->ctx), us);
}

static inline bool vtd_look(const struct vtd_io *io, struct deadline *d)
{
	return !d->late && deadline_look_at(d, io->now_us(io->ctx));
}
