#include "tests/model/dsa_model.h"
#include <string.h>

#define SOON   3u
#define GROUPS 0x400u
#define QUEUES 0x500u

static struct dsa_model *model_of(const struct strike_io *io)
{
	return io->ctx;
}

static void record(struct dsa_model *m, uint64_t at, uint8_t status)
{
	uint8_t bytes[32] = {status};
	m->harmful += at % 32 != 0;
	if (!m->reach(m->ctx, at, bytes, sizeof bytes, true) && m->halts)
		m->state = 3;
}

/* §8.3: flags and opcode, the record's address, source, destination, length. */
static void take(const struct strike_io *io, const uint64_t desc[8])
{
	struct dsa_model *m = model_of(io);
	uint32_t flags = (uint32_t)(desc[0] >> 32), len = (uint32_t)desc[4];
	uint8_t bytes[65536], status = 1;
	m->harmful += !m->queue_on || (uint32_t)desc[0] || desc[4] >> 32 || desc[5] || desc[6] || desc[7];
	m->harmful += flags >> 24 != 3 || (flags & 0xffffff & ~0xcu) || !len || len > sizeof bytes;
	if (m->mute || !m->queue_on || len > sizeof bytes)
		return;
	m->moves++;
	if (!m->idle &&
	    (!m->reach(m->ctx, desc[2], bytes, len, false) || !m->reach(m->ctx, desc[3], bytes, len, true)))
		status = 0x1f; /* translation failed */
	if (flags & 8)
		record(m, desc[1], status);
}

static void reset(struct dsa_model *m)
{
	memset(m->group, 0, sizeof m->group);
	memset(m->queue, 0, sizeof m->queue);
	m->state = 0;
	m->queue_on = m->running = false;
}

/* A group with a queue and an engine; a dedicated queue that is not larger than there is room. */
static bool configured(const struct dsa_model *m)
{
	return !m->refuses && m->group[0] == 1 && m->group[8] == 1 && m->queue[0] &&
	       m->queue[0] <= (m->wqcap[0] & 0xffff) && m->queue[2] & 1 && m->queue[2] >> 4 & 0xf &&
	       (m->queue[3] & 0x1f) <= (m->gencap >> 16 & 0x1f) &&
	       (m->queue[3] >> 5 & 0xf) <= (m->gencap >> 21 & 0xf);
}

static void command(struct dsa_model *m, uint32_t v)
{
	uint32_t cmd = v >> 20 & 0x1f;
	m->harmful += m->due != 0 || v & 0xfffff;
	m->due = SOON;
	m->status = 0;
	if (cmd == 5 && !m->never_resets)
		reset(m);
	else if (cmd == 1 && configured(m) && m->state == 0)
		m->state = 1;
	else if (cmd == 6 && m->state == 1)
		m->queue_on = m->running = true;
	else if (cmd != 3 && cmd != 5)
		m->status = 0x11;
	m->harmful += cmd != 1 && cmd != 3 && cmd != 5 && cmd != 6;
	if (v >> 31) {
		m->irqs += !(m->intcause & 2);
		m->intcause |= 2;
	}
}

static uint32_t dsa_rd(const struct strike_io *io, uint32_t off, unsigned bytes)
{
	struct dsa_model *m = model_of(io);
	m->harmful += bytes != 4;
	if (m->gone)
		return UINT32_MAX;
	switch (off) {
	case 0x00:
		return 0x100;
	case 0x10:
		return m->gencap;
	case 0x20:
	case 0x24:
		return m->wqcap[off == 0x24];
	case 0x30:
		return m->grpcap;
	case 0x38:
		return m->engcap;
	case 0x60:
		return m->offsets;
	case 0x90:
		return m->state;
	case 0x98:
		return m->intcause;
	case 0xa8:
		if (m->due && !m->never_resets)
			m->due--;
		return m->status | (m->due ? 1u << 31 : 0);
	default:
		m->harmful++;
		return 0;
	}
}

static void dsa_wr(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t v)
{
	struct dsa_model *m = model_of(io);
	m->harmful += bytes != 4;
	if (m->gone)
		return;
	if (off == 0x98) {
		m->intcause &= ~v;
	} else if (off == 0xa0) {
		command(m, v);
	} else if (off >= GROUPS && off < GROUPS + sizeof m->group) {
		m->harmful += m->state != 0;
		m->group[(off - GROUPS) / 4] = v;
	} else if (off >= QUEUES && off < QUEUES + sizeof m->queue) {
		m->harmful += m->state != 0;
		m->queue[(off - QUEUES) / 4] = v;
	} else {
		m->harmful++;
	}
}

void dsa_model_init(struct dsa_model *m, model_reach reach, void *ctx)
{
	static const struct strike_io_ops ops = {dsa_rd, dsa_wr};
	*m = (struct dsa_model){.reach = reach, .ctx = ctx};
	m->io = (struct strike_io){.ops = &ops, .len = 0x10000, .ctx = m};
	m->portal = (struct strike_io){.len = 0x20000, .ctx = m, .submit = take};
	m->gencap = 1u << 31 | 10u << 21 | 31u << 16;
	m->wqcap[0] = 8u << 16 | 128;
	m->wqcap[1] = 3u << 16;
	m->grpcap = m->engcap = 4;
	m->offsets = QUEUES / 0x100 << 16 | GROUPS / 0x100;
	m->state = 1; /* as the firmware may leave it */
	m->running = true;
}
