#include "tests/model/virtio_model.h"
#include <string.h>

#define SLOTS_MOST  256u
#define SECTORS     2048u /* of the medium */
#define SOON        3u
#define NEEDS_RESET 0x40u

struct desc {
	uint64_t at;
	uint32_t len;
	uint16_t flags, next;
};

static struct virtio_model *model_of(const struct strike_io *io)
{
	return io->ctx;
}

/* ---- requests: §2.7 ---- */

static bool ring(struct virtio_model *m, uint64_t at, void *data, size_t n, bool write)
{
	if (m->reach(m->ctx, at, data, n, write))
		return true;
	m->status |= NEEDS_RESET;
	return false;
}

static bool buffer(struct virtio_model *m, const struct desc *d, size_t from, void *data, size_t n)
{
	if (m->idle || m->reach(m->ctx, d->at + from, data, n, (d->flags & 2) != 0))
		return true;
	if (m->noisy || !(d->flags & 2))
		m->status |= NEEDS_RESET; /* what a request consists of is needed */
	return false;
}

/* §5.4.6: whatever the device has, and none of it zero here. */
static void fill(struct virtio_model *m, const struct desc *d)
{
	uint8_t random[4096];
	m->harmful += !(d->flags & 2) || d->len > sizeof random;
	for (uint32_t i = 0; i < d->len && i < sizeof random; i++)
		random[i] = m->next = (uint8_t)(m->next % 200 + 1);
	(void)buffer(m, d, 0, random, d->len);
}

/* §5.2.6: a head of 16 bytes, a sector, a status. Only reads are harmless. */
static void serve(struct virtio_model *m, const struct desc *d, unsigned n)
{
	uint8_t head[16], sector[512], status = 0;
	uint32_t got = 0, type;
	uint64_t first;
	unsigned i;
	for (i = 0; i < n && !(d[i].flags & 2); got += d[i++].len) {
		if (got + d[i].len > sizeof head) {
			m->harmful++;
			return;
		}
		if (!buffer(m, &d[i], 0, head + got, d[i].len))
			return;
	}
	if (got != sizeof head || i + 2 != n || d[i].len != sizeof sector || d[i + 1].len != 1 ||
	    !(d[i + 1].flags & 2)) {
		m->harmful++;
		return;
	}
	if (m->idle)
		return;
	memcpy(&type, head, sizeof type);
	memcpy(&first, head + 8, sizeof first);
	m->harmful += type != 0;
	memset(sector, 0x5d, sizeof sector);
	if (first >= SECTORS)
		status = 1;
	else if (!buffer(m, &d[i], 0, sector, sizeof sector))
		status = 1;
	(void)buffer(m, &d[i + 1], 0, &status, 1);
}

static void notify(struct virtio_model *m)
{
	struct desc d[8] = {0};
	uint16_t avail[3], index = 1;
	uint32_t done[2] = {0, 0};
	unsigned n = 0;
	m->harmful += !(m->status & 4) || !m->enabled || !m->size;
	if (m->mute || m->status & NEEDS_RESET || !ring(m, m->avail, avail, sizeof avail, false))
		return;
	m->harmful += avail[0] > 1 || avail[1] != 1 || avail[2] >= m->size;
	for (uint16_t at = avail[2]; n < 8 && at < m->size; at = d[n++].next) {
		if (!ring(m, m->desc + 16ull * at, &d[n], sizeof d[n], false))
			return;
		if (!(d[n].flags & 1)) {
			n++;
			break;
		}
	}
	m->requests++;
	done[0] = avail[2];
	for (unsigned i = 0; i < n; i++)
		done[1] += d[i].flags & 2 ? d[i].len : 0;
	if (m->block)
		serve(m, d, n);
	else
		fill(m, d);
	if (m->status & NEEDS_RESET)
		return;
	if (!ring(m, m->used + 4, done, sizeof done, true) || !ring(m, m->used + 2, &index, 2, true))
		return;
	m->irqs += avail[0] == 0 && m->vector == 0;
}

/* ---- registers: §4.1.4.3 ---- */

static unsigned width(uint32_t off)
{
	if (off == 0x14 || off == 0x15)
		return 1;
	return off >= 0x10 && off < 0x20 ? 2 : 4;
}

static void wr_status(struct virtio_model *m, uint8_t v)
{
	if (!v) {
		m->reset_due = m->status ? SOON : 0;
		if (!m->never_resets) {
			m->features[0] = m->features[1] = m->size = m->enabled = 0;
			m->desc = m->avail = m->used = 0;
			m->vector = 0xffff;
			m->running = false;
		}
		return;
	}
	m->harmful += m->reset_due != 0 || (m->status & ~v) != 0; /* a bit is never taken back */
	m->harmful += v & 4 && !(v & 8);
	m->status = v;
	if (m->refuses || m->features[1] & ~m->offers)
		m->status &= (uint8_t)~8;
	m->running = v & 4;
	m->never_resets |= m->jams && m->running;
}

static uint32_t virtio_rd(const struct strike_io *io, uint32_t off, unsigned bytes)
{
	struct virtio_model *m = model_of(io);
	if (m->gone)
		return UINT32_MAX >> (32 - 8 * bytes);
	if (off < VIRTIO_COMMON || off >= VIRTIO_COMMON + 0x38) {
		m->harmful++;
		return 0;
	}
	off -= VIRTIO_COMMON;
	m->harmful += bytes != width(off);
	switch (off) {
	case 0x04:
		return m->select == 1 ? m->offers : m->select ? 0 : UINT32_MAX;
	case 0x14:
		if (m->reset_due && !m->never_resets && !--m->reset_due)
			m->status = 0;
		return m->status;
	case 0x18:
		return m->size ? m->size : SLOTS_MOST;
	case 0x1e:
		return 5;
	default:
		m->harmful++;
		return 0;
	}
}

static void half(struct virtio_model *m, uint64_t *at, uint32_t off, uint32_t v)
{
	m->harmful += m->running;
	*at = off & 4 ? (*at & UINT32_MAX) | (uint64_t)v << 32 : (*at & ~0xffffffffull) | v;
}

static void virtio_wr(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t v)
{
	struct virtio_model *m = model_of(io);
	if (m->gone)
		return;
	if (off == VIRTIO_NOTIFY + 20) {
		m->harmful += bytes != 2 || v;
		notify(m);
		return;
	}
	if (off < VIRTIO_COMMON || off >= VIRTIO_COMMON + 0x38) {
		m->harmful++;
		return;
	}
	off -= VIRTIO_COMMON;
	m->harmful += bytes != width(off);
	switch (off) {
	case 0x00:
		m->select = v;
		break;
	case 0x08:
		m->driver_select = v;
		break;
	case 0x0c:
		m->harmful += m->status & 8 || (m->driver_select != 1 && v);
		m->features[m->driver_select & 1] = v;
		break;
	case 0x14:
		wr_status(m, (uint8_t)v);
		break;
	case 0x16:
	case 0x10:
		break;
	case 0x18:
		m->harmful += m->running || v & (v - 1) || v > SLOTS_MOST;
		m->size = v;
		break;
	case 0x1a:
		m->vector = v;
		break;
	case 0x1c:
		m->harmful += v != 1 || m->running || m->desc % 16 || m->avail % 2 || m->used % 4;
		m->enabled = v;
		break;
	default:
		if (off >= 0x20)
			half(m, off < 0x28 ? &m->desc : off < 0x30 ? &m->avail : &m->used, off, v);
		else
			m->harmful++;
	}
}

/* ---- configuration space: §4.1.4 ---- */

static void put_cap(struct virtio_model *m, unsigned at, uint8_t type, uint32_t off, uint32_t len)
{
	uint8_t *cap = &m->cfg->data[at];
	cm_cap(m->cfg, at, 9);
	cap[2] = type == 2 ? 20 : 16;
	cap[3] = type;
	cap[4] = VIRTIO_BAR;
	memcpy(cap + 8, &off, 4);
	memcpy(cap + 12, &len, 4);
	if (type == 2)
		cap[16] = 4; /* notify_off_multiplier */
}

static void make(struct virtio_model *m, model_reach reach, void *ctx, bool block)
{
	static const struct strike_io_ops ops = {virtio_rd, virtio_wr};
	*m = (struct virtio_model){.reach = reach, .ctx = ctx, .block = block, .offers = 3};
	m->io = (struct strike_io){.ops = &ops, .len = VIRTIO_LEN, .ctx = m};
	m->status = 7; /* as the firmware may leave it */
	m->running = true;
	cm_init(&m->cm);
	m->cfg = cm_add(&m->cm, NULL, 0, 0, 0x10, (block ? 0x1042u : 0x1044u) << 16 | 0x1af4, 0xff0000);
	put_cap(m, VIRTIO_CAPS, 1, VIRTIO_COMMON, 0x38);
	put_cap(m, VIRTIO_CAPS + 0x14, 2, VIRTIO_NOTIFY, 0x100);
	m->fn = (struct pci_func){.cfg = &m->cm.cfg,
				  .bdf = {0, 0x10},
				  .bar = {[VIRTIO_BAR] = {.addr = 0x80000000, .size = VIRTIO_LEN}}};
}

void virtio_model_rng(struct virtio_model *m, model_reach reach, void *ctx)
{
	make(m, reach, ctx, false);
}

void virtio_model_block(struct virtio_model *m, model_reach reach, void *ctx)
{
	make(m, reach, ctx, true);
}

void virtio_model_free(struct virtio_model *m)
{
	cm_free(&m->cm);
}
