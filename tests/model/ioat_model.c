#include "tests/model/ioat_model.h"
#include <string.h>
#include "kernel/time.h"

#define SOON       3u
#define QUIET_US   1000u /* after a command */
#define CFG_ERRORS 0x180u

static struct ioat_model *model_of(const struct strike_io *io)
{
	return io->ctx;
}

static void halt(struct ioat_model *m, uint32_t error)
{
	m->chanerr |= error;
	m->chansts = (m->chansts & ~7ull) | 3;
	m->cfg->data[CFG_ERRORS] |= (uint8_t)error;
}

/* Size and control, source, destination. */
static void copy(struct ioat_model *m)
{
	uint64_t desc[8], status;
	uint8_t bytes[65536];
	if (m->mute)
		return;
	if (!m->reach(m->ctx, m->chainaddr, desc, sizeof desc, false)) {
		halt(m, 1u << 8);
		return;
	}
	uint32_t len = (uint32_t)desc[0], control = (uint32_t)(desc[0] >> 32);
	m->harmful += control >> 24 || control & ~9u || len > sizeof bytes || !len;
	m->copies++;
	if (!m->idle && !m->reach(m->ctx, desc[1], bytes, len, false))
		halt(m, 1u << 0);
	else if (!m->idle && !m->reach(m->ctx, desc[2], bytes, len, true))
		halt(m, 1u << 1);
	else
		m->chansts = m->chainaddr | 1;
	status = m->chansts;
	if ((control & 8 || (m->chanerr && m->chanctrl & 4)) && m->chancmp)
		(void)m->reach(m->ctx, m->chancmp, &status, sizeof status, true);
	if (control & 1 && m->chanctrl & 1 && (m->intrctrl & 9) == 9) {
		m->irqs++;
		m->chanctrl &= (uint16_t)~1;
	}
}

static void command(struct ioat_model *m, uint32_t v)
{
	m->harmful += v != 4 && v != 0x20;
	m->suspended |= v == 4;
	m->quiet_from = now_us() + 1;
	if (v != 0x20)
		return;
	m->harmful += m->chanerr != 0 || (m->version < 0x33 && m->cfg->data[CFG_ERRORS]) || !m->suspended;
	m->reset_due = SOON;
	if (m->never_resets)
		return;
	m->chansts = m->chainaddr = m->chancmp = 0;
	m->chanctrl = 0;
	m->running = m->suspended = false;
}

static unsigned width(uint32_t off)
{
	switch (off) {
	case 0x00:
	case 0x03:
	case 0x08:
	case 0x84:
		return 1;
	case 0x80:
	case 0x86:
		return 2;
	default:
		return 4;
	}
}

static bool early(struct ioat_model *m, uint32_t off)
{
	return off != 0xa8 && off != 0x08 && m->quiet_from && now_us() - m->quiet_from < QUIET_US;
}

static uint32_t ioat_rd(const struct strike_io *io, uint32_t off, unsigned bytes)
{
	struct ioat_model *m = model_of(io);
	m->harmful += bytes != width(off) || early(m, off);
	if (m->gone)
		return UINT32_MAX >> (32 - 8 * bytes);
	switch (off) {
	case 0x00:
		return m->channels;
	case 0x08:
		return m->version;
	case 0x84:
		if (m->reset_due && !m->never_resets)
			m->reset_due--;
		return m->reset_due ? 0x20 : 0;
	case 0x88:
		return (uint32_t)m->chansts;
	case 0xa8:
		return m->chanerr;
	default:
		m->harmful++;
		return 0;
	}
}

static void half(uint64_t *at, uint32_t off, uint32_t v)
{
	*at = off & 4 ? (*at & UINT32_MAX) | (uint64_t)v << 32 : (*at & ~0xffffffffull) | v;
}

static void ioat_wr(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t v)
{
	struct ioat_model *m = model_of(io);
	m->harmful += bytes != width(off) || early(m, off);
	if (m->gone)
		return;
	switch (off) {
	case 0x03:
		m->intrctrl = (uint8_t)v;
		break;
	case 0x80:
		m->chanctrl = (uint16_t)v;
		break;
	case 0x84:
		command(m, v);
		break;
	case 0x86:
		m->harmful += v != 1 || m->running || m->chainaddr % 64 || m->chancmp % 8 || !m->chanctrl;
		m->running = true;
		copy(m);
		break;
	case 0x90:
	case 0x94:
		half(&m->chainaddr, off, v);
		break;
	case 0x98:
	case 0x9c:
		half(&m->chancmp, off, v);
		break;
	case 0xa8:
		m->chanerr &= ~v;
		break;
	default:
		m->harmful++;
	}
}

void ioat_model_init(struct ioat_model *m, model_reach reach, void *ctx)
{
	static const struct strike_io_ops ops = {ioat_rd, ioat_wr};
	*m = (struct ioat_model){.reach = reach, .ctx = ctx, .version = 0x32, .channels = 1};
	m->io = (struct strike_io){.ops = &ops, .len = 0x4000, .ctx = m};
	m->running = true; /* as the firmware may leave it */
	cm_init(&m->cm);
	m->cfg = cm_add(&m->cm, NULL, 0, 0, 0x20, 0x0e208086u, 0x088000);
	cm_pcie(m->cfg, 0x90, 9);
	memset(&m->cfg->clear[CFG_ERRORS], 0xff, 4);
	m->fn = (struct pci_func){.cfg = &m->cm.cfg, .bdf = {0, 0x20}};
}

void ioat_model_free(struct ioat_model *m)
{
	cm_free(&m->cm);
}
