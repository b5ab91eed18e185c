#include "drivers/strike/strike.h"
#include "kernel/mmio.h"
#include "kernel/str.h"
#include "kernel/time.h"

static uint32_t rd(const struct strike_io *io, uint32_t off, unsigned bytes)
{
	const volatile uint8_t *reg = io->regs + off;
	return bytes == 1 ? mmio_rd8(reg) : bytes == 2 ? mmio_rd16(reg) : mmio_rd32(reg);
}

/* What is in memory reaches it before the register changes: several registers here are doorbells. */
static void wr(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t v)
{
	volatile uint8_t *reg = io->regs + off;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (bytes == 1)
		mmio_wr8(reg, (uint8_t)v);
	else if (bytes == 2)
		mmio_wr16(reg, (uint16_t)v);
	else
		mmio_wr32(reg, v);
}

struct strike_io strike_io_mmio(volatile void *regs, uint64_t len)
{
	static const struct strike_io_ops ops = {rd, wr};
	return (struct strike_io){.ops = &ops, .regs = regs, .len = len};
}

uint32_t strike_rd(const struct strike_io *io, uint32_t off, unsigned bytes)
{
	return (uint64_t)off + bytes <= io->len ? io->ops->rd(io, off, bytes) : UINT32_MAX;
}

void strike_wr(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t v)
{
	if ((uint64_t)off + bytes <= io->len)
		io->ops->wr(io, off, bytes, v);
}

void strike_wr_addr(const struct strike_io *io, uint32_t off, uint64_t v)
{
	strike_wr(io, off, 4, (uint32_t)v);
	strike_wr(io, off + 4, 4, (uint32_t)(v >> 32));
}

bool strike_over(const struct strike_io *io)
{
	return io->over && io->over(io->of);
}

static bool wait(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t mask, uint32_t want,
		 uint32_t us, bool access)
{
	struct deadline d = deadline_in(us);
	while (deadline_look(&d)) {
		if ((strike_rd(io, off, bytes) & mask) == want)
			return true;
		if (access && strike_over(io))
			break;
	}
	return false;
}

bool strike_wait(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t mask, uint32_t want,
		 uint32_t us)
{
	return wait(io, off, bytes, mask, want, us, false);
}

bool strike_wait_access(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t mask,
			uint32_t want, uint32_t us)
{
	return wait(io, off, bytes, mask, want, us, true);
}

enum sl_err strike_copies(struct strike_dev *d, uint32_t off, uint32_t len)
{
	memset(strike_brought(d), 0, len);
	enum sl_err e = d->class->write(d, d->mem.iova.v + PAGE_SIZE, len);
	bool same = memcmp(strike_brought(d), (const uint8_t *)d->mem.va + off, len) == 0;
	return e ? e : same ? SL_OK : SL_DEVICE;
}
