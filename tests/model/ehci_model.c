#include "tests/model/ehci_model.h"
#include <string.h>

/* A transfer of no bytes: the overlay is written, then its token, then that of the qTD. §4.10.2, §4.10.4 */
static bool run_qtd(struct ehci_model *m, uint32_t head, uint32_t at)
{
	uint32_t overlay[9] = {at}, token;
	if (!m->reach(NULL, at, overlay + 1, 32, false))
		return false;
	token = overlay[3];
	if (!(token & 0x80))
		return true;
	m->harmful += token >> 16 != 0 || (token >> 8 & 3) != 1; /* bytes, or not IN */
	m->copies++;
	(void)m->reach(NULL, head + 12, overlay, sizeof overlay, true);
	token = (token & ~0x80u) | 0x48; /* halted, a transaction error */
	(void)m->reach(NULL, head + 24, &token, 4, true);
	(void)m->reach(NULL, at + 8, &token, 4, true);
	m->sts |= 2;
	m->irqs += m->intr >> 1 & 1;
	return true;
}

static void fail(struct ehci_model *m)
{
	m->sts |= 0x1010; /* HSE, halted */
	m->sts &= ~0x8000u;
	m->cmd &= ~1u;
}

/* §4.8: from head to head, once round. */
static void run_list(struct ehci_model *m)
{
	uint32_t at = m->list & ~31u, head[12];
	for (unsigned i = 0; i < 4; i++) {
		if (!m->reach(NULL, at, head, sizeof head, false)) {
			fail(m);
			return;
		}
		m->harmful += (head[1] & 0x7f) != 0; /* a device that has an address */
		if (!(head[6] & 0x40) && !(head[4] & 1) && !run_qtd(m, at, head[4] & ~31u)) {
			fail(m);
			return;
		}
		if (head[0] & 1 || (head[0] & ~31u) == (m->list & ~31u))
			return;
		at = head[0] & ~31u;
	}
}

static void write_cmd(struct ehci_model *m, uint32_t v)
{
	if (v & 2) {
		m->harmful += !(m->sts & 0x1000); /* §2.3.1: halted before */
		m->cmd = m->never_resets ? 2 : 0x80000;
		m->sts = 0x1000;
		m->intr = m->config = 0;
		m->portsc = 0x3000 | (m->empty ? 0 : 1);
		return;
	}
	m->cmd = v;
	if (v & 1)
		m->sts &= ~0x1000u;
	else if (!m->never_stops)
		m->sts |= 0x1000;
	m->sts = v & 0x20 ? m->sts | 0x8000 : m->sts & ~0x8000u;
	if (!(v & 0x20) || !(v & 1))
		return;
	if (m->idle)
		m->sts |= 2;
	else
		run_list(m);
}

/* The device is enabled when the reset ends, if the port is the controller's. */
static void write_port(struct ehci_model *m, uint32_t v)
{
	m->harmful += !(m->config & 1) || (v & 0x100 && !(m->cmd & 1));
	bool ends = m->portsc & 0x100 && !(v & 0x100);
	m->portsc = (m->portsc & ~0x1100u) | (v & 0x1100);
	m->port_resets += ends;
	if (ends && !m->slow)
		m->portsc |= 4;
}

static uint32_t rd(const struct strike_io *io, uint32_t off, unsigned bytes)
{
	struct ehci_model *m = io->ctx;
	m->harmful += bytes != 4;
	if (m->gone)
		return UINT32_MAX;
	switch (off) {
	case 0x00:
		return 0x01000000 | EHCI_OP;
	case 0x04:
		return 1;
	case 0x08:
		return 0x60 << 8;
	case EHCI_OP:
		return m->cmd;
	case EHCI_OP + 4:
		return m->sts;
	case EHCI_OP + 0x44:
		return m->portsc;
	case EHCI_DEBUG:
		return m->debugged ? 1u << 28 : 0;
	default:
		return 0;
	}
}

static void wr(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t v)
{
	struct ehci_model *m = io->ctx;
	if (m->gone)
		return;
	m->harmful += bytes != 4 || (off == EHCI_OP + 0x10 && v);
	if (off == EHCI_OP)
		write_cmd(m, v);
	else if (off == EHCI_OP + 4)
		m->sts &= ~(v & 0x3f);
	else if (off == EHCI_OP + 8)
		m->intr = v;
	else if (off == EHCI_OP + 0x18)
		m->list = v;
	else if (off == EHCI_OP + 0x40)
		m->config = v;
	else if (off == EHCI_OP + 0x44)
		write_port(m, v);
	m->running = !(m->sts & 0x1000);
}

static uint32_t cfg_dword(const struct ehci_model *m, unsigned at)
{
	switch (at) {
	case 0x60:
		return 7 | (m->loops ? 0x60 : m->no_legacy ? 0 : EHCI_EECP) << 8; /* another capability */
	case EHCI_EECP:
		return 1 | (m->bios_owned ? 1u << 16 : 0) | (m->os_owned ? 1u << 24 : 0);
	case 0x50: /* the debug port: BAR 0 */
		return 0x0a | (1u << 13 | EHCI_DEBUG) << 16;
	case 0x34:
		return 0x50;
	case 0x04:
		return 1u << 20; /* it has capabilities */
	default:
		return 0;
	}
}

static uint32_t cfg_rd(void *ctx, bdf_t fn, uint16_t off, unsigned bytes)
{
	(void)fn;
	return cfg_dword(ctx, off & ~3u) >> (8 * (off & 3)) & (UINT32_MAX >> (32 - 8 * bytes));
}

static void cfg_wr(void *ctx, bdf_t fn, uint16_t off, unsigned bytes, uint32_t v)
{
	struct ehci_model *m = ctx;
	(void)fn;
	m->harmful += bytes != 4;
	if (off == EHCI_EECP) {
		m->os_owned = v >> 24 & 1;
		if (m->os_owned && !m->bios_keeps)
			m->bios_owned = false;
	} else if (off == EHCI_EECP + 4)
		m->smis = v;
	else
		m->harmful++;
}

void ehci_model(struct ehci_model *m, bool (*reach)(void *ctx, uint64_t at, void *data, size_t n, bool write))
{
	static const struct strike_io_ops ops = {rd, wr};
	*m = (struct ehci_model){.reach = reach, .bios_owned = true, .smis = 0x2001};
	m->io = (struct strike_io){.ops = &ops, .len = 0x400, .ctx = m};
	m->cfg = (struct pci_cfg){.rd = cfg_rd, .wr = cfg_wr, .ctx = m};
	m->fn.cfg = &m->cfg;
	m->cmd = 0x80021; /* as the firmware may leave it */
	m->sts = 0x8000;
	m->running = true;
}
