#include "tests/model/dsa_model.h"
#include <string.h>

#define SOON   3u
#define GROUPS 0x400u
#define QUEUES 0x500u

static struct dsa_model *model_of(const struct strike_io *io)
{
	return io->ctx;
}

static bool reach(struct dsa_model *m, uint64_t at, void *data, size_t n, bool write)
{
	bool good = m->reach(m->ctx, at, data, n, write);
	if (!good) {
		m->refused_at = at;
		m->refused_write = write;
	}
	return good;
}

static void record(struct dsa_model *m, uint64_t at, uint8_t status, uint8_t result, uint32_t crc)
{
	uint8_t bytes[32] = {status, result};
	m->harmful += at % 32 != 0;
	memcpy(bytes + 16, &crc, sizeof crc);
	if (m->reach(m->ctx, at, bytes, sizeof bytes, true))
		return;
	m->swerr = 0x1a01;
	if (m->halts)
		m->state = 3;
}

/* RFC 3720, bit by bit. */
static uint32_t crc_of(uint32_t crc, const uint8_t *p, uint32_t n)
{
	for (crc = ~crc; n; n--) {
		crc ^= *p++;
		for (unsigned k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static bool put(struct dsa_model *m, uint64_t at, uint8_t *bytes, uint32_t len)
{
	bytes[len / 2] ^= m->flips;
	return reach(m, at, bytes, len, true);
}

/* §8.3.5 to 8.3.12. False: an access was refused. */
static bool operate(struct dsa_model *m, const uint64_t desc[8], uint8_t *result, uint32_t *crc)
{
	static uint8_t a[65536], b[65536];
	uint32_t len = (uint32_t)desc[4];
	switch (desc[0] >> 56) {
	case 3:
		return reach(m, desc[2], a, len, false) && put(m, desc[3], a, len);
	case 4:
		for (uint32_t i = 0; i < len; i++)
			a[i] = (uint8_t)(desc[2] >> i % 8 * 8);
		return put(m, desc[3], a, len);
	case 5:
		if (!reach(m, desc[2], a, len, false) || !reach(m, desc[3], b, len, false))
			return false;
		*result = !m->equal && memcmp(a, b, len) != 0;
		return true;
	default:
		if (!reach(m, desc[2], a, len, false))
			return false;
		*crc = crc_of((uint32_t)desc[5], a, len) ^ m->flips;
		return true;
	}
}

/* §8.3: flags and opcode, the record's address, source, destination, length. */
static bool one(struct dsa_model *m, const uint64_t desc[8])
{
	uint32_t flags = (uint32_t)(desc[0] >> 32), op = flags >> 24, len = (uint32_t)desc[4];
	uint8_t status = 1, result = 0;
	uint32_t crc = 0;
	bool bad = (op < 3 || op > 5) && op != 0x10;
	m->harmful += (uint32_t)desc[0] || desc[4] >> 32 || (op != 0x10 && desc[5]) || desc[6] || desc[7];
	m->harmful += bad || (flags & 0xffffff & ~(m->may_block ? 0xeu : 0xcu)) || !len || len > 65536;
	if (bad || !len || len > 65536)
		return false;
	m->moves++;
	if (!m->idle && !operate(m, desc, &result, &crc)) {
		if (flags & 2 && !m->denied && m->ask && m->ask(m->ctx, m->refused_at, m->refused_write)) {
			m->blocked = true;
			memcpy(m->blocked_desc, desc, sizeof m->blocked_desc);
			return false;
		}
		status = m->lies ? 1 : m->denied ? 0x84 : 0x1f; /* translation failed */
	}
	if (flags & 8)
		record(m, desc[1], status, result, crc);
	return status == 1;
}

static void work(struct dsa_model *m, unsigned queue, const uint64_t desc[8])
{
	uint32_t mode = m->queue[queue * 8 + 2];
	uint64_t item[8];
	bool good = true;
	m->may_block = mode & 2;
	m->blocked_queue = queue;
	m->pasid = mode >> 28 & 1 ? (mode >> 8 & 0xfffff) + m->wrong_pasid : DM_NO_PASID;
	if (desc[0] >> 56 != 1) {
		one(m, desc);
		return;
	}
	uint32_t n = (uint32_t)desc[4];
	m->batches++;
	m->harmful += n < 2 || n > 1u << (m->gencap >> 21 & 0xf) || desc[2] % 64 || desc[3];
	for (uint32_t i = 0; i < n; i++) {
		if (!m->reach(m->ctx, desc[2] + 64 * (uint64_t)i, item, sizeof item, false)) {
			record(m, desc[1], 6, 0, 0);
			return;
		}
		good &= one(m, item);
	}
	if (!good)
		record(m, desc[1], 5, 0, 0);
}

void dsa_model_answered(struct dsa_model *m, bool good)
{
	if (!m->blocked)
		return;
	m->blocked = false;
	m->denied = !good;
	work(m, m->blocked_queue, m->blocked_desc);
	m->denied = false;
}

void dsa_model_work(struct dsa_model *m)
{
	while (m->held) {
		m->held--;
		m->in[m->hold[m->held].queue]--;
		work(m, m->hold[m->held].queue, m->hold[m->held].desc);
	}
}

/* A dedicated queue that is full drops what comes: §3.3. */
static void take(const struct strike_io *io, const uint64_t desc[8])
{
	struct dsa_model *m = model_of(io);
	unsigned n = (unsigned)(io->regs - m->portals) / DM_PORTAL;
	m->harmful += n >= DM_QUEUES || !m->queue_on[n];
	if (m->mute || n >= DM_QUEUES || !m->queue_on[n])
		return;
	if (!m->holds) {
		work(m, n, desc);
		return;
	}
	m->harmful += m->in[n] == m->queue[n * 8];
	if (m->in[n] == m->queue[n * 8] || m->held == DM_ENTRIES)
		return;
	m->in[n]++;
	m->hold[m->held].queue = n;
	memcpy(m->hold[m->held++].desc, desc, 64);
}

static void reset(struct dsa_model *m)
{
	memset(m->group, 0, sizeof m->group);
	memset(m->queue, 0, sizeof m->queue);
	memset(m->queue_on, 0, sizeof m->queue_on);
	m->state = m->held = 0;
	m->running = false;
}

/* Each queue that has entries is in one group, which has an engine; it is dedicated; all have room. */
static bool configured(const struct dsa_model *m)
{
	uint32_t entries = 0, seen = 0;
	for (unsigned g = 0; g < DM_GROUPS; g++) {
		if (m->group[g * 16] & seen || !m->group[g * 16] != !m->group[g * 16 + 8] ||
		    m->group[g * 16 + 8] >> (m->engcap & 0xff))
			return false;
		seen |= m->group[g * 16];
	}
	for (unsigned n = 0; n < DM_QUEUES; n++) {
		const uint32_t *q = &m->queue[n * 8];
		entries += q[0];
		if (q[0] ? !(q[2] & 1) || !(q[2] >> 4 & 0xf) || (q[3] & 0x1f) > (m->gencap >> 16 & 0x1f) ||
				    (q[3] >> 5 & 0xf) > (m->gencap >> 21 & 0xf) || !(seen >> n & 1)
			 : seen >> n & 1)
			return false;
	}
	return !m->refuses && seen && entries <= (m->wqcap[0] & 0xffff);
}

static void command(struct dsa_model *m, uint32_t v)
{
	uint32_t cmd = v >> 20 & 0x1f;
	uint32_t n = v & 0xfffff;
	m->harmful += m->due != 0 || (cmd != 6 && n);
	m->due = SOON;
	m->status = 0;
	if (cmd == 5 && !m->never_resets)
		reset(m);
	else if (cmd == 1 && configured(m) && m->state == 0)
		m->state = 1;
	else if (cmd == 6 && m->state == 1 && n < DM_QUEUES && m->queue[n * 8])
		m->queue_on[n] = m->running = true;
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
	case 0xc0:
		return m->swerr;
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
	} else if (off == 0xc0) {
		m->swerr &= ~v;
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

void dsa_model_init(struct dsa_model *m, model_reach memory, void *ctx)
{
	static const struct strike_io_ops ops = {dsa_rd, dsa_wr};
	*m = (struct dsa_model){.reach = memory, .ctx = ctx};
	m->io = (struct strike_io){.ops = &ops, .len = 0x10000, .ctx = m};
	m->portal =
		(struct strike_io){.regs = m->portals, .len = sizeof m->portals, .ctx = m, .submit = take};
	m->gencap = 1u << 31 | 10u << 21 | 31u << 16;
	m->wqcap[0] = 8u << 16 | 128;
	m->wqcap[1] = 3u << 16;
	m->grpcap = m->engcap = 4;
	m->offsets = QUEUES / 0x100 << 16 | GROUPS / 0x100;
	m->state = 1; /* as the firmware may leave it */
	m->running = true;
}
