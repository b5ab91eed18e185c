#include "tests/model/nic_model.h"
#include <string.h>
#include "kernel/time.h"

#define SOON     3u    /* reads of a register until what it reports has changed */
#define QUIET_US 1000u /* after CTRL.RST */
#define PACE_US  500u  /* between two messages */
#define LOOP     0x4000u
#define RX       0x2800u
#define TX       0x3800u

static uint32_t *at(struct nic_model *m, uint32_t off)
{
	return &m->reg[off / 4];
}

static struct nic_model *model_of(const struct strike_io *io)
{
	return io->ctx;
}

static uint64_t ring(struct nic_model *m, uint32_t queue, uint32_t slot)
{
	return (*at(m, queue) | (uint64_t)*at(m, queue + 4) << 32) + 16ull * slot;
}

static uint32_t slots(struct nic_model *m, uint32_t queue)
{
	return *at(m, queue + 8) / 16;
}

static bool enabled(struct nic_model *m, uint32_t queue, uint32_t control)
{
	return *at(m, control) & 2 && (!m->adv || *at(m, queue + 0x28) >> 25 & 1);
}

static void defaults(struct nic_model *m)
{
	memset(m->reg, 0, sizeof m->reg);
	*at(m, 0x8) = 1u << 19;
	*at(m, 0x5400) = 0x12005452;
	*at(m, 0x5404) = 1u << 31 | 0x5634;
	m->lost = m->stuck = m->up = m->running = false;
	m->size = 0;
	m->refused = false;
}

/* ---- frames ---- */

/* A slot of a ring; false: it is refused. What cannot be read is taken for zeros. */
static bool fetch(struct nic_model *m, uint32_t queue, uint64_t desc[2])
{
	desc[0] = desc[1] = 0;
	if (m->reach(m->ctx, ring(m, queue, *at(m, queue + 0x10)), desc, 16, false))
		return true;
	m->lost = true;
	return false;
}

static void step(struct nic_model *m, uint32_t queue)
{
	*at(m, queue + 0x10) = (*at(m, queue + 0x10) + 1) % slots(m, queue);
}

static uint32_t room(struct nic_model *m)
{
	static const uint32_t size[] = {2048, 1024, 512, 256};
	return m->adv ? (*at(m, 0x280c) & 0x7f) * 1024 : size[*at(m, 0x100) >> 16 & 3];
}

/* 82574 §7.1, 82576 §7.1.5: as many buffers as it takes. */
static void receive(struct nic_model *m)
{
	uint32_t done = 0, part;
	m->harmful += m->adv && (*at(m, 0x280c) >> 25 & 7) != 1;
	while (done < m->size) {
		uint64_t desc[2];
		if (!enabled(m, RX, 0x100) || *at(m, RX + 0x10) == *at(m, RX + 0x18) || !room(m))
			return;
		part = m->size - done < room(m) ? m->size - done : room(m);
		if (!fetch(m, RX, desc)) {
			*at(m, RX + 0x10) = *at(m, RX + 0x18);
			return;
		}
		if (!m->idle)
			(void)m->reach(m->ctx, desc[0], m->frame + done, part, true);
		done += part;
		desc[0] = 0;
		desc[1] = m->adv ? 1u | (done == m->size ? 2u : 0) | (uint64_t)part << 32
				 : part | (uint64_t)(1u | (done == m->size ? 2u : 0)) << 32;
		(void)m->reach(m->ctx, ring(m, RX, *at(m, RX + 0x10)), desc, 16, true);
		step(m, RX);
	}
}

/* It may only be for the controller itself, and of the type for experiments. */
static void end_frame(struct nic_model *m)
{
	bool ours = !memcmp(m->frame, at(m, 0x5400), 6) && !memcmp(m->frame + 6, at(m, 0x5400), 6) &&
		    m->frame[12] == 0x88 && m->frame[13] == 0xb5;
	m->harmful += m->size < 60 || m->size > 1518 || (!ours && !m->refused);
	m->frames++;
	if (m->no_loop || !(m->bmcr & LOOP))
		m->sent++;
	else if (m->loops_after)
		m->loops_after--;
	else if (!(m->drops && m->refused) && !m->lost)
		receive(m);
	m->lost = false;
	m->size = 0;
	m->refused = false;
}

/* 82574 §7.2.3, 82576 §7.2.2.3 */
static void send_part(struct nic_model *m, const uint64_t desc[2], bool known)
{
	uint32_t cmd = (uint32_t)desc[1], len = cmd & 0xffff;
	if (!len) {
		m->harmful += known; /* else of a ring that could not be read */
		return;
	}
	m->harmful += m->adv ? (cmd >> 20 & 0xf) != 3 || !(cmd >> 29 & 1) : cmd >> 29 & 1;
	m->harmful += !(cmd >> 25 & 1) || !(cmd >> 27 & 1);
	if (m->size + len > sizeof m->frame) {
		m->harmful++;
		return;
	}
	if (!m->reach(m->ctx, desc[0], m->frame + m->size, len, false)) {
		memset(m->frame + m->size, 0, len);
		m->refused = true;
	}
	m->size += len;
	if (cmd >> 24 & 1) {
		m->harmful += m->adv && desc[1] >> 46 != m->size;
		end_frame(m);
	}
}

static void transmit(struct nic_model *m)
{
	while (!m->stuck && enabled(m, TX, 0x400) && *at(m, TX + 0x10) != *at(m, TX + 0x18)) {
		uint64_t desc[2], where = ring(m, TX, *at(m, TX + 0x10));
		bool known = fetch(m, TX, desc);
		m->stuck = !known && m->hangs;
		if (m->stuck)
			return;
		send_part(m, desc, known);
		desc[1] |= 1ull << 32;
		if (known)
			(void)m->reach(m->ctx, where, desc, 16, true);
		step(m, TX);
	}
}

/* ---- registers ---- */

static void wr_ctrl(struct nic_model *m, uint32_t v)
{
	if (v >> 26 & 1) {
		m->harmful += !(v >> 2 & 1) || m->running; /* requests may be under way */
		m->resets++;
		defaults(m);
		m->reset_from = now_us() + 1;
		m->reset_due = SOON;
		v &= 1u << 26;
	}
	*at(m, 0) = v;
	if (v >> 2 & 1)
		*at(m, 8) &= ~(1u << 19);
}

static void wr_mdic(struct nic_model *m, uint32_t v)
{
	if ((v >> 26 & 3) != 1 || (v >> 21 & 0x1f) != 1 || v >> 16 & 0x1f) {
		m->harmful++;
		return;
	}
	m->bmcr = v & 0xffff;
	m->mdic_due = SOON;
	if (v & 0x200)
		m->link_due = SOON;
	*at(m, 0x20) = v & ~(1u << 28);
}

/* One message for a cause that is new and not masked. */
static void interrupt(struct nic_model *m)
{
	bool on = m->adv ? *at(m, 0x1580) & *at(m, 0x1524) & 1 && *at(m, 0x1514) >> 4 & 1 &&
				   *at(m, 0x1700) & 0x80
			 : *at(m, 0xc0) & *at(m, 0xd0) & (*at(m, 0xe4) & 8 ? 1u << 20 : 0);
	if (!on || now_us() < m->paced)
		return;
	m->irqs++;
	m->paced = m->paces ? now_us() + PACE_US : 0;
	*at(m, m->adv ? 0x1580 : 0xc0) = 0;
}

static bool early(struct nic_model *m)
{
	return m->reset_from && now_us() - m->reset_from < QUIET_US;
}

static uint32_t nic_rd(const struct strike_io *io, uint32_t off, unsigned bytes)
{
	struct nic_model *m = model_of(io);
	m->harmful += bytes != 4 || early(m);
	if (m->gone || bytes != 4 || off >= sizeof m->reg)
		return UINT32_MAX;
	interrupt(m);
	uint32_t v = *at(m, off);
	if (off == 0 && m->reset_due && !m->never_resets && !--m->reset_due)
		*at(m, 0) = v &= ~(1u << 26);
	if (off == 0x10)
		v |= 1u << 9;
	if (off == 0x20 && m->mdic_due && !--m->mdic_due)
		*at(m, 0x20) |= 1u << 28;
	if (off == 8 && m->link_due && !--m->link_due)
		m->up = true;
	if (off == 8 && m->up)
		v |= 2;
	if (off == 0xc0 || off == 0x1580)
		*at(m, off) = 0; /* cleared by reading */
	return v;
}

/* A head may be written only while its queue is off. */
static void wr_queue(struct nic_model *m, uint32_t queue, uint32_t off, uint32_t v)
{
	bool on = enabled(m, queue, queue == RX ? 0x100 : 0x400);
	m->harmful += on && off != 0x18 && off != 0x28;
	m->harmful += off == 0 && v & 0x7f;
	m->harmful += off == 8 && v % 128;
	*at(m, queue + off) = v;
	if (off == 0x18)
		transmit(m);
}

static void nic_wr(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t v)
{
	struct nic_model *m = model_of(io);
	m->harmful += bytes != 4 || early(m);
	if (m->gone || bytes != 4 || off >= sizeof m->reg)
		return;
	if (off == 0) {
		wr_ctrl(m, v);
	} else if (off == 0x20) {
		wr_mdic(m, v);
	} else if ((off & 0xff00) == RX && (off & 0xff) != 0xc) {
		wr_queue(m, RX, off & 0xff, v);
	} else if ((off & 0xff00) == TX) {
		wr_queue(m, TX, off & 0xff, v);
	} else if (off == 0xc8 || off == 0x1520) { /* ICS, EICS */
		*at(m, off == 0xc8 ? 0xc0 : 0x1580) |= v;
		interrupt(m);
	} else if (off == 0xd0 || off == 0x1524) { /* IMS, EIMS */
		*at(m, off) |= v;
		interrupt(m);
	} else if (off == 0xd8 || off == 0x1528) { /* IMC, EIMC */
		*at(m, off == 0xd8 ? 0xd0 : 0x1524) &= ~v;
	} else if (off == 0xc0 || off == 0x1580) {
		*at(m, off) &= ~v;
	} else {
		if ((off == 0x100 || off == 0x400) && m->never_stops)
			v |= *at(m, off) & 2;
		*at(m, off) = v;
	}
	m->running = (*at(m, 0x100) | *at(m, 0x400)) & 2;
}

static void make(struct nic_model *m, model_reach reach, void *ctx, bool adv)
{
	static const struct strike_io_ops ops = {nic_rd, nic_wr};
	*m = (struct nic_model){.reach = reach, .ctx = ctx, .adv = adv};
	m->io = (struct strike_io){.ops = &ops, .len = 0x20000, .ctx = m};
	defaults(m);
	*at(m, 0x100) = *at(m, 0x400) = 2; /* as the firmware may leave it */
	m->running = true;
	m->bmcr = 0x1000;
}

void nic_model_82574(struct nic_model *m, model_reach reach, void *ctx)
{
	make(m, reach, ctx, false);
}

void nic_model_82576(struct nic_model *m, model_reach reach, void *ctx)
{
	make(m, reach, ctx, true);
}
