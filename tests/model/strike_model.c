#include "tests/model/strike_model.h"
#include <string.h>
#include "kernel/time.h"

static uint32_t *reg32(struct strike_model *m, uint32_t off)
{
	return &m->reg[off / 4];
}

static struct strike_model *model_of(const struct strike_io *io)
{
	return io->ctx;
}

static uint64_t reg64(struct strike_model *m, uint32_t off)
{
	return *reg32(m, off) | (uint64_t)*reg32(m, off + 4) << 32;
}

/* ---- AHCI 1.3.1 ---- */

#define P         (0x100u + 0x80u * MODEL_PORT)
#define PORTS     32u
#define SOON      3u /* reads of a register until what it reports has changed */
#define TFD_READY 0x50u
#define TFD_BUSY  0x80u

static bool zero(const uint8_t *bytes, size_t from, size_t to)
{
	while (from < to && !bytes[from])
		from++;
	return from == to;
}

/* §4.2.3, and the FIS of §5.6.2 of Serial ATA: IDENTIFY, and nothing else set anywhere. */
static bool is_identify(const struct strike_model *m, const uint8_t *table)
{
	return zero(table, 3, 0x80) && table[0] == 0x27 && table[1] == 0x80 &&
	       table[2] == (m->packet ? 0xa1 : 0xec);
}

/* §5.3.5: list entry, table, data, and the FIS that ends it. */
static void run_command(struct strike_model *m)
{
	uint8_t head[32], table[0x80 + 2 * 16], data[512], fis[20] = {0x34};
	if (m->idle) {
		*reg32(m, P + 0x38) = 0;
		return;
	}
	uint64_t entry = reg64(m, P) + 32u * (unsigned)__builtin_ctz(*reg32(m, P + 0x38));
	if (!m->reach(m->ctx, entry, head, sizeof head, false)) {
		*reg32(m, P + 0x10) |= 1u << 29; /* HBFS; the command stays */
		return;
	}
	uint64_t at;
	memcpy(&at, head + 8, 8);
	unsigned prds = head[2] | (unsigned)head[3] << 8;
	if (prds > 2 || (head[0] & 0x1f) != 5 || head[0] & 0x60 || !zero(head, 4, 8) || !zero(head, 16, 32)) {
		m->harmful++; /* W and A: data to the drive, an ATAPI command; else reserved */
		return;
	}
	if (!m->reach(m->ctx, at, table, 0x80 + 16 * prds, false)) {
		*reg32(m, P + 0x10) |= 1u << 29;
		return;
	}
	m->commands++;
	if (!is_identify(m, table)) {
		m->harmful++;
		return;
	}
	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 7 + 1);
	size_t done = 0;
	for (unsigned i = 0; i < prds; i++) {
		uint32_t n;
		memcpy(&at, table + 0x80 + 16 * i, 8);
		memcpy(&n, table + 0x80 + 16 * i + 12, 4);
		n = (n & 0x3fffff) + 1;
		if (n % 2 || at % 2 || done + n > sizeof data) {
			m->harmful++;
			return;
		}
		if (!m->reach(m->ctx, at, data + done, n, true))
			*reg32(m, P + 0x10) |= 1u << 28; /* HBDS */
		done += n;
	}
	(void)m->reach(m->ctx, reg64(m, P + 8) + 0x40, fis, sizeof fis, true);
	*reg32(m, P + 0x38) = 0;
	*reg32(m, P + 0x10) |= 3;
	if (*reg32(m, P + 0x14) & *reg32(m, P + 0x10) && *reg32(m, 4) & 2)
		m->irqs++;
}

static bool is_cmd(uint32_t off)
{
	return off >= 0x100 && off % 0x80 == 0x18;
}

static void wr_cmd(struct strike_model *m, uint32_t off, uint32_t v)
{
	uint32_t old = *reg32(m, off);
	if (m->never_stops)
		v |= old & (m->half ? 0x10 : 0x11);
	m->never_stops |= m->jams && v & 1;
	v &= ~0xc000u;
	v |= (v & 1) << 15 | (v & 0x10) << 10; /* CR follows ST, FR follows FRE */
	*reg32(m, off) = v;
	m->running = false;
	for (unsigned i = 0; i < PORTS; i++)
		m->running |= (*reg32(m, 0x118 + 0x80 * i) & 0x11) != 0;
	if (off != P + 0x18)
		return;
	m->harmful += v & ~old & 1 && *reg32(m, P + 0x20) & 0x88; /* §10.3.1 */
	uint8_t byte[1024];
	if (m->keeps && v & ~old & 0x10 && m->reach(m->ctx, reg64(m, P + 8), byte, 256, false))
		(void)m->reach(m->ctx, reg64(m, P + 8), byte, 256, true);
	if (!(v & 1))
		*reg32(m, P + 0x38) = m->due = 0; /* §3.3.14: what has not begun is dropped */
}

/* §10.4.2: COMRESET while DET is 1; then the link comes up, and the drive is ready. */
static void wr_link(struct strike_model *m, uint32_t v)
{
	m->harmful += (v & 0xf) > 1 || (v & 0xf00) != 0x300;
	if (v & 1) {
		*reg32(m, P + 0x28) = 1;
		m->reset_from = now_us();
	} else if (*reg32(m, P + 0x28) == 1) {
		m->harmful += now_us() - m->reset_from < 1000;
		m->link_due = SOON;
	}
}

/* What has come to pass until a register is read. */
static void ahci_later(struct strike_model *m, uint32_t off)
{
	if (off == P + 0x38 && m->due && !--m->due)
		run_command(m);
	if (off == P + 0x28 && m->link_due && !--m->link_due) {
		*reg32(m, P + 0x28) = 0x113;
		*reg32(m, P + 0x20) = TFD_BUSY;
		m->ready_due = SOON;
	}
	if (off == P + 0x20 && m->ready_due && !--m->ready_due)
		*reg32(m, P + 0x20) = TFD_READY;
	if (off == 0x28 && *reg32(m, off) & 2 && m->held && !--m->held)
		*reg32(m, off) &= ~1u;
}

static uint32_t ahci_rd(const struct strike_io *io, uint32_t off, unsigned bytes)
{
	struct strike_model *m = model_of(io);
	m->harmful += bytes != 4; /* §3: no narrower and no wider accesses here */
	if (m->gone || bytes != 4)
		return UINT32_MAX;
	if (off == P + 0x28 && m->empty)
		return 0;
	ahci_later(m, off);
	return *reg32(m, off);
}

static void ahci_wr(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t v)
{
	struct strike_model *m = model_of(io);
	m->harmful += bytes != 4;
	/* §10.6.3: as long as the firmware has it; §3.1.11: only where there is such a register */
	m->harmful += *reg32(m, 0x24) & 1 ? m->held && off != 0x28 : off == 0x28;
	if (m->gone || bytes != 4)
		return;
	if (is_cmd(off))
		wr_cmd(m, off, v);
	else if (off == P + 0x10 || off == P + 0x30 || off == 8)
		*reg32(m, off) &= ~v;
	else if (off == P + 0x38 && *reg32(m, P + 0x18) & 1) {
		*reg32(m, off) |= v;
		m->due = SOON;
	} else if (off == P + 0x2c)
		wr_link(m, v);
	else if (off == 0x28)
		*reg32(m, off) = (v & ~1u) | (*reg32(m, off) & 1);
	else if (off != P + 0x38) {
		/* only one that is to send an interrupt has its interrupts on */
		m->harmful += off == P + 0x14 && v && !(*reg32(m, 4) & 2);
		*reg32(m, off) = v;
	}
}

void strike_model_ahci(struct strike_model *m, model_reach reach, void *ctx)
{
	static const struct strike_io_ops ops = {ahci_rd, ahci_wr};
	*m = (struct strike_model){.reach = reach, .ctx = ctx};
	m->io = (struct strike_io){.ops = &ops, .len = 0x1100, .ctx = m};
	*reg32(m, 0) = 1u << 31;
	*reg32(m, 0x0c) = 1u << MODEL_PORT | 1; /* the other has no drive */
	*reg32(m, 0x24) = 1;                    /* CAP2.BOH */
	*reg32(m, 0x28) = 1;
	m->held = SOON;
	*reg32(m, P + 0x18) = *reg32(m, 0x118) = 0xc011; /* as the firmware may leave them */
	m->running = true;
	*reg32(m, P + 0x20) = TFD_READY;
	*reg32(m, P + 0x24) = 0x101;
	*reg32(m, P + 0x28) = 0x113;
}

/* ---- HD Audio 1.0a ---- */

static uint8_t *reg8(struct strike_model *m, uint32_t off)
{
	return (uint8_t *)m->reg + off;
}

static uint16_t get16(struct strike_model *m, uint32_t off)
{
	return (uint16_t)(*reg8(m, off) | *reg8(m, off + 1) << 8);
}

/* §4.4.1, §4.4.2: the next verb, and its answer. */
static void run_verb(struct strike_model *m)
{
	uint32_t verb, pair[2] = {0, 1};
	m->corbrp = (uint16_t)((m->corbrp + 1) & 0xff);
	if (!m->reach(m->ctx, reg64(m, 0x40) + 4u * m->corbrp, &verb, 4, false)) {
		*reg8(m, 0x4d) |= 1;    /* CMEI */
		*reg8(m, 0x4c) &= 0xfd; /* it stops */
		return;
	}
	m->commands++;
	bool ours = verb == (1u << 28 | 0xf0000); /* of codec 1 */
	m->harmful += !ours;
	pair[0] = ours ? m->answer : 0;
	if (m->empty || !(*reg8(m, 0x5c) & 2))
		return;
	m->rirbwp = (uint16_t)((m->rirbwp + 1) & 0xff);
	(void)m->reach(m->ctx, reg64(m, 0x50) + 8u * m->rirbwp, pair, 8, true);
	if (*reg8(m, 0x5c) & 1) {
		*reg8(m, 0x5d) |= 1;
		m->irqs += *reg32(m, 0x20) >> 30 == 3;
	}
}

static void run_verbs(struct strike_model *m)
{
	while (get16(m, 0x48) != m->corbrp && !m->idle && *reg8(m, 0x4c) & 2 && *reg32(m, 0x08) & 1)
		run_verb(m);
}

/* §3.3: each register is accessed as wide as it is. */
static unsigned hda_width(uint32_t off)
{
	switch (off) {
	case 0x4c: /* CORBCTL, CORBSTS, CORBSIZE, and those of the RIRB */
	case 0x4d:
	case 0x4e:
	case 0x5c:
	case 0x5d:
	case 0x5e:
		return 1;
	case 0x00: /* GCAP, WAKEEN, STATESTS, CORBWP, CORBRP, RIRBWP, RINTCNT */
	case 0x0c:
	case 0x0e:
	case 0x48:
	case 0x4a:
	case 0x58:
	case 0x5a:
		return 2;
	default:
		return 4;
	}
}

/* §3.3.21: the reset of CORBRP is done when it reads 1, and is over when it then reads 0. */
static void wr_corbrp(struct strike_model *m, uint16_t v)
{
	m->corbrp = 0;
	if (m->no_ack)
		return;
	m->harmful += v & 0x7fff || (!v && (!m->rp_reset || m->rp_due)); /* the pointer is the controller's */
	m->rp_reset = v >> 15;
	m->rp_due = SOON;
}

static uint16_t rd_corbrp(struct strike_model *m)
{
	if (m->rp_due)
		m->rp_due--;
	bool reads = m->rp_due ? !m->rp_reset : m->rp_reset;
	return (uint16_t)(m->corbrp | (reads && !m->no_ack ? 0x8000 : 0));
}

/* §4.4.1.4: it starts with an empty ring, whose pointer is out of its reset. */
static void hda_start(struct strike_model *m)
{
	m->harmful += get16(m, 0x48) != 0 || m->rp_reset || m->rp_due;
}

static uint32_t hda_rd(const struct strike_io *io, uint32_t off, unsigned bytes)
{
	struct strike_model *m = model_of(io);
	m->harmful += bytes != hda_width(off);
	if (m->gone)
		return UINT32_MAX >> (32 - 8 * bytes);
	if (off == 0x58 && m->due && !--m->due)
		run_verbs(m);
	if (off == 0x58)
		return m->rirbwp;
	if (off == 0x4a)
		return rd_corbrp(m);
	if (off == 0x0e)
		return m->empty ? 0 : 2; /* codec 1 */
	return bytes == 1 ? *reg8(m, off) : bytes == 2 ? get16(m, off) : *reg32(m, off);
}

static void hda_wr(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t v)
{
	struct strike_model *m = model_of(io);
	m->harmful += bytes != hda_width(off);
	if (off == 0x4d || off == 0x5d) {
		*reg8(m, off) &= (uint8_t)~v;
		return;
	}
	if (off == 0x4a)
		wr_corbrp(m, (uint16_t)v);
	if (off == 0x4c && v & ~*reg8(m, off) & 2)
		hda_start(m);
	if (off == 0x58 && v & 0x8000)
		m->rirbwp = 0;
	m->harmful += off == 0x08 && m->running && !m->never_stops; /* §3.3.7 */
	if (off == 0x08 && m->never_resets)
		v |= 1;
	if (((off == 0x4c && !m->half) || off == 0x5c) && m->never_stops)
		v |= 2;
	m->never_stops |= m->jams && off == 0x4c && v & 2;
	memcpy(reg8(m, off), &v, bytes);
	m->running = (*reg8(m, 0x4c) | *reg8(m, 0x5c)) & 2;
	if (!(*reg8(m, 0x4c) & 2))
		m->due = 0;
	else if (off == 0x48 && get16(m, 0x48) != m->corbrp)
		m->due = SOON;
}

void strike_model_hda(struct strike_model *m, model_reach reach, void *ctx)
{
	static const struct strike_io_ops ops = {hda_rd, hda_wr};
	*m = (struct strike_model){.reach = reach, .ctx = ctx, .answer = 0x80860001};
	m->io = (struct strike_io){.ops = &ops, .len = 0x2000, .ctx = m};
	*reg8(m, 0) = 1; /* 64OK */
}

/* ---- xHCI 1.2: tests/model/xhci_model.c ---- */

static struct xhci_model *xhci_of(struct strike_model *m)
{
	struct xhci_model *x = &m->xhci;
	x->gone = m->gone;
	x->never_halts = m->never_stops;
	x->never_resets = m->never_resets;
	x->idle = m->idle || m->empty;
	x->tells_ports = !x->idle;
	x->hcc1 = (x->hcc1 & ~1u) | !m->narrow;
	return x;
}

/* No command but that which does nothing. */
static void note(struct strike_model *m)
{
	const struct xhci_model *x = &m->xhci;
	uint64_t others = 0;
	for (unsigned i = 0; i < 64; i++)
		others += i == 23 ? 0 : x->commands[i];
	m->commands = (unsigned)x->commands[23];
	m->harmful = (unsigned)(others + x->errors);
	m->irqs = (unsigned)x->irqs;
	m->running = !(x->sts & 1);
	m->never_stops |= m->jams && m->running;
}

static uint32_t xhci_rd(const struct strike_io *io, uint32_t off, unsigned bytes)
{
	struct strike_model *m = model_of(io);
	const struct xhci_model *x = xhci_of(m);
	m->xhci.errors += bytes != 4;
	return x->io.ops->rd32(&x->io, off);
}

static void xhci_wr(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t v)
{
	struct strike_model *m = model_of(io);
	const struct xhci_model *x = xhci_of(m);
	m->xhci.errors += bytes != 4;
	x->io.ops->wr32(&x->io, off, v);
	note(m);
}

void strike_model_xhci(struct strike_model *m, model_reach reach, void *ctx)
{
	static const struct strike_io_ops ops = {xhci_rd, xhci_wr};
	*m = (struct strike_model){.reach = reach, .ctx = ctx};
	xm_init(&m->xhci, NULL, ctx);
	m->xhci.access = reach;
	m->xhci.legacy = m->xhci.bios_owned = true;
	m->xhci.hcs2 = 3u << 27; /* pages of its own */
	m->io = (struct strike_io){.ops = &ops, .len = m->xhci.io.len, .ctx = m};
	xm_keyboard(&m->keyboard, 3);
	xm_plug(&m->xhci, 5, &m->keyboard);
	m->xhci.cmd = 1; /* as the firmware may leave it */
	m->xhci.sts = 0;
}
